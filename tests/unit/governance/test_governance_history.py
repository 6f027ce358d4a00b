"""Retention, quality history, drift and the search for people, without a service."""

import csv
import io
import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aisle_governance.domain.drift import column_drift, population_stability_index
from aisle_governance.domain.history import RetentionPolicy, anomalies, expired, robust_z
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.mapping import ColumnMapping
from aisle_governance.domain.model import Dialect, FileFormat, QualityReport, Version
from aisle_governance.domain.rules.base import put_aside
from aisle_governance.domain.rules.released import excuse
from aisle_governance.domain.subjects import Subjects, redact, subject_hash
from aisle_governance.engines import raw_erasing
from aisle_governance.engines.erasing import clean_parquet, person_rows
from aisle_governance.engines.opening import open_reader
from aisle_governance.engines.readers import Source
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import entropy

KEY = b"k" * 32
NOW = datetime(2024, 6, 1, tzinfo=UTC)


def version(number: int, days_old: int = 0, folder: str = "") -> Version:
    return Version(
        dataset="d",
        number=number,
        kind=DatasetKind.ORDERS,
        content_hash="",
        parent=number - 1,
        imports=(),
        contract_hash="",
        rule_set_hash="",
        row_count=1,
        columns=(),
        create_time=NOW - timedelta(days=days_old),
        run="r",
        folder=folder or f"d/{number}",
    )


VERSIONS = [version(number, days_old=10 * (6 - number)) for number in range(1, 7)]


@pytest.mark.parametrize(
    ("policy", "gone"),
    [
        (RetentionPolicy(keep_last_count=2), [1, 2, 3, 4]),
        (RetentionPolicy(keep_days=15), [1, 2, 3, 4]),
        (RetentionPolicy(keep_last_count=1, keep_days=35), [1, 2]),
        (RetentionPolicy(keep_last_count=100), []),
    ],
)
def test_any_part_of_a_policy_keeps_a_version(policy: RetentionPolicy, gone: list[int]) -> None:
    found, kept = expired(VERSIONS, policy, {}, NOW.timestamp())
    assert [one.number for one in found] == gone
    assert sorted([one.number for one in kept] + gone) == [1, 2, 3, 4, 5, 6]


def test_the_newest_the_used_and_the_shared_stay() -> None:
    shared = [*VERSIONS[:5], replace(VERSIONS[5], folder="d/2")]
    found, kept = expired(shared, RetentionPolicy(keep_days=1), {3: "models/m@a"}, NOW.timestamp())
    assert [one.number for one in found] == [1, 4, 5]
    assert [(one.number, one.reason, one.holder) for one in kept] == [
        (2, "SHARED", ""),
        (3, "IN_USE", "models/m@a"),
        (6, "LATEST", ""),
    ]


def test_robust_z_measures_from_the_median_in_robust_deviations() -> None:
    assert robust_z(14, [8, 9, 10, 11, 12]) == pytest.approx(0.6745 * 4 / 1)
    assert robust_z(14, [8, 9, 10, 11, 1e9]) == pytest.approx(
        0.6745 * 4 / 1
    )  # an outlier in the history changes nothing
    assert robust_z(10, [10] * 5) == 0
    assert 3.5 < robust_z(0.01, [0.0] * 5) < math.inf
    assert abs(robust_z(1000.5, [1000] * 5)) < 3.5  # a thousandth of a metric that never moved is not news


def report(rows: int, score: float = 1.0, aside: int = 0) -> QualityReport:
    return QualityReport("d", "r", rows + aside, rows, aside, (), (), (), (), score, {"missing_title": aside})


def test_anomalies_need_a_history_and_name_the_metric() -> None:
    usual = [report(rows) for rows in (100, 104, 98, 101)]
    assert anomalies(report(900), usual) == []
    found = anomalies(report(900, aside=300), [*usual, report(102)])
    assert {one.metric for one in found} == {"output_row_count", "quarantined_ratio", "defect_ratio:missing_title"}
    assert next(one.median for one in found if one.metric == "output_row_count") == 101
    assert anomalies(report(103), [*usual, report(102)]) == []


SHARES = st.lists(st.integers(0, 50), min_size=2, max_size=8).filter(lambda counts: sum(counts) > 0)


@given(SHARES, SHARES)
def test_psi_is_the_sum_of_both_divergences(first: list[int], second: list[int]) -> None:
    size = min(len(first), len(second))
    first, second = [one + 1 for one in first[:size]], [one + 1 for one in second[:size]]
    p, q = np.array(first) / sum(first), np.array(second) / sum(second)
    index = population_stability_index(p, q)
    assert index == pytest.approx(population_stability_index(q, p)) and index >= -1e-12
    if min(*p, *q) >= 1e-4:
        assert index == pytest.approx(entropy(p, q) + entropy(q, p), abs=1e-9)


def test_drift_sees_shifts_new_categories_and_missing_values() -> None:
    numbers = pd.Series(np.random.default_rng(1).normal(size=2000))
    same, moved = column_drift(numbers, numbers.sample(frac=1, random_state=2)), column_drift(numbers, numbers + 1)
    assert (same.psi, same.ks_statistic, same.drifted) == (0, 0, False)
    assert moved.drifted and moved.ks_statistic == pytest.approx(0.38, abs=0.04) and moved.ks_p_value < 1e-9
    words = pd.Series(["a", "b"] * 50)
    gone = column_drift(words, pd.Series(["a", None] * 50))
    assert gone.drifted and math.isnan(gone.ks_statistic) and 0.5 < gone.js_distance <= 1
    assert column_drift(words, pd.Series(["c"] * 9)).js_distance == pytest.approx(1)
    assert column_drift(words, words.iloc[:0]).psi == 0
    many = pd.Series([f"p{n % 500}" for n in range(5000)])
    assert not column_drift(many, many.sample(frac=0.5, random_state=3)).drifted
    assert column_drift(many, pd.Series([f"q{n}" for n in range(500)])).drifted
    times = pd.Series(pd.date_range("2024-01-01", periods=100, tz="UTC"))
    assert column_drift(times, times + pd.Timedelta(days=365)).ks_statistic == 1


