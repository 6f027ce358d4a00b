"""Takes the rows of some people out of source files. Lines keep their numbers: a row that goes leaves empty lines behind."""

import codecs
import gzip
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aisle_governance.domain.mapping import resolve
from aisle_governance.domain.model import FileFormat
from aisle_governance.domain.subjects import Subjects
from aisle_governance.engines.decode import Budget, Limits, lines, members
from aisle_governance.engines.erasing import PERSON_COLUMN
from aisle_governance.engines.importer import row_id
from aisle_governance.engines.opening import open_reader
from aisle_governance.engines.readers import Batch, Refused, Source
from aisle_governance.errors import SourceProblem

_TEXT_FORMATS = frozenset({FileFormat.CSV, FileFormat.JSONL})
_PARQUET_BATCH_ROWS = 16_384


@dataclass(slots=True)
class RawRows:
    """Where the people's rows lie in a source file."""

    extents: dict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    """By member: first line of each row (row number for Parquet) -> line of the row after it, 0 for the last row."""
    encoding: str = "utf-8"
    parts: dict[tuple[str, int], int] = field(default_factory=dict)
    """(member, line) -> how many rows were made out of that line, where there are several."""

    def __bool__(self) -> bool:
        """Whether there are any."""
        return any(self.extents.values())

    def row_ids(self, import_id: str) -> set[str]:
        """Ids that the rows have in the import."""
        return {
            row_id(import_id, member, line, part)
            for member, found in self.extents.items()
            for line in found
            for part in range(self.parts.get((member, line), 1))
        }


def find_rows(source: Source, file_format: FileFormat, subjects: Subjects, limits: Limits | None = None) -> RawRows:
    """Find the people's rows, refused ones included. Raises SourceProblem when the file cannot be read as a whole."""
    reader = open_reader(source, file_format, Budget(limits or Limits()))
    found = RawRows()
    open_rows: dict[str, int] = {}
    for batch in reader.batches():
        hits = {*_accepted_hits(batch, source, subjects)}
        hits |= {refused.line for refused in batch.refused if _is_theirs(refused, subjects)}
        found.parts |= {
            (batch.member, line): part + 1 for line, part in zip(batch.lines, batch.parts, strict=False) if part
        }
        starts = sorted({*batch.lines, *(refused.line for refused in batch.refused)})
        extents = found.extents[batch.member]
        if starts and (last := open_rows.pop(batch.member, 0)):
            extents[last] = starts[0]
        for start, following in zip(starts, [*starts[1:], 0], strict=True):
            if start in hits:
                extents[start] = following
                if not following:
                    open_rows[batch.member] = start
    found.encoding = getattr(reader.dialect, "encoding", "") or "utf-8"
    return found


def _accepted_hits(batch: Batch, source: Source, subjects: Subjects) -> Iterator[int]:
    if not batch.rows:
        return
    person = resolve(source.columns, source.kind, batch.header).get(PERSON_COLUMN, -1)
    for line, cells in zip(batch.lines, batch.rows, strict=True):
        for position, cell in enumerate(cells):
            if subjects.is_id(cell) if position == person else subjects.mentions(cell):
                yield line
                break


def _is_theirs(refused: Refused, subjects: Subjects) -> bool:
    pieces = [piece.strip("\"' ") for cell in refused.cells for piece in cell.replace(";", ",").split(",")]
    return subjects.any_cell([*refused.cells, *pieces])


def rewrite(source: Source, file_format: FileFormat, rows: RawRows, target: Path) -> None:
    """Write the source file without the rows to `target`, packed as it was.

    Raises SourceProblem (ERASURE_UNSUPPORTED) for a format that cannot be written row by row.
    """
    if file_format is FileFormat.PARQUET:
        _rewrite_parquet(source.path, set(rows.extents[""]), target)
    elif file_format in _TEXT_FORMATS:
        _rewrite_text(source.path, rows, target)
    else:
        raise SourceProblem("ERASURE_UNSUPPORTED", f"A file of format {file_format.value} cannot be rewritten.")


def _rewrite_text(path: Path, rows: RawRows, target: Path) -> None:
    with path.open("rb") as file:
        magic = file.read(4)
    budget = Budget(Limits(decoded_bytes=1 << 62, line_characters=1 << 40))
    if magic.startswith(b"PK"):
        _rewrite_zip(path, rows, target, budget)
        return
    with target.open("wb") as raw:
        for member in members(path, budget):
            if magic.startswith(b"\x1f\x8b"):
                with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
                    _blank(member, rows, "", budget, packed)
            else:
                _blank(member, rows, "", budget, raw)


def _rewrite_zip(path: Path, rows: RawRows, target: Path, budget: Budget) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for member in members(path, budget):
            with packed.open(zipfile.ZipInfo(member.label), "w", force_zip64=True) as out:
                _blank(member, rows, member.label, budget, out)


def _blank(member: Any, rows: RawRows, label: str, budget: Budget, out: Any) -> None:
    """Copy a member's text with empty lines in place of the rows."""
    encoder = codecs.getincrementalencoder(rows.encoding)(errors="surrogateescape")
    gone = _inside(rows.extents.get(label, {}))
    for number, text in enumerate(lines(member, rows.encoding, budget), start=1):
        if gone(number):
            text = "\r\n" if text.endswith("\r\n") else "\n" if text.endswith("\n") else ""
        out.write(encoder.encode(text))


def _inside(extents: Mapping[int, int]) -> Callable[[int], bool]:
    """Say for ascending line numbers whether they belong to one of the rows."""
    end = 0
    is_last = False

    def gone(number: int) -> bool:
        nonlocal end, is_last
        if number in extents:
            end = extents[number]
            is_last = not end
        return is_last or number < end

    return gone


def _rewrite_parquet(path: Path, numbers: set[int], target: Path) -> None:
    """Copy the file with nulls in place of the rows, so that the others keep their numbers."""
    with pq.ParquetFile(path) as file:
        schema = pa.schema([one.with_nullable(True) for one in file.schema_arrow])
        position = 1
        with pq.ParquetWriter(target, schema, compression="zstd") as writer:
            for batch in file.iter_batches(batch_size=_PARQUET_BATCH_ROWS):
                gone = pa.array([position + index in numbers for index in range(batch.num_rows)], pa.bool_())
                columns = [
                    pc.if_else(gone, pa.scalar(None, column.type), column) if pc.any(gone).as_py() else column
                    for column in map(_decoded, batch.columns)
                ]
                plain = [one.cast(schema.field(index).type) for index, one in enumerate(columns)]
                writer.write_batch(pa.RecordBatch.from_arrays(plain, schema=schema))
                position += batch.num_rows


def _decoded(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
