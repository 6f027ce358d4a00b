"""Ranking and probability metrics with bootstrap intervals.

Gains are 2**grade - 1 (Burges et al. 2005). Intervals are percentile bootstraps over units (queries, customers), so
rows of one unit stay together (Efron & Tibshirani 1993, section 13).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
RESAMPLES = 1_000
HIGHEST_GRADE = 3.0
RELEVANT_GRADE = 2.0
"""Grades from here on count as relevant for MRR and AUC."""
_LOW, _HIGH = 2.5, 97.5


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured figure with its 95 % interval."""

    name: str
    value: float
    lower: float
    upper: float
    sample_count: int

    @classmethod
    def point(cls, name: str, value: float, sample_count: int) -> "Figure":
        """Return a figure without an interval."""
        return cls(name, value, value, value, sample_count)


def label_of_grade(grades: Floats) -> Floats:
    """Map grades 0..3 to what the relevance head learns, 0..1: the gain relative to the largest.

    A head that learns gains spends its effort where NDCG counts; grade/3 gave a lower NDCG on validation queries.
    """
    return np.asarray((np.exp2(grades) - 1) / (2**HIGHEST_GRADE - 1))


def grade_of_label(labels: Floats) -> Floats:
    """Undo `label_of_grade`."""
    return np.asarray(np.log2(1 + labels * (2**HIGHEST_GRADE - 1)))


def dcg(gains: Floats) -> float:
    """Return the discounted cumulative gain of gains in ranked order."""
    return float((gains / np.log2(np.arange(2, len(gains) + 2))).sum())


def ndcg(grades: Sequence[float] | Floats, scores: Sequence[float] | Floats, k: int = 10) -> float:
    """Return NDCG@k of one list; NaN when no item has a gain. Equal scores keep the list's order."""
    gains = np.exp2(np.asarray(grades, dtype=np.float64)) - 1
    ideal = dcg(np.sort(gains)[::-1][:k])
    if ideal <= 0:
        return float("nan")
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")[:k]
    return dcg(gains[order]) / ideal


def reciprocal_rank(grades: Sequence[float] | Floats, scores: Sequence[float] | Floats) -> float:
    """Return 1 / rank of the first relevant item, 0 when there is none."""
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    hits = np.flatnonzero(np.asarray(grades, dtype=np.float64)[order] >= RELEVANT_GRADE)
    return 1.0 / (int(hits[0]) + 1) if len(hits) else 0.0


def recall(ranked: Sequence[int] | NDArray[np.int64], wanted: set[int], k: int = 20) -> float:
    """Return the share of `wanted` among the first k of `ranked`; NaN when nothing is wanted."""
    if not wanted:
        return float("nan")
    return len(wanted.intersection(int(item) for item in ranked[:k])) / len(wanted)


def auc(labels: Floats, scores: Floats, weights: Floats | None = None) -> float:
    """Return the area under the ROC curve of 0/1 labels, ties counted half; NaN with a single class.

    `weights` are row multiplicities, as a bootstrap draws them.
    """
    weights = np.ones(len(labels)) if weights is None else weights
    order = np.argsort(scores, kind="stable")
    y, w, s = labels[order], weights[order], scores[order]
    negative, positive = w * (1 - y), w * y
    if negative.sum() <= 0 or positive.sum() <= 0:
        return float("nan")
    _, first, inverse = np.unique(s, return_index=True, return_inverse=True)
    group_negative = np.add.reduceat(negative, first)
    below = np.cumsum(group_negative) - group_negative
    return float(
        (positive * (below[inverse] + 0.5 * group_negative[inverse])).sum() / (negative.sum() * positive.sum())
    )


def log_loss_rows(labels: Floats, probabilities: Floats) -> Floats:
    """Return the cross-entropy of each row; labels may be soft (0..1)."""
    p = np.clip(probabilities, 1e-7, 1 - 1e-7)
    return np.asarray(-(labels * np.log(p) + (1 - labels) * np.log1p(-p)))


def bootstrap_weights(units: int, seed: int, resamples: int = RESAMPLES) -> NDArray[np.int32]:
    """Return how often each unit is drawn, (resamples, units); the same seed gives the same draws, so differences pair."""
    rng = np.random.default_rng([seed, units])
    return rng.multinomial(units, np.full(units, 1 / units), size=resamples).astype(np.int32)


def mean_figure(name: str, values: Sequence[float] | Floats, draws: NDArray[np.int32]) -> Figure:
    """Return the mean of per-unit values with its interval; `draws` as from `bootstrap_weights`."""
    v = np.asarray(values, dtype=np.float64)
    return _figure(name, float(v.mean()), draws @ v / len(v), len(v))


def ratio_figure(
    name: str, rows: Floats, unit_of_row: NDArray[np.int64], draws: NDArray[np.int32], root: bool = False
) -> Figure:
    """Return the mean of row values with an interval over units; `root` takes the square root (RMSE of squared errors)."""
    units = draws.shape[1]
    sums = np.bincount(unit_of_row, weights=rows, minlength=units)
    counts = np.bincount(unit_of_row, minlength=units)
    samples = (draws @ sums) / np.maximum(draws @ counts, 1)
    value = float(rows.mean())
    if root:
        value, samples = value**0.5, np.sqrt(samples)
    return _figure(name, value, samples, len(rows))


def auc_figure(
    name: str, labels: Floats, scores: Floats, unit_of_row: NDArray[np.int64], draws: NDArray[np.int32]
) -> Figure | None:
    """Return the AUC over all rows with an interval over units; None with a single class."""
    value = auc(labels, scores)
    if np.isnan(value):
        return None
    samples = np.array([auc(labels, scores, row[unit_of_row].astype(np.float64)) for row in draws[: RESAMPLES // 5]])
    return _figure(name, value, samples[~np.isnan(samples)], len(labels))


def _figure(name: str, value: float, samples: Floats, count: int) -> Figure:
    if not len(samples):
        return Figure.point(name, value, count)
    lower, upper = np.percentile(samples, [_LOW, _HIGH])
    return Figure(name, value, min(float(lower), value), max(float(upper), value), count)