def test_a_subject_is_found_in_every_spelling_and_only_where_it_can_be_meant() -> None:
    wanted = Subjects(KEY, [subject_hash(KEY, "17850"), subject_hash(KEY, "cust-9f"), subject_hash(KEY, "london")])
    assert all(map(wanted.is_id, ["17850", " 17850.0 ", "17850.00", "cust-9f\n", "london"]))
    assert not any(map(wanted.is_id, ["1785", "17850.5", "CUST-9F", "", None]))
    assert wanted.mentions("for cust-9f, please") and wanted.mentions('{"a":"cust-9f"}')
    assert not any(map(wanted.mentions, ["17850", "order 17850", "a bus in london", "cust-9fx", None]))
    assert not Subjects(b"x" * 32, [subject_hash(KEY, "17850")]).is_id("17850")  # another key knows nobody
    assert not Subjects(KEY, [])


def test_redaction_leaves_longer_words_alone() -> None:
    value = {"a": ["cust-1 bought", "cust-12", 5], "b": "x.cust-1"}
    assert redact(value, "cust-1") == {"a": ["[erased] bought", "cust-12", 5], "b": "x.cust-1"}


PERSON = "cust-7f3a9q"
CELLS = st.text(
    alphabet=st.characters(codec="utf-8", exclude_characters="\x00\r", exclude_categories=["Cs"]), max_size=12
)
TABLES = st.lists(
    st.tuples(st.sampled_from([PERSON, "other-1", "other-2"]), CELLS, st.integers(0, 9)), min_size=1, max_size=8
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=TABLES, crlf=st.booleans())
def test_a_rewritten_csv_keeps_every_other_row_in_its_line(
    tmp_path: Path, rows: list[tuple[str, str, int]], crlf: bool
) -> None:
    path, target = tmp_path / "o.csv", tmp_path / "new.csv"
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n" if crlf else "\n")
    writer.writerow(["order_id", "product_id", "quantity", "order_time", "customer_id", "note"])
    for number, (customer, note, quantity) in enumerate(rows):
        writer.writerow([number, "p", quantity, "2024-01-01", customer, note])
    path.write_bytes(text.getvalue().encode())
    source = Source(path, DatasetKind.ORDERS, ColumnMapping(), Dialect(quote='"'))
    subjects = Subjects(KEY, [subject_hash(KEY, PERSON)])
    found = raw_erasing.find_rows(source, FileFormat.CSV, subjects)
    raw_erasing.rewrite(source, FileFormat.CSV, found, target)

    def read(file: Path) -> dict[int, list[str]]:
        reader = open_reader(replace(source, path=file), FileFormat.CSV, raw_erasing.Budget(raw_erasing.Limits()))
        return {
            number: list(cells)
            for batch in reader.batches()
            for number, cells in zip(batch.lines, batch.rows, strict=True)
        }

    before, after = read(path), read(target)
    assert after == {number: cells for number, cells in before.items() if cells[4] != PERSON}
    assert PERSON.encode() not in target.read_bytes()
    assert bool(found) == any(customer == PERSON for customer, _, _ in rows)


def test_rows_labels_and_reasons_of_a_person_are_found_in_tables(tmp_path: Path) -> None:
    subjects = Subjects(KEY, [subject_hash(KEY, PERSON)])
    table = pa.table(
        {
            "title": ["x", "x", f"for {PERSON}", "x", "x"],
            "customer_id": [f"{PERSON} ", "o", "o", "o", None],
            "_row_id": ["r1", "r2", "r3", "r4", "r5"],
            "_label_rows": ["r1", "r2 r9", "r3", "r4", None],
        }
    )
    assert person_rows(table, subjects, {"r9", "r5"}).to_pylist() == [True, True, True, False, True]
    refused = pa.table(
        {
            "row_id": ["a", "b", "c"],
            "raw": [json.dumps({"cells": [f"1;2;{PERSON}"]}), json.dumps({"x": PERSON}), json.dumps({"x": "other"})],
        }
    )
    pq.write_table(refused, tmp_path / "in.parquet")
    cleaned = clean_parquet(tmp_path / "in.parquet", tmp_path / "out.parquet", subjects)
    assert (cleaned.removed_row_count, cleaned.kept_row_count, cleaned.row_ids) == (2, 1, {"a", "b"})
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == [{"row_id": "c", "raw": json.dumps({"x": "other"})}]
    untouched = clean_parquet(tmp_path / "out.parquet", tmp_path / "none.parquet", subjects)
    assert untouched.removed_row_count == 0 and not (tmp_path / "none.parquet").exists()


def test_excused_rows_return_to_their_places() -> None:
    frame = pd.DataFrame({"_row_id": list("abcd"), "n": [1, 2, 3, 4]})
    outcome = put_aside(frame, frame["n"].isin([2, 3]), "too even", "n")
    back = excuse(outcome, {"b", "x"})
    assert back.kept["_row_id"].tolist() == ["a", "b", "d"] and list(back.kept.columns) == ["_row_id", "n"]
    assert back.quarantined["_row_id"].tolist() == ["c"]
    assert excuse(outcome, ()) is outcome and excuse(outcome, {"x"}) is outcome
