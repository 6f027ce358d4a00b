"""Checks that look beyond the table: at time, earlier versions, other datasets, and at expressions of the user."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from aisle_governance.domain.check_context import CannotCheck, CheckContext
from aisle_governance.domain.contract import Bound
from aisle_governance.domain.drift import column_drift
from aisle_governance.domain.model import Severity

_MICROS = 1_000_000
_ANY = Bound()
"""Asks for nothing."""


@dataclass(frozen=True, slots=True)
class ReferenceCheck:
    """Every value is one of a column of another dataset; missing ones are not looked at."""

    column: str
    dataset: str
    other_column: str
    severity: Severity = Severity.ERROR

    @property
    def name(self) -> str:
        """`<column>.reference.<dataset>`."""
        return f"{self.column}.reference.{self.dataset}"

    def failures_in(self, table: pa.Table, context: CheckContext) -> tuple[int, str]:
        """Count rows whose value the other dataset does not hold."""
        values = table[self.column]
        if self.dataset == context.dataset and self.other_column in table.column_names:
            known = table[self.other_column]
        else:
            known = context.lookup(self.dataset, self.other_column)
        if values.type != known.type:
            raise CannotCheck(f"{self.dataset}.{self.other_column} is {known.type}, the column is {values.type}")
        there = pc.is_in(values, value_set=known.combine_chunks().drop_null())
        missing = pc.and_(pc.is_valid(values), pc.invert(there))
        failed = int(pc.sum(missing).as_py() or 0)
        found = "every row holds" if not failed else f"{failed} rows do not"
        return failed, f"expected a value of {self.dataset}.{self.other_column}; {found}"


@dataclass(frozen=True, slots=True)
class FreshnessCheck:
    """The newest time of a column is not older than allowed; times in the future do not count."""

    column: str
    max_age_seconds: float
    label: str = ""
    severity: Severity = Severity.ERROR

    @property
    def name(self) -> str:
        """The contract's name for it, or `<column>.freshness`."""
        return self.label or f"{self.column}.freshness"

    def failures_in(self, table: pa.Table, context: CheckContext) -> tuple[int, str]:
        """All rows break it, or none."""
        values = table[self.column]
        if not pa.types.is_timestamp(values.type):
            raise CannotCheck(f"the column is {values.type}, not a time")
        # Text would pass through Python objects; whole microseconds do not.
        micros = pc.cast(pc.cast(values, pa.timestamp("us", "UTC"), safe=False), pa.int64())
        past = micros.filter(pc.less_equal(micros, int(context.now * _MICROS)))
        newest = pc.max(past).as_py()
        expected = f"expected a time of the last {duration(self.max_age_seconds)}"
        if newest is None:
            return table.num_rows or 1, f"{expected}; there is none that has passed"
        age = context.now - newest / _MICROS
        shown = datetime.fromtimestamp(newest / _MICROS, UTC).isoformat(timespec="seconds")
        message = f"{expected}; the newest is {shown}, {duration(age)} old"
        return (0 if age <= self.max_age_seconds else table.num_rows or 1), message


