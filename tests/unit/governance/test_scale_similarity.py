"""The bound that spares exact cosines changes no answer."""

import random

import numpy as np
import pytest
from aisle_governance.domain import similarity
from aisle_governance.domain.similarity import ngram_counts, prepare, similar_pairs, tfidf

WORDS = (
    "red",
    "blue",
    "shoe",
    "lamp",
    "desk",
    "wool",
    "usb",
    "cable",
    "phone",
    "case",
    "cup",
    "tea",
    "oak",
    "pro",
    "10",
    "20",
    "ml",
)


def titles(count: int = 400) -> list[str]:
    rng = random.Random(7)
    texts = []
    for _ in range(count):
        text = " ".join(rng.choice(WORDS) for _ in range(rng.randrange(3, 8)))
        texts += [text, text.replace("a", "e", 1), f"{text} {rng.choice(WORDS)}"]
    return sorted({prepare(text) for text in texts})


def test_no_cosine_exceeds_its_bound() -> None:
    weighted, _ = tfidf(ngram_counts(titles()))
    rng = np.random.default_rng(7)
    first, second = rng.integers(0, weighted.shape[0], (2, 5000))
    cosine = np.asarray(weighted[first].multiply(weighted[second]).sum(axis=1)).ravel()
    bound = similarity._bound(similarity._sketch(weighted), first, second)
    assert (bound >= cosine - similarity._ROUNDING).all()
    assert (bound < 0.75).any()  # or it would spare nothing


def test_the_same_pairs_are_found_without_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = titles()
    found = similar_pairs(texts, 0.75)
    assert len(found[0]) > 50
    monkeypatch.setattr(similarity, "_bound", lambda sketch, first, second: np.ones(len(first)))
    for mine, exact in zip(found, similar_pairs(texts, 0.75), strict=True):
        np.testing.assert_array_equal(mine, exact)


def test_a_bound_that_is_too_low_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = titles()
    found = similar_pairs(texts, 0.75)
    monkeypatch.setattr(similarity, "_SKETCH", 2)
    monkeypatch.setattr(similarity, "_bound", lambda sketch, first, second: np.zeros(len(first)))
    assert len(similar_pairs(texts, 0.75)[0]) < len(found[0])
