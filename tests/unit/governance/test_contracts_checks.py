"""Checks that look beyond the table, in both directions, and what happens to one that cannot be computed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from aisle_governance.domain.check_context import CannotCheck, CheckContext
from aisle_governance.domain.context_checks import (
    DistributionCheck,
    ExpressionCheck,
    FreshnessCheck,
    QueryCheck,
    ReferenceCheck,
    StatisticsCheck,
    VolumeCheck,
)
from aisle_governance.domain.contract import Bound, RangeCheck, RequiredCheck, run_checks
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.model import CheckResult, Severity
from aisle_governance.domain.quality import score
from aisle_governance.engines import expressions
from aisle_governance.engines.odcs import ContractProblems, parse_contract
from aisle_governance.engines.surroundings import Surroundings, in_order

NOW = datetime(2026, 3, 10, tzinfo=UTC)
TIMES = [NOW - timedelta(days=9), NOW - timedelta(hours=30), NOW + timedelta(days=400), None]
TABLE = pa.table(
    {
        "id": ["a", "b", "c", None],
        "price": [1.0, 2.0, 3.0, None],
        "count": pa.array([1, 2, 30, 4], pa.int64()),
        "time": pa.array(TIMES, pa.timestamp("us", "UTC")),
    }
)


def lookup(dataset: str, column: str) -> pa.ChunkedArray:
    if dataset != "products":
        raise CannotCheck("it is not there")
    return pa.chunked_array([["a", "b", "x"]])


def reference(number: int | None, column: str) -> "pd.Series[Any] | None":
    known = {1: pd.Series([1.0, 2.0, 3.0, None]), 2: pd.Series([100.0 + one for one in range(50)])}
    return None if number is None else known[number]


CONTEXT = CheckContext(
    dataset="orders",
    now=NOW.timestamp(),
    last_row_count=10,
    reference=reference,
    lookup=lookup,
    count_broken=expressions.count_broken,
    query=expressions.query,
)


@pytest.mark.parametrize(
    ("check", "failed"),
    [
        (ReferenceCheck("id", "products", "product_id"), 1),
        (ReferenceCheck("id", "orders", "id"), 0),
        (FreshnessCheck("time", 31 * 3600), 0),
        (FreshnessCheck("time", 29 * 3600), 4),
        (VolumeCheck(Bound(4, 4)), 0),
        (VolumeCheck(Bound(5, None)), 1),
        (VolumeCheck(ratio=Bound(0.4, None)), 0),
        (VolumeCheck(ratio=Bound(0.5, None)), 1),
        (DistributionCheck("price", max_psi=0.1, max_ks=0.1, reference=1), 0),
        (DistributionCheck("price", max_psi=0.1, reference=2), 4),
        (DistributionCheck("price", max_ks=0.5, reference=2), 4),
        (DistributionCheck("price", max_js=0.2, reference=2), 4),
        (DistributionCheck("price", max_psi=0.1), 0),
        (StatisticsCheck("price", Bound(1.9, 2.1)), 0),
        (StatisticsCheck("price", Bound(2.1, None)), 4),
        (StatisticsCheck("count", quantiles=((0.5, Bound(2, 4)),)), 0),
        (StatisticsCheck("count", quantiles=((1.0, Bound(None, 29)),)), 4),
        (ExpressionCheck("price < 3 OR price IS NULL"), 1),
        (ExpressionCheck("count >= price"), 0),
        (QueryCheck("SELECT count(*) FROM ${object} WHERE ${property} > 2", Bound(1, 1), "price"), 0),
        (QueryCheck("SELECT max(count) FROM ${object}", Bound(None, 29)), 1),
    ],
)
def test_checks_beyond_the_table_hold_or_not(check: Any, failed: int) -> None:
    (result,) = run_checks([check], TABLE, CONTEXT)
    assert (result.failed_row_count, result.passed) == (failed, failed == 0), result.message


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (ReferenceCheck("id", "nowhere", "id"), "it is not there"),
        (ReferenceCheck("price", "products", "product_id"), "string"),
        (FreshnessCheck("id", 60), "not a time"),
        (StatisticsCheck("id", Bound(0, 1)), "not a number"),
        (DistributionCheck("price", max_psi=1, reference=9), "KeyError"),
        (ExpressionCheck("id > 5"), "refuses"),
        (ExpressionCheck("absent > 5"), "no column"),
        (QueryCheck("SELECT min(id) FROM data", Bound(0, 1)), "no number"),
        (QueryCheck("SELECT sum(price) FROM data WHERE false", Bound(0, 1)), "nothing"),
    ],
)
def test_a_check_that_cannot_be_computed_says_so_and_fails(check: Any, words: str) -> None:
    (result,) = run_checks([check], TABLE, CONTEXT)
    assert not result.passed and words in result.message


class Crashing:
    name, column, severity = "crash", "", Severity.WARNING

    def failures(self, table: pa.Table) -> tuple[int, str]:
        raise RuntimeError("secret value 4111111111111111")


def test_a_crashing_check_hides_no_other() -> None:
    checks: list[Any] = [RequiredCheck("id"), Crashing(), RangeCheck("price", 0, 2, severity=Severity.INFO)]
    found = run_checks(checks, TABLE, tiers={"crash": ("relevance",)})
    assert [one.check for one in found] == ["id.required", "crash", "price.range"]
    assert [one.passed for one in found] == [False, False, False]
    assert "RuntimeError" in found[1].message and "4111" not in found[1].message
    assert found[1].tiers == ("relevance",)


def test_info_is_reported_and_weighs_nothing() -> None:
    found = [CheckResult("a", "", True, Severity.ERROR, 0, ""), CheckResult("b", "", False, Severity.INFO, 9, "")]
    assert score(found) == 1.0
    stored = {"check": "b", "column": "", "passed": False, "severity": "INFO", "failed_row_count": 9, "message": ""}
    assert CheckResult.from_json(stored | {"newer": 1}) == found[1]


HEAD = "apiVersion: v3.0.2\nkind: DataContract\nid: x\nversion: 1.0.0\nstatus: active\nschema:\n- name: orders\n"
FULL = (
    HEAD
    + """  quality:
  - {type: custom, engine: aisle, severity: info, implementation: {check: volume, minRows: 1, maxRatio: 3}}
  - {type: custom, engine: aisle, name: sane, implementation: "quantity * unit_price < 100000"}
  - {type: sql, name: no orphans, query: "SELECT count(*) FROM ${object} WHERE title IS NULL", mustBe: 0, severity: warning}
  properties:
  - name: product_id
    relationships: [{to: products.product_id}]
    customProperties: [{property: severity, value: info}]
  - name: order_time
    quality:
    - type: custom
      engine: aisle
      implementation: {check: freshness, maxAge: 36h}
      customProperties: [{property: readiness, value: [behaviour]}]
  - name: unit_price
    quality:
    - {type: custom, engine: aisle, implementation: {check: distribution, maxPsi: 0.2, maxKs: 0.3, reference: 2}}
    - type: custom
      engine: aisle
      implementation: {check: statistics, minMean: 1, quantiles: [{rank: 0.9, max: 50}]}
