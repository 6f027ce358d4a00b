"""Metrics against values worked out by hand."""

import math

import numpy as np
import pytest
from aisle_trainer.domain import metrics
from hypothesis import given
from hypothesis import strategies as st


def test_ndcg_of_a_list_worked_out_by_hand() -> None:
    grades, scores = [3.0, 0.0, 2.0], [0.2, 0.9, 0.5]
    found = 0 / math.log2(2) + 3 / math.log2(3) + 7 / math.log2(4)
    ideal = 7 / math.log2(2) + 3 / math.log2(3)
    assert metrics.ndcg(grades, scores) == pytest.approx(found / ideal)


def test_ndcg_looks_at_the_first_k_only_and_keeps_the_order_of_ties() -> None:
    assert metrics.ndcg([0.0, 3.0], [1.0, 0.5], k=1) == 0
    assert metrics.ndcg([3.0, 0.0], [1.0, 1.0], k=1) == 1
    assert metrics.ndcg([0.0, 3.0], [1.0, 1.0], k=1) == 0


def test_a_list_without_gain_has_no_ndcg() -> None:
    assert math.isnan(metrics.ndcg([0.0, 0.0], [1.0, 2.0]))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=20).filter(any))
def test_the_ideal_order_has_ndcg_one_and_no_order_has_more(grades: list[int]) -> None:
    values = [float(grade) for grade in grades]
    assert metrics.ndcg(values, values) == pytest.approx(1)
    assert metrics.ndcg(values, [-value for value in values]) <= 1 + 1e-12


def test_reciprocal_rank() -> None:
    assert metrics.reciprocal_rank([0, 1, 2, 3], [4, 3, 2, 1]) == pytest.approx(1 / 3)
    assert metrics.reciprocal_rank([0, 1], [1, 2]) == 0


def test_recall_counts_what_is_wanted_among_the_first() -> None:
    assert metrics.recall([5, 1, 2], {1, 9}, k=2) == 0.5
    assert math.isnan(metrics.recall([1], set()))


def test_auc_counts_ties_half() -> None:
    labels, scores = np.array([1.0, 0.0, 1.0, 0.0]), np.array([0.9, 0.4, 0.4, 0.1])
    assert metrics.auc(labels, scores) == pytest.approx((2 + 1.5) / 4)
    assert math.isnan(metrics.auc(np.ones(3), np.arange(3.0)))


def test_auc_with_multiplicities_is_auc_of_repeated_rows() -> None:
    rng = np.random.default_rng(1)
    labels, scores = rng.integers(0, 2, 30).astype(float), rng.integers(0, 8, 30).astype(float)
    times = rng.integers(0, 4, 30)
    repeated = metrics.auc(np.repeat(labels, times), np.repeat(scores, times))
    assert metrics.auc(labels, scores, times.astype(float)) == pytest.approx(repeated)


def test_log_loss_of_soft_labels() -> None:
    rows = metrics.log_loss_rows(np.array([1.0, 0.25]), np.array([0.5, 0.5]))
    assert rows == pytest.approx([math.log(2), math.log(2)])


def test_grades_survive_the_labels_that_teach_them() -> None:
    grades = np.array([0.0, 1.0, 1.5, 3.0])
    labels = metrics.label_of_grade(grades)
    assert labels == pytest.approx([0, 1 / 7, (2**1.5 - 1) / 7, 1])
    assert metrics.grade_of_label(labels) == pytest.approx(grades)


def test_intervals_repeat_pair_and_cover_the_mean() -> None:
    values = np.random.default_rng(2).normal(0.5, 0.1, 200)
    draws = metrics.bootstrap_weights(200, seed=3)
    assert (draws == metrics.bootstrap_weights(200, seed=3)).all()
    assert (draws.sum(axis=1) == 200).all()
    figure = metrics.mean_figure("x", values, draws)
    half = 1.96 * values.std() / math.sqrt(200)
    assert figure.lower == pytest.approx(values.mean() - half, abs=0.003)
    assert figure.upper == pytest.approx(values.mean() + half, abs=0.003)
    same = metrics.mean_figure("difference", values - values, draws)
    assert (same.value, same.lower, same.upper) == (0, 0, 0)


def test_rmse_with_units_of_different_size() -> None:
    squares, unit = np.array([1.0, 1.0, 4.0]), np.array([0, 0, 1])
    figure = metrics.ratio_figure("rmse", squares, unit, metrics.bootstrap_weights(2, 0), root=True)
    assert figure.value == pytest.approx(math.sqrt(2))
    assert figure.lower == pytest.approx(1)
    assert figure.upper == pytest.approx(2)
