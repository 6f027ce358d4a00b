"""The population stability index, its bins, and the alert that it raises."""

import math

import numpy as np
import pyarrow as pa
import pytest
from aisle_monitor.domain.drift import (
    MISSING,
    OTHER,
    category_drift,
    number_drift,
    population_stability_index,
)
from aisle_monitor.domain.reports import ColumnDrift, DriftReport, drift_alert
from aisle_monitor.engines.columns import compare, wanted_columns
from hypothesis import given
from hypothesis import strategies as st


def labels(*values: str | None) -> np.ndarray:
    return np.array(values, dtype=object)


def test_psi_equals_the_sum_worked_out_by_hand() -> None:
    # shares 0.5/0.3/0.2 against 0.4/0.3/0.3
    by_hand = (0.4 - 0.5) * math.log(0.4 / 0.5) + 0.0 + (0.3 - 0.2) * math.log(0.3 / 0.2)
    assert population_stability_index([50, 30, 20], [400, 300, 300]) == pytest.approx(by_hand, abs=1e-12)
    assert by_hand == pytest.approx(0.0628609, abs=1e-7)


def test_an_empty_bin_gives_a_large_and_finite_index() -> None:
    by_hand = (0.0001 - 0.5) * math.log(0.0001 / 0.5) + (1.0 - 0.5) * math.log(1.0 / 0.5)
    assert population_stability_index([1, 1], [0, 2]) == pytest.approx(by_hand, abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=12))
def test_psi_is_never_negative_and_symmetric(bins: list[tuple[int, int]]) -> None:
    before, after = zip(*bins, strict=True)
    if sum(before) and sum(after):
        index = population_stability_index(before, after)
        assert index >= 0
        assert index == pytest.approx(population_stability_index(after, before))


def test_quantile_bins_hold_a_tenth_of_the_reference_each() -> None:
    reference = np.arange(1000, dtype=float)
    drift = number_drift("price", reference, reference, 0.2)
    assert drift.psi == pytest.approx(0)
    assert len(drift.bins) == 10
    assert all(entry.reference_ratio == pytest.approx(0.1, abs=0.002) for entry in drift.bins)


def test_a_shift_of_the_mean_shows() -> None:
    random = np.random.default_rng(0)
    reference = random.normal(0, 1, 20_000)
    assert not number_drift("x", reference, random.normal(0, 1, 5_000), 0.2).drifted
    assert number_drift("x", reference, random.normal(1, 1, 5_000), 0.2).drifted


def test_a_value_that_fills_whole_quantiles_has_its_own_bin() -> None:
    reference = np.concatenate([np.ones(900), np.arange(2, 102, dtype=float)])
    moved = np.full(1000, 50.0)
    drift = number_drift("quantity", reference, moved, 0.2)
    assert max(entry.reference_ratio for entry in drift.bins) == pytest.approx(0.9)
    assert drift.drifted


def test_few_values_are_compared_one_by_one_so_that_a_moved_constant_shows() -> None:
    drift = number_drift("grade", np.full(100, 3.0), np.full(100, 7.0), 0.2)
    assert {entry.label for entry in drift.bins} == {"3", OTHER}
    assert drift.drifted


def test_missing_values_are_a_bin_of_their_own() -> None:
    reference = np.arange(1000, dtype=float)
    half_gone = np.where(reference % 2 == 0, np.nan, reference)
    drift = number_drift("price", reference, half_gone, 0.2)
    assert next(entry for entry in drift.bins if entry.label == MISSING).current_ratio == pytest.approx(0.5)
    assert drift.drifted


def test_only_the_twenty_most_frequent_categories_have_bins() -> None:
    reference = labels(*(f"p{index % 40:02d}" for index in range(4000)), *(["p00"] * 5))
    drift = category_drift("product_id", reference, reference, 0.2)
    assert len(drift.bins) == 21
    assert drift.bins[0].label == "p00"
    assert drift.bins[-1].label == OTHER
    assert sum(entry.reference_ratio for entry in drift.bins) == pytest.approx(1)


