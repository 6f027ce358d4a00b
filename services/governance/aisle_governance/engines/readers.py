"""Readers that give the rows of a source as text cells with their exact place: CSV, JSON lines, Parquet."""

import csv
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aisle_governance.domain.kinds import CANONICAL, DatasetKind
from aisle_governance.domain.mapping import ColumnMapping, found_columns, resolve
from aisle_governance.domain.model import Dialect, RecordSchema
from aisle_governance.engines.decode import Budget, check_encoding, lines, members
from aisle_governance.engines.detect import SAMPLE_BYTES, cell_bytes, detect_quote, likely_encoding, split
from aisle_governance.errors import SourceProblem, shorten

BATCH_ROWS = 32_768
MAX_FIELD = 1 << 20
_DELIMITERS = (",", ";", "\t", "|")
_MAX_RESYNC_CHARACTERS = 64 << 20
MAX_COLUMNS = 2_000
_QUOTE_SAMPLE_LINES = 50
_PARQUET_BATCH_ROWS = 16_384


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that cannot be read."""

    line: int
    reason: str
    column: str = ""
    cells: tuple[str, ...] = ()
    """What was read of it."""
    member: str = ""
    part: int = 0
    """Number of the row among those of one line, from 0."""


@dataclass(slots=True)
class Batch:
    """Some rows of one member."""

    header: Sequence[str]
    """Source columns, one per cell."""
    lines: list[int] = field(default_factory=list)
    """Line of each row's first character (header = 1)."""
    rows: list[Sequence[str | None]] = field(default_factory=list)
    """Cells of each row, one per header column."""
    refused: list[Refused] = field(default_factory=list)
    member: str = ""
    parts: list[int] = field(default_factory=list)
    """Number of each row among those of one line; empty when every line is one row."""

    @property
    def row_parts(self) -> list[int]:
        """`parts`, filled in."""
        return self.parts or [0] * len(self.lines)


@dataclass(frozen=True, slots=True)
class Source:
    """Everything a reader needs to know."""

    path: Path
    kind: DatasetKind
    mapping: ColumnMapping
    dialect: Dialect
    any_header: bool = False
    """Whether columns that the kind requires may be missing, as when a mapping is still to be found."""

    @property
    def columns(self) -> ColumnMapping:
        """The mapping that the reader's header answers to: rows made out of another product's records have canonical names."""
        return (
            replace(self.mapping, columns={}) if self.dialect.record_schema is not RecordSchema.NONE else self.mapping
        )


