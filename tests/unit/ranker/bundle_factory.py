"""Tiny valid bundles: token embeddings, means and dot products as ONNX graphs, a word tokenizer, a small shop.

What the graphs and the cascade must answer is computed here a second time with plain numpy, so that the golden requests
do not come from the code that they test.
"""

import hashlib
import io
import json
import math
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

PAD, UNK, CLS, SEP = 0, 1, 2, 3
DIM, MAX_TOKENS, HISTORY_ITEMS, SEPARATOR = 16, 24, 5, " ; "
NOUNS = ("lamp", "kettle", "desk", "chair", "rug", "mug", "clock", "frame", "vase", "basket")
COLOURS = ("red", "blue", "green", "white", "black", "golden")
KINDS = ("small", "large", "wooden", "metal")


@dataclass(frozen=True)
class Shop:
    """Products, customers and weights of one test bundle."""

    titles: tuple[str, ...] = tuple(f"{colour} {kind} {noun}" for noun in NOUNS for colour in COLOURS for kind in KINDS)
    histories: dict[str, tuple[int, ...]] = field(
        default_factory=lambda: {"c1": (0, 4, 0, 8), "c2": (30, 34), "c3": (100, 101, 102, 100)}
    )
    """Rows that each customer bought, oldest first."""
    seed: int = 0
    relevance_scale: float = 4.0
    search_blend: dict[str, float] = field(
        default_factory=lambda: {"neural_relevance": 1.0, "vector": 0.5, "bm25": 0.3}
    )
    recommend_blend: dict[str, float] = field(
        default_factory=lambda: {
            "neural_purchase": 0.4, "covisit": 0.5, "popularity": 0.2, "repeat_purchase": 0.3, "vector": 0.2,
        }
    )  # fmt: skip
    rerank_top: int = 10
    dim: int = DIM

    def product_id(self, row: int) -> str:
        return f"p{row:05d}"

    @property
    def counts(self) -> np.ndarray:
        return np.array([(row * 7919) % 97 for row in range(len(self.titles))], dtype=np.int64)

    def neighbours(self, row: int) -> list[tuple[int, float]]:
        size = len(self.titles)
        return [((row + step) % size, 1.0 / (1 + step)) for step in (1, 2, 3)]


@dataclass
class Bundle:
    """Files by name, as the registry would hold them."""

    shop: Shop
    files: dict[str, bytes]

    @property
    def digests(self) -> dict[str, str]:
        return {path: hashlib.sha256(data).hexdigest() for path, data in self.files.items()}

    @property
    def digest(self) -> str:
        return hashlib.sha256("".join(sorted(f"{p} {s}\n" for p, s in self.digests.items())).encode()).hexdigest()

    def write(self, folder: Path) -> dict[str, Path]:
        folder.mkdir(parents=True, exist_ok=True)
        for path, data in self.files.items():
            (folder / path).write_bytes(data)
        return {path: folder / path for path in self.files}

    def changed(self, **files: bytes) -> "Bundle":
        """Return the bundle with other contents of some files (`__` stands for a dot) and a manifest that agrees."""
        named = {path.replace("__", "."): data for path, data in files.items()}
        rest = {path: data for path, data in (self.files | named).items() if path != "manifest.json"}
        manifest = json.loads(named.get("manifest.json", self.files["manifest.json"]))
        return Bundle(self.shop, _with_manifest(rest, manifest))


