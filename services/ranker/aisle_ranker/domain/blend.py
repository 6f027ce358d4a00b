"""How the parts of a score are put together; the trainer chose the weights with these same formulas.

score = sum of weight * feature over the features of the surface.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from aisle_ranker.domain.arrays import Floats, Ints

BM25_HALF = 5.0
REPEAT_CAP = 3.0
BM25, VECTOR, NEURAL_RELEVANCE = "bm25", "vector", "neural_relevance"
COVISIT, POPULARITY, REPEAT_PURCHASE, NEURAL_PURCHASE = "covisit", "popularity", "repeat_purchase", "neural_purchase"
NEURAL = {NEURAL_RELEVANCE: "relevance", NEURAL_PURCHASE: "purchase"}
"""Neural features and the head of the model that gives each."""


def sigmoid(logits: NDArray[np.floating]) -> Floats:
    """Return 1/(1+exp(-x)) without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * np.asarray(logits, dtype=np.float64))))


def squashed_bm25(scores: NDArray[np.floating]) -> Floats:
    """Map BM25 scores (0 and up) to 0..1: half at `BM25_HALF`."""
    values = np.asarray(scores, dtype=np.float64)
    return np.asarray(values / (values + BM25_HALF))


def popularity(counts: Ints) -> Floats:
    """Map purchase counts to 0..1, on a log scale relative to the largest."""
    values = np.asarray(counts, dtype=np.float64)
    top = np.log1p(values.max()) if len(values) else 0.0
    return np.asarray(np.log1p(values) / top) if top > 0 else np.zeros(len(values))


def repeat_purchase(times: NDArray[np.integer] | Floats) -> Floats:
    """Map how often the customer bought a product to 0..1."""
    return np.asarray(np.minimum(1.0, np.asarray(times, dtype=np.float64) / REPEAT_CAP))


def blend(weights: Mapping[str, float], features: Mapping[str, Floats], count: int) -> Floats:
    """Return the weighted sum for `count` candidates; a feature without a weight counts nothing."""
    total = np.zeros(count)
    for name, values in features.items():
        weight = weights.get(name, 0.0)
        if weight:
            total += weight * values
    return total


def shares(weights: Mapping[str, float], features: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return what each feature adds to the scores of `blend`, in the order in which it adds them."""
    return {name: weights[name] * values for name, values in features.items() if weights.get(name, 0.0)}


def without_neural(weights: Mapping[str, float], fallback: Mapping[str, float]) -> dict[str, float]:
    """Return the weights that order candidates before the neural stage.

    Where these have no weight, because the trainer gave them none or the feature that has it is not there, `fallback`
    decides.
    """
    cheap = {name: weight for name, weight in weights.items() if name not in NEURAL}
    return cheap if any(cheap.values()) else dict(fallback)


def best_first(scores: Floats) -> Ints:
    """Return positions by descending score; equal scores keep their order."""
    return np.argsort(-scores, kind="stable").astype(np.int64)


def top_rows(scores: NDArray[np.floating], count: int) -> Ints:
    """Return the row numbers of the `count` highest scores, best first."""
    if count >= len(scores):
        return np.argsort(-scores, kind="stable").astype(np.int64)
    rows = np.argpartition(-scores, count - 1)[:count]
    rows.sort()
    return rows[np.argsort(-scores[rows], kind="stable")].astype(np.int64)
