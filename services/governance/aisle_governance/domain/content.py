"""What makes two tables, or two rows, the same: their published values and nothing else."""

import hashlib
from collections.abc import Collection
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
    identifier = Identifier(table.schema)
    keys = [identifier.add(batch) for batch in table.to_batches(max_chunksize=_BATCH_ROWS)]
    return Content(identifier.content_hash, pa.concat_arrays(keys) if keys else pa.array([], pa.string()))


class Identifier:
    """Hashes a table that comes in batches."""

    def __init__(self, schema: pa.Schema, repeated: Collection[bytes] | None = None) -> None:
        """`repeated` are the keys that are known to occur more than once; None remembers every key, to find out."""
        self._total = hashlib.sha256("\x1f".join(f"{field.name}:{field.type}" for field in schema).encode())
        self._copies: dict[bytes, int] = {}
        self._repeated = repeated

    @property
    def content_hash(self) -> str:
        """SHA-256 over all rows so far, 64 hex digits."""
        return self._total.hexdigest()

    def add(self, batch: pa.RecordBatch) -> pa.Array:
        """Keys of the next rows."""
        rows = written_rows(batch)
        self._total.update(b"".join(rows))
        if self._repeated is not None and not self._repeated:
            return pa.array([hashlib.blake2b(row, digest_size=16).hexdigest() for row in rows], pa.string())
        return pa.array([self._key(row) for row in rows], pa.string())

    def _key(self, row: bytes) -> str:
        digest = hashlib.blake2b(row, digest_size=16)
        key = digest.digest()
        if self._repeated is None or key in self._repeated:
            seen = self._copies[key] = self._copies.get(key, 0) + 1
            if seen > 1:
                digest.update(b"#%d" % seen)
        return digest.hexdigest()


def written_rows(batch: pa.RecordBatch) -> list[bytes]:
    """Each row as it is hashed."""
    if not batch.num_rows:
        return []
    cells = [_cells(column) for column in batch.columns]
    joined = pc.binary_join_element_wise(*cells, "", null_handling="replace", null_replacement="-")
    written: list[bytes] = pc.cast(joined, pa.large_binary()).to_pylist()
    return written


def _cells(column: pa.Array) -> pa.Array:
    """Each value as `length:value`, null where it is missing."""
    if pa.types.is_timestamp(column.type):
        column = pc.cast(column, pa.int64())
    text = pc.cast(column, pa.string())
    return pc.binary_join_element_wise(pc.cast(pc.binary_length(text), pa.string()), text, ":")
