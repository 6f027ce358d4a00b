"""Profiles, defects and contract checks of a table that comes in batches; the same answers as for the table as a whole."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from aisle_governance.domain.contract import Check, Contract, MetricCheck, TypeCheck, UniqueCheck, run_checks
from aisle_governance.domain.kinds import CANONICAL, DatasetKind
from aisle_governance.domain.model import CheckResult, ColumnProfile
from aisle_governance.engines.scale.keys import Distinct

_DUPLICATES = "duplicateValues"


class Profile:
    """Describes columns batch by batch."""

    def __init__(self, database: Any, name: str, columns: Sequence[str], *, unique: Sequence[str] = ()) -> None:
        """`name` begins the names of the tables in the database; values of `unique` columns are known to differ."""
        self.row_count = 0
        self.distinct: dict[str, int] = {}
        """Different values by column, once `finish` has run."""
        self.columns: list[ColumnProfile] = []
        """The columns in their order, once `finish` has run."""
        self._columns = list(columns)
        self._missing = dict.fromkeys(columns, 0)
        self._counters = {column: Distinct(database, f"{name}_{column}") for column in columns if column not in unique}
        self._sums: dict[str, int | float] = {}
        self._bounds: dict[str, tuple[float, float]] = {}

    def add(self, table: pa.Table) -> None:
        """Take a batch."""
        self.row_count += table.num_rows
        for name in self._columns:
            values = table[name]
            self._missing[name] += values.null_count
            if name in self._counters:
                self._counters[name].add(values)
            if (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)) and len(
                values
            ) > values.null_count:
                self._add_numbers(name, values)

    def _add_numbers(self, name: str, values: pa.ChunkedArray) -> None:
        bounds = pc.min_max(values).as_py()
        low, high = float(bounds["min"]), float(bounds["max"])
        if name in self._bounds:
            low, high = min(low, self._bounds[name][0]), max(high, self._bounds[name][1])
        self._bounds[name] = low, high
        self._sums[name] = self._sums.get(name, 0) + pc.sum(values).as_py()

    def missing(self, column: str) -> int:
        """Rows without a value."""
        return self._missing[column]

    def finish(self) -> list[ColumnProfile]:
        """The columns in their order."""
        self.columns = [self._finished(name) for name in self._columns]
        return self.columns

    def _finished(self, name: str) -> ColumnProfile:
        known = self.row_count - self._missing[name]
        distinct = self._counters[name].count() if name in self._counters else known
        self.distinct[name] = distinct
        ratio = self._missing[name] / self.row_count if self.row_count else 0.0
        if name not in self._bounds:
            return ColumnProfile(name, ratio, distinct)
        low, high = self._bounds[name]
        return ColumnProfile(name, ratio, distinct, low, high, self._sums[name] / known)


class Defects:
    """Counts the defects of imported user events, each on its own."""

    def __init__(self, kind: DatasetKind) -> None:
        """Count those of `kind`."""
        self._columns = CANONICAL[kind]
        self._blank = {column.name: 0 for column in self._columns}

    def add(self, table: pa.Table) -> None:
        """Take a batch of imported rows."""
        for column in self._columns:
            values = table[column.name]
            blank = values.null_count
            if pa.types.is_string(values.type):
                blank += pc.sum(pc.equal(pc.utf8_trim_whitespace(values), "")).as_py() or 0
            self._blank[column.name] += int(blank)

    def finish(self, profile: Profile, exact_duplicate_count: int) -> dict[str, int]:
        """The counts by name; `profile` is that of the same rows."""
        defects = {"exact_duplicate": exact_duplicate_count}
        for column in self._columns:
            count = self._blank[column.name]
            if column.required or count < profile.row_count:
                defects[f"missing_{column.name}"] = count
        missing = profile.missing("event_id")
        known = profile.row_count - missing
        defects["repeated_event_id"] = known - profile.distinct["event_id"] + max(0, missing - 1)
        return defects


class Checks:
    """Runs the checks of a contract batch by batch and adds up what they count."""

    def __init__(self, contract: Contract, schema: pa.Schema) -> None:
        """Check tables of `schema`."""
        checks = contract.checks
        self._checks, self._schema, self._tiers = checks, schema, contract.tiers
        self._counts = [0] * len(checks)
        self._first: list[CheckResult | None] = [None] * len(checks)
        self._broken = [False] * len(checks)
        self._missing = [0] * len(checks)
        self._rows = 0
        for index, check in enumerate(checks):  # what a table without rows answers, in case there is none
            self._first[index] = run_checks([check], schema.empty_table())[0]

    @property
    def keys(self) -> list[tuple[str, ...]]:
        """Combinations of columns whose different values must be counted elsewhere."""
        return [columns for check in self._checks if (columns := unique_columns(check)) and self._known(columns)]

    def _known(self, columns: tuple[str, ...]) -> bool:
        return all(name in self._schema.names for name in columns)

    def add(self, table: pa.Table) -> None:
        """Take a batch."""
        self._rows += table.num_rows
        for index, check in enumerate(self._checks):
            if columns := unique_columns(check):
                if self._known(columns):
                    self._counts[index] += table.select(list(columns)).drop_null().num_rows
            elif isinstance(check, MetricCheck):
                self._measure(index, check, table)
            elif not isinstance(check, TypeCheck):
                result = run_checks([check], table)[0]
                broken = not result.message.startswith("expected ")
                self._broken[index] = self._broken[index] or broken
                if broken or self._first[index] is None:
                    self._first[index] = result
                self._counts[index] += result.failed_row_count

    def _measure(self, index: int, check: MetricCheck, table: pa.Table) -> None:
        if check.column and check.column not in table.column_names:
            return
        try:
            self._counts[index] += check.measure(table)
        except (pa.ArrowException, TypeError, ValueError):
            self._broken[index] = True

    def finish(self, distinct: dict[tuple[str, ...], int]) -> list[CheckResult]:
        """The result of every check; `distinct` says how many different rows each of `keys` has."""
        return [self._finished(index, check, distinct) for index, check in enumerate(self._checks)]

    def _finished(self, index: int, check: Check, distinct: dict[tuple[str, ...], int]) -> CheckResult:
        empty = self._first[index]
        assert empty is not None
        everything = self._rows or 1
        if check.column and check.column not in self._schema.names:
            return self._result(check, everything, empty.message)
        if self._broken[index] or (isinstance(check, MetricCheck) and not empty.message.startswith("expected ")):
            return self._result(check, everything, "the check does not fit the column's type")
        if isinstance(check, TypeCheck):
            return self._result(check, 0 if empty.passed else max(1, self._rows), empty.message)
        count = self._counts[index]
        if columns := unique_columns(check):
            if not self._known(columns):
                count = everything
                if isinstance(check, UniqueCheck):
                    return self._result(check, count, empty.message)
            else:
                count -= distinct[columns]
        if isinstance(check, MetricCheck):
            return self._result(check, *check.judge(count, self._rows))
        if not empty.message.startswith("expected "):
            return self._result(check, everything, empty.message)
        expected = empty.message.rpartition("; ")[0]
        return self._result(check, count, f"{expected}; " + (f"{count} rows do not" if count else "every row holds"))

    def _result(self, check: Check, failed: int, message: str) -> CheckResult:
        tiers = self._tiers.get(check.name, ())
        return CheckResult(check.name, check.column, failed == 0, check.severity, failed, message, tiers)


def unique_columns(check: Check) -> tuple[str, ...]:
    """Columns whose combinations a check wants to occur once; empty for any other check."""
    if isinstance(check, UniqueCheck):
        return check.columns
    if isinstance(check, MetricCheck) and check.metric == _DUPLICATES:
        return check.columns or (check.column,)
    return ()
