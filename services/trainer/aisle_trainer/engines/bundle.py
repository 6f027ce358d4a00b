"""Writes the files of a serving bundle: graphs, tokenizer, index snapshots, histories, golden requests."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from aisle_trainer.domain.blend import blend, sigmoid, squashed_bm25
from aisle_trainer.domain.manifest import MANIFEST, RECALL_DEPTH, SEARCH_RERANK_TOP, BundleFacts, build_manifest
from aisle_trainer.domain.recommend import RERANK_TOP, top_of
from aisle_trainer.domain.report import BundleFile
from aisle_trainer.domain.splits import Role
from aisle_trainer.domain.text_match import TEXT_FEATURES
from aisle_trainer.engines import purchase_data
from aisle_trainer.engines.base_models import BaseModel
from aisle_trainer.engines.encoder import Encoded, encode
from aisle_trainer.engines.export import EMBEDDING, HEADS, OnnxModel, Skeleton, fill, quantize, require_parity
from aisle_trainer.engines.model import ExportModel, RankingModel
from aisle_trainer.engines.purchase_task import HISTORY_ITEMS, PurchaseTask
from aisle_trainer.engines.search_task import SearchTask

RANKER, RANKER_INT8, EMBEDDER, EMBEDDER_INT8 = "ranker.onnx", "ranker.int8.onnx", "embedder.onnx", "embedder.int8.onnx"
HISTORY_LIMIT = 400
"""Newest purchases kept per customer; repetitions count, so a short limit would forget what a customer buys again."""
GOLDEN_TOLERANCE = 0.05
_GOLDEN_PAIRS, _GOLDEN_REQUESTS, _GOLDEN_TOP = 8, 3, 5
_INT8_SLACK = 2.0


@dataclass(frozen=True, slots=True)
class Graphs:
    """The exported graphs and how far they are from the model."""

    folder: Path
    parity: dict[str, float]


def export_embedder(
    base: BaseModel, bones: Skeleton, base_state: Mapping[str, torch.Tensor], cache_dir: Path
) -> tuple[Path, Path]:
    """Return the frozen encoder's graphs (fp32, int8), exported once per base model."""
    folder = cache_dir / f"embedder-{base.digest[:32]}"
    paths = folder / EMBEDDER, folder / EMBEDDER_INT8
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        fill(bones, base_state, (EMBEDDING,), paths[0])
        quantize(*paths)
        (folder / "complete").touch()
    return paths


def export_ranker(model: RankingModel, bones: Skeleton, probe: Encoded, folder: Path, threads: int) -> dict[str, float]:
    """Write the ranker's graphs into `folder`; returns the largest differences, raises ExportParityFailed."""
    wrapper = ExportModel(model).eval()
    fill(bones, dict(wrapper.named_parameters()), HEADS, folder / RANKER)
    exported = OnnxModel(folder / RANKER, threads)
    with torch.inference_mode():
        expected = [output.double().numpy() for output in wrapper(*probe.tensors(np.arange(len(probe.lengths))))]
    parity = {
        f"ranker_{head}": require_parity(f"ranker ({head})", expected[number], exported.run(probe, head))
        for number, head in enumerate(HEADS)
    }
    quantize(folder / RANKER, folder / RANKER_INT8)
    small = OnnxModel(folder / RANKER_INT8, threads)
    for number, head in enumerate(HEADS):
        parity[f"ranker_int8_{head}"] = float(np.abs(small.run(probe, head) - expected[number]).max())
    return parity


def write_tables(folder: Path, search: SearchTask | None, purchase: PurchaseTask | None) -> None:
    """Write the index snapshots, co-visitation and histories; a task that was not trained leaves empty tables."""
    if search is not None:
        assert search.title_vectors is not None
        data = search.data
        _write_ipc(folder / "search_index.arrow", _index(data.product_ids, data.titles, search.title_vectors))
    elif purchase is not None:
        assert purchase.vectors is not None
        table = _index(purchase.data.product_ids, purchase.data.titles, purchase.vectors)
        _write_ipc(folder / "search_index.arrow", table)
    if purchase is not None:
        _write_purchase_tables(folder, purchase)
    else:
        assert search is not None and search.title_vectors is not None
        empty = _index([], [], search.title_vectors[:0])
        counts = pa.array([], pa.int64())
        _write_ipc(folder / "recommend_index.arrow", empty.add_column(2, "purchase_count", counts))
        _write_ipc(folder / "covisit.arrow", pa.table(_covisit_columns([], [], [])))
        _write_ipc(folder / "histories.arrow", pa.table(_history_columns([], [], [], [])))


