"""Takes one source file in: reads it through the mapping and writes accepted and refused rows as Parquet."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from aisle_governance.domain.kinds import (
    CANONICAL,
    IMPORT,
    ROW_ID,
    SOURCE_HASH,
    SOURCE_LINE,
    SOURCE_MEMBER,
    TIME_IS_UTC,
    DatasetKind,
    ValueType,
)
from aisle_governance.domain.mapping import resolve
from aisle_governance.domain.model import Dialect, FileFormat, ImportedFile
from aisle_governance.domain.pii import PiiPolicy, mask_text
from aisle_governance.engines.decode import Budget, Limits
from aisle_governance.engines.detect import SAMPLE_BYTES, cell_bytes, likely_encoding
from aisle_governance.engines.opening import open_reader
from aisle_governance.engines.quarantine import QuarantineWriter
from aisle_governance.engines.readers import Batch, Refused, Source
from aisle_governance.engines.values import ARROW_TYPES, texts, typed
from aisle_governance.errors import SourceProblem, shorten

MAX_FILES_TOLD = 1_000
_QUOTED = re.compile(r"""^(?:'.*'|".*")(?= is not )""", re.DOTALL)
_TYPE_WORDS = {ValueType.INTEGER: "a whole number", ValueType.NUMBER: "a number", ValueType.TIME: "an ISO 8601 time"}


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """What was taken in."""

    accepted_row_count: int
    rejected_row_count: int
    dialect: Dialect
    """Complete: detected parts filled in."""
    likely_encoding: str = ""
    """What the bytes seem to be when some are no text in the dialect's encoding."""
    files: tuple[ImportedFile, ...] = ()
    """Of a source of several files."""
    skipped_record_count: int = 0


@dataclass(slots=True)
class _Counts:
    accepted: int = 0
    rejected: int = 0
    first_refused: Refused | None = field(default=None)
    broken: bytearray = field(default_factory=bytearray)
    """Bytes of cells that are no text in the file's encoding."""
    by_file: dict[str, list[int]] = field(default_factory=dict)

    def note(self, member: str, accepted: int, rejected: int) -> None:
        """Count the rows of one file."""
        self.accepted += accepted
        if member and (member in self.by_file or len(self.by_file) < MAX_FILES_TOLD):
            counts = self.by_file.setdefault(member, [0, 0])
            counts[0] += accepted
            counts[1] += rejected

    def likely_encoding(self) -> str:
        """What the broken bytes seem to be; "" when there are none."""
        return likely_encoding(bytes(self.broken)) if self.broken else ""


def import_schema(kind: DatasetKind) -> pa.Schema:
    """Columns of an import's Parquet file: canonical ones, lineage, and what the rules need beside them."""
    columns = [pa.field(column.name, ARROW_TYPES[column.type]) for column in CANONICAL[kind]]
    helpers = [
        pa.field(ROW_ID, pa.string()),
        pa.field(IMPORT, pa.string()),
        pa.field(SOURCE_LINE, pa.int64()),
        pa.field(SOURCE_MEMBER, pa.dictionary(pa.int32(), pa.string())),
        pa.field(SOURCE_HASH, pa.string()),
        pa.field(TIME_IS_UTC, pa.bool_()),
    ]
    return pa.schema([*columns, *helpers])


def row_id(import_id: str, member: str, line: int, part: int = 0) -> str:
    """The stable id of a row, 24 hex digits: a hash of its import and its place in the source, so uniformly distributed.

    `part` tells rows apart that were made out of one line.
    """
    place = f"{import_id}\n{member}\n{line}" + (f"\n{part}" if part else "")
    return blake2b(place.encode(), digest_size=12).hexdigest()


