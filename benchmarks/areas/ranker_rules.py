"""What diversity costs in relevance, what rules cost in time, and what logged propensities are worth.

Data: crowdflower_search. A third of the queries, drawn by the seed, chooses the strength; the rest is only measured.
"""

import functools
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from aisle.ranker.v1 import serving_config_pb2 as config_pb
from aisle_ranker.convert_placements import placement
from aisle_ranker.domain.answer import Ordering, Source
from aisle_ranker.domain.blend import squashed_bm25
from aisle_ranker.domain.catalog import Catalog, LiveModel, SearchIndex
from aisle_ranker.domain.diversity import dpp, mmr
from aisle_ranker.domain.exploration import generator, plackett_luce
from aisle_ranker.domain.manifest import Manifest
from aisle_ranker.domain.merchandise import arrange
from aisle_ranker.domain.placement import Circumstances, Placement
from aisle_ranker.domain.text import words
from aisle_ranker.domain.tokens import TokenStore
from aisle_ranker.engines.bundle import empty_catalog
from aisle_ranker.engines.lexical import TantivyIndex
from google.protobuf.json_format import ParseDict
from numpy.typing import NDArray

from benchmarks.cleaning.mirror import folder
from benchmarks.figures import Row

Floats = NDArray[np.float64]
SEED, QUERIES, TOP, DIM = 7, 90, 10, 384
STRENGTHS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
LOSS = 0.01
ROUNDS, CALLS = 7, 20


@dataclass(frozen=True, slots=True)
class Asked:
    """One query with its judged titles in the order of the ranker's cheap blend."""

    scores: Floats
    vectors: NDArray[np.float32]
    gain: Floats


@functools.cache
def _rows() -> pd.DataFrame:
    files = sorted(folder("crowdflower_search").glob("fold-*.csv"), key=lambda path: int(path.stem.split("-")[1]))
    rows = pd.concat([pd.read_csv(path) for path in files], ignore_index=True)
    return rows.drop_duplicates(["query", "product_title"])


