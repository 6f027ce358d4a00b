"""Compares the tables of two versions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aisle_governance.domain.drift import Drift, column_drift
from aisle_governance.domain.kinds import CONTENT_KEY, ROW_ID
from aisle_governance.domain.model import ColumnProfile
from aisle_governance.domain.quality import profile

Schema = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class RowCounts:
    """How many rows are new, gone, changed and the same."""

    added: int
    removed: int
    changed: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class ColumnDiff:
    """The values of one column before and after."""

    column: str
    base: ColumnProfile
    current: ColumnProfile
    drift: Drift


@dataclass(frozen=True, slots=True)
class VersionDiff:
    """How a version differs from its base."""

    rows: RowCounts
    schema_changes: list[tuple[str, str, str]]
    """(column, type in the base or "", type in the version or "")."""
    columns: list[ColumnDiff]


def compare(base: Sequence[Path], current: Sequence[Path], base_schema: Schema, schema: Schema) -> VersionDiff:
    """Compare the rows, schemas and values of two versions' files; one column is in memory at a time."""
    old, new = dict(base_schema), dict(schema)
    changes = [
        (name, old.get(name, ""), new.get(name, "")) for name in {**old, **new} if old.get(name) != new.get(name)
    ]
    shared = [name for name in new if name in old and not name.startswith("_")]
    columns = [_compare_column(name, _read(base, name), _read(current, name)) for name in shared]
    return VersionDiff(_compare_rows(base, current), changes, columns)


def _read(files: Sequence[Path], name: str) -> "pd.Series[Any]":
    tables = [pq.read_table(file, columns=[name], partitioning=None) for file in files]
    if not tables:
        return pd.Series([], dtype="float64", name=name)
    values: pd.Series[Any] = pa.concat_tables(tables).to_pandas()[name]
    return values


def _compare_column(name: str, base: "pd.Series[Any]", current: "pd.Series[Any]") -> ColumnDiff:
    before, after = (profile(one.to_frame(), [name])[0] for one in (base, current))
    return ColumnDiff(name, before, after, column_drift(base, current))


def _compare_rows(base: Sequence[Path], current: Sequence[Path]) -> RowCounts:
    """Rows are the same when their content keys are; changed when only their row ids are."""
    old, new = _keys(base), _keys(current)
    added = new.filter(pc.invert(pc.is_in(new[CONTENT_KEY], value_set=old[CONTENT_KEY].combine_chunks())))
    removed = old.filter(pc.invert(pc.is_in(old[CONTENT_KEY], value_set=new[CONTENT_KEY].combine_chunks())))
    both = pc.sum(pc.is_in(added[ROW_ID], value_set=removed[ROW_ID].combine_chunks())).as_py() or 0
    return RowCounts(added.num_rows - both, removed.num_rows - both, int(both), new.num_rows - added.num_rows)


def _keys(files: Sequence[Path]) -> pa.Table:
    schema = pa.schema([(CONTENT_KEY, pa.string()), (ROW_ID, pa.string())])
    tables = [pq.read_table(file, columns=schema.names, partitioning=None).cast(schema) for file in files]
    return pa.concat_tables([schema.empty_table(), *tables])
