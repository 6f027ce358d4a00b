"""Picks the reader of a source by its format and, for JSON lines, by whose records they are."""

from collections.abc import Iterator
from typing import Protocol

from aisle_governance.domain.model import Dialect, FileFormat, RecordSchema
from aisle_governance.engines.decode import Budget
from aisle_governance.engines.readers import Batch, CsvReader, JsonLinesReader, ParquetReader, Source
from aisle_governance.engines.records import RecordReader


class Reader(Protocol):
    """Gives the rows of a source as text cells with their place."""

    dialect: Dialect
    """How the source is written; complete once the first batch is there."""

    def batches(self) -> Iterator[Batch]:
        """Yield all rows in order. Raises SourceProblem when the source as a whole cannot be read."""
        ...


def open_reader(source: Source, file_format: FileFormat, budget: Budget) -> Reader:
    """The reader of `source`; raises InvalidField for an encoding that is none."""
    match file_format:
        case FileFormat.CSV:
            return CsvReader(source, budget)
        case FileFormat.JSONL:
            if source.dialect.record_schema is not RecordSchema.NONE:
                return RecordReader(source, budget)
            return JsonLinesReader(source, budget)
        case FileFormat.PARQUET:
            return ParquetReader(source, budget)
        case FileFormat.XLSX:
            from aisle_governance.engines.workbooks import WorkbookReader

            return WorkbookReader(source, budget)
