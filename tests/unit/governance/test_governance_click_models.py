"""Click models and implicit labels on simulated shoppers whose truth is known."""

import numpy as np
import pandas as pd
import pytest
from aisle_governance.domain.labels.click_models import ClickLog, ClickModel, fit, fit_cascade, fit_dbn, fit_pbm
from aisle_governance.domain.labels.implicit import ImplicitOptions, LabelMethod, build_labels
from aisle_governance.errors import FailedPrecondition

PAIRS, RANKS, LISTS = 40, 8, 30_000
EXAMINATION = 1.0 / np.arange(1, RANKS + 1)


def lists(rng: np.random.Generator, truth: np.ndarray, noise: float) -> np.ndarray:
    """Rankings by truth plus noise: a good production ranker, so position and relevance hang together."""
    scores = truth + rng.normal(0, noise, (LISTS, PAIRS))
    return np.argsort(-scores, axis=1)[:, :RANKS]


def pearson_of_ranks(one: np.ndarray, two: np.ndarray) -> float:
    return float(np.corrcoef(np.argsort(np.argsort(one)), np.argsort(np.argsort(two)))[0, 1])


def test_pbm_recovers_examination_and_attractiveness() -> None:
    rng = np.random.default_rng(5)
    truth = rng.uniform(0.1, 0.9, PAIRS)
    pairs = lists(rng, truth, 0.3)
    clicks = rng.random((LISTS, RANKS)) < EXAMINATION * truth[pairs]
    found = fit_pbm(ClickLog(pairs, clicks, PAIRS), iterations=500)
    assert np.abs(found.examination - EXAMINATION).max() < 0.03
    often = np.bincount(pairs.ravel(), minlength=PAIRS) > 3000
    assert often.sum() > 20
    assert np.abs(found.attractiveness - truth)[often].max() < 0.05


def test_pbm_ranks_better_than_click_through_rates_under_strong_position_bias() -> None:
    """The production ranker puts a random half of the good items low; CTR believes it, the PBM does not."""
    rng = np.random.default_rng(6)
    truth = rng.uniform(0.1, 0.9, PAIRS)
    pairs = lists(rng, rng.permutation(truth), 0.25)
    clicks = rng.random((LISTS, RANKS)) < EXAMINATION**1.5 * truth[pairs]
    shown = np.bincount(pairs.ravel(), minlength=PAIRS)
    ctr = np.bincount(pairs.ravel(), weights=clicks.ravel(), minlength=PAIRS) / np.maximum(shown, 1)
    often = shown > 1000
    ours = pearson_of_ranks(fit_pbm(ClickLog(pairs, clicks, PAIRS)).attractiveness[often], truth[often])
    naive = pearson_of_ranks(ctr[often], truth[often])
    assert ours > 0.97
    assert naive < 0.85


def test_cascade_recovers_attractiveness_where_ctr_punishes_low_positions() -> None:
    rng = np.random.default_rng(7)
    truth = rng.uniform(0.1, 0.6, PAIRS)
    pairs = lists(rng, truth, 0.3)
    would = rng.random((LISTS, RANKS)) < truth[pairs]
    clicks = would & (np.cumsum(would, axis=1) == 1)
    found = fit_cascade(ClickLog(pairs, clicks, PAIRS))
    often = np.bincount(pairs.ravel(), minlength=PAIRS) > 2000
    assert np.abs(found.attractiveness - truth)[often].max() < 0.05
    assert found.examination[0] == 1.0
    assert np.all(np.diff(found.examination) < 0)


def simulate_dbn(
    rng: np.random.Generator, pairs: np.ndarray, attractive: np.ndarray, satisfied: np.ndarray, going_on: float
) -> np.ndarray:
    clicks = np.zeros(pairs.shape, bool)
    reading = np.ones(len(pairs), bool)
    for rank in range(pairs.shape[1]):
        here = pairs[:, rank]
        clicks[:, rank] = reading & (rng.random(len(pairs)) < attractive[here])
        happy = clicks[:, rank] & (rng.random(len(pairs)) < satisfied[here])
        reading &= ~happy & (rng.random(len(pairs)) < going_on)
    return clicks


def test_dbn_recovers_attractiveness_satisfaction_and_continuation() -> None:
    rng = np.random.default_rng(8)
    attractive, satisfied = rng.uniform(0.1, 0.7, PAIRS), rng.uniform(0.2, 0.8, PAIRS)
    pairs = lists(rng, attractive * satisfied, 0.3)
    clicks = simulate_dbn(rng, pairs, attractive, satisfied, 0.85)
    found = fit_dbn(ClickLog(pairs, clicks, PAIRS), iterations=300)
    often = np.bincount(pairs.ravel(), minlength=PAIRS) > 3000
    assert found.continuation == pytest.approx(0.85, abs=0.03)
    assert np.abs(found.attractiveness - attractive)[often].max() < 0.06
    assert np.abs(found.satisfaction - satisfied)[often].mean() < 0.06
    assert pearson_of_ranks(found.relevance[often], (attractive * satisfied)[often]) > 0.95


