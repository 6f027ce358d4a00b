"""The checks that a contract asks of a published table; each looks alone, so a bad one never hides another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa
import pyarrow.compute as pc

from aisle_governance.domain.check_context import CannotCheck, CheckContext
from aisle_governance.domain.model import CheckResult, Severity

_TYPES = {
    "string": (pa.types.is_string, pa.types.is_large_string),
    "integer": (pa.types.is_integer,),
    "number": (pa.types.is_floating, pa.types.is_integer, pa.types.is_decimal),
    "timestamp": (pa.types.is_timestamp,),
    "date": (pa.types.is_date, pa.types.is_timestamp),
    "boolean": (pa.types.is_boolean,),
}
LOGICAL_TYPES = frozenset(_TYPES)
"""Logical types of ODCS that a column of Aisle can have."""


class Check(Protocol):
    """One expectation; a frozen dataclass."""

    @property
    def name(self) -> str:
        """Column (or table), then what is checked, for example `grade.range`."""
        ...

    @property
    def column(self) -> str:
        """Column that it looks at; empty for the table."""
        ...

    @property
    def severity(self) -> Severity:
        """What a failure does."""
        ...


@runtime_checkable
class TableCheck(Check, Protocol):
    """A check that looks at nothing but the table."""

    def failures(self, table: pa.Table) -> tuple[int, str]:
        """Return how many rows break it (0 = holds) and what was found, in words."""
        ...


@runtime_checkable
class ContextCheck(Check, Protocol):
    """A check that looks beyond the table: at time, earlier versions, or other datasets."""

    def failures_in(self, table: pa.Table, context: CheckContext) -> tuple[int, str]:
        """Return how many rows break it (0 = holds) and what was found, in words. Raises CannotCheck."""
        ...


@dataclass(frozen=True, slots=True)
class Contract:
    """Everything that a version must keep."""

    checks: tuple[Check, ...]
    columns: tuple[str, ...] = ()
    """Columns that the document names, in its order."""
    tiers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Name of a check -> tiers of models that may be trained only while it holds."""


def run_checks(
    checks: Sequence[Check],
    table: pa.Table,
    context: CheckContext | None = None,
    tiers: Mapping[str, tuple[str, ...]] | None = None,
) -> list[CheckResult]:
    """Run every check; one whose column is missing, or that cannot be computed, fails with that as its message.

    Whatever a check does, the others are run: a failure of any kind inside of one ends as its own result.
    """
    around = context or CheckContext()
    return [_run(check, table, around, (tiers or {}).get(check.name, ())) for check in checks]


def _run(check: Check, table: pa.Table, context: CheckContext, tiers: tuple[str, ...]) -> CheckResult:
    failed = table.num_rows or 1
    if check.column and check.column not in table.column_names:
        message = "the table has no such column"
    else:
        try:
            if isinstance(check, ContextCheck):
                failed, message = check.failures_in(table, context)
            elif isinstance(check, TableCheck):
                failed, message = check.failures(table)
            else:
                raise CannotCheck("this release cannot run it")
        except CannotCheck as error:
            message = f"could not be checked: {error}"
        except (pa.ArrowException, TypeError, ValueError):
            message = "the check does not fit the column's type"
        except Exception as error:  # noqa: BLE001 - the root of a check: the others are still to be run
            message = f"could not be checked: {type(error).__name__}"  # its text may quote values
    return CheckResult(check.name, check.column, failed == 0, check.severity, failed, message, tiers)


def _count(mask: Any) -> int:
    return int(pc.sum(pc.fill_null(mask, False)).as_py() or 0)


def _found(failed: int, expected: str) -> tuple[int, str]:
    return failed, f"expected {expected}; " + ("every row holds" if failed == 0 else f"{failed} rows do not")


@dataclass(frozen=True, slots=True)
class TypeCheck:
    """The column has this logical type."""

    column: str
    logical_type: str
    severity: Severity = Severity.ERROR

    @property
    def name(self) -> str:
        """`<column>.type`."""
        return f"{self.column}.type"

    def failures(self, table: pa.Table) -> tuple[int, str]:
        """All rows break it, or none."""
        actual = table.schema.field(self.column).type
        fits = any(test(actual) for test in _TYPES[self.logical_type])
        return (0 if fits else max(1, table.num_rows)), f"expected {self.logical_type}; the column is {actual}"


