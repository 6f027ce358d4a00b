import pyarrow as pa
import pytest
from aisle_governance.domain.contract import (
    Bound,
    EnumCheck,
    LengthCheck,
    MetricCheck,
    PatternCheck,
    RangeCheck,
    RequiredCheck,
    TypeCheck,
    UniqueCheck,
    run_checks,
)
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.model import Severity
from aisle_governance.domain.quality import score
from aisle_governance.engines.odcs import ContractProblems, default_contract, parse_contract

TABLE = pa.table(
    {
        "id": ["a", "b", "b", None],
        "price": [1.0, -2.0, None, 5.0],
        "code": ["AB", "AB1", "x", None],
        "count": pa.array([1, 2, 3, 4], pa.int64()),
        "huge": pa.array([1, None, None, 2**63 - 1], pa.int64()),
    }
)


@pytest.mark.parametrize(
    ("check", "failed"),
    [
        (RequiredCheck("id"), 1),
        (TypeCheck("price", "number"), 0),
        (TypeCheck("price", "integer"), 4),
        (RangeCheck("price", minimum=0), 1),
        (RangeCheck("price", exclusive_minimum=1, exclusive_maximum=5), 3),
        (RangeCheck("huge", maximum=1e19), 0),
        (RangeCheck("huge", maximum=2**60), 1),
        (EnumCheck("code", ("AB", "x")), 1),
        (EnumCheck("count", (1, 2)), 2),
        (PatternCheck("code", "[A-Z]+"), 2),
        (LengthCheck("code", 2, 2), 2),
        (UniqueCheck(("id",)), 1),
        (UniqueCheck(("id", "price")), 0),
        (MetricCheck("rowCount", Bound(low=1)), 0),
        (MetricCheck("rowCount", Bound(low=5)), 1),
        (MetricCheck("nullValues", Bound(0, 0), "price"), 1),
        (MetricCheck("nullValues", Bound(high=25), "price", percent=True), 0),
        (MetricCheck("missingValues", Bound(0, 0), "code", missing_values=("x",)), 2),
        (MetricCheck("duplicateValues", Bound(0, 0), "id"), 1),
        (MetricCheck("invalidValues", Bound(0, 0), "code", valid_values=("AB",)), 2),
        (RequiredCheck("absent"), 4),
        (RangeCheck("code", minimum=0), 4),
    ],
)
def test_checks_count_the_rows_that_break_them(check: object, failed: int) -> None:
    (result,) = run_checks([check], TABLE)  # type: ignore[list-item]
    assert (result.failed_row_count, result.passed) == (failed, failed == 0)
    assert result.message


def test_one_bad_check_hides_no_other() -> None:
    results = run_checks([RangeCheck("code", minimum=0), RequiredCheck("absent"), RequiredCheck("count")], TABLE)
    assert [result.passed for result in results] == [False, False, True]
    assert score(results) == pytest.approx(1 / 3)


@pytest.mark.parametrize("kind", DatasetKind)
def test_default_contracts_can_be_read(kind: DatasetKind) -> None:
    assert parse_contract(default_contract(kind), kind).checks


HEAD = "apiVersion: v3.0.2\nkind: DataContract\nid: x\nversion: 1.0.0\nstatus: active\n"


def test_severities_and_metrics_are_read() -> None:
    contract = parse_contract(
        HEAD + "schema:\n- name: t\n  quality:\n  - {metric: rowCount, mustBeGreaterThan: 3, severity: warning}\n"
        "  properties:\n  - name: title\n    required: true\n    customProperties: [{property: severity, value: warning}]\n"
        "  - name: price\n    logicalType: number\n    logicalTypeOptions: {exclusiveMinimum: 0}\n"
        "    quality:\n    - {type: library, metric: nullValues, mustBeLessThan: 5, unit: percent}\n",
        DatasetKind.PRODUCTS,
    )
    found = {check.name: check.severity for check in contract.checks}
    assert found == {
        "table.rowCount": Severity.WARNING,
        "title.required": Severity.WARNING,
        "price.type": Severity.ERROR,
        "price.range": Severity.ERROR,
        "price.nullValues": Severity.ERROR,
    }


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 0, "empty"),
        ("a: [", 1, "not YAML"),
        ("- 1", 0, "not a mapping"),
        ("x: &a 1\ny: *a", 2, "aliases"),
        ("x: !!python/object:os.system {}", 1, "not YAML"),
        (HEAD + "schema: 7", 6, "list"),
        (HEAD + "surprise: 1", 6, "not permitted"),
        (HEAD.replace("v3.0.2", "v2.0"), 1, "version 3"),
        (HEAD + "schema:\n- name: t\n  properties:\n  - name: nonsense", 9, "no column of this kind"),
        (HEAD + "schema:\n- name: t\n  properties:\n  - name: price\n    logicalType: money", 10, "no type"),
        (
            HEAD + "schema:\n- name: t\n  properties:\n  - name: price\n    logicalTypeOptions:\n      minimum: low",
            11,
            "number",
        ),
        (
            HEAD
            + "schema:\n- name: t\n  properties:\n  - name: title\n    logicalTypeOptions:\n      pattern: '(?=x)'",
            11,
            "RE2",
        ),
        (HEAD + "schema:\n- name: t\n  quality:\n  - metric: vibes\n    mustBe: 0", 9, "no metric"),
        (HEAD + "schema:\n- name: t\n  quality:\n  - metric: rowCount", 9, "must be"),
        (HEAD + "schema:\n- name: t\n  quality:\n  - type: sql\n    query: DROP TABLE x", 10, "no query of SQL"),
        ("a: " + "[" * 50 + "]" * 50, 1, "nested"),
    ],
)
def test_bad_contracts_are_refused_with_their_place(text: str, line: int, words: str) -> None:
    with pytest.raises(ContractProblems) as caught:
        parse_contract(text, DatasetKind.PRODUCTS)
    first = caught.value.problems[0]
    assert words in str(first)
    assert first.line == line or line == 0


def test_a_pattern_cannot_take_for_ever() -> None:
    table = pa.table({"title": ["a" * 5_000 + "!"]})
    contract = parse_contract(
        HEAD + "schema:\n- name: t\n  properties:\n  - name: title\n    logicalTypeOptions: {pattern: '(a+)+'}",
        DatasetKind.PRODUCTS,
    )
    assert not run_checks(contract.checks, table)[0].passed