def test_dbn_reads_lists_of_different_lengths() -> None:
    pairs = np.array([[0, 1, -1], [1, 0, 2], [2, -1, -1]])
    clicks = np.array([[False, True, False], [True, False, False], [False, False, False]])
    found = fit_dbn(ClickLog(pairs, clicks, 3))
    assert np.all((found.attractiveness > 0) & (found.attractiveness < 1))
    assert found.attractiveness[1] > found.attractiveness[0]
    assert found.examination[0] == 1.0


@pytest.mark.parametrize("model", ClickModel)
def test_more_evidence_means_less_variance(model: ClickModel) -> None:
    pairs = np.array([[0, 1]] * 50 + [[2, 1]])
    clicks = np.zeros(pairs.shape, bool)
    clicks[::2, 0] = True
    found = fit(model, ClickLog(pairs, clicks, 3))
    assert found.variance[0] < found.variance[2]


@pytest.mark.parametrize("model", ClickModel)
def test_an_empty_log_gives_an_empty_fit(model: ClickModel) -> None:
    found = fit(model, ClickLog(np.zeros((0, 3), np.int64), np.zeros((0, 3), bool), 0))
    assert len(found.attractiveness) == 0


def events(*rows: tuple[str, str, str, str | None, int | None, str]) -> pd.DataFrame:
    """Rows of (seconds, session, type, query, position, product)."""
    start = pd.Timestamp("2026-01-01", tz="UTC")
    return pd.DataFrame(
        [
            {
                "event_id": str(index),
                "event_type": what,
                "event_time": start + pd.Timedelta(seconds=int(second)),
                "customer_id": None,
                "visitor_id": session,
                "product_id": product,
                "query": query,
                "position": position,
                "attribution_token": None,
            }
            for index, (second, session, what, query, position, product) in enumerate(rows)
        ]
    ).astype({"position": "Int64"})


def test_outcomes_grade_by_the_deepest_step_and_name_it() -> None:
    made = build_labels(
        events(
            ("0", "s", "impression", "Red Shoe", 1, "skipped"),
            ("0", "s", "impression", "Red Shoe", 2, "clicked"),
            ("0", "s", "impression", "Red Shoe", 3, "carted"),
            ("0", "s", "impression", "Red Shoe", 4, "bought"),
            ("0", "s", "impression", "Red Shoe", 5, "below"),
            ("1", "s", "CLICK", "red  shoe", None, "clicked"),
            ("2", "s", "CLICK", "red shoe", None, "bought"),
            ("3", "s", "ADD_TO_CART", None, None, "carted"),
            ("4", "s", "ADD_TO_CART", None, None, "bought"),
            ("5", "s", "PURCHASE", None, None, "bought"),
            ("6", "s", "PURCHASE", None, None, "never seen"),
            ("7", "s", "VIEW", None, None, "clicked"),
        ),
        ImplicitOptions(LabelMethod.OUTCOMES),
    )
    found = {row.product_id: (row.grade, row.label_source) for row in made.labels.itertuples()}
    assert found == {
        "skipped": (0.0, "rule"),
        "clicked": (1.0, "rule"),
        "carted": (2.0, "cart"),
        "bought": (3.0, "purchase"),
    }
    assert set(made.labels["query"]) == {"Red Shoe"}
    assert made.labels["grade_variance"].tolist() == [0.5] * 4
    assert (made.list_count, made.unattributed_event_count) == (1, 1)


def test_the_same_query_twice_in_a_session_is_two_lists() -> None:
    twice = [(str(at), "s", "impression", "q", place, f"p{place}") for at in (0, 100) for place in (1, 2)]
    clicks = [("101", "s", "click", "q", None, "p1")]
    made = build_labels(events(*twice, *clicks), ImplicitOptions(LabelMethod.CASCADE, prior_weight=0.0))
    assert made.list_count == 2
    found = dict(zip(made.labels["product_id"], made.labels["grade"], strict=True))
    assert found["p1"] > found["p2"] == pytest.approx(0.0, abs=1e-6)
    assert made.examination == (1.0, 0.5)


def test_click_models_see_through_positions_in_events() -> None:
    rng = np.random.default_rng(9)
    truth = {"a": 0.2, "b": 0.6, "c": 0.9}
    rows = []
    for session in range(3000):
        order = ["a", "b", "c"] if rng.random() < 0.8 else list(rng.permutation(["a", "b", "c"]))
        for place, product in enumerate(order, start=1):
            rows.append((str(session * 10), f"s{session}", "impression", "q", place, product))
            if rng.random() < truth[product] / place**2:
                rows.append((str(session * 10 + 1), f"s{session}", "click", "q", place, product))
    made = build_labels(events(*rows), ImplicitOptions(LabelMethod.PBM))
    grades = dict(zip(made.labels["product_id"], made.labels["grade"], strict=True))
    assert grades["a"] < grades["b"] < grades["c"]
    assert made.examination[2] == pytest.approx(1 / 9, abs=0.03)
    assert set(made.labels["label_source"]) == {"click_model"}


def test_a_click_model_needs_impressions() -> None:
    clicks = events(("0", "s", "click", "q", 1, "p"))
    with pytest.raises(FailedPrecondition) as caught:
        build_labels(clicks, ImplicitOptions(LabelMethod.DBN))
    assert caught.value.reason == "NO_IMPRESSIONS"
    assert build_labels(clicks, ImplicitOptions(LabelMethod.OUTCOMES)).labels["grade"].tolist() == [1.0]
