"""Trainer and ranker compute the same search features: weights learned by one are used by the other."""

import numpy as np
import pytest
from aisle_ranker.domain.text import words as ranker_words
from aisle_ranker.domain.text_match import TEXT_FEATURES as RANKER_FEATURES
from aisle_ranker.engines.lexical import TantivyIndex
from aisle_trainer.domain.text_match import TEXT_FEATURES as TRAINER_FEATURES
from aisle_trainer.engines.lexical import TitleIndex

TITLES = [
    "RED Retrospot Tea-Towel, set of 3",
    "garden lantern (large) — weiß",
    "Apple iPhone 5c 16GB green unlocked",
    "",
    "towel towel towel",
    "收纳盒 storage box",
    "x" * 60 + " oversized word",
]
QUERIES = ["red tea towels", "garden lantern", "iphone 5", "收纳盒", "nothing here matches", "a", "towel towel"]


@pytest.mark.parametrize("query", QUERIES)
def test_both_sides_see_the_same_features(query: str) -> None:
    rows = np.arange(len(TITLES))
    trained, served = TitleIndex(TITLES), TantivyIndex(TITLES)
    assert RANKER_FEATURES == TRAINER_FEATURES
    expected = trained.match(query, rows)
    found = served.match(ranker_words(query), rows)
    assert found == pytest.approx(expected, abs=1e-12)
    alone = np.stack([served.match_title(ranker_words(query), title) for title in TITLES])
    assert alone == pytest.approx(expected, abs=1e-12)
    assert ((expected >= 0) & (expected <= 1)).all()


def test_the_features_tell_titles_apart() -> None:
    values = TitleIndex(TITLES).match("red tea towels", np.arange(len(TITLES)))
    assert len(np.unique(values.round(6), axis=0)) >= 5
