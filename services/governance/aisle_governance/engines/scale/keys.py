"""Brings rows with equal keys together within bounded memory, by DuckDB.

No statement here is made of anything but the names of Aisle's own columns; values reach DuckDB as Arrow data only, and the database
can neither open files (but its own spill folder) nor load extensions.
"""

from collections.abc import Iterable, Iterator
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

GROUP_ROWS = 500_000
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
    """The columns that one rule needs of every row, grouped by its key."""

    def __init__(self, database: Any, name: str, key: Key) -> None:
        """Make the table `name` with the first batch."""
        self._database, self._name, self._key = database, name, key
        self._made = False

    def add(self, table: pa.Table) -> None:
        """Take the rows of a batch; it must hold POSITION and the columns of the key."""
        rows = table.select([POSITION, *self._key.columns])
        folded = rows.select(list(self._key.by))
        if self._key.fold_case:
            for place, field in enumerate(folded.schema):
                if pa.types.is_string(field.type):
                    folded = folded.set_column(place, field.name, pc.utf8_lower(folded[field.name]))
        keys = [f"k{place}" for place in range(len(self._key.by))]
        for name, column in zip(keys, folded.columns, strict=True):
            rows = rows.append_column(name, column)
        self._database.register("batch", rows)
        value = f"hash(coalesce({', '.join(keys)}))" if self._key.first_of else f"hash({', '.join(keys)})"
        chosen = ", ".join(f'"{name}"' for name in (POSITION, *self._key.columns))
        query = f"SELECT {value} AS k, {chosen} FROM batch"
        if self._made:
            self._database.execute(f"INSERT INTO {self._name} {query}")
        else:
            self._database.execute(f"CREATE TEMP TABLE {self._name} AS {query}")
            self._made = True
        self._database.unregister("batch")

    def leave_out(self, positions: npt.NDArray[np.int64]) -> None:
        """Forget rows that an earlier rule has put aside."""
        if self._made and len(positions):
            self._database.register("gone", pa.table({"p": positions}))
            self._database.execute(f'DELETE FROM {self._name} WHERE "{POSITION}" IN (SELECT p FROM gone)')
            self._database.unregister("gone")

    def groups(self) -> Iterator[pd.DataFrame]:
        """Frames that each hold all rows of some keys, in their order; rows of keys with too few rows are left out."""
        if not self._made:
            return
        name, least = self._name, self._key.least
        self._database.execute(
            f"CREATE TEMP TABLE {name}_many AS SELECT k, count(*) AS n FROM {name} GROUP BY k HAVING count(*) >= {least:d}"
        )
        rows = self._database.execute(f"SELECT coalesce(sum(n), 0) FROM {name}_many").fetchall()[0][0]
        parts = -(-int(rows) // GROUP_ROWS)
        if parts:
            self._database.execute(
                f"CREATE TEMP TABLE {name}_few AS SELECT t.* FROM {name} t SEMI JOIN {name}_many m ON t.k = m.k"
            )
        self._database.execute(f"DROP TABLE {name}")
        self._database.execute(f"DROP TABLE {name}_many")
        chosen = ", ".join(f'"{column}"' for column in (POSITION, *self._key.columns))
        for part in range(parts):
            found = self._database.sql(
                f'SELECT {chosen} FROM {name}_few WHERE k % {parts} = {part} ORDER BY "{POSITION}"'
            )
            yield to_frame(_plain_types(found.to_arrow_table()))
        if parts:
            self._database.execute(f"DROP TABLE {name}_few")
        self._made = False


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
        self._database.register("batch", pa.table({"v": new}))
        verb = f"INSERT INTO {self._name}" if self._spilled else f"CREATE TEMP TABLE {self._name} AS"
        self._database.execute(f"{verb} SELECT v FROM batch")
        self._database.unregister("batch")
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
        database.register("batch", table)
        database.execute(f"INSERT INTO {name} FROM batch" if made else f"CREATE TEMP TABLE {name} AS FROM batch")
        database.unregister("batch")
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
        database.register("batch", pa.table({"a": halves[:, 0].copy(), "b": halves[:, 1].copy()}))
        database.execute("INSERT INTO row_keys FROM batch" if made else "CREATE TEMP TABLE row_keys AS FROM batch")
        database.unregister("batch")
        made = True
    if not made:
        return set()
    found = database.execute("SELECT a, b FROM row_keys GROUP BY a, b HAVING count(*) > 1").fetchnumpy()
    database.execute("DROP TABLE row_keys")
    pairs = np.column_stack([found["a"], found["b"]]).astype(np.uint64)
    return {pair.tobytes() for pair in pairs}
