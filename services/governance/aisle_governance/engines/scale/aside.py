"""Rows that the rules of a run in batches have put aside, by rule and in their order."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from aisle_governance.domain.rules.base import Rule
from aisle_governance.engines.scale.rows import Spool, read_spool
from aisle_governance.engines.scale.steps import aside_table


class Aside:
    """One file per rule until all rules have ended."""

    def __init__(self, folder: Path, columns: Sequence[str]) -> None:
        """Keep `columns`, lineage and the reason of every row below `folder`."""
        self._folder, self._columns = folder, columns
        self._spools: dict[int, Spool] = {}
        self._schemas: dict[int, pa.Schema] = {}

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the files."""
        for spool in self._spools.values():
            spool.__exit__(kind, error, trace)

    def add(self, index: int, rule: Rule, frame: pd.DataFrame) -> None:
        """Take rows that the rule at `index` of the chain has put aside."""
        table = aside_table(frame, rule, self._columns)
        if index not in self._spools:
            self._spools[index] = Spool(self._path(index))
            self._schemas[index] = table.schema
        self._spools[index].write(table.cast(self._schemas[index]))

    def _path(self, index: int) -> Path:
        return self._folder / f"aside-{index:03d}"

    def write(self, path: Path) -> bool:
        """Write all of them as `quarantine.write_put_aside` does; False and no file when there are none."""
        if not self._schemas:
            return False
        schema = self._common()
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for table in self._tables():
                writer.write_table(
                    pa.table([_cast(table[name], schema.field(name).type) for name in schema.names], schema)
                )
        return True

    def _tables(self) -> Iterator[pa.Table]:
        for index in sorted(self._schemas):
            yield from read_spool(self._path(index))

    def _common(self) -> pa.Schema:
        """The schema of all files; a time that is in UTC for some rules only is written without its zone."""
        schemas = [self._schemas[index] for index in sorted(self._schemas)]
        fields = []
        for field in schemas[0]:
            types = {schema.field(field.name).type for schema in schemas}
            fields.append(field if len(types) == 1 else field.with_type(pa.timestamp("us")))
        return pa.schema(fields)


def _cast(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    return column if column.type == wanted else column.cast(wanted)
