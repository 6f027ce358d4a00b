"""Tells a file's format by its name."""

from pathlib import PurePosixPath

from aisle_governance.domain.model import FileFormat

_ENDINGS = {
    ".csv": FileFormat.CSV,
    ".tsv": FileFormat.CSV,
    ".zip": FileFormat.CSV,
    ".jsonl": FileFormat.JSONL,
    ".ndjson": FileFormat.JSONL,
    ".parquet": FileFormat.PARQUET,
    ".xlsx": FileFormat.XLSX,
}


def format_of(file_name: str) -> FileFormat | None:
    """The format that a file name's ending says, or None."""
    return _ENDINGS.get(PurePosixPath(file_name.lower().removesuffix(".gz")).suffix)