def duration(seconds: float) -> str:
    """A length of time in words."""
    for unit, size in (("days", 86_400.0), ("hours", 3_600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} seconds"


@dataclass(frozen=True, slots=True)
class VolumeCheck:
    """The number of rows lies within bounds, by itself and beside the newest version before."""

    rows: Bound = _ANY
    ratio: Bound = _ANY
    """Of rows to those of the version before; holds when there is none."""
    label: str = ""
    severity: Severity = Severity.ERROR

    @property
    def column(self) -> str:
        """Empty: it looks at the table."""
        return ""

    @property
    def name(self) -> str:
        """The contract's name for it, or `table.volume`."""
        return self.label or "table.volume"

    def failures_in(self, table: pa.Table, context: CheckContext) -> tuple[int, str]:
        """One failure, or none."""
        parts, holds = [f"found {table.num_rows} rows"], self.rows.holds(table.num_rows)
        if str(self.rows):
            parts.insert(0, f"expected {self.rows} rows")
        if str(self.ratio):
            parts.append(f"expected {self.ratio} times the version before")
            if context.last_row_count:
                share = table.num_rows / context.last_row_count
                holds = holds and self.ratio.holds(share)
                parts.append(f"found {share:.3g} times its {context.last_row_count} rows")
            else:
                parts.append("there is none yet")
        return (0 if holds else 1), "; ".join(parts)


@dataclass(frozen=True, slots=True)
class DistributionCheck:
    """The values of a column have not moved further from those of a reference version than allowed."""

    column: str
    max_psi: float | None = None
    """Population stability index over the reference's bins."""
    max_js: float | None = None
    """Jensen-Shannon distance, logarithm to base 2, 0 to 1."""
    max_ks: float | None = None
    """Kolmogorov-Smirnov statistic; for numbers and times."""
    reference: int | None = None
    """Number of the reference version; None means the newest one before."""
    label: str = ""
    severity: Severity = Severity.ERROR

    @property
    def name(self) -> str:
        """The contract's name for it, or `<column>.distribution`."""
        return self.label or f"{self.column}.distribution"

    def failures_in(self, table: pa.Table, context: CheckContext) -> tuple[int, str]:
        """All rows break it, or none."""
        beside = "the version before" if self.reference is None else f"version {self.reference}"
        base = context.reference(self.reference, self.column)
        if base is None:
            return 0, f"expected values like those of {beside}; there is none yet"
        drift = column_drift(base, table[self.column].to_pandas())
        holds, parts = True, []
        for word, found, limit in (
            ("PSI", drift.psi, self.max_psi),
            ("Jensen-Shannon distance", drift.js_distance, self.max_js),
            ("Kolmogorov-Smirnov statistic", drift.ks_statistic, self.max_ks),
        ):
            if limit is not None:
                if found != found and len(base) and table.num_rows:
                    raise CannotCheck(f"the {word} needs numbers or times")
                holds = holds and not found > limit
                parts.append(f"{word} at most {limit:g}, found {found:.4g}")
        return (0 if holds else table.num_rows or 1), f"beside {beside}: {'; '.join(parts)}"


@dataclass(frozen=True, slots=True)
class StatisticsCheck:
    """Mean and quantiles of a column of numbers lie within bounds; missing values are not looked at."""

    column: str
    mean: Bound = _ANY
    quantiles: tuple[tuple[float, Bound], ...] = ()
    """(share of the values, bound of the value below which that share lies)."""
    label: str = ""
    severity: Severity = Severity.ERROR

    @property
    def name(self) -> str:
        """The contract's name for it, or `<column>.statistics`."""
        return self.label or f"{self.column}.statistics"

    def failures_in(self, table: pa.Table, context: CheckContext) -> tuple[int, str]:
        """All rows break it, or none."""
        values = table[self.column]
        if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
            raise CannotCheck(f"the column is {values.type}, not a number")
        known = pc.cast(values, pa.float64(), safe=False).drop_null()
        known = known.filter(pc.is_finite(known))
        if not len(known):
            return table.num_rows or 1, "expected numbers; the column holds none"
        asked = [("mean", float(pc.mean(known).as_py()), self.mean)] if str(self.mean) else []
        for rank, bound in self.quantiles:
            asked.append((f"quantile {rank:g}", float(pc.quantile(known, q=rank)[0].as_py()), bound))
        holds = all(bound.holds(found) for _, found, bound in asked)
        message = "; ".join(f"{word} {bound}, found {found:.6g}" for word, found, bound in asked)
        return (0 if holds else table.num_rows or 1), f"expected {message}"


@dataclass(frozen=True, slots=True)
class ExpressionCheck:
    """An expression of SQL is true for every row, or unknown because a value is missing."""

    expression: str
    column: str = ""
    label: str = ""
    severity: Severity = Severity.ERROR

    @property
    def name(self) -> str:
        """The contract's name for it, or `<column>.expression`."""
        return self.label or f"{self.column or 'table'}.expression"

    def failures_in(self, table: pa.Table, context: CheckContext) -> tuple[int, str]:
        """Count rows for which it is false."""
        failed = context.count_broken(table, self.expression)
        found = "every row holds" if not failed else f"{failed} rows do not"
        return failed, f"expected {self.expression[:200]}; {found}"


@dataclass(frozen=True, slots=True)
class QueryCheck:
    """A query of SQL over the table answers one number within a bound."""

    query: str
    bound: Bound
    column: str = ""
    label: str = ""
    severity: Severity = Severity.ERROR

    @property
    def name(self) -> str:
        """The contract's name for it, or `<column>.query`."""
        return self.label or f"{self.column or 'table'}.query"

    def failures_in(self, table: pa.Table, context: CheckContext) -> tuple[int, str]:
        """One failure, or none."""
        found = context.query(table, self.query, self.column)
        return (0 if self.bound.holds(found) else 1), f"expected the query to answer {self.bound}; it answers {found:g}"
