"""How the parts of a score are put together: the same formula here, in the evaluation and in the ranker.

score = sum of weight * feature over the features of the surface; the weights are chosen on validation data.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from aisle_trainer.domain.metrics import ndcg
from aisle_trainer.domain.text_match import ridge_weights

Floats = NDArray[np.float64]
BM25_HALF = 5.0
REPEAT_CAP = 3.0
NEURAL_RELEVANCE, VECTOR = "neural_relevance", "vector"
LINEAR_GRID = (0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0)
"""Weights of the linear model's prediction (an expected gain, as the neural score is one)."""
VECTOR_GRID = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
"""Weights of the frozen encoder's cosine beyond its part in the linear model."""
ANCHOR = 0.6
"""What the frozen encoder's cosine counts beyond its fitted weight: it has read far more text than a shop has judged."""
SEARCH_PRIOR = (2.0, 1.0)
"""Linear and vector weight expected when little can be learned, beside 1 for the neural score."""
FEATURES_IN_WORDS = {
    "neural_relevance": "sigmoid of the ranker's `relevance` logit for (query, title): the expected gain, 0 to 1",
    "neural_purchase": "sigmoid of the ranker's `purchase` logit for (recent titles, newest first, title)",
    "vector": "cosine of embeddings; for a customer, of the mean embedding of the last 20 distinct products",
    "word_coverage": "share of the query's distinct words in the title, weighted by idf as of bm25",
    "bigram_coverage": "share of the query's neighbouring word pairs that stand together in the title",
    "first_position": "1/(1+place of the title's first word that the query holds), 0 without one",
    "title_length": "min(1, log1p(words of the title)/log1p(40))",
    "trigram_coverage": "share of the query's character trigrams in the title; words joined and framed by spaces",
    "trigram_jaccard": "common character trigrams of query and title over all of theirs",
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


def search_weights(linear: Mapping[str, float], scale: float, vector: float) -> dict[str, float]:
    """Return the blend 1 * neural + scale * linear model + vector * cosine as weights of single features."""
    weights = {NEURAL_RELEVANCE: 1.0, **{name: scale * weight for name, weight in linear.items()}}
    weights[VECTOR] = weights.get(VECTOR, 0.0) + vector
    return weights


def choose_search_blend(
    grades: Floats,
    features: Mapping[str, Floats],
    linear: Mapping[str, float],
    groups: Sequence[NDArray[np.int64]],
) -> tuple[dict[str, float], float]:
    """Return weights for validation `groups` (row numbers per query), and their mean NDCG@10.

    `linear` are the weights of a linear model over the plain features, fitted to training queries; what is chosen is how
    much it and the frozen encoder count beside the neural score. With some dozen validation queries the best point of
    the grid is mostly luck. So of all points whose loss against the best one is within one standard error of the paired
    difference, the one nearest to `SEARCH_PRIOR` is taken.
    Source: Hastie, Tibshirani and Friedman 2009, section 7.10 (one-standard-error rule).
    """
    points = list(product(LINEAR_GRID, VECTOR_GRID))
    weights = [search_weights(linear, *point) for point in points]
    scores = np.array([_ndcg_per_group(grades, blend(entry, features), groups) for entry in weights])
    scores = scores[:, ~np.isnan(scores).any(axis=0)]
    if scores.shape[1] == 0:
        return search_weights(linear, *SEARCH_PRIOR), 0.0
    best = scores[np.argmax(scores.mean(axis=1))]
    loss = best - scores
    error = loss.std(axis=1) / np.sqrt(scores.shape[1])
    allowed = np.flatnonzero(loss.mean(axis=1) <= error + 1e-12)
    chosen = min(allowed.tolist(), key=lambda number: _distance(points[number]))
    return weights[chosen], float(scores[chosen].mean())


def stacked_weights(features: Mapping[str, Floats], labels: Floats, rows: Floats) -> dict[str, float]:
    """Return blend weights fitted to pairs whose neural score comes from a model that never saw their query.

    labels (gains 0..1) and `rows` (weights of the rows) are (rows,). The fit is drawn towards the frozen encoder's order
    by `ANCHOR`; a neural weight below 0 becomes 0. Source: Wolpert 1992; Breiman 1996 (stacked regressions).
    """
    weights = ridge_weights(features, labels, rows)
    if weights.get(NEURAL_RELEVANCE, 0.0) < 0:
        rest = {name: values for name, values in features.items() if name != NEURAL_RELEVANCE}
        weights = {NEURAL_RELEVANCE: 0.0, **ridge_weights(rest, labels, rows)}
    weights[VECTOR] = weights.get(VECTOR, 0.0) + ANCHOR
    return weights


def _distance(point: tuple[float, float]) -> float:
    """How far weights are from the prior; their size counts as on a log scale."""
    return sum(abs(math.log1p(value) - math.log1p(prior)) for value, prior in zip(point, SEARCH_PRIOR, strict=True))


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
