"""Brings rows with equal keys together within bounded memory, by DuckDB.

No statement here is made of anything but the names of Aisle's own columns; values reach DuckDB as Arrow data only, and the database
can neither open files (but its own spill folder) nor load extensions.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from aisle_governance.engines.scale.plan import Key
from aisle_governance.engines.scale.steps import POSITION, to_frame

GROUP_ROWS = 200_000
"""About so many rows are judged at once."""


def connect(folder: Path, memory_bytes: int) -> Any:
    """A database in memory that spills into `folder`, and may do nothing else outside."""
    import duckdb

    folder.mkdir(parents=True, exist_ok=True)
    database = duckdb.connect(":memory:")
    database.execute(f"SET memory_limit = '{memory_bytes // 1_000_000}MB'")
    database.execute("SET threads = 2")
    database.execute("SET preserve_insertion_order = false")
    database.execute("SET temp_directory = '" + str(folder).replace("'", "''") + "'")
    database.execute("SET autoinstall_known_extensions = false")
    database.execute("SET autoload_known_extensions = false")
    database.execute("SET enable_external_access = false")
    database.execute("SET lock_configuration = true")
    return database


class KeyTable:
    """Finds the rows that one rule must see together, grouped by its key."""

    def __init__(self, database: Any, name: str, key: Key) -> None:
        """Make the table `name` with the first batch."""
        self._database, self._name, self._key = database, name, key
        self._wide = key.least > 2
        """Whether most rows may be wanted, so that their columns are kept at once; few rows are read again instead."""
        self._made = False

    def add(self, table: pa.Table) -> None:
        """Take the rows of a batch; it must hold POSITION and the columns of the key."""
        self._insert(self._name, table, (POSITION, *self._key.columns) if self._wide else (POSITION,), self._made)
        self._made = True

    def _insert(self, name: str, table: pa.Table, kept: Sequence[str], made: bool) -> None:
        rows, keys = table.select(list(kept)), []
        for place, column in enumerate(self._key.by):
            values = table[column]
            if self._key.fold_case and pa.types.is_string(values.type):
                values = pc.utf8_lower(values)
            keys.append(f"k{place}")
            rows = rows.append_column(keys[-1], values)
        value = f"hash(coalesce({', '.join(keys)}))" if self._key.first_of else f"hash({', '.join(keys)})"
        query = f"SELECT {value} AS k, {_listed(kept)} FROM batch"
        with _registered(self._database, "batch", rows):
            self._database.execute(f"INSERT INTO {name} {query}" if made else f"CREATE TEMP TABLE {name} AS {query}")

    def leave_out(self, positions: npt.NDArray[np.int64]) -> None:
        """Forget rows that an earlier rule has put aside."""
        if self._made and len(positions):
            with _registered(self._database, "gone", pa.table({"p": positions})):
                self._database.execute(f'DELETE FROM {self._name} WHERE "{POSITION}" IN (SELECT p FROM gone)')

    def groups(self, read_again: "Callable[[Sequence[str]], Iterable[pa.Table]]") -> Iterator[pd.DataFrame]:
        """Frames that each hold all rows of some keys, in their order; rows of keys with too few rows are left out.

        `read_again(columns)` must give the same rows once more, with their positions.
        """
        if not self._made:
            return
        name = self._name
        counted = f"SELECT k FROM {name} GROUP BY k HAVING count(*) >= {self._key.least:d}"
        self._database.execute(f"CREATE TEMP TABLE {name}_many AS {counted}")
        chosen = f"FROM {name} t SEMI JOIN {name}_many m ON t.k = m.k"
        if self._wide:
            self._database.execute(f"CREATE TEMP TABLE {name}_few AS SELECT t.* {chosen}")
        else:
            found = self._database.execute(f'SELECT t."{POSITION}" AS p {chosen}').fetchnumpy()["p"]
            self._gather(np.sort(np.asarray(found, dtype=np.int64)), read_again)
        self._database.execute(f"DROP TABLE {name}")
        self._database.execute(f"DROP TABLE {name}_many")
        self._made = False
        yield from self._groups()

    def _gather(
        self, positions: npt.NDArray[np.int64], read_again: "Callable[[Sequence[str]], Iterable[pa.Table]]"
    ) -> None:
        made = False
        for table in read_again(self._key.columns) if len(positions) else ():
            here = table[POSITION].to_numpy()
            begin, end = np.searchsorted(positions, (here[0], here[-1] + 1)) if len(here) else (0, 0)
            if begin < end:
                rows = table.filter(pa.array(np.isin(here, positions[begin:end], assume_unique=True)))
                self._insert(f"{self._name}_few", rows, (POSITION, *self._key.columns), made)
                made = True
        if not made:
            self._database.execute(f"CREATE TEMP TABLE {self._name}_few (k UBIGINT)")

    def _groups(self) -> Iterator[pd.DataFrame]:
        name = f"{self._name}_few"
        rows = int(self._database.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0])
        parts = -(-rows // GROUP_ROWS)
        columns = _listed((POSITION, *self._key.columns))
        for part in range(parts):
            found = self._database.sql(f'SELECT {columns} FROM {name} WHERE k % {parts} = {part} ORDER BY "{POSITION}"')
            yield to_frame(_plain_types(found.to_arrow_table()))
        self._database.execute(f"DROP TABLE {name}")


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


@contextmanager
def _registered(database: Any, name: str, table: pa.Table) -> Iterator[None]:
    database.register(name, table)
    try:
        yield
    finally:
        database.unregister(name)


def _plain_types(table: pa.Table) -> pa.Table:
    """Times in UTC whatever the machine's zone."""
    for place, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type) and field.type.tz not in (None, "UTC"):
            table = table.set_column(place, field.name, table[field.name].cast(pa.timestamp("us", "UTC")))
    return table


