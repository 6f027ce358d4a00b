"""The part of the cascade that Search, Recommend and Rank share: cheap order, neural scores on the top, final order."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from aisle_ranker.domain.answer import FUSE, NEURAL_STAGE, Ordering, Source, Trail
from aisle_ranker.domain.arrays import Floats, Ints, TokenIds
from aisle_ranker.domain.blend import NEURAL, best_first, blend, shares, without_neural
from aisle_ranker.domain.budget import Deadline
from aisle_ranker.domain.catalog import LiveModel
from aisle_ranker.domain.neural import Neural

T = TypeVar("T")


class Offload(Protocol):
    """Runs a function that takes milliseconds in a worker thread."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]:
        """Return what `work` returns."""
        ...


@dataclass(frozen=True, slots=True)
class Pool:
    """Candidates with what the cheap sources say of them."""

    product_ids: Sequence[str]
    titles: Sequence[str]
    sources: dict[str, Source]
    features: Mapping[str, Floats]
    """What the blend takes: 0..1 or a cosine, per candidate."""


@dataclass(frozen=True, slots=True)
class NeuralPlan:
    """What the neural stage reads."""

    feature: str
    """`neural_relevance` or `neural_purchase`."""
    first: TokenIds
    """Query, or recent titles."""
    second: Callable[[Ints], list[TokenIds]]
    """Title tokens of some candidates."""
    top: int
    """Candidates that are scored at most."""


@dataclass(frozen=True, slots=True)
class Cascade:
    """Orders a pool of candidates."""

    neural: Neural

    async def order(
        self,
        live: LiveModel,
        pool: Pool,
        weights: Mapping[str, float],
        fallback: Mapping[str, float],
        plan: NeuralPlan | None,
        deadline: Deadline,
        trail: Trail,
    ) -> Ordering:
        """Return the final order.

        Candidates that got a neural score come first, by the full blend; the others follow by the blend without it.
        Because the neural part is never negative, scores fall from the first result to the last.
        """
        count = len(pool.product_ids)
        with trail.stage(FUSE) as left:
            there = {name: weight for name, weight in weights.items() if name in pool.features}
            used: Mapping[str, float] = without_neural(there, fallback)
            fused = blend(used, pool.features, count)
            order = best_first(fused)
            left.candidates = count
        scores, sources, own = fused, dict(pool.sources), np.zeros(count)
        weight = weights.get(plan.feature, 0.0) if plan is not None else 0.0
        if plan is not None and weight and plan.top and count:
            top = order[: plan.top]
            with trail.stage(NEURAL_STAGE) as left:
                head = NEURAL[plan.feature]
                found, cause = await self.neural.score(live, head, plan.first, plan.second(top), deadline)
                scored = ~np.isnan(found)
                left.candidates = int(scored.sum())
            trail.degrade(NEURAL_STAGE, cause)
            chosen = top[scored]
            if len(chosen):
                used, scores = weights, blend(weights, pool.features, count)
                own[chosen] = weight * found[scored]
                scores[chosen] += own[chosen]
            order = np.concatenate([chosen[best_first(scores[chosen])], order[~np.isin(order, chosen)]])
            neural = np.full(count, np.nan)
            neural[top] = found
            sources[plan.feature] = Source.unranked(neural)
        parts = shares(used, pool.features)
        if plan is not None and own.any():
            parts[plan.feature] = own
        return Ordering(
            product_ids=[pool.product_ids[at] for at in order],
            titles=[pool.titles[at] for at in order],
            scores=scores[order],
            sources={name: source.taken(order) for name, source in sources.items()},
            parts={name: values[order] for name, values in parts.items()},
        )


def ranks_within(rows: Ints, ranked: Ints) -> Ints:
    """Return for each of `rows` (sorted) its rank from 1 in `ranked`, 0 when it is not there."""
    ranks = np.zeros(len(rows), dtype=np.int64)
    positions = np.searchsorted(rows, ranked)
    ranks[positions] = np.arange(1, len(ranked) + 1)
    return ranks
