"""Reads a version together with what another one knew at the time of each row."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from aisle_governance.domain.as_of import PREFIX, AsOf, join_as_of
from aisle_governance.engines.tables import Pieces, chosen_rows, parse_type
from aisle_governance.errors import InvalidField

Schema = Sequence[tuple[str, str]]
_BATCH_ROWS = 32_768


def check_join(join: AsOf, schema: Schema, other: Schema, field: str) -> None:
    """Raise InvalidField below `field` for a column that a version does not have, or that is no time."""
    here, there = dict(schema), dict(other)
    if not join.keys:
        raise InvalidField(f"{field}.keys", "must name at least one column")
    if not join.columns:
        raise InvalidField(f"{field}.columns", "must name at least one column")
    asked = [(f"keys[{index}]", name, here) for index, name in enumerate(join.keys)]
    asked += [(f"keys[{index}]", name, there) for index, name in enumerate(join.keys)]
    asked += [(f"columns[{index}]", name, there) for index, name in enumerate(join.columns)]
    asked += [("time_column", join.time_column, here), ("other_time_column", join.other_time_column, there)]
    for part, name, known in asked:
        if name not in known:
            raise InvalidField(f"{field}.{part}", "is no column of the version", next_step=f"Use {', '.join(known)}.")
        if "time_column" in part and not known[name].startswith("timestamp"):
            raise InvalidField(f"{field}.{part}", "is no time")
    for part, names in (("keys", join.keys), ("columns", join.columns)):
        if len(set(names)) < len(names):
            raise InvalidField(f"{field}.{part}", "names a column twice")
    if join.tolerance_seconds < 0:
        raise InvalidField(f"{field}.tolerance_seconds", "must not be negative")


def read_joined(
    paths: Sequence[Path],
    other_paths: Sequence[Path],
    schemas: tuple[Schema, Schema],
    columns: Sequence[str],
    join: AsOf,
    *,
    not_in: Sequence[Path] | None = None,
    sample_row_count: int = 0,
) -> Iterator[bytes]:
    """Yield one Arrow IPC stream of `columns` and the joined ones; rows are chosen and ordered as by `tables.read_ipc`."""
    schema, other_schema = ({name: parse_type(words) for name, words in one} for one in schemas)
    needed = list(dict.fromkeys([*columns, join.time_column, *join.keys]))
    table = _read(paths, {name: schema[name] for name in needed})
    chosen = chosen_rows(paths, not_in, sample_row_count)
    if chosen is not None:
        table = table.filter(chosen)
    needed = list(dict.fromkeys([join.other_time_column, *join.keys, *join.columns]))
    other = _read(other_paths, {name: other_schema[name] for name in needed})
    joined = join_as_of(_frame(table), _frame(other), join)
    fields = [(name, schema[name]) for name in columns]
    fields += [(f"{PREFIX}{name}", other_schema[name]) for name in join.columns]
    made = pa.schema(fields)
    result = pa.Table.from_pandas(joined[made.names], schema=made, preserve_index=False).replace_schema_metadata(None)
    sink = Pieces()
    with pa.ipc.new_stream(sink, made) as writer:
        for batch in result.to_batches(max_chunksize=_BATCH_ROWS):
            writer.write_batch(batch)
            yield from sink.whole()
    yield from sink.rest()


def _read(paths: Sequence[Path], types: dict[str, pa.DataType]) -> pa.Table:
    schema = pa.schema(list(types.items()))
    tables = [pq.read_table(path, columns=schema.names, partitioning=None).select(schema.names) for path in paths]
    return pa.concat_tables([schema.empty_table(), *(table.cast(schema) for table in tables)])


def _frame(table: pa.Table) -> pd.DataFrame:
    """As pandas with whole numbers that may be missing."""
    frame: pd.DataFrame = table.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    return frame
