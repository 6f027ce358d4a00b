"""Rows that were put aside, as Parquet: written by imports and runs, read page by page."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aisle_governance.domain.kinds import IMPORT, ROW_ID, SOURCE_LINE
from aisle_governance.domain.model import QuarantinedRow

if TYPE_CHECKING:
    import pandas as pd

IMPORT_RULE = "import"
MAX_JSON_BYTES = 4096
_MAX_CELL = 500

_REFUSED = pa.schema(
    [
        ("row_id", pa.string()),
        ("import_id", pa.string()),
        ("source_line", pa.int64()),
        ("reason", pa.string()),
        ("column", pa.string()),
        ("raw", pa.string()),
    ]
)


class QuarantineWriter:
    """Writes the rows that an import refused; makes no file when there are none."""

    def __init__(self, path: Path) -> None:
        """Prepare."""
        self._path = path
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.close()

    def write_refused(self, rows: Sequence[dict[str, Any]]) -> None:
        """Append rows with the fields of the schema."""
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, _REFUSED, compression="zstd")
        self._writer.write_table(pa.Table.from_pylist(list(rows), _REFUSED))


def write_put_aside(frame: "pd.DataFrame", columns: Sequence[str], path: Path) -> None:
    """Write the rows that the rules put aside: canonical columns, lineage, `_rule`, `_reason`, `_column`."""
    present = [name for name in columns if name in frame.columns]
    kept = frame[[*present, ROW_ID, IMPORT, SOURCE_LINE, "_rule", "_reason", "_column"]]
    pq.write_table(pa.Table.from_pandas(kept, preserve_index=False), path, compression="zstd")


def count(path: Path, rule: str) -> int:
    """How many rows of the file were put aside by `rule`; all when it is empty."""
    with pq.ParquetFile(path) as file:
        is_refused = "_rule" not in file.schema_arrow.names
        if not rule or (is_refused and rule == IMPORT_RULE):
            return int(file.metadata.num_rows)
        if is_refused:
            return 0
        rules = file.read(columns=["_rule"]).column(0)
    return int(pc.sum(pc.equal(rules, rule)).as_py() or 0)


def read(path: Path, rule: str, offset: int, limit: int) -> list[QuarantinedRow]:
    """Return up to `limit` rows of `rule` (all when it is empty) after the first `offset` of them."""
    with pq.ParquetFile(path) as file:
        if "_rule" not in file.schema_arrow.names:
            if rule not in ("", IMPORT_RULE):
                return []
            return [_refused(row) for row in file.read().slice(offset, limit).to_pylist()]
        table = file.read()
    if rule:
        table = table.filter(pc.equal(table["_rule"], rule))
    return [_put_aside(row) for row in table.slice(offset, limit).to_pylist()]


def _refused(row: dict[str, Any]) -> QuarantinedRow:
    return QuarantinedRow(
        row_id=row["row_id"],
        import_id=row["import_id"],
        source_line=row["source_line"],
        rule=IMPORT_RULE,
        reason=row["reason"],
        column=row["column"],
        row_json=bounded_json(json.loads(row["raw"])),
    )


def _put_aside(row: dict[str, Any]) -> QuarantinedRow:
    values = {name: value for name, value in row.items() if not name.startswith("_") and value is not None}
    return QuarantinedRow(
        row_id=row[ROW_ID],
        import_id=row[IMPORT],
        source_line=row[SOURCE_LINE],
        rule=row["_rule"],
        reason=row["_reason"],
        column=row["_column"],
        row_json=bounded_json(values),
    )


def bounded_json(values: dict[str, Any]) -> str:
    """`values` as JSON of at most 4 KiB: long texts are cut first, then whole fields are left out from the end."""
    limit = _MAX_CELL
    kept = dict(values)
    while True:
        text = json.dumps({name: _cell(value, limit) for name, value in kept.items()}, ensure_ascii=False)
        if len(text.encode("utf-8", "replace")) <= MAX_JSON_BYTES:
            return text
        if limit > 60:
            limit //= 2
        else:
            kept.popitem()


def _cell(value: Any, limit: int) -> Any:
    if isinstance(value, list):
        return [_cell(item, limit) for item in value]
    if isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
