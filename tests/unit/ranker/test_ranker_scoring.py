"""Features and their blend: BM25 as the formula says, 0..1 where promised, ties in order."""

import math
from pathlib import Path

import numpy as np
import pytest
from aisle_ranker.domain import blend as rules
from aisle_ranker.domain.bm25 import Bm25
from aisle_ranker.domain.text import checked_query, words
from aisle_ranker.engines.lexical import TantivyIndex
from aisle_ranker.engines.tokenizing import BundleTokenizer, cut
from aisle_ranker.errors import BundleInvalid, InvalidField
from bundle_factory import build
from hypothesis import given
from hypothesis import strategies as st

WORDS = tuple(f"w{number}" for number in range(30))


def titles(seed: int, count: int, longest: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, rng.integers(1, longest + 1))) for _ in range(count)]


def formula(query: list[str], title: list[str], corpus: list[list[str]]) -> float:
    """Return the score, written down a second time."""
    average, total = sum(map(len, corpus)) / len(corpus), 0.0
    for word in query:
        n, tf = sum(word in entry for entry in corpus), title.count(word)
        idf = math.log(1 + (len(corpus) - n + 0.5) / (n + 0.5))
        total += idf * 2.2 * tf / (tf + 1.2 * (1 - 0.75 + 0.75 * len(title) / average))
    return total


@pytest.mark.parametrize("query", ["w1", "w1 w2 w3", "w5 w5 w9", "w29 nowhere", "W1, w2!"])
def test_the_index_and_the_formula_give_the_same_scores(query: str) -> None:
    texts = titles(0, 300, 40)
    corpus, index = [text.split() for text in texts], TantivyIndex(texts)
    asked = words(query)
    expected = np.array([formula(asked, entry, corpus) for entry in corpus])
    rows, scores = index.search(asked, len(texts))
    assert set(rows) == set(np.flatnonzero(expected))
    assert scores == pytest.approx(expected[rows], rel=1e-5)
    assert (np.diff(scores) <= 0).all()
    assert index.scores(asked, np.arange(len(texts))) == pytest.approx(expected, rel=1e-9)
    assert index.score_title(asked, texts[7].upper()) == pytest.approx(expected[7], rel=1e-9)
    best, _ = index.search(asked, 5)
    assert expected[best] == pytest.approx(np.sort(expected)[::-1][:5], rel=1e-5)


def test_a_title_of_another_shop_is_scored_by_this_ones_statistics() -> None:
    counts = {"red": 2, "lamp": 1}
    bm25 = Bm25(4, 3.0, lambda word: counts.get(word, 0))
    assert bm25.idf("red") == pytest.approx(math.log(1 + 2.5 / 2.5))
    assert bm25.idf("unseen") == pytest.approx(math.log(1 + 4.5 / 0.5))
    norm = 1.2 * (0.25 + 0.75 * 2 / 3)
    assert bm25.score(["red"], ["red", "mug"]) == pytest.approx(bm25.idf("red") * 2.2 / (1 + norm))
    assert bm25.score(["red", "red"], ["red"]) == pytest.approx(2 * bm25.score(["red"], ["red"]))
    assert bm25.score(["red"], []) == bm25.score([], ["red"]) == bm25.score(["red"], ["blue"]) == 0.0


def test_nothing_that_a_shopper_types_is_syntax() -> None:
    index = TantivyIndex(["red lamp", "and or not"])
    for query in ('red AND (lamp"', "words:red^9 lamp~2", "-red +lamp", "row:0", "\\", "*"):
        rows, _ = index.search(words(query), 5)
        assert list(rows) == ([0] if "red" in query else []) + ([1] if "AND" in query else [])
    assert len(TantivyIndex([]).search(["red"], 5)[0]) == 0


def test_words_and_queries() -> None:
    assert words("Ünïted_Kingdom, 2-pack!  " + "x" * 40 + " ok") == ["ünïted", "kingdom", "2", "pack", "ok"]
    assert checked_query("  red\x00\tlamp \n") == "red lamp"
    assert len(checked_query("x" * 512)) == 512
    for bad in ("", " \n\x00 ", "x" * 513):
        with pytest.raises(InvalidField) as caught:
            checked_query(bad)
        assert caught.value.field == "query"