@dataclass(frozen=True, slots=True)
class RequiredCheck:
    """Every row has a value; white space is none."""

    column: str
    severity: Severity = Severity.ERROR

    @property
    def name(self) -> str:
        """`<column>.required`."""
        return f"{self.column}.required"

    def failures(self, table: pa.Table) -> tuple[int, str]:
        """Count rows without a value."""
        return _found(_missing(table[self.column]), "a value in every row")


def _missing(values: Any) -> int:
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return int(values.null_count) + _count(pc.equal(pc.utf8_trim_whitespace(values), ""))
    return int(values.null_count)


@dataclass(frozen=True, slots=True)
class RangeCheck:
    """Numbers lie within bounds; missing ones are not looked at."""

    column: str
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: float | None = None
    exclusive_maximum: float | None = None
    severity: Severity = Severity.ERROR

    @property
    def name(self) -> str:
        """`<column>.range`."""
        return f"{self.column}.range"

    def failures(self, table: pa.Table) -> tuple[int, str]:
        """Count rows outside; NaN is outside."""
        values = pc.cast(table[self.column], pa.float64(), safe=False)
        bad = pc.is_nan(values)
        words = []
        for bound, breaks, word in (
            (self.minimum, pc.less, "at least"),
            (self.exclusive_minimum, pc.less_equal, "above"),
            (self.maximum, pc.greater, "at most"),
            (self.exclusive_maximum, pc.greater_equal, "below"),
        ):
            if bound is not None:
                bad = pc.or_(bad, breaks(values, float(bound)))
                words.append(f"{word} {bound:g}")
        return _found(_count(bad), " and ".join(words))


@dataclass(frozen=True, slots=True)
class LengthCheck:
    """Texts have a length within bounds, in characters."""

    column: str
    minimum: int | None = None
    maximum: int | None = None
    severity: Severity = Severity.ERROR

    @property
    def name(self) -> str:
        """`<column>.length`."""
        return f"{self.column}.length"

    def failures(self, table: pa.Table) -> tuple[int, str]:
        """Count rows outside."""
        length = pc.utf8_length(table[self.column])
        bad = pc.less(length, self.minimum or 0)
        if self.maximum is not None:
            bad = pc.or_(bad, pc.greater(length, self.maximum))
        upper = "" if self.maximum is None else f" to {self.maximum}"
        return _found(_count(bad), f"{self.minimum or 0}{upper} characters")


@dataclass(frozen=True, slots=True)
class PatternCheck:
    """The whole text matches a regular expression (RE2, so that no pattern can take for ever)."""

    column: str
    pattern: str
    severity: Severity = Severity.ERROR

    @property
    def name(self) -> str:
        """`<column>.pattern`."""
        return f"{self.column}.pattern"

    def failures(self, table: pa.Table) -> tuple[int, str]:
        """Count rows that do not match; missing ones are not looked at."""
        matches = pc.match_substring_regex(table[self.column], f"^(?:{self.pattern})$")
        return _found(_count(pc.invert(matches)), f"text like {self.pattern}")


@dataclass(frozen=True, slots=True)
class EnumCheck:
    """Values are of a closed list; missing ones are not looked at."""

    column: str
    values: tuple[str | int | float | bool, ...]
    severity: Severity = Severity.ERROR

    @property
    def name(self) -> str:
        """`<column>.enum`."""
        return f"{self.column}.enum"

    def failures(self, table: pa.Table) -> tuple[int, str]:
        """Count rows with another value."""
        values = table[self.column]
        allowed = pa.array(list(self.values)).cast(values.type)
        bad = pc.and_(pc.is_valid(values), pc.invert(pc.is_in(values, value_set=allowed)))
        return _found(_count(bad), f"one of {', '.join(map(str, self.values[:10]))}")