"""
)


def test_a_document_holds_every_kind_of_check() -> None:
    contract = parse_contract(FULL, DatasetKind.ORDERS)
    assert set(contract.checks) == {
        VolumeCheck(Bound(1, None), Bound(None, 3), severity=Severity.INFO),
        ExpressionCheck("quantity * unit_price < 100000", label="sane"),
        QueryCheck(
            "SELECT count(*) FROM ${object} WHERE title IS NULL", Bound(0, 0), "", "no orphans", Severity.WARNING
        ),
        ReferenceCheck("product_id", "products", "product_id", Severity.INFO),
        FreshnessCheck("order_time", 36 * 3600),
        DistributionCheck("unit_price", 0.2, None, 0.3, 2),
        StatisticsCheck("unit_price", Bound(1, None), ((0.9, Bound(None, 50)),)),
    }
    assert contract.tiers == {"order_time.freshness": ("behaviour",)}
    assert contract.columns == ("product_id", "order_time", "unit_price")


@pytest.mark.parametrize(
    ("entry", "path", "words"),
    [
        ("{type: custom, engine: soda, implementation: x}", "engine", "soda"),
        ("{type: custom, engine: aisle}", "implementation", "required"),
        ("{type: custom, engine: aisle, implementation: {check: magic}}", "implementation.check", "no check"),
        ("{type: custom, engine: aisle, implementation: {check: volume, rows: 3}}", "implementation.rows", "no part"),
        ("{type: custom, engine: aisle, implementation: {check: volume}}", "implementation", "no bound"),
        ("{type: custom, engine: aisle, implementation: {check: volume, minRows: 9, maxRows: 3}}", "minRows", "above"),
        ("{type: custom, engine: aisle, implementation: {check: freshness, maxAge: 1d}}", "quality[0]", "column"),
        ("{type: custom, engine: aisle, implementation: 'sum(quantity) > 1'}", "expression", "'sum'"),
        ("{type: custom, engine: aisle, implementation: 'colour = 1'}", "expression", "no column of this kind"),
        ("{type: custom, engine: aisle, implementation: 'quantity = (SELECT 1)'}", "expression", "subquery"),
        ("{type: sql, query: 'SELECT count(*) FROM ${object}'}", "quality[0]", "must answer"),
        ("{type: sql, query: 'SELECT count(*) FROM other', mustBe: 0}", "query", "the one table"),
        ("{metric: rowCount, mustBe: 1, customProperties: [{property: readiness, value: magic}]}", "custom", "no tier"),
    ],
)
def test_a_bad_entry_is_refused_with_its_place(entry: str, path: str, words: str) -> None:
    with pytest.raises(ContractProblems) as caught:
        parse_contract(HEAD + f"  quality:\n  - {entry}\n", DatasetKind.ORDERS)
    (problem,) = caught.value.problems
    assert path in problem.path and words in problem.message and problem.line == 9


def test_two_custom_checks_of_one_name_and_a_bad_reference_are_refused() -> None:
    twice = "  - {type: custom, engine: aisle, implementation: 'quantity > 0'}\n" * 2
    column = "  properties:\n  - {name: product_id, relationships: [{to: products}]}\n"
    with pytest.raises(ContractProblems) as caught:
        parse_contract(HEAD + "  quality:\n" + twice + column, DatasetKind.ORDERS)
    assert ["another check" in caught.value.problems[0].message, "one column" in caught.value.problems[1].message] == [
        True,
        True,
    ]


REFER = HEAD + "  properties:\n  - {name: product_id, relationships: [{to: products.product_id}]}\n"


def test_referenced_datasets_of_a_run_come_first_and_cycles_are_told(tmp_path: Any) -> None:
    orders = parse_contract(REFER, DatasetKind.ORDERS)
    products = parse_contract(HEAD.replace("orders", "products"), DatasetKind.PRODUCTS)
    assert in_order({"orders": orders, "products": products}) == ["products", "orders"]
    back = parse_contract(REFER.replace("to: products", "to: orders"), DatasetKind.PRODUCTS)
    assert in_order({"orders": orders, "products": back}) == ["orders", "products"]
    around = Surroundings({"orders": orders, "products": back}, {}, tmp_path, lambda: 0.0)
    table = pa.table({"product_id": ["a", "b"]})
    (first,) = run_checks(orders.checks, table, around.context("orders", None))
    assert not first.passed and "refer to each other" in first.message
    around.keep("orders", table)
    (second,) = run_checks(back.checks, pa.table({"product_id": ["a"]}), around.context("products", None))
    assert second.passed
    (absent,) = run_checks(orders.checks, table, Surroundings({}, {}, tmp_path, lambda: 0.0).context("orders", 1))
    assert not absent.passed and "no published version" in absent.message