class Reference:
    """The same answers as the graphs and the cascade, in plain numpy."""

    def __init__(self, shop: Shop, table: np.ndarray, tokenizer: Tokenizer) -> None:
        self.shop, self.table, self.tokenizer = shop, table, tokenizer
        self.words = [title.lower().split() for title in shop.titles]
        self.embeddings = np.stack([self.embed(title) for title in shop.titles]).astype(np.float16).astype(np.float32)
        self.frequency = Counter(word for entry in self.words for word in set(entry))
        self.average = sum(map(len, self.words)) / len(self.words)

    def embed(self, text: str) -> np.ndarray:
        mean = self.table[self.tokenizer.encode(text).ids].mean(axis=0)
        return mean / np.linalg.norm(mean)

    def logit(self, head: str, text_a: str, text_b: str) -> float:
        encoding = self.tokenizer.encode(text_a, text_b)
        vectors, types = self.table[encoding.ids], np.array(encoding.type_ids)
        product = float(vectors[types == 0].mean(axis=0) @ vectors[types == 1].mean(axis=0))
        return product * self.shop.relevance_scale + (0.0 if head == "relevance" else -0.5)

    def bm25(self, query: str) -> np.ndarray:
        scores, count = np.zeros(len(self.words)), len(self.words)
        for row, entry in enumerate(self.words):
            for word in query.lower().split():
                tf, n = entry.count(word), self.frequency[word]
                idf = math.log(1 + (count - n + 0.5) / (n + 0.5))
                scores[row] += idf * 2.2 * tf / (tf + 1.2 * (0.25 + 0.75 * len(entry) / self.average))
        return scores

    def search(self, query: str, top: int, neural: bool = True) -> list[int]:
        """Return the best rows; the shop is smaller than the candidate limits where this is used."""
        lexical, cosine = self.bm25(query), self.embeddings @ self.embed(query)
        near = np.argsort(-cosine, kind="stable")[:200]
        rows = np.union1d(np.flatnonzero(lexical), near)
        blend = self.shop.search_blend
        fused = blend["vector"] * cosine[rows] + blend["bm25"] * lexical[rows] / (lexical[rows] + 5)
        return self._ranked(rows, fused, blend["neural_relevance"] if neural else 0, "relevance", query)[:top]

    def recommend(self, customer: str, top: int) -> list[int]:
        shop, size = self.shop, len(self.words)
        history = shop.histories[customer]
        recent = list(dict.fromkeys(reversed(history)))
        covisit, repeat = np.zeros(size), np.zeros(size)
        for row in recent[:20]:
            for neighbour, score in shop.neighbours(row):
                covisit[neighbour] += np.float32(score)
        for row, times in Counter(history).items():
            repeat[row] = min(1.0, times / 3)
        mean = self.embeddings[recent[:20]].mean(axis=0)
        cosine = self.embeddings @ (mean / np.linalg.norm(mean))
        popular = np.log1p(shop.counts) / np.log1p(shop.counts.max())
        blend = shop.recommend_blend
        near = np.argsort(-cosine, kind="stable")[:200]
        best = np.argsort(-shop.counts, kind="stable")[:200]
        rows = np.unique(np.concatenate([np.flatnonzero(covisit), np.array(recent), near, best]))
        fused = (
            blend["covisit"] * covisit + blend["popularity"] * popular
            + blend["repeat_purchase"] * repeat + blend["vector"] * cosine
        )[rows]  # fmt: skip
        first = SEPARATOR.join(shop.titles[row] for row in recent[:HISTORY_ITEMS])
        return self._ranked(rows, fused, blend["neural_purchase"], "purchase", first)[:top]

    def _ranked(self, rows: np.ndarray, fused: np.ndarray, weight: float, head: str, first: str) -> list[int]:
        order = np.argsort(-fused, kind="stable")
        chosen = order[: self.shop.rerank_top] if weight else order[:0]
        logits = [self.logit(head, first, self.shop.titles[rows[at]]) for at in chosen]
        full = fused[chosen] + weight / (1 + np.exp(-np.array(logits)))
        ranked = [*chosen[np.argsort(-full, kind="stable")], *order[len(chosen) :]]
        return [int(rows[at]) for at in ranked]


