"""Says what a change of a contract means to those who read the data and to those who bring it.

A check of severity error is a promise: no published row breaks it. A change is breaking when a promise is given up or widened,
tightening when rows that were published before may now be refused, and compatible otherwise. Warnings promise nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from aisle_governance.domain.context_checks import (
    DistributionCheck,
    ExpressionCheck,
    FreshnessCheck,
    QueryCheck,
    ReferenceCheck,
    StatisticsCheck,
    VolumeCheck,
    duration,
)
from aisle_governance.domain.contract import (
    Bound,
    Check,
    Contract,
    EnumCheck,
    LengthCheck,
    MetricCheck,
    PatternCheck,
    RangeCheck,
    TypeCheck,
)
from aisle_governance.domain.model import Severity


class ChangeKind(StrEnum):
    """Whom a change can hurt."""

    BREAKING = "BREAKING"
    TIGHTENING = "TIGHTENING"
    COMPATIBLE = "COMPATIBLE"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two contracts."""

    kind: ChangeKind
    column: str
    check: str
    """Empty when the column itself came or went."""
    description: str
    before: str = ""
    after: str = ""


_ORDER = {kind: index for index, kind in enumerate(ChangeKind)}
_WIDER_TYPES = frozenset({("integer", "number"), ("timestamp", "date")})
"""(narrow, wide): every value of the first is one of the second."""


def diff_contracts(base: Contract, target: Contract) -> list[Change]:
    """Changes from `base` to `target`, breaking ones first, then by column and check."""
    gone = set(base.columns) - set(target.columns)
    new = set(target.columns) - set(base.columns)
    found = [
        Change(ChangeKind.BREAKING, column, "", f"column {column} is no longer described", before=column)
        for column in gone
    ]
    found += [
        Change(ChangeKind.COMPATIBLE, column, "", f"column {column} is described now", after=column) for column in new
    ]
    old, now = _by_key(base), _by_key(target)
    for key in {**old, **now}:
        before, after = old.get(key), now.get(key)
        check = before or after
        assert check is not None
        if check.column in gone or (check.column in new and isinstance(check, TypeCheck)):
            continue  # told with the column
        found += _change(before, after)
    return sorted(found, key=lambda one: (_ORDER[one.kind], one.column, one.check))


def _by_key(contract: Contract) -> dict[tuple[str, str], Check]:
    return {(type(check).__name__, check.name): check for check in contract.checks}


def _change(before: Check | None, after: Check | None) -> Iterator[Change]:
    if before is None or after is None:
        check = before or after
        assert check is not None
        promised = check.severity is Severity.ERROR
        if after is None:
            kind = ChangeKind.BREAKING if promised else ChangeKind.COMPATIBLE
            yield Change(kind, check.column, check.name, f"{check.name} is no longer checked", before=words(check))
        else:
            kind = ChangeKind.TIGHTENING if promised else ChangeKind.COMPATIBLE
            yield Change(kind, check.column, check.name, f"{check.name} is checked now", after=words(check))
        return
    looser, tighter = _relation(before, after)
    old_promise, new_promise = before.severity is Severity.ERROR, after.severity is Severity.ERROR
    if not looser and not tighter and before.severity is after.severity:
        return
    parts = []
    if looser or tighter:
        parts.append("is another one" if looser and tighter else "allows more" if looser else "allows less")
    if before.severity is not after.severity:
        parts.append(f"goes from {before.severity.lower()} to {after.severity.lower()}")
    kind = ChangeKind.COMPATIBLE
    if old_promise and (looser or not new_promise):
        kind = ChangeKind.BREAKING
    elif new_promise and (tighter or not old_promise):
        kind = ChangeKind.TIGHTENING
    yield Change(
        kind, after.column, after.name, f"{after.name} {' and '.join(parts)}", before=words(before), after=words(after)
    )


def _relation(before: Any, after: Any) -> tuple[bool, bool]:
    """(whether `after` lets something pass that `before` did not, whether it refuses something that passed)."""
    compare = _COMPARE.get(type(before))
    if compare is not None:
        return compare(before, after)
    return _apart(_same(before, after, but=()))


def _apart(same: bool) -> tuple[bool, bool]:
    return not same, not same


def _same(before: Any, after: Any, but: tuple[str, ...]) -> bool:
    names = [field.name for field in fields(before) if field.name not in ("severity", "label", *but)]
    return all(getattr(before, name) == getattr(after, name) for name in names)


def _types(before: TypeCheck, after: TypeCheck) -> tuple[bool, bool]:
    pair = (before.logical_type, after.logical_type)
    if pair[0] == pair[1]:
        return False, False
    return (True, False) if pair in _WIDER_TYPES else (False, True) if pair[::-1] in _WIDER_TYPES else (True, True)


