"""The systems of the recommendation leaderboard: each knows only what was bought before the held-back window."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from aisle_trainer.domain.blend import blend
from aisle_trainer.domain.leaderboard import ALS, EASE, KNN, OWN, POPULARITY, RANDOM, RECENT, ZERO_SHOT
from aisle_trainer.domain.recommend import RECENT_PRODUCTS, Recommender
from aisle_trainer.engines import collaborative
from aisle_trainer.engines.applied import AppliedModel
from aisle_trainer.engines.purchase_board import Score, Shop

Ints = NDArray[np.int64]
Vectors = Callable[[], NDArray[np.float32]]
NEURAL = "neural_purchase"
BELOW_RERANKED = 1_000.0
"""Taken from candidates that are not reranked, so that they stay behind those that are."""


def makers(shop: Shop, seed: int, vectors: Vectors) -> Mapping[str, Callable[[], Score]]:
    """Return how each baseline is fitted, by name; `vectors` gives one embedding of length 1 per product."""
    return {
        RANDOM: lambda: _random(shop, seed),
        POPULARITY: lambda: _same_for_all(shop.buyers),
        RECENT: lambda: _same_for_all(shop.recent_counts),
        OWN: lambda: _own_purchases(shop),
        KNN: lambda: _item_knn(shop),
        EASE: lambda: _ease(shop),
        ALS: lambda: _als(shop, seed),
        ZERO_SHOT: lambda: _zero_shot(shop, vectors()),
    }


def _random(shop: Shop, seed: int) -> Score:
    products = len(shop.titles)

    def score(units: Ints) -> NDArray[np.floating]:
        return np.stack([np.random.default_rng([seed, 41, unit]).random(products) for unit in units.tolist()])

    return score


def _same_for_all(counts: Ints) -> Score:
    return lambda units: np.broadcast_to(counts.astype(np.float64), (len(units), len(counts)))


def _own_purchases(shop: Shop) -> Score:
    """What a customer bought most often, the newest first among equals; then what is popular now."""
    popular = shop.recent_counts / (shop.recent_counts.max(initial=0) + 1)

    def score(units: Ints) -> NDArray[np.floating]:
        found = np.tile(popular, (len(units), 1))
        for row, unit in enumerate(units.tolist()):
            history = shop.histories[unit].products
            np.add.at(found[row], history, 2.0)
            found[row, history] += np.arange(1, len(history) + 1) / len(history)
        return found

    return score


def _item_knn(shop: Shop) -> Score:
    near = collaborative.item_neighbours(shop.bought)
    return lambda units: np.asarray((shop.bought[shop.units[units]] @ near).toarray())


def _ease(shop: Shop) -> Score:
    fitted = collaborative.fit_ease(shop.bought)
    return lambda units: fitted.scores(shop.bought[shop.units[units]])


def _als(shop: Shop, seed: int) -> Score:
    items = collaborative.fit_als(shop.bought, seed)
    return lambda units: collaborative.fold_in(shop.bought[shop.units[units]], items) @ items.T


def _zero_shot(shop: Shop, vectors: NDArray[np.float32]) -> Score:
    def score(units: Ints) -> NDArray[np.floating]:
        means = np.stack(
            [vectors[shop.histories[unit].recent(RECENT_PRODUCTS)].mean(axis=0) for unit in units.tolist()]
        )
        return np.asarray(means @ vectors.T)

    return score


def model(shop: Shop, recommender: Recommender, applied: AppliedModel) -> Score:
    """Return how a bundle recommends: candidates, the blend, then the neural score on the first ones, as the ranker does."""
    weights: Mapping[str, float] = applied.manifest["recommend_blend"]
    top_count, items = int(applied.manifest["recommend_rerank_top"]), int(applied.manifest["history_items"])
    separator = str(applied.manifest["history_separator"])
    neural = float(weights.get(NEURAL, 0.0))

    def score(units: Ints) -> NDArray[np.floating]:
        found = np.full((len(units), len(shop.titles)), -2 * BELOW_RERANKED)
        pairs: list[tuple[str, str]] = []
        places: list[tuple[int, Ints]] = []
        for row, unit in enumerate(units.tolist()):
            candidates = recommender.candidates(shop.histories[unit])
            blended = blend(weights, candidates.features)
            found[row, candidates.products] = blended
            if neural > 0:
                top = candidates.products[np.argsort(-blended, kind="stable")[:top_count]]
                others = np.setdiff1d(candidates.products, top)
                found[row, others] -= BELOW_RERANKED
                context = separator.join(shop.titles[item] for item in shop.histories[unit].recent(items).tolist())
                pairs += [(context, shop.titles[item]) for item in top.tolist()]
                places.append((row, top))
        if pairs:
            chances = applied.probabilities(pairs)
            parts = np.split(chances, np.cumsum([len(top) for _, top in places])[:-1])
            for (row, top), chance in zip(places, parts, strict=True):
                found[row, top] += neural * chance
        return found

    return score
