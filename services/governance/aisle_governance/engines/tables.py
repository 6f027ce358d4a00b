"""Published tables: Delta tables in a folder of their own each, never changed once written."""

import hashlib
import json
import shutil
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aisle_governance.domain.kinds import ALIASES, CONTENT_KEY, IMPORT, LABEL_ROWS, ROW_ID, SOURCE_LINE
from aisle_governance.domain.model import TableFile
from aisle_governance.errors import DataLoss, InvalidField, NotFound

CHUNK_BYTES = 1 << 20
_READ_ROWS = 32_768
_ROW_GROUP = 131_072


def write_table(table: pa.Table, folder: Path, description: str) -> tuple[TableFile, ...]:
    """Write `table` as a Delta table into `folder` (emptied first) and return its files, one or none, rows in order.

    The file is written here and then made a table: Delta's own writer works through the chunks of a table side by side and
    leaves their order to chance. Raises DataLoss when the table does not consist of exactly that file.
    """
    from deltalake import write_deltalake

    if not table.num_rows:  # such a table has no file
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_deltalake(str(folder), table, mode="error", description=description)
        return ()
    name = _emptied(folder)
    pq.write_table(table, folder / name, compression="zstd", row_group_size=_ROW_GROUP)
    return _made_table(folder, name, description)


def adopt_file(path: Path, folder: Path, description: str) -> tuple[TableFile, ...]:
    """Make the Parquet file at `path` the one file of a Delta table in `folder` (emptied first); the file is moved.

    Raises DataLoss when the table does not consist of exactly that file.
    """
    name = _emptied(folder)
    shutil.move(path, folder / name)
    return _made_table(folder, name, description)


def _emptied(folder: Path) -> str:
    """Empty `folder`; returns the name of the file to be put there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    return f"part-00000-{uuid.uuid4()}-c000.zstd.parquet"


def _made_table(folder: Path, name: str, description: str) -> tuple[TableFile, ...]:
    from deltalake import DeltaTable, convert_to_deltalake

    convert_to_deltalake(str(folder), description=description)
    found = [Path(uri).name for uri in DeltaTable(str(folder)).file_uris()]
    if found != [name]:
        raise DataLoss("The table was not written as one ordered file.", reason="TABLE_INCOMPLETE")
    return (_describe(folder, name),)


def _describe(folder: Path, name: str) -> TableFile:
    path = folder / name
    with pq.ParquetFile(path) as file:
        rows = int(file.metadata.num_rows)
    return TableFile(name, file_sha256(path), path.stat().st_size, rows)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verified_files(folder: Path, files: Sequence[TableFile]) -> list[Path]:
    """Return the paths of a version's files. Raises DataLoss when one is missing or not as it was written."""
    paths = []
    for file in files:
        path = folder / file.name
        try:
            intact = path.stat().st_size == file.size_bytes and file_sha256(path) == file.sha256
        except OSError:
            intact = False
        if not intact:
            raise DataLoss(
                "A file of the dataset version is damaged or missing.",
                reason="TABLE_DIGEST_MISMATCH",
                next_step="Run governance again on the same imports.",
            )
        paths.append(path)
    return paths