def import_file(
    source: Source,
    file_format: FileFormat,
    import_id: str,
    rows_file: Path,
    rejected_file: Path,
    *,
    limits: Limits | None = None,
    on_rows: Callable[[int, float], None] | None = None,
) -> ImportOutcome:
    """Read `source` and write both files; `on_rows(rows so far, share of the bytes read)` is called between batches.

    A row that cannot be read goes to `rejected_file` with its reason; raises SourceProblem when the file as a whole cannot be read,
    or no row of it can.
    """
    budget = Budget(limits or Limits())
    reader = open_reader(source, file_format, budget)
    schema = import_schema(source.kind)
    counts = _Counts()
    with (
        pq.ParquetWriter(rows_file, schema, compression="zstd") as accepted,
        QuarantineWriter(rejected_file) as refused,
    ):
        for batch in reader.batches():
            kept, misfits = convert_rows(batch, source, import_id, schema, counts.broken)
            accepted.write_batch(kept)
            counts.note(batch.member, kept.num_rows, len(batch.refused) + len(misfits))
            hidden = [_protected(row, source) for row in (*batch.refused, *misfits)]
            _write_refused(refused, hidden, batch.header, import_id, counts)
            if on_rows is not None:
                on_rows(counts.accepted + counts.rejected, budget.progress_ratio)
    if counts.accepted == 0:
        raise _nothing_readable(counts)
    return ImportOutcome(
        counts.accepted,
        counts.rejected,
        reader.dialect,
        counts.likely_encoding(),
        tuple(ImportedFile(name, *found) for name, found in counts.by_file.items()),
        getattr(reader, "skipped", 0),
    )


def _protected(row: Refused, source: Source) -> Refused:
    """`row` without personal data, when the mapping has a policy for any column: the cells of a refused row may be shifted.

    The reason then quotes no value, because a quoted one is cut, and half a number is not recognised.
    """
    if not any(policy is not PiiPolicy.REPORT for policy in source.mapping.pii_policies.values()):
        return row
    return replace(row, reason=_QUOTED.sub("the value", row.reason), cells=tuple(mask_text(cell) for cell in row.cells))


def _nothing_readable(counts: _Counts) -> SourceProblem:
    refused = counts.first_refused
    if refused is None:
        return SourceProblem("SOURCE_EMPTY", "The file holds no rows.", row=1, next_step="Upload a file with rows.")
    encoding = counts.likely_encoding()
    return SourceProblem(
        "NO_READABLE_ROW",
        f"None of the {counts.rejected} rows can be read; the first one {refused.reason}.",
        next_step=f"Name the encoding; it is probably {encoding}."
        if encoding
        else "Check the format, the delimiter and the column mapping.",
        row=refused.line,
        column=refused.column,
    )


def convert_rows(
    batch: Batch, source: Source, import_id: str, schema: pa.Schema, broken: bytearray | None = None
) -> tuple[pa.RecordBatch, list[Refused]]:
    """Typed columns of the good rows of a batch, and the rows with a cell that does not fit.

    `broken` grows by the bytes of cells that are no text.
    """
    count = len(batch.rows)
    used = resolve(source.columns, source.kind, batch.header)
    cells: list[Sequence[str | None]] = list(zip(*batch.rows, strict=True)) if count else [()] * len(batch.header)
    blame: dict[int, tuple[str, str]] = {}
    words = _ByteReason(broken)
    for position, name in enumerate(batch.header):
        if position not in used.values():
            _blame_bytes(cells[position], name, blame, words)
    columns: dict[str, pa.Array] = {}
    is_utc = pa.array([False] * count, pa.bool_())
    for column in CANONICAL[source.kind]:
        if column.name not in used:
            columns[column.name] = pa.nulls(count, ARROW_TYPES[column.type])
            continue
        raw = cells[used[column.name]]
        name = batch.header[used[column.name]]
        text, bad_bytes = texts(raw)
        result = typed(text, column.type)
        for index in bad_bytes:
            blame.setdefault(index, (name, words(raw[index])))
        for index in result.misfits:
            blame.setdefault(index, (name, f"{shorten(raw[index] or '', 40)!r} is not {_TYPE_WORDS[column.type]}"))
        columns[column.name] = result.values
        is_utc = result.is_utc if result.is_utc is not None else is_utc
    columns |= _lineage(batch, import_id, is_utc)
    kept = pa.RecordBatch.from_arrays([columns[field.name] for field in schema], schema=schema)
    if not blame:
        return kept, []
    good = pa.array([index not in blame for index in range(count)], pa.bool_())
    refused = [
        Refused(
            batch.lines[index],
            reason,
            name,
            tuple(cell or "" for cell in batch.rows[index]),
            batch.member,
            batch.row_parts[index],
        )
        for index, (name, reason) in sorted(blame.items())
    ]
    return kept.filter(good), refused


