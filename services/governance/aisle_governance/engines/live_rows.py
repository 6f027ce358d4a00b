"""Live rows as the rows of an import, so that the next governance run reads them like a file's."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from aisle_governance.domain.kinds import CANONICAL, DatasetKind
from aisle_governance.domain.mapping import ColumnMapping
from aisle_governance.domain.model import Dialect
from aisle_governance.engines.importer import convert_rows, import_schema
from aisle_governance.engines.readers import Batch, Source, cell_text
from aisle_governance.errors import SourceProblem


def live_parquet(rows: Sequence[dict[str, Any]], import_id: str) -> bytes:
    """Rows of user events as the Parquet file of an import; a row's line is its number, from 1.

    Raises SourceProblem for a row that does not fit, which would be a mistake of this service.
    """
    names = [column.name for column in CANONICAL[DatasetKind.USER_EVENTS]]
    cells: list[Sequence[str | None]] = [[cell_text(row.get(name)) for name in names] for row in rows]
    batch = Batch(names, list(range(1, len(rows) + 1)), cells)
    source = Source(Path(), DatasetKind.USER_EVENTS, ColumnMapping(), Dialect())
    schema = import_schema(DatasetKind.USER_EVENTS)
    kept, misfits = convert_rows(batch, source, import_id, schema)
    if misfits:
        raise SourceProblem("LIVE_ROW_INVALID", f"A live row {misfits[0].reason}.", column=misfits[0].column)
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_batches([kept]), buffer, compression="zstd")
    return buffer.getvalue()