@dataclass(frozen=True, slots=True)
class UniqueCheck:
    """No value, or no combination of values, occurs twice."""

    columns: tuple[str, ...]
    severity: Severity = Severity.ERROR

    @property
    def column(self) -> str:
        """The one column, or empty for a combination."""
        return self.columns[0] if len(self.columns) == 1 else ""

    @property
    def name(self) -> str:
        """`<columns>.unique`."""
        return f"{'+'.join(self.columns)}.unique"

    def failures(self, table: pa.Table) -> tuple[int, str]:
        """Count rows after the first of each value; missing values do not count."""
        absent = [name for name in self.columns if name not in table.column_names]
        if absent:
            return table.num_rows or 1, f"the table has no column {absent[0]}"
        rows = table.select(list(self.columns)).drop_null()
        distinct = rows.group_by(list(self.columns)).aggregate([]).num_rows
        return _found(rows.num_rows - distinct, "every value once")


@dataclass(frozen=True, slots=True)
class Bound:
    """What a measured figure must be; None parts are not asked for."""

    low: float | None = None
    high: float | None = None
    low_included: bool = True
    high_included: bool = True
    negated: bool = False
    """Whether the figure must lie outside instead."""

    def holds(self, value: float) -> bool:
        """Whether `value` is as asked."""
        above = self.low is None or value > self.low or (self.low_included and value == self.low)
        below = self.high is None or value < self.high or (self.high_included and value == self.high)
        return (above and below) is not self.negated

    def __str__(self) -> str:
        """In words, for messages."""
        if self.low is not None and self.low == self.high:
            words = f"{self.low:g}"
        else:
            parts = []
            if self.low is not None:
                parts.append(f"{'at least' if self.low_included else 'above'} {self.low:g}")
            if self.high is not None:
                parts.append(f"{'at most' if self.high_included else 'below'} {self.high:g}")
            words = " and ".join(parts)
        return f"not {words}" if self.negated else words


@dataclass(frozen=True, slots=True)
class MetricCheck:
    """A library metric of ODCS lies within a bound: rowCount, nullValues, missingValues, duplicateValues, invalidValues."""

    metric: str
    bound: Bound
    column: str = ""
    columns: tuple[str, ...] = ()
    """For duplicateValues over several columns."""
    percent: bool = False
    """Whether the bound speaks of percent of the rows."""
    valid_values: tuple[Any, ...] = ()
    pattern: str = ""
    missing_values: tuple[str, ...] = ()
    label: str = ""
    """Name given in the contract; empty means `<column>.<metric>`."""
    severity: Severity = Severity.ERROR

    @property
    def name(self) -> str:
        """The contract's name for it, or `<column>.<metric>`."""
        return self.label or f"{self.column or 'table'}.{self.metric}"

    def failures(self, table: pa.Table) -> tuple[int, str]:
        """Measure, and compare with the bound."""
        return self.judge(self.measure(table), table.num_rows)

    def judge(self, count: int, row_count: int) -> tuple[int, str]:
        """What a measured count means in a table of `row_count` rows."""
        value = 100 * count / row_count if self.percent and row_count else float(count)
        unit = " %" if self.percent else ""
        message = f"expected {self.metric} {self.bound}{unit}; found {value:g}{unit}"
        if self.bound.holds(value):
            return 0, message
        return (max(1, count) if self.metric != "rowCount" else 1), message

    def measure(self, table: pa.Table) -> int:
        """Count what the metric names."""
        match self.metric:
            case "rowCount":
                return int(table.num_rows)
            case "nullValues":
                return int(table[self.column].null_count)
            case "missingValues":
                blank = _missing(table[self.column])
                tokens = [token for token in self.missing_values if token]
                return blank + (_count(pc.is_in(table[self.column], value_set=pa.array(tokens))) if tokens else 0)
            case "duplicateValues":
                return UniqueCheck(self.columns or (self.column,)).failures(table)[0]
            case _:
                bad = 0
                if self.valid_values:
                    bad += EnumCheck(self.column, self.valid_values).failures(table)[0]
                if self.pattern:
                    bad += PatternCheck(self.column, self.pattern).failures(table)[0]
                return bad


METRICS = frozenset({"rowCount", "nullValues", "missingValues", "duplicateValues", "invalidValues"})
"""Library metrics that can be checked."""
