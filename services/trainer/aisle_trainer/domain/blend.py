"""How the parts of a score are put together: the same formula here, in the evaluation and in the ranker.

score = sum of weight * feature over the features of the surface; the weights are chosen on validation data.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from aisle_trainer.domain.metrics import ndcg

Floats = NDArray[np.float64]
BM25_HALF = 5.0
REPEAT_CAP = 3.0
SEARCH_GRID: dict[str, tuple[float, ...]] = {
    "neural_relevance": (1.0,),
    "vector": (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.4, 2.0, 4.0, 8.0),
    "bm25": (0.0, 0.05, 0.1, 0.2, 0.4, 0.8),
}
SEARCH_PRIOR = {"neural_relevance": 1.0, "vector": 0.2, "bm25": 0.0}
"""Where the weights are expected when little can be learned: the ranker has read both texts, the others are a rest."""
FEATURES_IN_WORDS = {
    "neural_relevance": "sigmoid of the ranker's `relevance` logit for (query, title): the expected gain, 0 to 1",
    "neural_purchase": "sigmoid of the ranker's `purchase` logit for (recent titles, newest first, title)",
    "vector": "cosine of embeddings; for a customer, of the mean embedding of the last 20 distinct products",
    "bm25": "bm25/(bm25+5), BM25 over titles with k1=1.2, b=0.75, idf=ln(1+(N-n+0.5)/(n+0.5)), tf*(k1+1)",
    "covisit": "sum of covisit.arrow scores of the product over the last 20 distinct products of the customer",
    "popularity": "log1p(purchase_count)/log1p(largest purchase_count) of recommend_index.arrow",
    "repeat_purchase": "min(1, times bought by this customer/3), counted over histories.arrow",
}


def sigmoid(logits: NDArray[np.floating]) -> Floats:
    """Return 1/(1+exp(-x)) without overflow."""
    x = np.asarray(logits, dtype=np.float64)
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)))


def squashed_bm25(scores: NDArray[np.floating]) -> Floats:
    """Map BM25 scores (0 and up) to 0..1."""
    s = np.asarray(scores, dtype=np.float64)
    return np.asarray(s / (s + BM25_HALF))


def repeat_purchase(times: NDArray[np.floating]) -> Floats:
    """Map how often the customer bought a product to 0..1."""
    return np.asarray(np.minimum(1.0, np.asarray(times, dtype=np.float64) / REPEAT_CAP))


def popularity(counts: NDArray[np.floating] | NDArray[np.integer]) -> Floats:
    """Map purchase counts to 0..1, on a log scale relative to the largest."""
    c = np.asarray(counts, dtype=np.float64)
    top = np.log1p(c.max()) if len(c) else 0.0
    return np.asarray(np.log1p(c) / top) if top > 0 else np.zeros(len(c))


def blend(weights: Mapping[str, float], features: Mapping[str, NDArray[np.floating]]) -> Floats:
    """Return the weighted sum; a feature without a weight, or a weight without a feature, counts nothing."""
    total: Floats | None = None
    for name, values in features.items():
        part = weights.get(name, 0.0) * np.asarray(values, dtype=np.float64)
        total = part if total is None else total + part
    if total is None:
        raise ValueError("no feature given")
    return total


def choose_search_blend(
    grades: Floats, features: Mapping[str, Floats], groups: Sequence[NDArray[np.int64]]
) -> tuple[dict[str, float], float]:
    """Return weights of `SEARCH_GRID` for validation `groups` (row numbers per query), and their mean NDCG@10.

    With some dozen validation queries the best point of the grid is mostly luck. So of all points whose loss against
    the best one is within one standard error of the paired difference, the one nearest to `SEARCH_PRIOR` is taken.
    Source: Hastie, Tibshirani and Friedman 2009, section 7.10 (one-standard-error rule).
    """
    points = [dict(zip(SEARCH_GRID, values, strict=True)) for values in product(*SEARCH_GRID.values())]
    scores = np.array([_ndcg_per_group(grades, blend(weights, features), groups) for weights in points])
    scores = scores[:, ~np.isnan(scores).any(axis=0)]
    if scores.shape[1] == 0:
        return dict(SEARCH_PRIOR), 0.0
    best = scores[np.argmax(scores.mean(axis=1))]
    loss = best - scores
    error = loss.std(axis=1) / np.sqrt(scores.shape[1])
    allowed = np.flatnonzero(loss.mean(axis=1) <= error + 1e-12)
    chosen = min(allowed.tolist(), key=lambda point: _distance(points[point]))
    return points[chosen], float(scores[chosen].mean())


def _distance(weights: Mapping[str, float]) -> float:
    """How far weights are from the prior; their size counts as on a log scale."""
    return sum(abs(math.log1p(4 * weights[name]) - math.log1p(4 * value)) for name, value in SEARCH_PRIOR.items())


def _ndcg_per_group(grades: Floats, scores: Floats, groups: Sequence[NDArray[np.int64]]) -> Floats:
    return np.array([ndcg(grades[rows], scores[rows]) for rows in groups])


def mean_ndcg(grades: Floats, scores: Floats, groups: Sequence[NDArray[np.int64]]) -> float:
    """Return the mean NDCG@10 over the groups that hold anything to find."""
    values = _ndcg_per_group(grades, scores, groups)
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else 0.0


def coordinate_ascent(
    start: Mapping[str, float],
    grid: Mapping[str, Sequence[float]],
    objective: Callable[[dict[str, float]], float],
    rounds: int = 2,
) -> tuple[dict[str, float], float]:
    """Improve one weight at a time over `grid` for at most `rounds` rounds; returns the weights and their objective."""
    weights, best = dict(start), objective(dict(start))
    for _ in range(rounds):
        before = best
        for name, values in grid.items():
            for value in values:
                if value == weights[name]:
                    continue
                score = objective({**weights, name: value})
                if score > best + 1e-9:
                    weights, best = {**weights, name: value}, score
        if best <= before:
            break
    return weights, best