class CsvReader:
    """Reads delimited text with a header line; in a zip every member has the same header."""

    def __init__(self, source: Source, budget: Budget) -> None:
        """Prepare; `dialect` is complete once the first batch is there."""
        self._source, self._budget = source, budget
        self.dialect = replace(source.dialect, encoding=check_encoding(source.dialect.encoding, "dialect.encoding"))
        self._header: list[str] | None = None

    def batches(self) -> Iterator[Batch]:
        """Yield all rows in order. Raises SourceProblem when the file as a whole cannot be read."""
        csv.field_size_limit(MAX_FIELD)
        for member in members(self._source.path, self._budget):
            feed = _Feed(lines(member, self.dialect.encoding, self._budget))
            header = self._read_header(feed, member.label)
            yield from self._rows(feed, header, member.label)

    def _read_header(self, feed: "_Feed", label: str) -> list[str]:
        text = next(feed, "")
        if not text.strip():
            raise SourceProblem("HEADER_MISSING", "The file has no header line.", row=1, next_step="Add one.")
        if "\x00" in text:
            raise SourceProblem(
                "ENCODING_MISMATCH",
                "The header holds NUL bytes.",
                row=1,
                next_step=f"Name the encoding; it is probably {likely_encoding(cell_bytes([text[:SAMPLE_BYTES]])) or 'utf-16'}.",
            )
        sample = [text]
        self._complete_dialect(feed, text, sample)
        feed.unread(sample)
        try:
            header = [name.strip() for name in next(self._csv(feed))]
        except csv.Error as error:
            raise SourceProblem("HEADER_UNREADABLE", "The header line cannot be read.", row=1) from error
        check_header(header)
        if self._header is None:
            self._header = header
            if not self._source.any_header:
                self._check_columns(header, text)
        elif sorted(header) != sorted(self._header):
            raise SourceProblem(
                "HEADER_DIFFERS",
                f"{label or 'A file'} in the zip has another header than the first one.",
                row=1,
                next_step="Upload files with different columns one by one.",
            )
        return header

    def _complete_dialect(self, feed: "_Feed", text: str, sample: list[str]) -> None:
        """Detect what is not known yet; `sample` grows by the lines that were looked at."""
        if not self.dialect.delimiter:
            self.dialect = replace(self.dialect, delimiter=self._detect(text))
        if not self.dialect.quote:
            while len(sample) < _QUOTE_SAMPLE_LINES and (more := next(feed, "")):
                sample.append(more)
            self.dialect = replace(self.dialect, quote=detect_quote(sample, self.dialect.delimiter))

    def _csv(self, feed: "_Feed") -> Any:
        return csv.reader(feed, delimiter=self.dialect.delimiter, quotechar=self.dialect.quote, strict=True)

    def _detect(self, text: str) -> str:
        """The delimiter that finds most mapped columns, then the one that gives most columns."""

        def merit(delimiter: str) -> tuple[int, int]:
            names = split(text, delimiter)
            return found_columns(self._source.mapping, self._source.kind, names), len(names)

        return max(_DELIMITERS, key=merit)

    def _check_columns(self, header: list[str], text: str) -> None:
        try:
            resolve(self._source.mapping, self._source.kind, header)
        except SourceProblem as problem:
            better = self._detect(text)
            names = split(text, better)
            if found_columns(self._source.mapping, self._source.kind, names) > found_columns(
                self._source.mapping, self._source.kind, header
            ):
                raise SourceProblem(
                    "DELIMITER_MISMATCH",
                    f"Split at {self.dialect.delimiter!r} the header gives {len(header)} column(s) without "
                    f"{problem.facts.get('column', '')!r}; split at {better!r} it gives {len(names)} with mapped ones.",
                    next_step=f"Set the delimiter to {better!r}, or leave it empty to have it detected.",
                    row=1,
                    column=problem.facts.get("column"),
                ) from problem
            raise

    def _rows(self, feed: "_Feed", header: list[str], label: str) -> Iterator[Batch]:
        reader = self._csv(feed)
        width = len(header)
        batch = Batch(header, member=label)
        resynced = 0
        while True:
            start = feed.line + 1
            feed.taken.clear()
            try:
                cells = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                resynced += sum(map(len, feed.taken))
                if resynced > _MAX_RESYNC_CHARACTERS:
                    raise SourceProblem("QUOTES_UNBALANCED", "Too many rows have broken quotes.", row=start) from error
                first, *rest = feed.taken or [""]
                feed.unread(rest)
                reader = self._csv(feed)
                batch.refused.append(Refused(start, _quote_reason(error), cells=(first.rstrip("\r\n"),), member=label))
                continue
            if len(cells) == width:
                batch.lines.append(start)
                batch.rows.append(cells)
                if len(batch.rows) >= BATCH_ROWS:
                    yield batch
                    batch = Batch(header, member=label)
            elif cells:
                reason = f"has {len(cells)} fields where the header has {width}"
                column = header[len(cells)] if len(cells) < width else ""
                batch.refused.append(Refused(start, reason, column, tuple(cells), label))
        yield batch


class _Feed:
    """Gives lines to the csv module, remembers those of the row being read, and takes lines back."""

    def __init__(self, source: Iterator[str]) -> None:
        self._source = source
        self._back: list[str] = []
        self.taken: list[str] = []
        self.line = 0

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        text = self._back.pop() if self._back else next(self._source)
        self.line += 1
        self.taken.append(text)
        return text

    def unread(self, texts: list[str]) -> None:
        """Give these lines again, in this order."""
        self._back.extend(reversed(texts))
        self.line -= len(texts)


def _quote_reason(error: csv.Error) -> str:
    text = str(error)
    if "field larger" in text or "unexpected end" in text:
        return "a quoted field is never closed"
    return "a quote stands where none may stand"


def check_header(header: Sequence[str]) -> None:
    """Raise SourceProblem for too many columns, or two of one name."""
    if len(header) > MAX_COLUMNS:
        raise SourceProblem(
            "HEADER_TOO_WIDE", f"The header has {len(header)} columns; at most {MAX_COLUMNS} are read.", row=1
        )
    seen: set[str] = set()
    for name in header:
        if name and name in seen:
            raise SourceProblem(
                "HEADER_REPEATED",
                f"The header names {shorten(name)!r} twice.",
                row=1,
                column=name,
                next_step="Rename one.",
            )
        seen.add(name)


