"""Baselines of search and recommendation through the trainer's evaluator, on real data."""

from collections.abc import Callable

from benchmarks.figures import Row
from benchmarks.trainer.leaderboards import beauty_leaderboard, qwk_ridge, search_leaderboard


def rows() -> dict[str, Callable[[], Row]]:
    """By id."""
    return {
        "leaderboard_crowdflower": search_leaderboard,
        "qwk_tfidf_ridge": qwk_ridge,
        "leaderboard_amazon_beauty": beauty_leaderboard,
    }
