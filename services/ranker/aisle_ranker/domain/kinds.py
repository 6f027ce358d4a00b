"""More kinds of proposals: beside a product, and from what shoppers did."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aisle_ranker.domain.answer import RECALL, Ordering, Trail
from aisle_ranker.domain.arrays import Floats, Ints
from aisle_ranker.domain.blend import COVISIT, POPULARITY, REPEAT_PURCHASE, VECTOR
from aisle_ranker.domain.blend import repeat_purchase as repeat_of
from aisle_ranker.domain.budget import Deadline
from aisle_ranker.domain.cascade import Cascade, Offload
from aisle_ranker.domain.catalog import LiveModel
from aisle_ranker.domain.profile import PURCHASE, RECENCY_HALF, Deed
from aisle_ranker.domain.recommend import pool_like, pool_of
from aisle_ranker.errors import UnknownProduct

TOGETHER, DUE, TREND, RECENCY = "bought_together", "due", "trend", "recency"
OTHERS_WEIGHTS = {COVISIT: 1.0, VECTOR: 0.01}
"""What was bought by the same customers decides; nearness in meaning orders what nobody bought."""
TOGETHER_WEIGHTS = {TOGETHER: 1.0, POPULARITY: 0.001}
AGAIN_WEIGHTS = {REPEAT_PURCHASE: 1.0, DUE: 1.0}
TREND_WEIGHTS = {TREND: 1.0, POPULARITY: 0.001}
RECENT_WEIGHTS = {RECENCY: 1.0}


@dataclass(frozen=True, slots=True)
class Kinds:
    """Proposals that need no neural stage."""

    cascade: Cascade
    offload: Offload

    async def others_also(self, live: LiveModel, product_id: str, *, deadline: Deadline, trail: Trail) -> Ordering:
        """Return products that the same customers bought, then those near in meaning; raises UnknownProduct."""
        row = live.recommend.catalog.row_of.get(product_id)
        catalog = live.recommend.catalog
        if row is None:
            catalog, row = live.search.catalog, live.search.catalog.row_of.get(product_id)
        if row is None:
            raise _unknown(product_id)
        found, bought = row, catalog is live.recommend.catalog
        with trail.stage(RECALL) as left:
            pool = await self.offload(lambda: pool_like(live, catalog, found, bought))
            left.candidates = len(pool.product_ids)
        return await self.cascade.order(live, pool, OTHERS_WEIGHTS, OTHERS_WEIGHTS, None, deadline, trail)

    async def bought_together(self, live: LiveModel, product_id: str, *, deadline: Deadline, trail: Trail) -> Ordering:
        """Return products in the same orders as the given one, none for one that nobody bought; raises UnknownProduct.

        bought_together = orders with both / sqrt(orders with this one * orders with that one).
        """
        row = live.recommend.catalog.row_of.get(product_id)
        if row is None and product_id not in live.search.catalog.row_of:
            raise _unknown(product_id)

        def scored() -> tuple[Ints, Floats]:
            return live.histories.together(row) if row is not None else _nothing()

        with trail.stage(RECALL) as left:
            rows, scores = await self.offload(scored)
            left.candidates = len(rows)
        return await self._ordered(live, TOGETHER, rows, scores, TOGETHER_WEIGHTS, deadline, trail)

    async def again(
        self, live: LiveModel, customer_id: str, deeds: Sequence[Deed], now: float, *, deadline: Deadline, trail: Trail
    ) -> Ordering:
        """Return what the customer bought, oftener bought and due ones first; none for an unknown one."""
        with trail.stage(RECALL) as left:
            times = _purchases(live, customer_id, deeds)
            rows = np.array(sorted(times), dtype=np.int64)
            due = np.array([_due(times[int(row)], now) for row in rows], dtype=np.float64)
            repeat = repeat_of(np.array([len(times[int(row)]) for row in rows], dtype=np.int64))
            left.candidates = len(rows)
        features = {REPEAT_PURCHASE: repeat, DUE: due}
        pool = pool_of(live.recommend.catalog, rows, features, dict.fromkeys(features, _nothing()[0]))
        return await self.cascade.order(live, pool, AGAIN_WEIGHTS, AGAIN_WEIGHTS, None, deadline, trail)

    async def trending(
        self, live: LiveModel, trends: Mapping[str, float], *, deadline: Deadline, trail: Trail
    ) -> Ordering:
        """Return what shoppers deal with now, then what is popular."""
        row_of = live.recommend.catalog.row_of
        with trail.stage(RECALL) as left:
            now = {row_of[one]: weight for one, weight in trends.items() if one in row_of}
            popular = [int(row) for row in live.recommend.popular if int(row) not in now]
            rows = np.array([*now, *popular], dtype=np.int64)
            scores = np.array([*now.values(), *[0.0] * len(popular)], dtype=np.float64)
            left.candidates = len(rows)
        return await self._ordered(live, TREND, rows, scores, TREND_WEIGHTS, deadline, trail)

    async def viewed(
        self, live: LiveModel, deeds: Sequence[Deed], just_now: Sequence[str], *, deadline: Deadline, trail: Trail
    ) -> Ordering:
        """Return what a shopper looked at, newest first; purchases don't count."""
        row_of = live.recommend.catalog.row_of
        seen = [*(deed.product_id for deed in deeds if deed.action != PURCHASE), *just_now]
        with trail.stage(RECALL) as left:
            found = dict.fromkeys(row_of[one] for one in reversed(seen) if one in row_of)
            rows = np.array(list(found), dtype=np.int64)
            scores = np.power(0.5, np.arange(len(rows)) / RECENCY_HALF)
            left.candidates = len(rows)
        return await self._ordered(live, RECENCY, rows, scores, RECENT_WEIGHTS, deadline, trail)

    async def _ordered(
        self,
        live: LiveModel,
        source: str,
        rows: Ints,
        scores: Floats,
        weights: Mapping[str, float],
        deadline: Deadline,
        trail: Trail,
    ) -> Ordering:
        order = np.argsort(rows, kind="stable")
        ranked = rows[np.argsort(-scores, kind="stable")]
        rows, scores = rows[order], scores[order]
        features, ranks = {source: scores}, {source: ranked}
        if POPULARITY in weights:
            features[POPULARITY] = live.recommend.popularity[rows]
            ranks[POPULARITY] = _nothing()[0]
        pool = pool_of(live.recommend.catalog, rows, features, ranks)
        return await self.cascade.order(live, pool, weights, weights, None, deadline, trail)


