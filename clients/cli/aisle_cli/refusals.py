"""Rows that were put aside, written to a file: JSON lines as they are, CSV with formulas kept from running."""

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aisle_cli import names
from aisle_cli.cells import neutral
from aisle_cli.failures import usage
from aisle_cli.session import Session

if TYPE_CHECKING:
    from aisle.governance.v1 import governance_run_pb2

FIELDS = ("source_line", "column", "rule", "reason", "row_id", "import", "row")
_PER_PAGE = 1_000


def check_target(file: Path | None, option: str) -> None:
    """End the command before any work when the file's ending says no format, or its folder is not there."""
    if file is None:
        return
    if file.suffix.lower() not in (".jsonl", ".csv"):
        usage(f"{option} {file}: the name must end with .jsonl or .csv.")
    if not file.absolute().parent.is_dir():
        usage(f"{option} {file}: there is no such folder.")


def quarantined(session: Session, parent: str, rule: str = "") -> "Iterator[governance_run_pb2.QuarantinedRow]":
    """Every row put aside of a dataset, version or import, page by page."""
    from aisle.governance.v1 import governance_service_pb2 as pb

    token = ""
    while True:
        request = pb.ListQuarantinedRowsRequest(parent=parent, rule=rule, page_size=_PER_PAGE, page_token=token)
        answer = session.governance.ListQuarantinedRows(request)
        yield from answer.quarantined_rows
        token = answer.next_page_token
        if not token:
            return


def write(rows: "Iterable[governance_run_pb2.QuarantinedRow]", file: Path) -> int:
    """Write rows to a `.jsonl` or `.csv` file and return how many; a failure of the disk ends the command."""
    count = 0
    try:
        with file.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out) if file.suffix.lower() == ".csv" else None
            if writer is not None:
                writer.writerow(FIELDS)
            for row in rows:
                values = _values(row)
                if writer is not None:
                    writer.writerow([neutral(values[name]) for name in FIELDS])
                else:
                    values["row"] = _parsed(values["row"])
                    out.write(json.dumps(values, ensure_ascii=False) + "\n")
                count += 1
    except OSError as error:
        usage(f"{file} cannot be written: {error.strerror}.")
    return count


def _values(row: "governance_run_pb2.QuarantinedRow") -> dict[str, Any]:
    return {
        "source_line": row.source_line,
        "column": row.column,
        "rule": row.rule,
        "reason": row.reason,
        "row_id": row.row_id,
        "import": names.short(getattr(row, "import")),
        "row": row.row_json,
    }


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