class Distinct:
    """Counts the different values of a column exactly; the first many in memory, more of them by DuckDB."""

    MOST_IN_MEMORY = 200_000

    def __init__(self, database: Any, name: str) -> None:
        """`name` is that of the table that may become necessary."""
        self._database, self._name = database, name
        self._seen: pa.Array | None = None
        self._spilled = False

    def add(self, values: Any) -> None:
        """Take a column of a batch; missing values do not count."""
        new = pc.drop_null(pc.unique(values))
        if isinstance(new, pa.ChunkedArray):
            new = new.combine_chunks()
        if not self._spilled:
            if self._seen is not None:
                new = pa.concat_arrays([self._seen, new.filter(pc.invert(pc.is_in(new, value_set=self._seen)))])
            self._seen = new
            if len(new) <= self.MOST_IN_MEMORY:
                return
            self._seen = None
        verb = f"INSERT INTO {self._name}" if self._spilled else f"CREATE TEMP TABLE {self._name} AS"
        with _registered(self._database, "batch", pa.table({"v": new})):
            self._database.execute(f"{verb} SELECT v FROM batch")
        self._spilled = True

    def count(self) -> int:
        """How many there were; ends the counting."""
        if not self._spilled:
            return 0 if self._seen is None else len(self._seen)
        found = self._database.execute(f"SELECT count(*) FROM (SELECT DISTINCT v FROM {self._name})").fetchall()
        self._database.execute(f"DROP TABLE {self._name}")
        return int(found[0][0])


def distinct_rows(database: Any, name: str, batches: Iterable[pa.Table]) -> int:
    """How many different rows the batches hold; `name` is that of the table that is made and dropped."""
    made = False
    for table in batches:
        with _registered(database, "batch", table):
            database.execute(f"INSERT INTO {name} FROM batch" if made else f"CREATE TEMP TABLE {name} AS FROM batch")
        made = True
    if not made:
        return 0
    count = database.execute(f"SELECT count(*) FROM (SELECT DISTINCT * FROM {name})").fetchall()[0][0]
    database.execute(f"DROP TABLE {name}")
    return int(count)


def repeated_keys(database: Any, batches: Iterable[pa.Table]) -> set[bytes]:
    """16-byte keys (BLAKE2b) of the rows, in a column `row`, that occur more than once."""
    made = False
    for table in batches:
        digests = b"".join(blake2b(row, digest_size=16).digest() for row in table["row"].to_pylist())
        halves = np.frombuffer(digests, dtype=np.uint64).reshape(-1, 2)
        with _registered(database, "batch", pa.table({"a": halves[:, 0].copy(), "b": halves[:, 1].copy()})):
            database.execute("INSERT INTO row_keys FROM batch" if made else "CREATE TEMP TABLE row_keys AS FROM batch")
        made = True
    if not made:
        return set()
    found = database.execute("SELECT a, b FROM row_keys GROUP BY a, b HAVING count(*) > 1").fetchnumpy()
    database.execute("DROP TABLE row_keys")
    pairs = np.column_stack([found["a"], found["b"]]).astype(np.uint64)
    return {pair.tobytes() for pair in pairs}
