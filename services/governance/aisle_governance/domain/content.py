"""What makes two tables, or two rows, the same: their published values and nothing else."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

_BATCH_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class Content:
    """Identity of a table's rows."""

    content_hash: str
    """SHA-256 over all rows in order, 64 hex digits."""
    keys: pa.Array
    """One 32-digit key per row: equal rows have the same key, except that the n-th copy of a row has a key of its own for each n."""


def identify(table: pa.Table) -> Content:
    """Hash every row of `table`; its columns must be text, integers, doubles or timestamps.

    A row is written as `length:value` per column (`-` for a missing value), so no value can be taken for another. Column names and
    types are part of the table's hash.
    """
    total = hashlib.sha256("\x1f".join(f"{field.name}:{field.type}" for field in table.schema).encode())
    keys: list[str] = []
    copies: dict[bytes, int] = {}
    for row in _rows(table):
        total.update(row)
        digest = hashlib.blake2b(row, digest_size=16)
        key = digest.digest()
        seen = copies[key] = copies.get(key, 0) + 1
        if seen > 1:
            digest.update(b"#%d" % seen)
        keys.append(digest.hexdigest())
    return Content(total.hexdigest(), pa.array(keys, pa.string()))


def _rows(table: pa.Table) -> Iterator[bytes]:
    for batch in table.to_batches(max_chunksize=_BATCH_ROWS):
        if batch.num_rows:
            cells = [_cells(column) for column in batch.columns]
            joined = pc.binary_join_element_wise(*cells, "", null_handling="replace", null_replacement="-")
            yield from pc.cast(joined, pa.large_binary()).to_pylist()


def _cells(column: pa.Array) -> pa.Array:
    """Each value as `length:value`, null where it is missing."""
    if pa.types.is_timestamp(column.type):
        column = pc.cast(column, pa.int64())
    text = pc.cast(column, pa.string())
    return pc.binary_join_element_wise(pc.cast(pc.binary_length(text), pa.string()), text, ":")
