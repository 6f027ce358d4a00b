"""Reads the quality entries of a contract that ODCS leaves to the engine: `type: custom` with `engine: aisle`, and `type: sql`."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from open_data_contract_standard.model import DataQuality

from aisle_governance.domain.context_checks import (
    DistributionCheck,
    ExpressionCheck,
    FreshnessCheck,
    QueryCheck,
    StatisticsCheck,
    VolumeCheck,
)
from aisle_governance.domain.contract import Bound, Check
from aisle_governance.domain.model import Severity

_UNITS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_FIELDS = {
    "expression": ("expression",),
    "freshness": ("maxAge",),
    "volume": ("minRows", "maxRows", "minRatio", "maxRatio"),
    "distribution": ("maxPsi", "maxJs", "maxKs", "reference"),
    "statistics": ("minMean", "maxMean", "quantiles"),
}
_NEEDS_COLUMN = frozenset({"freshness", "distribution", "statistics"})
_MAX_QUANTILES = 20


class CannotRead(Exception):
    """An entry cannot be read; `path` leads from the entry to the part at fault."""

    def __init__(self, path: str, message: str, next_step: str = "") -> None:
        """`path` has dots between its parts and may be empty."""
        super().__init__(message)
        self.path: tuple[str, ...] = tuple(path.split(".")) if path else ()
        self.next_step = next_step


def query_check(
    quality: DataQuality, bound: Bound | None, column: str, label: str, severity: Severity, known: Sequence[str] | None
) -> Check:
    """The check of a `type: sql` entry; its columns must be among `known`. Raises CannotRead."""
    from aisle_governance.engines.expressions import ExpressionRefused, check_query

    text = quality.query or ""
    if not text.strip():
        raise CannotRead("query", "is required", "Write `query: SELECT count(*) FROM ${object} WHERE ...`.")
    try:
        named = check_query(text, column)
    except ExpressionRefused as error:
        raise CannotRead("query", str(error), "See docs/howto/contracts.md for what a query may hold.") from error
    _check_known(named, known, "query")
    if bound is None:
        raise CannotRead("", "does not say what the query must answer", "Add for example `mustBe: 0`.")
    return QueryCheck(text, bound, column, label, severity)


def custom_check(
    quality: DataQuality, column: str, label: str, severity: Severity, known: Sequence[str] | None
) -> Check:
    """The check of a `type: custom` entry; the columns of an expression must be among `known`. Raises CannotRead."""
    if (quality.engine or "").lower() != "aisle":
        raise CannotRead("engine", f"{quality.engine!r} cannot be run here", "Use `engine: aisle`.")
    given = quality.implementation
    if isinstance(given, str):
        given = {"check": "expression", "expression": given}
    if not isinstance(given, dict):
        raise CannotRead("implementation", "is required", "Write an expression, or a mapping with `check`.")
    kind = str(given.get("check", ""))
    if kind not in _FIELDS:
        raise CannotRead("implementation.check", f"{kind[:40]!r} is no check", f"Use one of {', '.join(_FIELDS)}.")
    if unknown := sorted(set(map(str, given)) - {"check", *_FIELDS[kind]}):
        raise CannotRead(
            f"implementation.{unknown[0][:60]}", f"is no part of {kind}", f"Use {', '.join(_FIELDS[kind])}."
        )
    if kind in _NEEDS_COLUMN and not column:
        raise CannotRead("", f"{kind} needs a column", "Move it below a property.")
    if kind == "volume" and column:
        raise CannotRead("", "volume is about the table", "Move it below the table.")
    return _READERS[kind](given, column, label, severity, known)


def _expression(
    given: Mapping[str, Any], column: str, label: str, severity: Severity, known: Sequence[str] | None
) -> Check:
    from aisle_governance.engines.expressions import ExpressionRefused, check_expression

    text = given.get("expression")
    if not isinstance(text, str) or not text.strip():
        raise CannotRead("implementation.expression", "is required", "Write for example `quantity <= 1000`.")
    try:
        named = check_expression(text)
    except ExpressionRefused as error:
        raise CannotRead(
            "implementation.expression", str(error), "See docs/howto/contracts.md for what an expression may hold."
        ) from error
    _check_known(named, known, "implementation.expression")
    return ExpressionCheck(text.strip(), column, label, severity)


def _check_known(named: Sequence[str], known: Sequence[str] | None, path: str) -> None:
    if known is not None and (unknown := [name for name in named if name not in known]):
        raise CannotRead(path, f"{unknown[0][:60]!r} is no column of this kind", f"Use one of {', '.join(known)}.")


def _freshness(
    given: Mapping[str, Any], column: str, label: str, severity: Severity, known: Sequence[str] | None
) -> Check:
    match = _DURATION.fullmatch(str(given.get("maxAge", "")).strip())
    seconds = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if not 0 < seconds <= 36_500 * _UNITS["d"]:
        raise CannotRead(
            "implementation.maxAge", "must be a length of time", "Write for example `maxAge: 36h` or `7d`."
        )
    return FreshnessCheck(column, seconds, label, severity)


def _volume(
    given: Mapping[str, Any], column: str, label: str, severity: Severity, known: Sequence[str] | None
) -> Check:
    rows = _bounds(given, "minRows", "maxRows")
    ratio = _bounds(given, "minRatio", "maxRatio")
    if not str(rows) and not str(ratio):
        raise CannotRead("implementation", "names no bound", f"Add one of {', '.join(_FIELDS['volume'])}.")
    return VolumeCheck(rows, ratio, label, severity)


def _distribution(
    given: Mapping[str, Any], column: str, label: str, severity: Severity, known: Sequence[str] | None
) -> Check:
    limits = [_number(given, name, least=0.0) for name in ("maxPsi", "maxJs", "maxKs")]
    if all(limit is None for limit in limits):
        raise CannotRead("implementation", "names no measure", "Add one of maxPsi, maxJs, maxKs.")
    reference = given.get("reference", "latest")
    if reference == "latest":
        reference = None
    elif not isinstance(reference, int) or isinstance(reference, bool) or not 0 < reference < 2**31:
        raise CannotRead("implementation.reference", "names no version", "Write a number from 1, or `latest`.")
    psi, js, ks = limits
    return DistributionCheck(column, psi, js, ks, reference, label, severity)


def _statistics(
    given: Mapping[str, Any], column: str, label: str, severity: Severity, known: Sequence[str] | None
) -> Check:
    mean, quantiles = _bounds(given, "minMean", "maxMean"), given.get("quantiles", [])
    if not isinstance(quantiles, list) or len(quantiles) > _MAX_QUANTILES:
        raise CannotRead("implementation.quantiles", f"must be a list of at most {_MAX_QUANTILES}")
    found = []
    for one in quantiles:
        path = "implementation.quantiles"
        if not isinstance(one, dict) or not set(one) <= {"rank", "min", "max"}:
            raise CannotRead(path, "holds something else than rank, min and max", "Write `{rank: 0.5, min: 1}`.")
        rank = one.get("rank")
        if not isinstance(rank, int | float) or isinstance(rank, bool) or not 0 <= rank <= 1:
            raise CannotRead(path, "has a rank that is not from 0 to 1")
        bound = _bounds(one, "min", "max", path)
        if not str(bound):
            raise CannotRead(path, "has a rank without min and max")
        found.append((float(rank), bound))
    if not str(mean) and not found:
        raise CannotRead("implementation", "names no bound", f"Add one of {', '.join(_FIELDS['statistics'])}.")
    return StatisticsCheck(column, mean, tuple(found), label, severity)


def _bounds(given: Mapping[str, Any], low: str, high: str, path: str = "implementation") -> Bound:
    least, most = _number(given, low, path), _number(given, high, path)
    if least is not None and most is not None and least > most:
        raise CannotRead(f"{path}.{low}", f"is above {high}")
    return Bound(least, most)


def _number(
    given: Mapping[str, Any], name: str, path: str = "implementation", least: float = -math.inf
) -> float | None:
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value) or value < least:
        raise CannotRead(f"{path}.{name}", "must be a number" if least < 0 else f"must be a number from {least:g}")
    return float(value)


_READERS = {
    "expression": _expression,
    "freshness": _freshness,
    "volume": _volume,
    "distribution": _distribution,
    "statistics": _statistics,
}