class JsonLinesReader:
    """Reads one JSON object per line; numbers and booleans become text, nested values only when they are not mapped."""

    def __init__(self, source: Source, budget: Budget) -> None:
        """Prepare."""
        self._source, self._budget = source, budget
        self.dialect = replace(source.dialect, encoding=check_encoding(source.dialect.encoding, "dialect.encoding"))

    def batches(self) -> Iterator[Batch]:
        """Yield all rows in order; the header is every mapped column that some row of the batch has."""
        canonical = self._columns()
        wanted = list(canonical)
        seen: set[str] = set()
        for member in members(self._source.path, self._budget):
            batch = Batch([*wanted, ""], member=member.label)
            for number, text in enumerate(lines(member, self.dialect.encoding, self._budget), start=1):
                if not text.strip():
                    continue
                self._row(batch, number, text, wanted, seen)
                if len(batch.rows) >= BATCH_ROWS:
                    yield batch
                    batch = Batch([*wanted, ""], member=member.label)
            yield batch
        missing = [name for name in wanted if name not in seen and canonical[name]]
        if missing:
            resolve(self._source.mapping, self._source.kind, sorted(seen))

    def _columns(self) -> dict[str, bool]:
        """Source column -> whether the file must have it."""
        mapping = self._source.mapping.columns
        return {
            mapping.get(column.name, column.name): column.required or column.name in mapping
            for column in CANONICAL[self._source.kind]
        }

    def _row(self, batch: Batch, number: int, text: str, wanted: list[str], seen: set[str]) -> None:
        try:
            value = json.loads(text, parse_constant=refuse_constant)
        except (ValueError, RecursionError):
            batch.refused.append(Refused(number, "is not JSON", cells=(text.rstrip("\r\n"),), member=batch.member))
            return
        if not isinstance(value, dict):
            batch.refused.append(
                Refused(number, "is no JSON object", cells=(text.rstrip("\r\n"),), member=batch.member)
            )
            return
        cells: list[str | None] = []
        for name in wanted:
            cell = value.get(name)
            if isinstance(cell, dict | list):
                batch.refused.append(
                    Refused(number, "holds a list or an object", name, (text.rstrip("\r\n"),), batch.member)
                )
                return
            cells.append(cell_text(cell))
            if name in value:
                seen.add(name)
        batch.lines.append(number)
        batch.rows.append([*cells, json.dumps(value, sort_keys=True)])


def refuse_constant(name: str) -> float:
    """NaN and infinities are no JSON."""
    raise ValueError(name)


def cell_text(value: Any) -> str | None:
    """A JSON value that is neither list nor object as the text that the checks of all formats read."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and math.fabs(value) < 1e15:
        return str(int(value))
    return repr(value)


class ParquetReader:
    """Reads Apache Parquet; every flat column becomes text, so that the same checks hold for all formats."""

    def __init__(self, source: Source, budget: Budget) -> None:
        """Prepare."""
        self._source, self._budget = source, budget
        self.dialect = Dialect()

    def batches(self) -> Iterator[Batch]:
        """Yield all rows in order; a row's line is its number, from 1."""
        try:
            with pq.ParquetFile(self._source.path) as file:
                yield from self._read(file)
        except (pa.ArrowException, OSError) as error:
            raise SourceProblem(
                "SOURCE_CORRUPT", "The Parquet file is damaged or cut off.", next_step="Upload the whole file again."
            ) from error

    def _read(self, file: pq.ParquetFile) -> Iterator[Batch]:
        metadata = file.metadata
        self._budget.expected = sum(metadata.row_group(at).total_byte_size for at in range(metadata.num_row_groups))
        if self._budget.expected > self._budget.limits.decoded_bytes:
            self._budget.spend(self._budget.expected)
        schema = file.schema_arrow
        flat = [field.name for field in schema if not pa.types.is_nested(field.type)]
        check_header(flat)
        if not self._source.any_header:
            resolve(self._source.mapping, self._source.kind, flat)
        number = 1
        for part in file.iter_batches(batch_size=_PARQUET_BATCH_ROWS, columns=flat):
            columns = [self._texts(part.column(name), name, number) for name in flat]
            rows: list[Sequence[str | None]] = list(zip(*columns, strict=True))
            yield Batch(flat, list(range(number, number + len(rows))), rows)
            number += len(rows)

    def _texts(self, column: pa.Array, name: str, row: int) -> list[str | None]:
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
            return [None if value is None else value.decode("utf-8", "surrogateescape") for value in column.to_pylist()]
        try:
            column = column.cast(pa.string())
            # What the file says of its size is that of its encoding, which may name one long text a million times.
            self._budget.spend(pc.sum(pc.binary_length(column)).as_py() or 0)
            texts: list[str | None] = column.to_pylist()
        except pa.ArrowException as error:
            raise SourceProblem(
                "COLUMN_TYPE",
                f"A column of type {shorten(str(column.type))} cannot be read as text.",
                row=row,
                column=name,
            ) from error
        return texts
