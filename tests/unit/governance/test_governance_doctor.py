"""The label doctor on judgments whose truth is known, and the text features it looks at."""

import random

import numpy as np
import pandas as pd
import pytest
from aisle_governance.domain.labels.raters import dawid_skene
from aisle_governance.engines.doctor import diagnose, judge, out_of_fold, ranking_harm
from aisle_governance.engines.label_context import context_features, title_vectors
from aisle_governance.engines.label_rows import label_rows
from aisle_governance.engines.text_match import match_features, trigrams, word_pairs, words
from aisle_governance.errors import FailedPrecondition


def judgments(queries: int = 40, turned_share: float = 0.1) -> tuple[pd.DataFrame, np.ndarray]:
    """The grade is how many of the query's three words the title holds; some of them are turned to the other end."""
    random.seed(11)
    vocabulary = [f"word{index}" for index in range(60)]
    rows, turned = [], []
    for _ in range(queries):
        asked = random.sample(vocabulary, 3)
        for place in range(16):
            hits = place % 4
            title = " ".join([*asked[:hits], *random.sample(vocabulary, 4), f"item{place}"])
            is_turned = hits in (0, 3) and random.random() < 2 * turned_share
            rows.append((" ".join(asked), title, None, float(3 - hits if is_turned else hits)))
            turned.append(is_turned)
    frame = pd.DataFrame(rows, columns=["query", "title", "description", "grade"])
    return frame.assign(query_id=frame["query"]), np.array(turned)


def test_turned_labels_come_first_with_their_true_grade() -> None:
    frame, turned = judgments()
    found = diagnose(frame)
    top = found.suspects[: int(turned.sum())]
    assert turned[top].mean() > 0.9
    assert (found.proposed[top] == 3 - frame["grade"].to_numpy()[top])[turned[top]].mean() > 0.9
    assert np.allclose(found.probabilities.sum(axis=1), 1)
    assert np.all(np.diff(found.surprise[found.suspects]) <= 1e-12)


def test_the_same_labels_give_the_same_suspects() -> None:
    frame, _ = judgments(12)
    assert diagnose(frame).suspects.tolist() == diagnose(frame).suspects.tolist()


def test_no_label_of_a_query_helps_to_predict_that_query() -> None:
    """One feature names the query: a model that saw its labels could read the grade off; one that did not can only guess."""
    groups = np.repeat(np.arange(40), 10)
    grade = np.repeat(np.arange(40) % 2 * 3, 10).astype(np.int64)
    features = np.random.default_rng(0).permutation(40)[groups].astype(np.float64)[:, None]
    seen = out_of_fold(features, grade, np.arange(400), seed=1)
    unseen = out_of_fold(features, grade, groups, seed=1)
    assert (seen.argmax(axis=1) == grade).mean() > 0.8
    assert (unseen.argmax(axis=1) == grade).mean() < 0.6


def test_a_grade_far_off_is_more_suspect_than_one_beside() -> None:
    probabilities = np.array([[0.0, 0.1, 0.2, 0.7]] * 3)
    grade = np.array([0.0, 2.0, 3.0])
    found = judge(probabilities, grade, grade.astype(np.int64))
    assert found.surprise.tolist() == pytest.approx([2.6, 0.8, 0.4])
    assert found.proposed.tolist() == [3, 3, 3]
    assert found.suspects.tolist() == [0, 1]
    assert found.accuracy_ratio == pytest.approx(1 / 3)


def test_a_label_is_described_by_the_other_half_of_its_query_only() -> None:
    groups = np.repeat(np.arange(10), 8)
    rng = np.random.default_rng(3)
    given = rng.integers(0, 4, 80)
    vectors = title_vectors([f"red lamp {number % 5}" for number in range(80)])
    first = np.full((80, 4), 0.25)
    before = context_features(vectors, given, groups, first, 0)
    changed = given.copy()
    changed[5] = (changed[5] + 2) % 4
    after = context_features(vectors, changed, groups, first, 0)
    assert np.isfinite(before).all()
    # The overall mix of grades moves by one label of eighty; what the label's own half is told of it is no more than that.
    assert np.abs(after[5] - before[5]).max() < 0.02
    assert (np.abs(after[:8] - before[:8]).max(axis=1) > 0.05).sum() == 4


