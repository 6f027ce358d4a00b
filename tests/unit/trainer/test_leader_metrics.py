"""Metrics, tests and baselines of leaderboards against scikit-learn, scipy and figures worked out by hand."""

import math
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from aisle_trainer.domain import ranked_lists, shelf
from aisle_trainer.domain.paired_tests import holm, paired_test, sign_flip_p
from aisle_trainer.engines import collaborative
from aisle_trainer.engines.purchase_board import area_of, best_of
from scipy import stats
from sklearn import metrics as reference
from sklearn.calibration import calibration_curve


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def order_of(scores: np.ndarray) -> np.ndarray:
    return np.argsort(-scores, kind="stable")


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_and_ndcg_of_hits_equal_scikit_learns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    relevant, scores = (rng.random(30) < 0.3).astype(float), rng.random(30)
    relevant[0] = 1
    found = ranked_lists.precision_sum(relevant, order_of(scores))
    assert found == pytest.approx(reference.average_precision_score(relevant, scores))
    hits = relevant[order_of(scores)][:10]
    expected = reference.ndcg_score([relevant], [scores], k=10)
    assert ranked_lists.binary_ndcg(hits, int(relevant.sum())) == pytest.approx(expected)


def test_figures_at_k_worked_out_by_hand() -> None:
    relevant, order = np.array([0.0, 1.0, 1.0, 0.0]), np.array([0, 1, 3, 2])
    assert ranked_lists.recall_at(relevant, order, 2) == 0.5
    assert ranked_lists.hit_at(relevant, order, 1) == 0
    assert ranked_lists.hit_at(relevant, order, 2) == 1
    assert ranked_lists.reciprocal_at(relevant, order, 1) == 0
    assert ranked_lists.reciprocal_at(relevant, order) == 0.5
    assert ranked_lists.precision_sum(relevant, order) == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert ranked_lists.precision_sum(relevant, order, 2) == pytest.approx((1 / 2) / 2)
    nothing = np.zeros(4)
    assert all(math.isnan(f(nothing, order, 2)) for f in (ranked_lists.recall_at, ranked_lists.hit_at))
    assert math.isnan(ranked_lists.precision_sum(nothing, order))
    assert math.isnan(ranked_lists.binary_ndcg(nothing, 0))


def test_kappa_equals_scikit_learns_with_and_without_weights(rng: np.random.Generator) -> None:
    first, second = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    weights = rng.integers(0, 3, 200).astype(float)
    for given in (None, weights):
        expected = reference.cohen_kappa_score(first, second, weights="quadratic", sample_weight=given)
        assert ranked_lists.quadratic_kappa(first, second, given) == pytest.approx(expected)


def test_cutting_by_distribution_gives_the_known_shares_and_keeps_ties_together() -> None:
    known = np.array([0] * 2 + [1] * 3 + [3] * 5)
    cut = ranked_lists.cut_by_distribution(np.arange(10.0), known)
    assert cut.tolist() == known.tolist()
    assert set(ranked_lists.cut_by_distribution(np.zeros(10), known).tolist()) == {0}


def test_reliability_equals_scikit_learns_curve(rng: np.random.Generator) -> None:
    chance = rng.random(500)
    labels = (rng.random(500) < chance**2).astype(float)
    observed, predicted = calibration_curve(labels, chance, n_bins=10)
    table = ranked_lists.reliability(labels, chance)
    assert [row[0] for row in table] == pytest.approx(predicted.tolist())
    assert [row[1] for row in table] == pytest.approx(observed.tolist())
    by_hand = sum(abs(p - o) * n for p, o, n in table) / 500
    assert ranked_lists.calibration_error(labels, chance) == pytest.approx(by_hand)
    assert ranked_lists.calibration_error(np.ones(4), np.ones(4)) == 0


def test_gauc_weighs_groups_by_rows_and_leaves_out_those_of_one_class(rng: np.random.Generator) -> None:
    labels = [np.array([0.0, 1.0, 1.0]), np.array([1.0, 1.0]), np.array([1.0, 0.0])]
    scores = [rng.random(3), rng.random(2), rng.random(2)]
    areas, weights = ranked_lists.grouped_auc(labels, scores)
    assert areas[0] == pytest.approx(reference.roc_auc_score(labels[0], scores[0]))
    assert math.isnan(areas[1])
    assert weights.tolist() == [3, 2, 2]


@pytest.mark.parametrize("decimals", [1, 6])
def test_the_area_over_a_catalogue_equals_scikit_learns(rng: np.random.Generator, decimals: int) -> None:
    scores, wanted = rng.random(60).round(decimals), np.array([3, 17, 40])
    labels = np.isin(np.arange(60), wanted)
    assert area_of(scores, scores[wanted]) == pytest.approx(reference.roc_auc_score(labels, scores))


def test_the_best_are_those_of_a_stable_sort_without_what_may_not_be_shown(rng: np.random.Generator) -> None:
    scores = rng.integers(0, 9, 50).astype(float)
    scores[::3] = -np.inf
    expected = [at for at in np.argsort(-scores, kind="stable").tolist() if scores[at] > -np.inf]
    for count in (1, 7, 33, 50):
        assert best_of(scores, count).tolist() == expected[:count]


