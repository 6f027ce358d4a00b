"""Turns text cells into typed columns, and says which cells do not fit."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from aisle_governance.domain.kinds import ValueType

_OFFSET = r"(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})$"
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ].+)?")
_INT64 = 2**63

ARROW_TYPES = {
    ValueType.TEXT: pa.string(),
    ValueType.INTEGER: pa.int64(),
    ValueType.NUMBER: pa.float64(),
    ValueType.TIME: pa.timestamp("us"),
}
"""How imported values are stored; times are local until `times_to_utc`, unless they came with an offset."""


@dataclass(frozen=True, slots=True)
class Typed:
    """A column of one type."""

    values: pa.Array
    """Null where there is no value, and where the text does not fit."""
    misfits: Sequence[int]
    """Row numbers whose text is not a value of the type."""
    is_utc: pa.Array | None = None
    """For times: whether the text carried an offset, so that the value is UTC already."""


def texts(cells: Sequence[str | None]) -> tuple[pa.Array, list[int]]:
    """As a column of text with "" as missing, and the rows whose bytes were no text in the file's encoding."""
    bad: list[int] = []
    try:
        column = pa.array(cells, pa.string())
    except UnicodeEncodeError:
        bad = [index for index, cell in enumerate(cells) if cell is not None and not _is_text(cell)]
        blamed = set(bad)
        column = pa.array([None if index in blamed else cell for index, cell in enumerate(cells)], pa.string())
    return pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column), bad


def _is_text(cell: str) -> bool:
    try:
        cell.encode()
    except UnicodeEncodeError:
        return False
    return True


def typed(column: pa.Array, wanted: ValueType) -> Typed:
    """Read a column of text as `wanted`; white space around a value and a missing value are fine."""
    match wanted:
        case ValueType.TEXT:
            return Typed(column, ())
        case ValueType.INTEGER:
            return _fast_or_slow(column, pa.int64(), integer)
        case ValueType.NUMBER:
            read = _fast_or_slow(column, pa.float64(), number)
            strange = pc.invert(pc.fill_null(pc.is_finite(read.values), True))
            return _fast_or_slow(column, None, number) if pc.any(strange).as_py() else read
        case ValueType.TIME:
            return _times(column)


def _fast_or_slow(column: pa.Array, wanted: pa.DataType | None, slow: Callable[[str], Any]) -> Typed:
    """Cast at once; when a cell does not fit, look at every distinct text alone."""
    if wanted is not None:
        try:
            return Typed(pc.cast(column, wanted), ())
        except pa.ArrowInvalid:
            pass
    answers: dict[str | None, Any] = {None: None}
    values, misfits = [], []
    for index, text in enumerate(column.to_pylist()):
        if text not in answers:
            answers[text] = slow(text) if text.strip() else None
        value = answers[text]
        if value is MISFIT:
            misfits.append(index)
            value = None
        values.append(value)
    return Typed(pa.array(values, wanted or pa.float64()), misfits)


MISFIT = object()
"""Answer of the slow readers for a text that is not a value."""


def number(text: str) -> Any:
    """A finite decimal number with a point, or MISFIT; `1.234,5` and `1,234` are refused because they can be meant in two ways."""
    stripped = text.strip()
    if not _NUMBER.fullmatch(stripped):
        return MISFIT
    value = float(stripped)
    return value if abs(value) != float("inf") else MISFIT


def integer(text: str) -> Any:
    """A whole number of 64 bits (`6`, `6.0`), or MISFIT."""
    stripped = text.strip()
    try:
        value = int(stripped) if stripped.lstrip("+-").isdecimal() and len(stripped) < 25 else number(stripped)
    except ValueError:
        return MISFIT
    if value is MISFIT or value != int(value) or not -_INT64 <= value < _INT64:
        return MISFIT
    return int(value)


def moment(text: str) -> Any:
    """(naive local or UTC datetime, whether it is UTC) of an ISO 8601 date or time, or MISFIT."""
    stripped = text.strip()
    if not _DATE.fullmatch(stripped):
        return MISFIT
    try:
        value = datetime.fromisoformat(stripped)
        if value.tzinfo is None:
            return value, False
        return value.astimezone(UTC).replace(tzinfo=None), True
    except (ValueError, OverflowError):
        return MISFIT


def _times(column: pa.Array) -> Typed:
    """ISO 8601 with or without an offset."""
    zoned = pc.fill_null(pc.match_substring_regex(column, _OFFSET), False)
    if not pc.any(zoned).as_py():
        try:
            return Typed(pc.cast(column, pa.timestamp("us")), (), zoned)
        except pa.ArrowInvalid:
            pass
    answers: dict[str | None, Any] = {None: (None, False)}
    values, is_utc, misfits = [], [], []
    for index, text in enumerate(column.to_pylist()):
        if text not in answers:
            answers[text] = moment(text) if text.strip() else (None, False)
        answer = answers[text]
        if answer is MISFIT:
            misfits.append(index)
            answer = (None, False)
        values.append(answer[0])
        is_utc.append(answer[1])
    return Typed(pa.array(values, pa.timestamp("us")), misfits, pa.array(is_utc, pa.bool_()))