def build(shop: Shop | None = None, **changes: Any) -> tuple[Bundle, Reference]:
    """Return a bundle and the answers that it must give."""
    shop = replace(shop or Shop(), **changes)
    tokenizer = _tokenizer(shop)
    rng = np.random.default_rng(shop.seed)
    table = rng.normal(size=(tokenizer.get_vocab_size(), shop.dim)).astype(np.float32)
    table[[PAD, UNK, CLS, SEP]] *= 0.05
    reference = Reference(shop, table, tokenizer)
    graphs = {"ranker": _ranker(table, shop.relevance_scale), "embedder": _embedder(table)}
    files = {f"{name}.onnx": model.SerializeToString() for name, model in graphs.items()}
    for name, model in graphs.items():
        model.producer_name = "int8"
        files[f"{name}.int8.onnx"] = model.SerializeToString()
    files["tokenizer.json"] = tokenizer.to_str().encode()
    files |= _tables(shop, reference.embeddings)
    files["golden.json"] = json.dumps(_golden(reference)).encode()
    manifest = {
        "format": "aisle-bundle/1", "base_model": "tiny", "training_job": "trainingJobs/tiny",
        "dataset_versions": {
            "search_relevance": "datasets/judgments/versions/v1", "purchase": "datasets/orders/versions/v1",
        },
        "heads": ["relevance", "purchase"], "max_tokens": MAX_TOKENS, "history_items": HISTORY_ITEMS,
        "history_separator": SEPARATOR, "embedding_dim": shop.dim,
        "search_blend": shop.search_blend, "recommend_blend": shop.recommend_blend,
        "search_rerank_top": shop.rerank_top, "recommend_rerank_top": shop.rerank_top,
    }  # fmt: skip
    return Bundle(shop, _with_manifest(files, manifest)), reference


def _with_manifest(files: dict[str, bytes], manifest: dict[str, Any]) -> dict[str, bytes]:
    listed = {p: {"sha256": hashlib.sha256(d).hexdigest(), "size_bytes": len(d)} for p, d in files.items()}
    return files | {"manifest.json": json.dumps(manifest | {"files": listed}).encode()}


def _tokenizer(shop: Shop) -> Tokenizer:
    words = sorted({word for title in shop.titles for word in title.lower().split()} | {";"})
    vocab = {"[PAD]": PAD, "[UNK]": UNK, "[CLS]": CLS, "[SEP]": SEP}
    tokenizer = Tokenizer(WordLevel(vocab | {word: 4 + i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = Lowercase(), Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)],
    )
    tokenizer.enable_truncation(MAX_TOKENS, strategy="longest_first")
    return tokenizer


def _golden(reference: Reference) -> dict[str, Any]:
    shop = reference.shop
    pairs = [(head, "red lamp", title) for head in ("relevance", "purchase") for title in shop.titles[:3]]
    return {
        "pairs": [
            {
                "head": head, "text_a": a, "text_b": b, "expected": reference.logit(head, a, b),
                "tolerance": 0.001, "tolerance_int8": 0.01,
            }
            for head, a, b in pairs
        ],
        "embeddings": [
            {"text": title, "expected_first8": reference.embed(title)[:8].tolist()} for title in shop.titles[:3]
        ],
        "search": [
            {"query": query, "top_product_ids": [shop.product_id(row) for row in reference.search(query, 5)]}
            for query in ("red lamp", "large wooden desk")
        ],
        "recommend": [
            {"customer_id": c, "top_product_ids": [shop.product_id(row) for row in reference.recommend(c, 5)]}
            for c in shop.histories
        ],
    }  # fmt: skip