def test_a_new_country_is_drift_in_the_rest() -> None:
    drift = category_drift("country", labels(*["UK"] * 90, *["FR"] * 10), labels(*["BR"] * 50, *["UK"] * 50), 0.2)
    assert drift.drifted
    assert next(entry for entry in drift.bins if entry.label == OTHER).current_ratio == 0.5


def test_an_empty_sample_is_no_drift() -> None:
    assert category_drift("country", labels("UK"), labels(), 0.2) == ColumnDrift("country", 0.0, False, ())
    empty = np.array([], dtype=float)
    assert number_drift("x", empty, np.arange(100.0), 0.2).psi == 0


def test_orders_are_compared_by_their_columns() -> None:
    times = pa.array([3_600_000_000 * hour for hour in range(48)] * 10, pa.timestamp("us", "UTC"))
    table = pa.table(
        {
            "product_id": [f"p{index % 7}" for index in range(480)],
            "quantity": list(range(480)),
            "unit_price": [None if index % 5 == 0 else index / 7 for index in range(480)],
            "order_time": times,
        }
    )
    found = {column.column: column for column in compare("ORDERS", table, table, 0.2)}
    assert set(found) == {"product_id", "quantity", "unit_price", "order_hour", "order_weekday"}
    assert all(column.psi == pytest.approx(0) for column in found.values())
    assert {entry.label for entry in found["order_weekday"].bins} == {"Thursday", "Friday"}
    night = compare("ORDERS", table, table.filter(pa.compute.less(pa.compute.hour(table["order_time"]), 3)), 0.2)
    assert next(column for column in night if column.column == "order_hour").drifted


def test_judgments_are_compared_by_grade_and_lengths() -> None:
    table = pa.table(
        {"query": ["led"] * 50, "title": ["lamp " * (index % 9 + 1) for index in range(50)], "grade": [3.0] * 50}
    )
    assert [column.column for column in compare("JUDGMENTS", table, table, 0.2)] == [
        "grade",
        "title_length",
        "query_length",
    ]


def test_only_columns_that_exist_are_asked_for() -> None:
    assert wanted_columns("PRODUCTS", ["product_id", "title", "price"]) == ["price", "title"]
    assert wanted_columns("UNSPECIFIED", ["a"]) == []


def report(psi: float, rows: int) -> DriftReport:
    columns = (ColumnDrift("grade", 0.05, False, ()), ColumnDrift("quantity", psi, psi > 0.2, ()))
    return DriftReport("driftReports/r", "datasets/d/versions/1", "datasets/d/versions/2", columns, 9000, rows, 5.0)


def test_the_alert_names_the_worst_column_and_the_dataset() -> None:
    alert = drift_alert(report(0.31, 500), 0.2, 500)
    assert alert is not None
    assert (alert.subject, alert.value, alert.threshold) == ("datasets/d", 0.31, 0.2)
    assert alert.report == "driftReports/r"
    assert "quantity of datasets/d/versions/2 moved by PSI 0.310" in alert.message


@pytest.mark.parametrize(("psi", "rows"), [(0.2, 500), (0.9, 499)])
def test_no_alert_at_the_bound_or_on_few_rows(psi: float, rows: int) -> None:
    assert drift_alert(report(psi, rows), 0.2, 500) is None


def test_many_categories_are_compared_in_groups_of_equal_popularity() -> None:
    rng = np.random.default_rng(7)
    names = np.array([f"P{index:04d}" for index in range(600)], dtype=object)
    popular = 1 / np.arange(1, 601) ** 0.7
    popular /= popular.sum()
    reference = rng.choice(names, 20_000, p=popular)
    same = category_drift("product_id", reference, rng.choice(names, 20_000, p=popular), 0.2)
    turned = category_drift("product_id", reference, rng.choice(names, 20_000, p=popular[::-1]), 0.2)
    unknown = category_drift("product_id", reference, np.array(["Q1"] * 500, dtype=object), 0.2)
    assert same.psi < 0.02
    assert not same.drifted
    assert turned.psi > 1.0
    assert {bin.label: bin.current_ratio for bin in unknown.bins}["(new)"] == 1.0