def test_features_lie_between_0_and_1() -> None:
    assert rules.sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist() == [0.0, 0.5, 1.0]
    assert rules.sigmoid(np.array([1.5]))[0] == pytest.approx(1 / (1 + math.exp(-1.5)))
    assert rules.squashed_bm25(np.array([0.0, 5.0, 15.0])).tolist() == [0.0, 0.5, 0.75]
    assert rules.popularity(np.array([0, 3, 15])).tolist() == pytest.approx([0.0, 0.5, 1.0])
    assert rules.popularity(np.array([0, 0])).tolist() == [0.0, 0.0]
    assert rules.popularity(np.array([], dtype=np.int64)).tolist() == []
    assert rules.repeat_purchase(np.array([0, 1, 3, 9])).tolist() == pytest.approx([0, 1 / 3, 1, 1])


def test_the_blend_is_a_weighted_sum() -> None:
    features = {"vector": np.array([0.5, 1.0]), "bm25": np.array([1.0, 0.0]), "covisit": np.array([9.0, 9.0])}
    assert rules.blend({"vector": 2.0, "bm25": 0.5, "absent": 7.0}, features, 2).tolist() == [1.5, 2.0]
    assert rules.blend({}, {}, 3).tolist() == [0.0, 0.0, 0.0]
    assert rules.without_neural({"neural_relevance": 1.0, "vector": 0.5}, {"bm25": 1.0}) == {"vector": 0.5}
    for neural_only in ({"neural_relevance": 1.0}, {"neural_relevance": 1.0, "vector": 0.0}, {}):
        assert rules.without_neural(neural_only, {"bm25": 1.0}) == {"bm25": 1.0}


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), max_size=40), st.integers(1, 45))
def test_the_best_rows_come_first_and_equal_ones_in_order(scores: list[float], count: int) -> None:
    expected = sorted(range(len(scores)), key=lambda row: (-scores[row], row))
    assert rules.best_first(np.array(scores)).tolist() == expected
    top = rules.top_rows(np.array(scores), count).tolist()
    assert [scores[row] for row in top] == [scores[row] for row in expected[:count]]
    assert top == sorted(top, key=lambda row: (-scores[row], row))
    assert len(set(top)) == len(top)


@pytest.mark.parametrize(
    ("first", "second", "room", "kept"),
    [(3, 4, 10, (3, 4)), (20, 4, 10, (6, 4)), (4, 20, 10, (4, 6)), (20, 20, 10, (5, 5)), (9, 30, 11, (5, 6))],
)
def test_the_longer_text_is_cut_first(first: int, second: int, room: int, kept: tuple[int, int]) -> None:
    assert cut(first, second, room) == kept


@pytest.mark.parametrize("limit", [5, 9, 12, 24])
def test_texts_are_laid_out_as_the_tokenizer_file_does(tmp_path: Path, limit: int) -> None:
    bundle, reference = build()
    path = bundle.write(tmp_path)["tokenizer.json"]
    mine = BundleTokenizer(path, limit)
    theirs = reference.tokenizer
    theirs.enable_truncation(limit, strategy="longest_first")
    texts = ["red lamp", "red lamp ; blue kettle ; green desk ; white chair", "unknown thing", "red"]
    for first in texts:
        batch = mine.pairs(mine.ids(first), [mine.ids(text) for text in texts])
        for row, second in enumerate(texts):
            expected = theirs.encode(first, second)
            length = len(expected.ids)
            assert batch.input_ids[row, :length].tolist() == expected.ids
            assert batch.token_type_ids[row, :length].tolist() == expected.type_ids
            assert batch.attention_mask[row].tolist() == [1] * length + [0] * (batch.input_ids.shape[1] - length)
    singles = mine.singles(mine.ids_of(texts))
    for row, text in enumerate(texts):
        expected = theirs.encode(text)
        assert singles.input_ids[row, : len(expected.ids)].tolist() == expected.ids
    with pytest.raises(BundleInvalid, match="no room"):
        BundleTokenizer(path, 3)