def _index(ids: list[str], titles: list[str], vectors: NDArray[np.float32]) -> pa.Table:
    flat = pa.array(vectors.astype(np.float16).ravel(), pa.float16())
    embedding = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    return pa.table(
        {"product_id": pa.array(ids, pa.string()), "title": pa.array(titles, pa.string()), "embedding": embedding}
    )


def _write_purchase_tables(folder: Path, purchase: PurchaseTask) -> None:
    assert purchase.vectors is not None
    data, end = purchase.data, purchase.data.split.end
    counts = purchase_data.purchase_counts(data.lines, len(data.titles), end)
    index = _index(data.product_ids, data.titles, purchase.vectors)
    index = index.add_column(2, "purchase_count", pa.array(counts, pa.int64()))
    _write_ipc(folder / "recommend_index.arrow", index)
    pairs = purchase_data.covisits(data.lines, len(data.titles))
    names = np.array(data.product_ids, dtype=object)
    filled = pairs.neighbours >= 0
    neighbours = [names[row[keep]].tolist() for row, keep in zip(pairs.neighbours, filled, strict=True)]
    scores = [row[keep].tolist() for row, keep in zip(pairs.scores, filled, strict=True)]
    _write_ipc(folder / "covisit.arrow", pa.table(_covisit_columns(data.product_ids, neighbours, scores)))
    _write_ipc(folder / "histories.arrow", _histories(purchase))


def _histories(purchase: PurchaseTask) -> pa.Table:
    data, lines = purchase.data, purchase.data.lines
    order = np.argsort(lines.customer, kind="stable")
    bounds = np.searchsorted(lines.customer[order], np.arange(len(data.customer_ids) + 1))
    names = np.array(data.product_ids, dtype=object)
    products, times, counts = [], [], []
    for customer in range(len(data.customer_ids)):
        rows = order[bounds[customer] : bounds[customer + 1]]
        counts.append(len(np.unique(lines.order[rows])))
        rows = rows[-HISTORY_LIMIT:]
        products.append(names[lines.product[rows]].tolist())
        times.append(lines.time_us[rows].tolist())
    return pa.table(_history_columns(data.customer_ids, products, times, counts))


def _covisit_columns(ids: list[str], neighbours: list[list[str]], scores: list[list[float]]) -> dict[str, pa.Array]:
    return {
        "product_id": pa.array(ids, pa.string()),
        "neighbours": pa.array(neighbours, pa.list_(pa.string())),
        "scores": pa.array(scores, pa.list_(pa.float32())),
    }


def _history_columns(
    ids: list[str], products: list[list[str]], times: list[list[int]], counts: list[int]
) -> dict[str, pa.Array]:
    return {
        "customer_id": pa.array(ids, pa.string()),
        "product_ids": pa.array(products, pa.list_(pa.string())),
        "event_times": pa.array(times, pa.list_(pa.timestamp("us", tz="UTC"))),
        "order_count": pa.array(counts, pa.int64()),
    }


def _write_ipc(path: Path, table: pa.Table) -> None:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def golden(
    graphs: Graphs, tokenizer: Tokenizer, search: SearchTask | None, purchase: PurchaseTask | None, threads: int
) -> dict[str, Any]:
    """Return requests with the answers that a loaded bundle must give, from the exported fp32 graphs."""
    ranker, embedder = OnnxModel(graphs.folder / RANKER, threads), OnnxModel(graphs.folder / EMBEDDER, threads)
    small = OnnxModel(graphs.folder / RANKER_INT8, threads)
    pairs: list[dict[str, Any]] = []
    for head, texts in (("relevance", _search_pairs(search)), ("purchase", _purchase_pairs(purchase))):
        if texts:
            encoded = encode(tokenizer, texts)
            expected, int8 = ranker.run(encoded, head), small.run(encoded, head)
            for (text_a, text_b), value, other in zip(texts, expected, int8, strict=True):
                loss = max(
                    GOLDEN_TOLERANCE, _INT8_SLACK * abs(float(value - other)), graphs.parity[f"ranker_int8_{head}"]
                )
                pairs.append(
                    {
                        "head": head,
                        "text_a": text_a,
                        "text_b": text_b,
                        "expected": float(value),
                        "tolerance": GOLDEN_TOLERANCE,
                        "tolerance_int8": _INT8_SLACK * loss,
                    }
                )
    texts = [pair["text_b"] for pair in pairs]
    vectors = embedder.run(encode(tokenizer, texts), EMBEDDING)
    return {
        "pairs": pairs,
        "embeddings": [
            {"text": text, "expected_first8": [float(x) for x in vector[:8]]}
            for text, vector in zip(texts, vectors, strict=True)
        ],
        "search": _golden_search(search, ranker) if search else [],
        "recommend": _golden_recommend(purchase, ranker) if purchase else [],
    }


