"""What a set of recommendation lists looks like beyond hits: coverage, diversity, novelty, popularity and whose products are shown."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aisle_trainer.domain.metrics import Floats

Ints = NDArray[np.int64]
SHOWN_GROUPS = 8


@dataclass(frozen=True, slots=True)
class Exposure:
    """One group's share of the lists and of what was bought."""

    group: str
    exposure: float
    purchases: float


def coverage(lists: Ints, products: int) -> float:
    """Return the share of the catalogue that is in some list; lists (units, k), -1 marks an empty place."""
    return len(np.unique(lists[lists >= 0])) / products


def gini(lists: Ints, products: int) -> float:
    """Return the Gini coefficient of how often each product is shown: 0 all alike, near 1 few products everywhere."""
    counts = np.sort(np.bincount(lists[lists >= 0], minlength=products)).astype(np.float64)
    if counts.sum() <= 0:
        return float("nan")
    places = np.arange(1, products + 1)
    return float(((2 * places - products - 1) * counts).sum() / (products * counts.sum()))


def novelty(lists: Ints, buyers: Ints, customers: int) -> Floats:
    """Return the mean self-information of each list, (units,): -log2 of the share of customers who bought a product.

    A product that nobody bought counts as half a customer's. Source: Zhou et al. 2010.
    """
    information = -np.log2(np.maximum(buyers, 0.5) / max(1, customers))
    return _row_means(lists, information)


def popularity_percentile(lists: Ints, buyers: Ints) -> Floats:
    """Return the mean popularity percentile of each list, (units,): 1 = only bestsellers, 0.5 = as the catalogue."""
    order = np.argsort(np.argsort(buyers, kind="stable"), kind="stable")
    return _row_means(lists, (order + 0.5) / len(buyers))


def intra_list_distance(lists: Ints, embeddings: NDArray[np.float32]) -> Floats:
    """Return the mean cosine distance of the products of each list, pair by pair, (units,); NaN with fewer than two.

    embeddings (products, dim) have length 1. Source: Ziegler et al. 2005 (intra-list similarity).
    """
    found = np.full(len(lists), np.nan)
    for row, items in enumerate(lists):
        kept = items[items >= 0]
        if len(kept) > 1:
            total = embeddings[kept].astype(np.float64).sum(axis=0)
            own = float(np.square(embeddings[kept].astype(np.float64)).sum())
            found[row] = 1 - (float(total @ total) - own) / (len(kept) * (len(kept) - 1))
    return found


def exposure(lists: Ints, group_of: Ints, groups: Sequence[str], bought: Ints) -> tuple[list[Exposure], float]:
    """Return each group's share of exposure beside its share of `bought` products, and half their summed distance.

    A place r counts 1 / log2(1 + r). The distance is 0 when exposure follows purchases and 1 when they share nothing.
    Source: Singh & Joachims 2018 (exposure by place), with purchases as merit.
    """
    weights = np.broadcast_to(1 / np.log2(np.arange(2, lists.shape[1] + 2)), lists.shape)
    filled = lists >= 0
    shown = np.bincount(group_of[lists[filled]], weights=weights[filled], minlength=len(groups))
    merit = np.bincount(group_of[bought], minlength=len(groups)).astype(np.float64)
    shown, merit = shown / max(shown.sum(), 1e-12), merit / max(merit.sum(), 1e-12)
    order = np.argsort(-merit, kind="stable")[:SHOWN_GROUPS]
    named = [Exposure(groups[at], float(shown[at]), float(merit[at])) for at in order.tolist()]
    return named, float(np.abs(shown - merit).sum() / 2)


def _row_means(lists: Ints, values: Floats) -> Floats:
    filled = lists >= 0
    sums = np.where(filled, values[np.maximum(lists, 0)], 0.0).sum(axis=1)
    counts = filled.sum(axis=1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
