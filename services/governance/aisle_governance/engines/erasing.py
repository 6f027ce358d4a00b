"""Takes the rows of some people out of files; every function leaves its input as it is and writes a new file."""

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aisle_governance.domain.content import identify
from aisle_governance.domain.kinds import LABEL_ROWS, ROW_ID
from aisle_governance.domain.subjects import Subjects

PERSON_COLUMN = "customer_id"
_REFUSED_ROW_ID = "row_id"
_REFUSED_RAW = "raw"
_BATCH_ROWS = 65_536
_TEXTS_OF_LINEAGE = frozenset({"_reason", "_original"})
"""Columns beside the canonical ones that quote values."""


@dataclass(slots=True)
class CleanedFile:
    """A Parquet file without the people's rows."""

    removed_row_count: int
    kept_row_count: int
    row_ids: set[str] = field(default_factory=set)
    """Ids of the rows that were left out."""


def person_rows(table: pa.Table, subjects: Subjects, row_ids: Collection[str] = ()) -> pa.Array:
    """One boolean per row: whether it belongs to one of the people, or is, or was made from, one of the rows in `row_ids`."""
    mask = pa.array([False] * table.num_rows, pa.bool_())
    for name in table.column_names:
        column = _plain(table[name])
        if not pa.types.is_string(column.type):
            continue
        if name == LABEL_ROWS:
            found = _where(column, lambda text: any(part in row_ids for part in text.split()))
        elif name in (ROW_ID, _REFUSED_ROW_ID):
            found = _where(column, lambda text: text in row_ids) if row_ids else None
        elif name == PERSON_COLUMN:
            found = _where(column, subjects.is_id)
        elif name == _REFUSED_RAW:
            found = _where(column, lambda text: _raw_holds(text, subjects))
        elif name.startswith("_") and name not in _TEXTS_OF_LINEAGE:
            found = None
        else:
            found = _where(column, subjects.mentions)
        if found is not None:
            mask = pc.or_(mask, found)
    return mask


def _plain(column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks()
    if pa.types.is_dictionary(whole.type):
        whole = whole.dictionary_decode()
    return whole.cast(pa.string()) if pa.types.is_large_string(whole.type) else whole


def _where(column: pa.Array, wanted: Callable[[str], bool]) -> pa.Array | None:
    """Rows whose text is wanted, None when there are none; each distinct text is looked at once."""
    hits = [text for text in pc.unique(column).to_pylist() if text is not None and wanted(text)]
    return pc.fill_null(pc.is_in(column, value_set=pa.array(hits, pa.string())), False) if hits else None


def _raw_holds(text: str, subjects: Subjects) -> bool:
    """Whether a refused row, kept as JSON, holds one of the ids in any cell."""
    value = json.loads(text)
    cells = value.get("cells", []) if set(value) == {"cells"} else list(value.values())
    parts = [part for cell in cells if isinstance(cell, str) for part in (cell, *_split(cell))]
    return subjects.any_cell(parts)


def _split(cell: str) -> Iterable[str]:
    """The pieces of a line that could not be split into fields, by any of the usual delimiters."""
    return (piece.strip("\"' \t{}") for piece in re.split(r"[,;\t|:]", cell)) if len(cell) < 1 << 20 else ()


def rows_of(paths: Sequence[Path], subjects: Subjects, row_ids: Collection[str] = ()) -> list[str]:
    """Ids of the people's rows in Parquet files, and of rows made from those in `row_ids`; reads piece by piece."""
    found: list[str] = []
    for path in paths:
        for piece, mask in _pieces(path, subjects, row_ids):
            id_column = ROW_ID if ROW_ID in piece.column_names else _REFUSED_ROW_ID
            if id_column in piece.column_names:
                found += piece[id_column].filter(mask).to_pylist()
            else:
                found += [""] * int(pc.sum(mask).as_py() or 0)
    return found


def clean_parquet(path: Path, target: Path, subjects: Subjects, row_ids: Collection[str] = ()) -> CleanedFile:
    """Copy the rows of other people from `path` to `target`; `target` is written only when some row was left out.

    Reads piece by piece, twice when there is something to leave out, so memory does not grow with the file.
    """
    cleaned = CleanedFile(0, 0)
    for piece, mask in _pieces(path, subjects, row_ids):
        removed = int(pc.sum(mask).as_py() or 0)
        cleaned.removed_row_count += removed
        cleaned.kept_row_count += piece.num_rows - removed
        id_column = ROW_ID if ROW_ID in piece.column_names else _REFUSED_ROW_ID
        if removed and id_column in piece.column_names:
            cleaned.row_ids.update(piece[id_column].filter(mask).to_pylist())
    if cleaned.removed_row_count:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow.remove_metadata()  # the pandas metadata may name values of the index
        with pq.ParquetWriter(target, schema, compression="zstd") as writer:
            for piece, mask in _pieces(path, subjects, row_ids):
                writer.write_table(piece.filter(pc.invert(mask)).replace_schema_metadata(None))
    return cleaned


def _pieces(path: Path, subjects: Subjects, row_ids: Collection[str]) -> Iterator[tuple[pa.Table, pa.Array]]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=_BATCH_ROWS):
            piece = pa.Table.from_batches([batch])
            yield piece, person_rows(piece, subjects, row_ids)


@dataclass(frozen=True, slots=True)
class CleanedVersion:
    """A version's table without the people's rows."""

    table: pa.Table
    removed_row_count: int
    content_hash: str


def clean_version(paths: Sequence[Path], subjects: Subjects, row_ids: Collection[str]) -> CleanedVersion | None:
    """The table in the files `paths` without the people's rows, None when it holds none.

    A label that was merged from a row of theirs goes as a whole: the next run makes it again from the other rows.
    """
    if not paths:
        return None
    table = pa.concat_tables([pq.read_table(path, partitioning=None) for path in paths])
    mask = person_rows(table, subjects, row_ids)
    removed = int(pc.sum(mask).as_py() or 0)
    if not removed:
        return None
    kept = table.filter(pc.invert(mask)).combine_chunks()
    published = [name for name in kept.column_names if not name.startswith("_")]
    return CleanedVersion(kept, removed, identify(kept.select(published)).content_hash)