def _tables(shop: Shop, embeddings: np.ndarray) -> dict[str, bytes]:
    ids = [shop.product_id(row) for row in range(len(shop.titles))]
    flat = pa.array(embeddings.astype(np.float16).ravel(), pa.float16())
    columns = {"product_id": ids, "title": list(shop.titles)}
    columns["embedding"] = pa.FixedSizeListArray.from_arrays(flat, shop.dim)
    neighbours = [shop.neighbours(row) for row in range(len(ids))]
    histories = shop.histories
    times = pa.list_(pa.timestamp("us", tz="UTC"))
    return {
        "search_index.arrow": _ipc(pa.table(columns)),
        "recommend_index.arrow": _ipc(pa.table(columns | {"purchase_count": shop.counts})),
        "covisit.arrow": _ipc(
            pa.table({
                "product_id": ids,
                "neighbours": [[shop.product_id(row) for row, _ in entry] for entry in neighbours],
                "scores": pa.array([[score for _, score in entry] for entry in neighbours], pa.list_(pa.float32())),
            })
        ),
        "histories.arrow": _ipc(
            pa.table({
                "customer_id": list(histories),
                "product_ids": [[shop.product_id(row) for row in rows] for rows in histories.values()],
                "event_times": pa.array(
                    [[1_300_000_000_000_000 + i for i in range(len(rows))] for rows in histories.values()], times
                ),
                "order_count": pa.array([len(rows) for rows in histories.values()], pa.int64()),
            })
        ),
    }  # fmt: skip


def _ipc(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _ranker(table: np.ndarray, scale: float) -> onnx.ModelProto:
    nodes = [
        helper.make_node("Mul", ["attention_mask", "token_type_ids"], ["second"]),
        helper.make_node("Sub", ["attention_mask", "second"], ["first"]),
        *_mean("first", "a"),
        *_mean("second", "b"),
        helper.make_node("Mul", ["a", "b"], ["ab"]),
        helper.make_node("ReduceSum", ["ab", "one"], ["dot"], keepdims=0),
        helper.make_node("Mul", ["dot", "scale"], ["relevance"]),
        helper.make_node("Add", ["relevance", "bias"], ["purchase"]),
    ]
    more = {"scale": np.float32(scale), "bias": np.float32(-0.5)}
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch"]) for name in ("relevance", "purchase")]
    return _model(table, nodes, outputs, more)


def _embedder(table: np.ndarray) -> onnx.ModelProto:
    nodes = [
        *_mean("attention_mask", "mean"),
        helper.make_node("ReduceL2", ["mean"], ["norm"], axes=[1], keepdims=1),
        helper.make_node("Div", ["mean", "norm"], ["scaled"]),
        # The types are an input of every graph; here they add nothing.
        helper.make_node("Cast", ["token_type_ids"], ["types"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["types", "one"], ["typed"], keepdims=1),
        helper.make_node("Mul", ["typed", "zero"], ["nothing"]),
        helper.make_node("Add", ["scaled", "nothing"], ["embedding"]),
    ]
    shape = ["batch", table.shape[1]]
    outputs = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, shape)]
    return _model(table, nodes, outputs, {"zero": np.float32(0)})


def _mean(mask: str, name: str) -> list[onnx.NodeProto]:
    """Average the token vectors where `mask` is 1."""
    return [
        helper.make_node("Gather", ["table", "input_ids"], [f"{name}_all"]),
        helper.make_node("Cast", [mask], [f"{name}_mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", [f"{name}_mask", "two"], [f"{name}_wide"]),
        helper.make_node("Mul", [f"{name}_all", f"{name}_wide"], [f"{name}_kept"]),
        helper.make_node("ReduceSum", [f"{name}_kept", "one"], [f"{name}_sum"], keepdims=0),
        helper.make_node("ReduceSum", [f"{name}_mask", "one"], [f"{name}_count"], keepdims=1),
        helper.make_node("Max", [f"{name}_count", "least"], [f"{name}_least"]),
        helper.make_node("Div", [f"{name}_sum", f"{name}_least"], [name]),
    ]


def _model(
    table: np.ndarray, nodes: list[onnx.NodeProto], outputs: list[onnx.ValueInfoProto], more: dict[str, np.float32]
) -> onnx.ModelProto:
    constants = {
        "table": table, "one": np.array([1]), "two": np.array([2]), "least": np.array([1], dtype=np.float32),
    } | {name: np.array(value) for name, value in more.items()}  # fmt: skip
    names = ("input_ids", "attention_mask", "token_type_ids")
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "seq"]) for name in names]
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