@functools.cache
def _asked() -> tuple[list[Asked], list[Asked]]:
    """Queries that choose, and queries that are measured."""
    from aisle_trainer.engines.base_models import DEFAULT_BASE_MODEL, find_base_model
    from aisle_trainer.engines.encoder import Embedder, load_tokenizer, load_trunk

    rows = _rows()
    drawn = np.random.default_rng(SEED).permutation(np.array(sorted(rows["query"].unique())))[:QUERIES]
    rows = rows[rows["query"].isin(drawn)]
    base = find_base_model(DEFAULT_BASE_MODEL, None)
    embedder = Embedder(base, load_trunk(base), load_tokenizer(base, 64), Path("build/figures/embeddings"), bf16=False)
    texts = list(dict.fromkeys([*drawn, *rows["product_title"]]))
    vectors = dict(zip(texts, embedder.embed(texts), strict=True))
    index = TantivyIndex(list(_rows()["product_title"]))
    made = []
    for query in drawn:
        mine = rows[rows["query"] == query]
        titles = list(mine["product_title"])
        matrix = np.stack([vectors[title] for title in titles]).astype(np.float32)
        bm25 = np.array([index.score_title(words(query), title) for title in titles])
        scores = (matrix @ vectors[query]).astype(np.float64) + 0.5 * squashed_bm25(bm25)
        made.append(Asked(scores, matrix, 2.0 ** (mine["median_relevance"].to_numpy(np.float64) - 1) - 1))
    return made[: QUERIES // 3], made[QUERIES // 3 :]


def _judged(asked: Asked, method: Any, strength: float) -> tuple[float, float]:
    """NDCG@10, and mean distance (1 - cosine) among the first ten."""
    order = method(asked.scores, asked.vectors, strength)[:TOP]
    discount = 1 / np.log2(np.arange(2, len(order) + 2))
    best = np.sort(asked.gain)[::-1][:TOP] @ discount
    part = asked.vectors[order]
    apart = (1 - part @ part.T)[~np.eye(len(order), dtype=bool)].mean()
    return float(asked.gain[order] @ discount / best) if best else 1.0, float(apart)


def _curve(queries: list[Asked], method: Any, strength: float) -> NDArray[np.float64]:
    return np.array([_judged(one, method, strength) for one in queries])


def diversity() -> Row:
    """Distance among the first ten that MMR adds at the strength that the choosing queries allow."""
    choosing, measured = _asked()
    plain = _curve(choosing, mmr, 0.0)[:, 0].mean()
    allowed = [one for one in STRENGTHS if plain - _curve(choosing, mmr, one)[:, 0].mean() <= LOSS]
    strength = max(allowed, default=STRENGTHS[0])
    before, after = _curve(measured, mmr, 0.0), _curve(measured, mmr, strength)
    gained = after[:, 1] - before[:, 1]
    rng = np.random.default_rng(SEED)
    means = [gained[rng.integers(0, len(gained), len(gained))].mean() for _ in range(2000)]
    lower, upper = np.quantile(means, [0.025, 0.975])
    beside = {"ndcg@10 mmr 0": before[:, 0].mean(), "distance mmr 0": before[:, 1].mean()}
    for method in (mmr, dpp):
        for one in STRENGTHS:
            ndcg, apart = _curve(measured, method, one).mean(axis=0)
            beside |= {f"ndcg@10 {method.__name__} {one}": ndcg, f"distance {method.__name__} {one}": apart}
    return Row(
        value=float(gained.mean()),
        lower=float(lower),
        upper=float(upper),
        unit=f"mean 1 - cosine among the first ten, MMR at strength {strength} less no diversity",
        protocol=(
            f"crowdflower_search, {len(measured)} queries, judged titles, cosine of all-MiniLM-L6-v2 + 0.5 BM25;"
            f" strength: the largest that costs at most {LOSS} NDCG@10 on {len(choosing)} other queries; bootstrap over queries"
        ),
        target=f"above 0 with NDCG@10 lost {before[:, 0].mean() - after[:, 0].mean():.4f}",
        baselines={name: float(value) for name, value in beside.items()},
        seed=SEED,
    )


def _shop() -> tuple[LiveModel, TantivyIndex, str]:
    """All titles of the set under random embeddings: their values don't change what the arithmetic costs."""
    titles = list(_rows()["product_title"].drop_duplicates())
    rng = np.random.default_rng(SEED)
    vectors = rng.normal(size=(len(titles), DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = [f"p{row}" for row in range(len(titles))]
    index = TantivyIndex(titles)
    catalog = Catalog(ids, titles, vectors, TokenStore.of([]), {one: row for row, one in enumerate(ids)})
    other: Any = type("Other", (), {"catalog": empty_catalog(DIM)})()
    nothing: Any = None
    live = LiveModel(
        "models/m/versions/1", "", Manifest(max_tokens=64, embedding_dim=DIM, heads=()), nothing, nothing,
        SearchIndex(catalog, index), other, nothing, {}, nothing,
    )  # fmt: skip
    return live, index, "led christmas lights"


def _configs() -> dict[str, Placement]:
    rules: list[dict[str, Any]] = [
        {"id": f"boost-{n}", "products": f'title : "{word}" AND NOT title : "solar"', "boost": 0.1}
        for n, word in enumerate(("led", "light", "christmas", "tree", "outdoor", "white", "string"))
    ]
    rules += [
        {"id": "bury", "products": 'title : "pack"', "bury": 0.2},
        {"id": "drop", "products": 'product_id IN ("p1", "p2", "p3")', "exclude": {}},
        {"id": "pin", "when": 'query : "lights"', "products": 'product_id = "p10"', "pin_position": 1},
    ]
    explore = {"plackett_luce": {"position": 3, "window": 8, "temperature": 0.5}}
    wanted: dict[str, dict[str, Any]] = {
        "10 rules": {"rules": rules},
        "mmr, window 50": {"diversity": {"strength": 0.3}},
        "dpp, window 50": {"diversity": {"strength": 0.3, "method": "DIVERSITY_METHOD_DPP"}},
        "plackett-luce, window 8": {"exploration": explore},
        "all": {"rules": rules, "diversity": {"strength": 0.3}, "exploration": explore},
    }
    named = {"name": "servingConfigs/x", "version": 1}
    return {name: placement(ParseDict(named | one, config_pb.ServingConfig())) for name, one in wanted.items()}


def cost() -> Row:
    """CPU per request that rules, diversity and exploration add to an order of 400 candidates."""
    from threadpoolctl import threadpool_limits

    live, index, query = _shop()
    catalog = live.search.catalog
    rows, bm25 = index.search(words(query), 400)
    scores = np.asarray(squashed_bm25(bm25))
    ordering = Ordering(
        [catalog.product_ids[row] for row in rows], [catalog.titles[row] for row in rows], scores,
        {"bm25": Source.unranked(bm25)}, parts={"bm25": scores},
    )  # fmt: skip
    given = Circumstances(facts={"query": query}, may_add=True)

    def recall() -> None:
        index.search(words(query), 200)
        catalog.similarity(catalog.embeddings[0])

    works: dict[str, Callable[[], object]] = {"bm25 and cosine over all titles": recall}
    for name, config in _configs().items():
        works[name] = functools.partial(arrange, live, ordering, config, given, "a-1")
    seen: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    with threadpool_limits(limits=1):
        for _ in range(ROUNDS):
            for name, work in works.items():
                begun = time.process_time()
                for _ in range(CALLS):
                    work()
                seen[name].append((time.process_time() - begun) / CALLS * 1000)
    whole = seen.pop("all")
    return Row(
        value=statistics.median(whole),
        lower=min(whole),
        upper=max(whole),
        unit="ms of CPU per request: 10 rules, MMR and Plackett-Luce together",
        protocol=(
            f"{len(rows)} candidates of one query over {len(catalog):,} titles of crowdflower_search, random embeddings of {DIM}; "
            f"median [least, most] of {ROUNDS} rounds of {CALLS} calls, in turn, one process"
        ),
        baselines={name: statistics.median(values) for name, values in seen.items()},
        seed=SEED,
    )


def off_policy() -> Row:
    """Error of an estimate of another order's clicks out of explored answers, with and without the logged propensities."""
    _, measured = _asked()
    window, answers = 8, 2000
    errors: dict[str, list[float]] = {"propensities": [], "counted as shown": []}
    for number, asked in enumerate(measured):
        if len(asked.scores) < window:
            continue
        top = np.argsort(-asked.scores, kind="stable")[:window]
        chance = asked.gain[top] / 7 * 0.8 + 0.1
        seen = 1 / np.log2(np.arange(2, window + 2))
        target = np.argsort(-asked.gain[top], kind="stable")
        truth = float((chance[target] * seen).sum())
        clicks, weighted, shown = np.zeros(window), 0.0, np.zeros(window)
        random = np.random.default_rng([SEED, number])
        for answer in range(answers):
            draw = plackett_luce(asked.scores[top], 0.5, generator(f"a-{number}-{answer}"))
            clicked = random.random(window) < chance[draw.order] * seen
            agrees = draw.order == target
            p = draw.probabilities[draw.order, np.arange(window)]
            weighted += float((clicked * agrees / p).sum())
            clicks += np.bincount(draw.order, weights=clicked, minlength=window)
            shown += 1
        errors["propensities"].append(abs(weighted / answers - truth) / truth)
        errors["counted as shown"].append(abs(float((clicks / shown).sum()) - truth) / truth)
    ours = np.array(errors.pop("propensities"))
    rng = np.random.default_rng(SEED)
    means = [ours[rng.integers(0, len(ours), len(ours))].mean() for _ in range(2000)]
    lower, upper = np.quantile(means, [0.025, 0.975])
    return Row(
        value=float(ours.mean()),
        lower=float(lower),
        upper=float(upper),
        unit="mean relative error of the estimated clicks of the order by grade",
        protocol=(
            f"{len(ours)} queries of crowdflower_search, first {window} by the cheap blend, {answers:,} Plackett-Luce answers each at "
            "temperature 0.5; simulated clicks: 0.1 + 0.8 * gain / 7, times 1 / log2(position + 1); bootstrap over queries"
        ),
        baselines={f"clicks per product, {name}": float(np.mean(values)) for name, values in errors.items()},
        seed=SEED,
    )


def rows() -> dict[str, Callable[[], Row]]:
    """Figures of rules, diversity and exploration."""
    return {"rules_diversity": diversity, "rules_cost": cost, "rules_propensities": off_policy}
