"""Rows in batches: out of the files of imports, and between two passes over the table."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aisle_governance.domain.kinds import CANONICAL, ORIGINAL, ROW_ID, SOURCE_MEMBER, DatasetKind, ValueType
from aisle_governance.engines.importer import import_schema
from aisle_governance.engines.releasing import apply_fixes
from aisle_governance.engines.scale.steps import POSITION, to_batch, to_frame

BATCH_ROWS = 131_072
Fixes = Mapping[str, Mapping[str, str]]


def row_schema(kind: DatasetKind, *, utc: bool = False) -> pa.Schema:
    """Columns of the rows between two passes; `utc` says whether `times_to_utc` has run."""
    times = {column.name for column in CANONICAL[kind] if column.type is ValueType.TIME}
    zoned = pa.timestamp("us", "UTC")
    fields = [
        field.with_type(zoned) if utc and field.name in times else field
        for field in sorted(import_schema(kind), key=lambda field: field.name)
        if field.name != SOURCE_MEMBER
    ]
    return pa.schema([pa.field(POSITION, pa.int64()), *fields, pa.field(ORIGINAL, pa.string())])


def source_batches(
    files: Sequence[Path],
    kind: DatasetKind,
    fixes: Fixes,
    columns: Sequence[str] = (),
) -> Iterator[pa.Table]:
    """Rows of all imports in order, each with its position; with `columns` only those.

    A column that an older import lacks is empty; released rows have their new values.
    """
    schema = row_schema(kind)
    wanted = [name for name in schema.names if name not in (POSITION, ORIGINAL)]
    reading = wanted if fixes or not columns else [name for name in wanted if name in columns]
    position = 0
    for path in files:
        with pq.ParquetFile(path) as file:
            there = [name for name in reading if name in file.schema_arrow.names]
            for batch in _regrouped(file, there):
                table = _completed(batch, reading, schema, position)
                position += table.num_rows
                if fixes:
                    table = _fixed(table, fixes, kind)
                yield table.select([POSITION, *columns]) if columns else table


def _regrouped(file: pq.ParquetFile, columns: list[str]) -> Iterator[pa.Table]:
    """Batches of about BATCH_ROWS whatever the size of the file's row groups."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=columns):
        if waiting and rows + batch.num_rows > BATCH_ROWS:
            yield pa.Table.from_batches(waiting).combine_chunks()
            waiting, rows = [], 0
        waiting.append(batch)
        rows += batch.num_rows
    if waiting:
        yield pa.Table.from_batches(waiting).combine_chunks()


def _completed(table: pa.Table, names: Sequence[str], schema: pa.Schema, position: int) -> pa.Table:
    rows = table.num_rows
    arrays = [
        table[name].cast(schema.field(name).type)
        if name in table.column_names
        else pa.nulls(rows, schema.field(name).type)
        for name in names
    ]
    places = pa.array(range(position, position + rows), pa.int64())
    return pa.table([places, *arrays], names=[POSITION, *names])


def _fixed(table: pa.Table, fixes: Fixes, kind: DatasetKind) -> pa.Table:
    if not pc.any(pc.is_in(table[ROW_ID], value_set=pa.array(list(fixes), pa.string()))).as_py():
        return table
    fixed = to_batch(apply_fixes(to_frame(table), fixes, kind), row_schema(kind))
    return fixed.select(table.column_names)


class Spool:
    """Rows on disk between two passes, written and read once in order (Arrow IPC, LZ4); no reader maps them into memory."""

    def __init__(self, path: Path) -> None:
        """Write to `path`."""
        self._path = path
        self._writer: pa.RecordBatchStreamWriter | None = None
        self._sink: pa.OSFile | None = None

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.close()
        if self._sink is not None:
            self._sink.close()

    def write(self, table: pa.Table) -> None:
        """Append rows; all must have the schema of the first."""
        if self._writer is None:
            self._sink = pa.OSFile(str(self._path), "wb")
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            self._writer = pa.ipc.new_stream(self._sink, table.schema, options=options)
        self._writer.write_table(table)


def read_spool(path: Path, columns: Sequence[str] = ()) -> Iterator[pa.Table]:
    """The rows of a spool in the batches in which they were written, with `columns` only the positions and those."""
    if not path.exists():  # nothing was written
        return
    options = pa.ipc.IpcReadOptions()
    if columns:
        with pa.OSFile(str(path), "rb") as source, pa.ipc.open_stream(source) as reader:
            names = reader.schema.names
        options = pa.ipc.IpcReadOptions(included_fields=sorted(names.index(name) for name in (POSITION, *columns)))
    with pa.OSFile(str(path), "rb") as source, pa.ipc.open_stream(source, options=options) as reader:
        for batch in reader:
            yield pa.Table.from_batches([batch])
