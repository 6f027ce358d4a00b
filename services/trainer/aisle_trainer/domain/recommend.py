"""Recommendation from behaviour: co-visitation, popularity, own purchases and vectors.

The candidates and features are those of the ranker's cascade, so that what is measured here is what is served.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aisle_trainer.domain.blend import blend, popularity, repeat_purchase

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
RECENT_PRODUCTS = 20
NEIGHBOURS = 50
VECTOR_CANDIDATES = 200
POPULAR_CANDIDATES = 200
LARGEST_BASKET = 200
RERANK_TOP = 40
START_WEIGHTS = {"covisit": 0.3, "popularity": 0.1, "repeat_purchase": 1.0, "vector": 0.0}
WEIGHT_GRID = {
    "covisit": (0.0, 0.1, 0.3, 0.6, 1.0, 2.0),
    "popularity": (0.0, 0.03, 0.1, 0.2, 0.3, 0.5, 1.0),
    "vector": (0.0, 0.1, 0.3, 1.0),
    "repeat_purchase": (0.0, 0.3, 1.0, 2.0),
}
NEURAL_GRID = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8)


@dataclass(frozen=True, slots=True)
class Covisits:
    """The nearest neighbours of each product, best first; -1 marks an empty place."""

    neighbours: Ints
    """(products, NEIGHBOURS) product numbers."""
    scores: NDArray[np.float32]
    """(products, NEIGHBOURS); 0 on empty places."""


@dataclass(frozen=True, slots=True)
class History:
    """What one customer bought, oldest first."""

    products: Ints
    """Product numbers, with repetitions."""

    def recent(self, count: int = RECENT_PRODUCTS) -> Ints:
        """Return the last `count` distinct products, newest first."""
        seen: dict[int, None] = {}
        for item in self.products[::-1]:
            seen.setdefault(int(item))
            if len(seen) == count:
                break
        return np.fromiter(seen, dtype=np.int64, count=len(seen))


@dataclass(frozen=True, slots=True)
class Candidates:
    """Products that may be shown to one customer, with their features."""

    products: Ints
    features: dict[str, Floats]
    """Per product: covisit, popularity, repeat_purchase, vector."""

    def ranked(self, weights: Mapping[str, float], top: int) -> Ints:
        """Return positions of the best `top` candidates, best first."""
        scores = blend(weights, self.features)
        return np.argsort(-scores, kind="stable")[:top]


class Recommender:
    """Finds candidates for a customer and describes them."""

    def __init__(self, covisits: Covisits, purchase_counts: Ints, embeddings: NDArray[np.float32]) -> None:
        """Take neighbours (products, k), purchase counts (products,) and L2-normalised embeddings (products, dim)."""
        self.covisits = covisits
        self.popularity = popularity(purchase_counts)
        self.popular = np.argsort(-purchase_counts, kind="stable")[:POPULAR_CANDIDATES].astype(np.int64)
        self.embeddings = embeddings

    def candidates(self, history: History) -> Candidates:
        """Return the union of neighbours, own, similar and popular products with their features."""
        recent = history.recent()
        own, times = np.unique(history.products, return_counts=True)
        covisit = np.zeros(len(self.popularity))
        neighbours = self.covisits.neighbours[recent].ravel()
        filled = neighbours >= 0
        np.add.at(covisit, neighbours[filled], self.covisits.scores[recent].ravel()[filled])
        similarity = self.similarity(recent)
        count = min(VECTOR_CANDIDATES, len(similarity))
        nearest = np.argpartition(-similarity, count - 1)[:count]
        products = np.unique(np.concatenate([neighbours[filled], own, nearest, self.popular]))
        repeat = np.zeros(len(self.popularity))
        repeat[own] = repeat_purchase(times.astype(np.float64))
        return Candidates(
            products,
            {
                "covisit": covisit[products],
                "popularity": self.popularity[products],
                "repeat_purchase": repeat[products],
                "vector": similarity[products].astype(np.float64),
            },
        )

    def similarity(self, recent: Ints) -> NDArray[np.float32]:
        """Return the cosine of every product with the mean of `recent`; zeros when that is empty."""
        if not len(recent):
            return np.zeros(len(self.embeddings), dtype=np.float32)
        mean = self.embeddings[recent].mean(axis=0)
        return np.asarray(self.embeddings @ (mean / max(float(np.linalg.norm(mean)), 1e-9)))


def top_of(scores: Sequence[float] | Floats, products: Ints, count: int) -> Ints:
    """Return the `count` best products; equal scores keep their order."""
    return products[np.argsort(-np.asarray(scores), kind="stable")[:count]]