def _lineage(batch: Batch, import_id: str, is_utc: pa.Array) -> dict[str, pa.Array]:
    count = len(batch.lines)
    member = batch.member
    return {
        ROW_ID: pa.array(
            [row_id(import_id, member, line, part) for line, part in zip(batch.lines, batch.row_parts, strict=True)],
            pa.string(),
        ),
        IMPORT: pa.array([import_id] * count, pa.string()),
        SOURCE_LINE: pa.array(batch.lines, pa.int64()),
        SOURCE_MEMBER: pa.array([member] * count, pa.string())
        .dictionary_encode()
        .cast(pa.dictionary(pa.int32(), pa.string())),
        SOURCE_HASH: pa.array(_digests(batch.rows), pa.string()),
        TIME_IS_UTC: is_utc,
    }


def _digests(rows: Iterable[Sequence[str | None]]) -> list[str]:
    """128 bits over all cells of each row, unmapped ones included."""
    return [
        blake2b("\x1f".join([cell or "" for cell in row]).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        for row in rows
    ]


def _blame_bytes(
    cells: Sequence[str | None], name: str, blame: dict[int, tuple[str, str]], words: "_ByteReason"
) -> None:
    """Refuse rows with broken bytes in a column that is not mapped, too: the whole row is not to be trusted."""
    for index in texts(cells)[1]:
        blame.setdefault(index, (name, words(cells[index])))


class _ByteReason:
    """Says what is wrong with a cell that is no text, and collects its bytes for a guess at the encoding."""

    def __init__(self, broken: bytearray | None) -> None:
        self._broken = broken if broken is not None else bytearray()

    def __call__(self, cell: str | None) -> str:
        """The reason, for people."""
        bad = next((char for char in cell or "" if "\ud800" <= char <= "\udfff"), "")
        code = ord(bad) - 0xDC00 if bad else 0
        if not 0x80 <= code <= 0xFF:
            return "holds half a character"
        if len(self._broken) < SAMPLE_BYTES:
            self._broken += cell_bytes([cell])[:SAMPLE_BYTES] + b" "
        return f"holds byte 0x{code:02X}, which is no text in the file's encoding"


def _write_refused(
    writer: QuarantineWriter, refused: Sequence[Refused], header: Sequence[str], import_id: str, counts: _Counts
) -> None:
    if not refused:
        return
    refused = sorted(refused, key=lambda row: row.line)
    counts.rejected += len(refused)
    counts.first_refused = counts.first_refused or refused[0]
    writer.write_refused(
        [
            {
                "row_id": row_id(import_id, row.member, row.line, row.part),
                "import_id": import_id,
                "source_line": row.line,
                "reason": f"line {row.line}: {row.reason}" + (f" (in {row.member})" if row.member else ""),
                "column": row.column,
                "raw": _raw_json(row, header),
            }
            for row in refused
        ]
    )


def _raw_json(row: Refused, header: Sequence[str]) -> str:
    named = len(row.cells) == len(header)
    cells = [shorten(cell, 500) for cell in row.cells[:50]]
    value: Any = dict(zip(header, cells, strict=False)) if named else {"cells": cells}
    return json.dumps(value, ensure_ascii=False)
