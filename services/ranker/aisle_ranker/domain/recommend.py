"""Recommend: products a shopper may buy next, and products like a given one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from aisle_ranker.domain.answer import NO_MODEL, RECALL, Ordering, Source, Trail
from aisle_ranker.domain.arrays import Floats, Ints, TokenIds, Vectors
from aisle_ranker.domain.blend import COVISIT, NEURAL_PURCHASE, POPULARITY, REPEAT_PURCHASE, VECTOR, top_rows
from aisle_ranker.domain.blend import repeat_purchase as repeat_of
from aisle_ranker.domain.budget import Deadline
from aisle_ranker.domain.cascade import Cascade, NeuralPlan, Offload, Pool, ranks_within
from aisle_ranker.domain.catalog import Catalog, LiveModel
from aisle_ranker.domain.profile import Taste
from aisle_ranker.errors import UnknownProduct

RECENT_PRODUCTS = 20
VECTOR_CANDIDATES = 200
FALLBACK_WEIGHTS = {COVISIT: 0.3, POPULARITY: 0.1, REPEAT_PURCHASE: 1.0}
"""Order before the neural stage when the bundle's blend is purely neural."""
SIMILAR_WEIGHTS = {VECTOR: 1.0, COVISIT: 1.0}


@dataclass(frozen=True, slots=True)
class Recommend:
    """Proposes products."""

    cascade: Cascade
    offload: Offload

    async def for_you(
        self, live: LiveModel, taste: Taste, *, skip_neural: bool, deadline: Deadline, trail: Trail
    ) -> Ordering:
        """Return every candidate for a shopper; without a known product the most popular ones."""
        catalog = live.recommend.catalog
        if not len(catalog):
            trail.degrade(RECALL, NO_MODEL)
        with trail.stage(RECALL) as left:
            pool, rows = await self.offload(lambda: _pool_for(live, taste))
            left.candidates = len(rows)
        plan = None
        if taste.recent and not skip_neural:
            plan = NeuralPlan(
                feature=NEURAL_PURCHASE,
                first=history_tokens(live, taste),
                second=lambda at: catalog.tokens.rows(rows[at]),
                top=live.manifest.recommend_rerank_top,
            )
        weights = live.manifest.recommend_blend
        return await self.cascade.order(live, pool, weights, FALLBACK_WEIGHTS, plan, deadline, trail)

    async def similar(self, live: LiveModel, product_id: str, *, deadline: Deadline, trail: Trail) -> Ordering:
        """Return products like the given one, itself left out; raises UnknownProduct."""
        for catalog in (live.recommend.catalog, live.search.catalog):
            row = catalog.row_of.get(product_id)
            if row is not None:
                break
        else:
            raise UnknownProduct("product_id", product_id, "Use a product id from a search answer.")
        found = row
        covisits = catalog is live.recommend.catalog
        with trail.stage(RECALL) as left:
            pool = await self.offload(lambda: pool_like(live, catalog, found, covisits))
            left.candidates = len(pool.product_ids)
        return await self.cascade.order(live, pool, SIMILAR_WEIGHTS, SIMILAR_WEIGHTS, None, deadline, trail)


def history_tokens(live: LiveModel, taste: Taste) -> TokenIds:
    """Return the first text of a purchase pair: the newest distinct titles, joined as in training."""
    rows = taste.recent[: live.manifest.history_items]
    titles = live.recommend.catalog.titles
    return live.tokenizer.ids(live.manifest.history_separator.join(titles[row] for row in rows))


def purchase_features(live: LiveModel, taste: Taste) -> tuple[dict[str, Floats], Vectors | None]:
    """Return the features of every product of the index for a shopper, and the shopper's vector (None when unknown)."""
    index = live.recommend
    count = len(index.catalog)
    recent = np.array(taste.recent[:RECENT_PRODUCTS], dtype=np.int64)
    vector = index.catalog.mean_vector(recent)
    own, times = _bought(taste.bought)
    repeat = np.zeros(count)
    repeat[own] = repeat_of(times)
    features = {
        COVISIT: index.covisits.total(recent, count),
        POPULARITY: index.popularity,
        REPEAT_PURCHASE: repeat,
        VECTOR: index.catalog.similarity(vector).astype(np.float64) if vector is not None else np.zeros(count),
    }
    return features, vector


def _pool_for(live: LiveModel, taste: Taste) -> tuple[Pool, Ints]:
    index = live.recommend
    features, vector = purchase_features(live, taste)
    near = top_rows(features[VECTOR], VECTOR_CANDIDATES) if vector is not None else np.zeros(0, dtype=np.int64)
    neighbours = np.flatnonzero(features[COVISIT])
    neighbours = neighbours[np.argsort(-features[COVISIT][neighbours], kind="stable")].astype(np.int64)
    own, times = _bought(taste.bought)
    own = own[np.argsort(-times, kind="stable")]
    rows = np.unique(np.concatenate([neighbours, own, near, index.popular])).astype(np.int64)
    ranked = {COVISIT: neighbours, REPEAT_PURCHASE: own, VECTOR: near, POPULARITY: index.popular}
    return pool_of(index.catalog, rows, {name: values[rows] for name, values in features.items()}, ranked), rows


def pool_like(live: LiveModel, catalog: Catalog, row: int, covisits: bool) -> Pool:
    """Return the products near `row` in meaning, with `covisits` also those bought by the same customers."""
    similarity = catalog.similarity(catalog.embeddings[row]).astype(np.float64)
    near = top_rows(similarity, VECTOR_CANDIDATES + 1)
    near = near[near != row][:VECTOR_CANDIDATES]
    features, ranked = {VECTOR: similarity}, {VECTOR: near}
    if covisits:
        neighbours, scores = live.recommend.covisits.of(row)
        features[COVISIT] = np.zeros(len(catalog))
        features[COVISIT][neighbours] = scores
        ranked[COVISIT] = neighbours
    rows = np.unique(np.concatenate(list(ranked.values())))
    rows = rows[rows != row].astype(np.int64)
    ranked = {name: found[found != row] for name, found in ranked.items()}
    return pool_of(catalog, rows, {name: values[rows] for name, values in features.items()}, ranked)


def pool_of(catalog: Catalog, rows: Ints, features: Mapping[str, Floats], ranked: Mapping[str, Ints]) -> Pool:
    """Make a pool; a source with neither score nor rank for a candidate says nothing about it."""
    sources = {}
    for name, values in features.items():
        ranks = ranks_within(rows, ranked[name])
        sources[name] = Source(np.where((ranks > 0) | (values != 0), values, np.nan), ranks)
    return Pool(
        product_ids=[catalog.product_ids[row] for row in rows],
        titles=[catalog.titles[row] for row in rows],
        sources=sources,
        features=features,
    )


def _bought(bought: Mapping[int, int]) -> tuple[Ints, Ints]:
    """Return (rows, times) sorted by row."""
    rows = np.array(sorted(bought), dtype=np.int64)
    return rows, np.array([bought[int(row)] for row in rows], dtype=np.int64)