def check_columns(asked: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return the columns to read, all when none is asked for. Raises InvalidField for an unknown or repeated one."""
    for index, name in enumerate(asked):
        if name not in known or name in asked[:index]:
            problem = "is asked for twice" if name in known else "is no column of this version"
            raise InvalidField(f"columns[{index}]", problem, next_step=f"Use {', '.join(known)}.")
    return list(asked or known)


def read_ipc(
    paths: Sequence[Path],
    schema: Sequence[tuple[str, str]],
    columns: Sequence[str],
    *,
    not_in: Sequence[Path] | None = None,
    sample_row_count: int = 0,
) -> Iterator[bytes]:
    """Yield one Arrow IPC stream of the rows in order, in pieces of at most 1 MiB.

    With `not_in`, only rows whose content those files do not hold. With `sample_row_count`, a uniform sample of at most that many:
    the rows with the smallest ids, so that the same rows are drawn again from a version that still holds them.
    """
    chosen = chosen_rows(paths, not_in, sample_row_count)
    sink = Pieces()
    position = 0
    writer: pa.RecordBatchStreamWriter | None = None
    for path in paths:
        with pq.ParquetFile(path) as file:
            if writer is None:
                writer = pa.ipc.new_stream(sink, pa.schema([file.schema_arrow.field(name) for name in columns]))
            for batch in file.iter_batches(batch_size=_READ_ROWS, columns=list(columns)):
                rows = batch.num_rows
                if chosen is not None:
                    batch = batch.filter(chosen.slice(position, rows))
                position += rows
                if batch.num_rows:
                    writer.write_batch(batch.select(list(columns)))
                yield from sink.whole()
    if writer is None:  # a version without rows has no file
        types = dict(schema)
        writer = pa.ipc.new_stream(sink, pa.schema([(name, parse_type(types[name])) for name in columns]))
    writer.close()
    yield from sink.rest()


def parse_type(words: str) -> pa.DataType:
    """The Arrow type that a column's words stand for."""
    if words.startswith("timestamp"):
        return pa.timestamp("us", "UTC")
    return pa.type_for_alias(words)


def chosen_rows(paths: Sequence[Path], not_in: Sequence[Path] | None, sample: int) -> pa.Array | None:
    """One boolean per row of all files, or None for every row."""
    mask = None
    if not_in is not None:
        old = _column(not_in, CONTENT_KEY)
        mask = pc.invert(pc.is_in(_column(paths, CONTENT_KEY), value_set=old.combine_chunks()))
        mask = mask.combine_chunks()
    if sample > 0:
        ids = _column(paths, ROW_ID).combine_chunks()
        candidates = ids if mask is None else ids.filter(mask)
        if len(candidates) > sample:
            order = pc.array_sort_indices(candidates)
            last = candidates[order[sample - 1].as_py()]
            small = pc.less_equal(ids, last)
            mask = small if mask is None else pc.and_(mask, small)
    return mask


def _column(paths: Sequence[Path], name: str) -> pa.ChunkedArray:
    parts = [pq.read_table(path, columns=[name], partitioning=None).column(0) for path in paths]
    chunks = [chunk.cast(pa.string()) for part in parts for chunk in part.chunks]
    return pa.chunked_array(chunks, pa.string())


class Pieces:
    """A file-like sink that hands out what was written in pieces."""

    closed = False

    def __init__(self) -> None:
        self._buffer = bytearray()

    def write(self, data: bytes) -> int:
        """Take bytes."""
        self._buffer += data
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is held open."""

    def whole(self) -> Iterator[bytes]:
        """Yield full pieces only."""
        view, position = bytes(self._buffer), 0
        while len(view) - position >= CHUNK_BYTES:
            yield view[position : position + CHUNK_BYTES]
            position += CHUNK_BYTES
        del self._buffer[:position]

    def rest(self) -> Iterator[bytes]:
        """Yield what is left."""
        yield from self.whole()
        if self._buffer:
            yield bytes(self._buffer)
            self._buffer.clear()


def find_row(paths: Sequence[Path], row_id: str) -> tuple[str, int]:
    """Return (import id, source line) of a row. Raises NotFound."""
    for path in paths:
        found = pq.read_table(path, columns=[IMPORT, SOURCE_LINE], filters=[(ROW_ID, "==", row_id)], partitioning=None)
        if found.num_rows:
            return str(found[IMPORT][0].as_py()), int(found[SOURCE_LINE][0].as_py())
    raise NotFound("The version holds no row with this id.", reason="ROW_NOT_FOUND")


def merged_rows(paths: Sequence[Path], row_id: str, limit: int) -> list[str]:
    """Ids of the rows that were merged into a row, its own included; empty for a row that nothing was merged into."""
    for path in paths:
        if LABEL_ROWS not in pq.read_schema(path).names:
            continue
        found = pq.read_table(path, columns=[LABEL_ROWS], filters=[(ROW_ID, "==", row_id)], partitioning=None)
        if found.num_rows:
            ids = list(dict.fromkeys(str(found[LABEL_ROWS][0].as_py() or "").split()))
            return ids[:limit] if len(ids) > 1 else []
    return []


def find_sources(rows_file: Path, row_ids: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Row id -> (name inside a zip or "", source line) of those of the rows that an import brought."""
    from aisle_governance.domain.kinds import SOURCE_MEMBER

    names = [ROW_ID, SOURCE_MEMBER, SOURCE_LINE]
    found = pq.read_table(rows_file, columns=names, filters=[(ROW_ID, "in", list(row_ids))], partitioning=None)
    columns = (found[name].to_pylist() for name in names)
    return {str(row): (str(member or ""), int(line)) for row, member, line in zip(*columns, strict=True)}


def find_member(rows_file: Path, row_id: str) -> str:
    """Name of the file inside a zip that an imported row came from; empty for a plain file."""
    from aisle_governance.domain.kinds import SOURCE_MEMBER

    found = pq.read_table(rows_file, columns=[SOURCE_MEMBER], filters=[(ROW_ID, "==", row_id)], partitioning=None)
    return str(found[SOURCE_MEMBER][0].as_py()) if found.num_rows else ""


def product_aliases(paths: Sequence[Path], limit: int) -> list[tuple[str, str]]:
    """The first `limit` (merged product id, kept product id) in the order of the rows; none in tables without aliases."""
    found: list[tuple[str, str]] = []
    for path in paths:
        with pq.ParquetFile(path) as file:
            if ALIASES not in file.schema_arrow.names or "product_id" not in file.schema_arrow.names:
                continue
            rows = file.read(columns=["product_id", ALIASES])
        rows = rows.filter(pc.is_valid(rows[ALIASES]))
        for product, aliases in zip(rows["product_id"].to_pylist(), rows[ALIASES].to_pylist(), strict=True):
            found += [(str(alias), str(product)) for alias in json.loads(aliases)]
            if len(found) >= limit:
                return found[:limit]
    return found


def schema_words(schema: pa.Schema) -> tuple[tuple[str, str], ...]:
    """(name, type in words) of every column."""
    return tuple((field.name, str(field.type)) for field in schema)