def test_a_query_of_one_label_and_titles_without_words_are_described_too() -> None:
    found = context_features(title_vectors(["?", "!"]), np.array([0, 3]), np.array([0, 1]), np.full((2, 4), 0.25), 0)
    assert np.isfinite(found).all()


def test_labels_that_decide_the_top_of_a_ranking_are_worth_the_most() -> None:
    probabilities = np.tile([0.4, 0.3, 0.2, 0.1], (14, 1))
    given = np.array([3] + [2] * 12 + [0])
    harm = ranking_harm(probabilities, given, np.zeros(14, dtype=np.int64))
    assert harm[0] == harm.max()
    assert harm[-1] == 0  # no place among the best ten
    sure = probabilities.copy()
    sure[0] = [0, 0, 0, 1]
    assert ranking_harm(sure, given, np.zeros(14, dtype=np.int64))[0] < harm[0]


def test_too_few_labels_are_refused() -> None:
    frame, _ = judgments(4)
    with pytest.raises(FailedPrecondition) as caught:
        diagnose(frame)
    assert caught.value.reason == "TOO_FEW_LABELS"
    with pytest.raises(FailedPrecondition):
        diagnose(judgments()[0].assign(grade=2.0))


def test_text_is_cut_into_units() -> None:
    assert words("Red Shoes, 2 glass") == ["red", "shoe", "2", "glass"]
    assert word_pairs("a big lamp") == ["a big", "big lamp"]
    assert trigrams("tv") == [" tv", "tv "]


def test_features_measure_the_match() -> None:
    queries, titles = ["red shoe"] * 3, ["Red shoes for men", "red lamp", "blue chair"]
    features = match_features(np.zeros(3, np.int64), queries, titles, ["", "", ""])
    assert features[:, 0].tolist() == [1.0, 0.5, 0.0]
    assert features[0, 3] > features[1, 3] > features[2, 3] == 0.0
    assert np.isfinite(features).all()


def test_features_of_texts_without_any_unit_are_zeros() -> None:
    assert np.isfinite(match_features(np.zeros(2, np.int64), ["!", "?"], ["-", "."], ["", ""])).all()


def test_confusion_matrices_tell_the_raters_apart() -> None:
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 3, 400)
    item, rater = np.repeat(np.arange(400), 3), np.tile(np.arange(3), 400)
    right = rng.random(1200) < np.array([0.95, 0.8, 0.4])[rater]
    given = np.where(right, truth[item], rng.integers(0, 3, 1200))
    found = dawid_skene(item, rater, given, 3)
    quality = found.confusion[:, range(3), range(3)].mean(axis=1)
    assert quality == pytest.approx([0.95 + 0.05 / 3, 0.8 + 0.2 / 3, 0.4 + 0.6 / 3], abs=0.05)
    assert (found.posterior.argmax(axis=1) == truth).mean() > 0.95
    assert found.prior.sum() == pytest.approx(1)


def test_labels_become_rows_of_an_import_on_the_scale_of_its_mapping() -> None:
    labels = pd.DataFrame(
        {
            "query": ["q", "q"],
            "product_id": ["p", "gone"],
            "grade": [3.0, 1.0],
            "grade_variance": [0.5, 0.5],
            "label_source": ["purchase", "rule"],
        }
    )
    products = pd.DataFrame({"product_id": ["p"], "title": ["A lamp"], "description": [None]})
    (row,) = label_rows(labels, products, "lab-1", 1.0).to_pylist()
    assert (row["title"], row["grade"], row["_import"], row["_source_line"]) == ("A lamp", 4.0, "lab-1", 1)
    assert [one["title"] for one in label_rows(labels, None, "lab-1", 0.0).to_pylist()] == ["p", "gone"]
