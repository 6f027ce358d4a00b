"""Diversity and exploration: properties that hold for any list, and probabilities that are what they say."""

import numpy as np
import pytest
from aisle_ranker.domain.diversity import dpp, mmr
from aisle_ranker.domain.exploration import epsilon_slot, generator, plackett_luce
from hypothesis import given, settings
from hypothesis import strategies as st

METHODS = [mmr, dpp]


def some(seed: int, count: int, dim: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(count, dim)).astype(np.float32)
    return rng.random(count), vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def distance(order: np.ndarray, vectors: np.ndarray, top: int = 5) -> float:
    part = vectors[order[:top]]
    return float((1 - part @ part.T).sum() / (top * (top - 1)))


@pytest.mark.parametrize("method", METHODS)
@given(seed=st.integers(0, 500), count=st.integers(0, 25), strength=st.floats(0, 1))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_every_product_stays_and_the_best_is_first(method, seed: int, count: int, strength: float) -> None:  # type: ignore[no-untyped-def]
    scores, vectors = some(seed, count)
    order = method(scores, vectors, strength)
    assert sorted(order) == list(range(count))
    if count:
        assert order[0] == np.argmax(scores)


@pytest.mark.parametrize("method", METHODS)
def test_strength_trades_relevance_for_distance(method) -> None:  # type: ignore[no-untyped-def]
    runs = [some(seed, 40) for seed in range(30)]
    means = [
        np.mean([distance(method(scores, vectors, strength), vectors) for scores, vectors in runs])
        for strength in (0.0, 0.3, 0.6, 0.9)
    ]
    assert means == sorted(means)
    assert means[-1] > means[0] + 0.1


@pytest.mark.parametrize("method", METHODS)
def test_a_double_goes_down_and_without_strength_nothing_moves(method) -> None:  # type: ignore[no-untyped-def]
    vectors = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
    scores = np.array([1.0, 0.9, 0.8])
    assert list(method(scores, vectors, 0.7)) == [0, 2, 1]
    assert list(method(scores, vectors, 0.0)) == [0, 1, 2]
    assert list(method(scores, np.zeros((3, 2), dtype=np.float32), 0.5)) == [0, 1, 2]
    assert list(method(np.ones(3), vectors, 0.5)) == [0, 2, 1]


def frequencies(draw, count: int, rounds: int) -> np.ndarray:  # type: ignore[no-untyped-def]
    seen = np.zeros((count, count))
    for number in range(rounds):
        seen[draw(generator(f"a-{number}")).order, np.arange(count)] += 1
    return seen / rounds


def drawn_epsilon(random: np.random.Generator):  # type: ignore[no-untyped-def]
    return epsilon_slot(5, 0.4, random)


def drawn_luce(random: np.random.Generator):  # type: ignore[no-untyped-def]
    return plackett_luce(np.array([3.0, 2.5, 2.5, 1.0, 0.0]), 0.5, random)


@pytest.mark.parametrize("draw", [drawn_epsilon, drawn_luce])
def test_the_logged_probability_is_how_often_it_happens(draw) -> None:  # type: ignore[no-untyped-def]
    rounds = 3000
    table = draw(generator("x")).probabilities
    assert table.sum(axis=0) == pytest.approx(np.ones(5)) and table.sum(axis=1) == pytest.approx(np.ones(5))
    found = frequencies(draw, 5, rounds)
    # Five standard errors: with 25 cells a wrong table is noticed, a right one never fails by chance (the seeds are fixed).
    assert (np.abs(found - table) <= 5 * np.sqrt(table * (1 - table) / rounds) + 1e-9).all()
    assert (np.abs(found - np.roll(table, 1, axis=0)) > 5 * np.sqrt(0.25 / rounds)).any()


def test_a_draw_replays_and_probabilities_stay_in_range() -> None:
    scores = np.array([5.0, 1.0, 0.0])
    assert list(plackett_luce(scores, 1.0, generator("a-1")).order) == list(
        plackett_luce(scores, 1.0, generator("a-1")).order
    )
    sharp = plackett_luce(scores, 0.002, generator("a-1"))
    assert list(sharp.order) == [0, 1, 2]
    assert np.isfinite(sharp.probabilities).all() and sharp.probabilities.sum(axis=0) == pytest.approx(np.ones(3))
    assert plackett_luce(np.ones(10), 1.0, generator("b")).probabilities == pytest.approx(np.full((10, 10), 0.1))