def _nothing() -> tuple[Ints, Floats]:
    return np.zeros(0, dtype=np.int64), np.zeros(0)


def _purchases(live: LiveModel, customer_id: str, deeds: Sequence[Deed]) -> dict[int, list[float]]:
    """Return the times of each product's purchases, oldest first, in seconds since the epoch."""
    times: dict[int, list[float]] = {}
    history = live.histories.of(customer_id) if customer_id else None
    if history is not None:
        for row, time in zip(history.rows, history.times, strict=True):
            times.setdefault(int(row), []).append(int(time) / 1_000_000)
    for deed in deeds:
        row = live.recommend.catalog.row_of.get(deed.product_id)
        if row is not None and deed.action == PURCHASE:
            times.setdefault(row, []).append(deed.time)
    return {row: sorted(found) for row, found in times.items()}


def _due(times: Sequence[float], now: float) -> float:
    """Say how due a product is, 0..1: 0.5 when its usual time has passed since the last purchase; 0 when bought once."""
    if len(times) < 2 or times[-1] <= times[0]:
        return 0.0
    usual = (times[-1] - times[0]) / (len(times) - 1)
    passed = max(0.0, now - times[-1]) / usual
    return passed / (1 + passed) if math.isfinite(passed) else 1.0


def _unknown(product_id: str) -> UnknownProduct:
    return UnknownProduct("product_id", product_id, "Use a product id from a search answer.")
