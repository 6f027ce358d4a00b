"""Reads the first rows of a file whatever its columns are, so that a mapping can be suggested."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aisle_governance.domain.kinds import DatasetKind, ValueType
from aisle_governance.domain.mapping import ColumnMapping
from aisle_governance.domain.model import Dialect, FileFormat
from aisle_governance.domain.suggest import Sample
from aisle_governance.engines.decode import Budget, Limits, check_encoding, lines, members
from aisle_governance.engines.detect import cell_bytes, likely_encoding
from aisle_governance.engines.opening import open_reader
from aisle_governance.engines.readers import MAX_COLUMNS, Source, cell_text, refuse_constant
from aisle_governance.engines.values import MISFIT, integer, moment, number, texts
from aisle_governance.errors import SourceProblem

SAMPLE_ROWS = 2_000
_LIMITS = Limits(decoded_bytes=256 << 20)

FITS = {
    ValueType.TEXT: lambda cell: True,
    ValueType.INTEGER: lambda cell: integer(cell) is not MISFIT,
    ValueType.NUMBER: lambda cell: number(cell) is not MISFIT,
    ValueType.TIME: lambda cell: moment(cell) is not MISFIT,
}
"""What an import reads as it is."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """Rows with what was found out about the file."""

    sample: Sample
    dialect: Dialect
    likely_encoding: str = ""


def sample_file(
    path: Path, kind: DatasetKind, file_format: FileFormat, dialect: Dialect, *, is_beginning: bool
) -> Sampled:
    """Read up to 2,000 rows. Raises SourceProblem when the file, or its beginning, cannot be read."""
    source = Source(path, kind, ColumnMapping(), dialect, any_header=True)
    budget = Budget(_LIMITS)
    if file_format is FileFormat.JSONL:
        return _json_lines(source, budget)
    reader = open_reader(source, file_format, budget)
    columns: dict[str, list[str]] = {}
    broken = bytearray()
    count = 0
    try:
        for batch in reader.batches():
            for name in batch.header:
                columns.setdefault(name, [])
            for row in batch.rows[: SAMPLE_ROWS - count]:
                for name, cell in zip(batch.header, row, strict=True):
                    _add(columns[name], cell, broken)
            count += len(batch.rows[: SAMPLE_ROWS - count])
            if count >= SAMPLE_ROWS:
                break
    except SourceProblem as problem:
        if not (is_beginning and columns and problem.reason in ("SOURCE_TRUNCATED", "SOURCE_TOO_LARGE")):
            raise
    guess = likely_encoding(bytes(broken)) if broken else ""
    return Sampled(Sample({name: cells for name, cells in columns.items() if name}, count), reader.dialect, guess)


def _add(cells: list[str], cell: str | None, broken: bytearray) -> None:
    if cell is None or not cell.strip():
        return
    if texts([cell])[1]:
        broken += cell_bytes([cell])
        return
    cells.append(cell)


def _json_lines(source: Source, budget: Budget) -> Sampled:
    encoding = check_encoding(source.dialect.encoding, "dialect.encoding")
    columns: dict[str, list[str]] = {}
    broken = bytearray()
    count = 0
    try:
        for member in members(source.path, budget):
            for text in lines(member, encoding, budget):
                value = _object(text)
                if value is None:
                    continue
                count += 1
                for name, cell in value.items():
                    if not isinstance(cell, dict | list) and (name in columns or len(columns) < MAX_COLUMNS):
                        _add(columns.setdefault(name, []), cell_text(cell), broken)
                if count >= SAMPLE_ROWS:
                    break
    except SourceProblem:
        if not count:
            raise
    if not count:
        raise SourceProblem(
            "NO_READABLE_ROW", "The file holds no line with a JSON object.", next_step="Check the format."
        )
    guess = likely_encoding(bytes(broken)) if broken else ""
    return Sampled(Sample(columns, count), replace(source.dialect, encoding=encoding), guess)


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text, parse_constant=refuse_constant)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
