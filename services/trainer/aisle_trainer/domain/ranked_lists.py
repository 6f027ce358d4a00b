"""Metrics of one judged list, and of graded predictions: what a leaderboard prints beside NDCG and AUC."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aisle_trainer.domain.metrics import Floats, auc

RELIABILITY_BINS = 10


def precision_sum(relevant: Floats, order: NDArray[np.int64], k: int = 0) -> float:
    """Return average precision at k of 0/1 relevance ranked by `order` (0 = the whole list); NaN without a relevant item.

    The sum of precisions at the relevant places, over min(k, relevant items). Source: Buckley & Voorhees 2000.
    """
    total = float(relevant.sum())
    if total <= 0:
        return float("nan")
    hits = relevant[order[: k or len(order)]]
    precisions = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float((precisions * hits).sum() / min(total, k or total))


def recall_at(relevant: Floats, order: NDArray[np.int64], k: int) -> float:
    """Return the share of relevant items among the first k; NaN without one."""
    total = float(relevant.sum())
    return float(relevant[order[:k]].sum() / total) if total > 0 else float("nan")


def hit_at(relevant: Floats, order: NDArray[np.int64], k: int) -> float:
    """Return 1 when a relevant item is among the first k, else 0; NaN without one."""
    return float(relevant[order[:k]].max() > 0) if relevant.sum() > 0 else float("nan")


def reciprocal_at(relevant: Floats, order: NDArray[np.int64], k: int = 0) -> float:
    """Return 1 / place of the first relevant item among the first k (0 = all), 0 when there is none there."""
    hits = np.flatnonzero(relevant[order[: k or len(order)]] > 0)
    return 1.0 / (int(hits[0]) + 1) if len(hits) else 0.0


def binary_ndcg(hits: Floats, wanted: int) -> float:
    """Return NDCG of a ranked list of 0/1 hits when `wanted` items could be hit; NaN when nothing is wanted."""
    if wanted <= 0:
        return float("nan")
    discounts = 1 / np.log2(np.arange(2, len(hits) + 2))
    return float((hits * discounts).sum() / discounts[: min(wanted, len(hits))].sum())


def grouped_auc(labels: Sequence[Floats], scores: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Return the AUC of each group (NaN with a single class) and its weight, the group's rows.

    GAUC is the weighted mean over groups that have one. Source: Zhu et al. 2017 (DIN's evaluation), section 5.1.
    """
    areas = np.array([auc(y, s) for y, s in zip(labels, scores, strict=True)])
    return areas, np.array([len(y) for y in labels], dtype=np.float64)


def quadratic_kappa(first: NDArray[np.int64], second: NDArray[np.int64], weights: Floats | None = None) -> float:
    """Return the quadratically weighted kappa of two integer ratings; NaN when both are constant and equal.

    `weights` are row multiplicities. Source: Cohen 1968.
    """
    w = np.ones(len(first)) if weights is None else weights
    low = int(min(first.min(), second.min()))
    classes = int(max(first.max(), second.max())) - low + 1
    observed = np.bincount((first - low) * classes + second - low, weights=w, minlength=classes**2)
    observed = observed.reshape(classes, classes)
    penalty = np.square(np.subtract.outer(np.arange(classes), np.arange(classes))).astype(np.float64)
    chance = np.outer(observed.sum(axis=1), observed.sum(axis=0)) / observed.sum()
    expected = float((penalty * chance).sum())
    return 1 - float((penalty * observed).sum()) / expected if expected > 0 else float("nan")


def cut_by_distribution(scores: Floats, known: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return classes for scores so that their shares are those of the classes `known`, best scores in the highest.

    Equal scores fall into the same class. Source: the CrowdFlower 2015 winner's decoding by the label CDF.
    """
    classes, counts = np.unique(known, return_counts=True)
    edges = np.cumsum(counts)[:-1] / counts.sum()
    cuts = np.quantile(scores, edges)
    return np.asarray(classes[np.searchsorted(cuts, scores, side="left")])


def reliability(labels: Floats, probabilities: Floats, bins: int = RELIABILITY_BINS) -> list[tuple[float, float, int]]:
    """Return (mean prediction, observed share, rows) of each equally wide bin that holds a row."""
    place = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    counts = np.bincount(place, minlength=bins)
    predicted, observed = (np.bincount(place, weights=v, minlength=bins) for v in (probabilities, labels))
    return [
        (float(predicted[at] / counts[at]), float(observed[at] / counts[at]), int(counts[at]))
        for at in np.flatnonzero(counts)
    ]


def calibration_error(labels: Floats, probabilities: Floats, bins: int = RELIABILITY_BINS) -> float:
    """Return the expected calibration error: the mean distance of prediction and observation over bins, by rows.

    Source: Naeini, Cooper and Hauskrecht 2015.
    """
    table = reliability(labels, probabilities, bins)
    return sum(abs(predicted - observed) * count for predicted, observed, count in table) / max(1, len(labels))