def _bounds(before: Bound, after: Bound) -> tuple[bool, bool]:
    if before.negated or after.negated:
        return _apart(before == after)
    low = _edge(before.low, before.low_included, after.low, after.low_included, 1)
    high = _edge(before.high, before.high_included, after.high, after.high_included, -1)
    return low[0] or high[0], low[1] or high[1]


def _edge(before: float | None, included: bool, after: float | None, now_included: bool, way: int) -> tuple[bool, bool]:
    """Compare one edge; `way` is 1 for lower edges, where more is tighter, and -1 for upper ones."""
    if before is None or after is None:
        return before is not None, after is not None
    if before != after:
        tighter = (after - before) * way > 0
        return not tighter, tighter
    return now_included and not included, included and not now_included


def _range_bounds(check: RangeCheck) -> Bound:
    """The one bound that the four parts of a range amount to."""
    low, low_included = check.minimum, True
    if check.exclusive_minimum is not None and (low is None or check.exclusive_minimum >= low):
        low, low_included = check.exclusive_minimum, False
    high, high_included = check.maximum, True
    if check.exclusive_maximum is not None and (high is None or check.exclusive_maximum <= high):
        high, high_included = check.exclusive_maximum, False
    return Bound(low, high, low_included=low_included, high_included=high_included)


def _sets(before: EnumCheck, after: EnumCheck) -> tuple[bool, bool]:
    old, new = set(before.values), set(after.values)
    return bool(new - old), bool(old - new)


def _upper(name: str) -> Callable[[Any, Any], tuple[bool, bool]]:
    return lambda before, after: _bounds(Bound(high=getattr(before, name)), Bound(high=getattr(after, name)))


def _joined(*parts: tuple[bool, bool]) -> tuple[bool, bool]:
    return any(part[0] for part in parts), any(part[1] for part in parts)


def _distributions(before: DistributionCheck, after: DistributionCheck) -> tuple[bool, bool]:
    if before.reference != after.reference:
        return True, True
    return _joined(*(_upper(name)(before, after) for name in ("max_psi", "max_js", "max_ks")))


def _statistics(before: StatisticsCheck, after: StatisticsCheck) -> tuple[bool, bool]:
    old, new = dict(before.quantiles), dict(after.quantiles)
    pairs = [(old.get(rank, Bound()), new.get(rank, Bound())) for rank in {**old, **new}]
    return _joined(_bounds(before.mean, after.mean), *(_bounds(*pair) for pair in pairs))


def _measured(before: MetricCheck | QueryCheck, after: MetricCheck | QueryCheck) -> tuple[bool, bool]:
    return _bounds(before.bound, after.bound) if _same(before, after, but=("bound",)) else (True, True)


_COMPARE: dict[type, Callable[[Any, Any], tuple[bool, bool]]] = {
    TypeCheck: _types,
    RangeCheck: lambda before, after: _bounds(_range_bounds(before), _range_bounds(after)),
    LengthCheck: lambda before, after: _bounds(
        Bound(before.minimum or 0, before.maximum), Bound(after.minimum or 0, after.maximum)
    ),
    EnumCheck: _sets,
    FreshnessCheck: _upper("max_age_seconds"),
    VolumeCheck: lambda before, after: _joined(_bounds(before.rows, after.rows), _bounds(before.ratio, after.ratio)),
    DistributionCheck: _distributions,
    StatisticsCheck: _statistics,
    MetricCheck: _measured,
    QueryCheck: _measured,
}


def words(check: Check) -> str:
    """What a check asks, with its severity."""
    return f"{_asks(check) or 'yes'} ({check.severity.lower()})"


def _asks(check: Check) -> str:
    match check:
        case TypeCheck():
            return check.logical_type
        case RangeCheck():
            return str(_range_bounds(check))
        case LengthCheck():
            return f"{Bound(check.minimum or 0, check.maximum)} characters"
        case PatternCheck():
            return check.pattern
        case EnumCheck():
            return ", ".join(map(str, check.values[:20])) + (" …" if len(check.values) > 20 else "")
        case MetricCheck() | QueryCheck():
            return f"{check.bound}{' %' if isinstance(check, MetricCheck) and check.percent else ''}"
        case ReferenceCheck():
            return f"{check.dataset}.{check.other_column}"
        case FreshnessCheck():
            return f"at most {duration(check.max_age_seconds)} old"
        case VolumeCheck():
            parts = [f"{check.rows} rows"] if str(check.rows) else []
            return ", ".join(parts + ([f"{check.ratio} times the version before"] if str(check.ratio) else []))
        case DistributionCheck():
            limits = (("PSI", check.max_psi), ("JS", check.max_js), ("KS", check.max_ks))
            return ", ".join(f"{word} at most {limit:g}" for word, limit in limits if limit is not None)
        case StatisticsCheck():
            parts = [f"mean {check.mean}"] if str(check.mean) else []
            return ", ".join(parts + [f"quantile {rank:g} {bound}" for rank, bound in check.quantiles])
        case ExpressionCheck():
            return check.expression[:200]
        case _:
            return ""