def test_sign_flips_equal_scipys_permutation_test(rng: np.random.Generator) -> None:
    few = rng.normal(0.3, 1, 9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exact = stats.permutation_test(
            (few,), np.mean, permutation_type="samples", vectorized=True, n_resamples=np.inf, axis=0
        )
    assert sign_flip_p(few, 0) == pytest.approx(exact.pvalue, abs=1e-9)
    many = rng.normal(0.2, 1, 80)
    normal = 2 * stats.norm.sf(abs(many.sum()) / math.sqrt((many**2).sum()))
    assert sign_flip_p(many, 0) == pytest.approx(normal, abs=0.02)
    assert sign_flip_p(np.zeros(40), 0) == 1


def test_holm_equals_the_definition_and_never_falls() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_a_paired_test_sees_a_difference_that_is_there_and_none_that_is_not(rng: np.random.Generator) -> None:
    base = rng.random(120)
    better = paired_test("ndcg@10", base + 0.05 + rng.normal(0, 0.05, 120), base, 1)
    assert better.difference.lower > 0
    assert max(better.sign_flip_p, better.bootstrap_p) < 0.01
    same = paired_test("ndcg@10", base, base, 1)
    assert (same.difference.value, same.sign_flip_p, same.bootstrap_p) == (0, 1, 1)


def test_lists_are_described_by_coverage_novelty_diversity_and_popularity() -> None:
    lists = np.array([[0, 1], [0, -1]])
    assert shelf.coverage(lists, 4) == 0.5
    buyers = np.array([4, 1, 0, 2])
    assert shelf.novelty(lists, buyers, 4).tolist() == [pytest.approx((0 + 2) / 2), 0]
    assert shelf.popularity_percentile(lists, buyers)[1] == pytest.approx(3.5 / 4)
    vectors = np.eye(4, dtype=np.float32)
    distance = shelf.intra_list_distance(lists, vectors)
    assert distance[0] == pytest.approx(1)
    assert math.isnan(distance[1])
    assert shelf.intra_list_distance(np.array([[0, 1]]), vectors[[0, 0]])[0] == pytest.approx(0)
    assert shelf.gini(np.array([[0, 1], [2, 3]]), 4) == pytest.approx(0)
    assert shelf.gini(np.array([[0, 0]]), 4) == pytest.approx(0.75)


def test_exposure_counts_places_and_is_held_against_purchases() -> None:
    lists, groups = np.array([[0, 1]]), np.array([0, 1])
    shown, distance = shelf.exposure(lists, groups, ["acme", "zeta"], np.array([0, 1, 1]))
    first = 1 / (1 + 1 / math.log2(3))
    assert [one.group for one in shown] == ["zeta", "acme"]
    assert shown[1].exposure == pytest.approx(first)
    assert distance == pytest.approx(abs(first - 1 / 3))


def purchases(rng: np.random.Generator) -> sp.csr_matrix:
    return sp.csr_matrix((rng.random((40, 12)) < 0.3).astype(np.float32))


def test_ease_equals_its_closed_form_and_leaves_rare_products_out(rng: np.random.Generator) -> None:
    bought = purchases(rng)
    dense = bought.toarray().astype(float)
    inverse = np.linalg.inv(dense.T @ dense + 5 * np.eye(12))
    expected = -inverse / np.diag(inverse)[None, :]
    np.fill_diagonal(expected, 0)
    fitted = collaborative.fit_ease(bought, penalty=5)
    np.testing.assert_allclose(fitted.weights, expected, atol=1e-4)
    few = collaborative.fit_ease(bought, penalty=5, most=4)
    left_out = np.setdiff1d(np.arange(12), few.products)
    assert not few.scores(bought)[:, left_out].any()
    assert few.scores(bought)[:, few.products].any()


def test_item_neighbours_are_shrunk_cosines_and_the_strongest_only(rng: np.random.Generator) -> None:
    bought = purchases(rng)
    dense = bought.toarray().astype(float)
    counts = dense.sum(axis=0)
    expected = dense.T @ dense / (np.sqrt(np.outer(counts, counts)) + 10)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(collaborative.item_neighbours(bought).toarray(), expected, atol=1e-6)
    cut = collaborative.item_neighbours(bought, neighbours=2)
    assert cut.nnz < (expected > 0).sum()
    assert all(cut[row].max() == pytest.approx(expected[row].max(), abs=1e-6) for row in range(12))


def test_als_solves_the_weighted_least_squares_of_each_row_and_finds_two_tastes(rng: np.random.Generator) -> None:
    bought = sp.csr_matrix(np.kron(np.eye(2), np.ones((15, 6))).astype(np.float32))
    thinned = bought.multiply(sp.csr_matrix(rng.random(bought.shape) < 0.7)).tocsr().astype(np.float32)
    items = collaborative.fit_als(thinned, seed=0, factors=4)
    users = collaborative.fold_in(thinned, items)
    row, dense = 3, items.astype(float)
    mine = thinned[row].toarray().ravel()
    confidence = np.diag(1 + collaborative.ALS_CONFIDENCE * mine)
    left = dense.T @ confidence @ dense + collaborative.ALS_PENALTY * np.eye(4)
    np.testing.assert_allclose(users[row], np.linalg.solve(left, dense.T @ confidence @ mine), atol=1e-4)
    scores = users @ items.T
    assert scores[:15, :6].mean() > 5 * abs(scores[:15, 6:].mean())
    assert not collaborative.fold_in(sp.csr_matrix((1, 12), dtype=np.float32), items).any()
