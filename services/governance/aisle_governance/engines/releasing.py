"""Finds rows that were put aside, reads their new values, and brings them back into a run."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aisle_governance.domain.kinds import CANONICAL, ROW_ID, SOURCE_HASH, TIME_IS_UTC, DatasetKind, ValueType
from aisle_governance.domain.mapping import ColumnMapping
from aisle_governance.domain.model import Dialect
from aisle_governance.engines.importer import convert_rows, import_schema
from aisle_governance.engines.quarantine import IMPORT_RULE
from aisle_governance.engines.readers import Batch, Source
from aisle_governance.engines.values import texts, typed
from aisle_governance.errors import ColumnMissing, InvalidField

_WORDS = {ValueType.INTEGER: "a whole number", ValueType.NUMBER: "a number", ValueType.TIME: "an ISO 8601 time"}


@dataclass(frozen=True, slots=True)
class PutAside:
    """A row that waits in a file of rows put aside."""

    row_id: str
    rule: str
    import_id: str
    line: int
    raw: dict[str, Any] | None = None
    """Source column -> cell of a row that the import refused, `{"cells": [...]}` when its cells could not be named."""


def find(path: Path, row_ids: Collection[str]) -> dict[str, PutAside]:
    """Those of the rows that the file holds, by id."""
    with pq.ParquetFile(path) as file:
        refused = "_rule" not in file.schema_arrow.names
        names = (
            ["row_id", "import_id", "source_line", "raw"] if refused else [ROW_ID, "_import", "_source_line", "_rule"]
        )
        table = file.read(columns=names)
    table = table.filter(pc.is_in(table[names[0]], value_set=pa.array(list(row_ids), pa.string())))
    found = {}
    for row_id, import_id, line, rest in zip(*(table[name].to_pylist() for name in names), strict=True):
        raw = json.loads(rest) if refused else None
        found[row_id] = PutAside(row_id, IMPORT_RULE if refused else rest, import_id, line, raw)
    return found


def check_fixes(fixes: Mapping[str, str], kind: DatasetKind, field: str) -> None:
    """Raise InvalidField below `field` for a column that the kind does not have, or a value that is none of its type."""
    columns = {column.name: column for column in CANONICAL[kind]}
    for name, text in fixes.items():
        where = f"{field}[{name[:64]!r}]"
        if name not in columns:
            raise InvalidField(where, f"is no column of {kind.lower()}", next_step=f"Use one of {', '.join(columns)}.")
        value, bad_bytes = texts([text or None])
        if bad_bytes or typed(value, columns[name].type).misfits:
            raise InvalidField(where, f"is not {_WORDS.get(columns[name].type, 'text')}")


def read_refused(
    row: PutAside, fixes: Mapping[str, str], kind: DatasetKind, mapping: ColumnMapping, field: str
) -> pa.Table:
    """The row that an import refused as a table of one row, with its new values. Raises InvalidField when it still does not fit."""
    raw = dict(row.raw or {})
    named = {} if set(raw) == {"cells"} else {name: str(cell) for name, cell in raw.items()}
    named |= {mapping.columns.get(name, name): text for name, text in fixes.items()}
    batch = Batch(list(named), [row.line], [[cell or None for cell in named.values()]])
    schema = import_schema(kind)
    source = Source(Path(), kind, mapping, Dialect())
    try:
        kept, misfits = convert_rows(batch, source, row.import_id, schema)
    except ColumnMissing as error:
        raise InvalidField(
            field, f"must give a value for {error.facts.get('column', '')!r}, which could not be read from the file"
        ) from error
    if misfits:
        raise InvalidField(
            field, f"leaves the row unreadable: {misfits[0].reason}", facts={"column": misfits[0].column}
        )
    table = pa.Table.from_batches([kept], schema=schema)
    return table.set_column(schema.get_field_index(ROW_ID), ROW_ID, pa.array([row.row_id], pa.string()))


def apply_fixes(frame: pd.DataFrame, fixes: Mapping[str, Mapping[str, str]], kind: DatasetKind) -> pd.DataFrame:
    """`frame` with new values in the named rows; row id -> column -> text. The values must have passed `check_fixes`."""
    here = frame.index[frame[ROW_ID].isin(list(fixes))]
    if here.empty:
        return frame
    changed = frame.copy()
    columns = {column.name: column for column in CANONICAL[kind]}
    for index in here:
        values = fixes[str(frame.at[index, ROW_ID])]
        for name, text in values.items():
            read = typed(texts([text or None])[0], columns[name].type)
            value = read.values[0].as_py()
            if read.is_utc is not None:
                changed.loc[index, TIME_IS_UTC] = read.is_utc[0].as_py()
            changed.loc[index, name] = _missing(changed[name]) if value is None else value
        digest = blake2b(f"{frame.at[index, SOURCE_HASH]!s}{sorted(values.items())}".encode(), digest_size=16)
        changed.loc[index, SOURCE_HASH] = digest.hexdigest()  # no longer equal to the row that it was a copy of
    return changed


def _missing(values: "pd.Series[Any]") -> Any:
    return (
        pd.NaT
        if pd.api.types.is_datetime64_any_dtype(values.dtype)
        else pd.NA
        if values.dtype != "float64"
        else float("nan")
    )