def _search_pairs(search: SearchTask | None) -> list[tuple[str, str]]:
    if search is None:
        return []
    rows = search.data.rows(Role.TEST)[:: max(1, len(search.data.rows(Role.TEST)) // _GOLDEN_PAIRS)][:_GOLDEN_PAIRS]
    return [
        (search.data.queries[q], search.data.titles[p])
        for q, p in zip(search.data.query_of[rows], search.data.product_of[rows], strict=True)
    ]


def _purchase_pairs(purchase: PurchaseTask | None) -> list[tuple[str, str]]:
    if purchase is None:
        return []
    found = list(purchase_data.histories(purchase.data.lines, len(purchase.data.customer_ids)).items())
    titles = purchase.data.titles
    return [
        (purchase.text_of(history.recent(HISTORY_ITEMS).tolist()), titles[(number * 37) % len(titles)])
        for number, (_, history) in enumerate(found[:_GOLDEN_PAIRS])
    ]


def _golden_search(search: SearchTask, ranker: OnnxModel) -> list[dict[str, Any]]:
    """Run the ranker's search cascade for a few test queries."""
    assert search.title_vectors is not None and search._query_vectors is not None
    data, answers = search.data, []
    test = np.unique(data.query_of[data.rows(Role.TEST)])[:_GOLDEN_REQUESTS]
    for query in test:
        lexical = search.index.scores(data.queries[query])
        cosine = (search.title_vectors @ search._query_vectors[query]).astype(np.float64)
        depth = min(RECALL_DEPTH, len(data.titles))
        hits = np.argsort(-lexical, kind="stable")[:depth]
        near = np.argsort(-cosine, kind="stable")[:depth]
        products = np.union1d(hits[lexical[hits] > 0], near).astype(np.int64)
        match = search.index.match(data.queries[query], products)
        features = {
            "vector": cosine[products],
            "bm25": squashed_bm25(lexical[products]),
            **dict(zip(TEXT_FEATURES, match.T, strict=True)),
        }
        fused = blend(search.blend, features)
        top = np.argsort(-fused, kind="stable")[:SEARCH_RERANK_TOP]
        encoded = search.encode_pairs([(data.queries[query], data.titles[item]) for item in products[top]])
        full = fused[top] + search.blend["neural_relevance"] * sigmoid(ranker.run(encoded, "relevance"))
        best = top_of(full, products[top], _GOLDEN_TOP)
        answers.append({"query": data.queries[query], "top_product_ids": [data.product_ids[item] for item in best]})
    return answers


def _golden_recommend(purchase: PurchaseTask, ranker: OnnxModel) -> list[dict[str, Any]]:
    """Run the ranker's recommendation cascade for a few customers."""
    data, answers = purchase.data, []
    recommender = purchase.recommender(data.split.end)
    found = list(purchase_data.histories(data.lines, len(data.customer_ids)).items())[:_GOLDEN_REQUESTS]
    for customer, history in found:
        candidates = recommender.candidates(history)
        top = candidates.ranked({**purchase.blend, "neural_purchase": 0.0}, RERANK_TOP)
        products = candidates.products[top]
        context = purchase.text_of(history.recent(HISTORY_ITEMS).tolist())
        encoded = purchase.encode_texts([(context, data.titles[item]) for item in products])
        scores = blend(purchase.blend, candidates.features)[top]
        scores = scores + purchase.blend["neural_purchase"] * sigmoid(ranker.run(encoded, "purchase"))
        best = top_of(scores, products, _GOLDEN_TOP)
        answers.append(
            {"customer_id": data.customer_ids[customer], "top_product_ids": [data.product_ids[item] for item in best]}
        )
    return answers


def write_manifest(folder: Path, facts: BundleFacts) -> list[BundleFile]:
    """Digest every file of `folder`, write the manifest beside them and return all, the manifest last."""
    paths = sorted(path for path in folder.iterdir() if path.is_file() and path.name != MANIFEST)
    files = [digested(path) for path in paths]
    manifest = json.dumps(build_manifest(facts, files), indent=1, sort_keys=True)
    (folder / MANIFEST).write_text(manifest)
    return [*files, digested(folder / MANIFEST)]


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write JSON values to `path`."""
    path.write_text(json.dumps(value, indent=1))


def digested(path: Path) -> BundleFile:
    """Return a file by its content."""
    with path.open("rb") as file:
        return BundleFile(path.name, hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size)
