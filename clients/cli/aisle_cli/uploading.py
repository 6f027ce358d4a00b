"""Sending files: digest first, then the bytes in chunks, with a progress bar."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aisle_cli import names, output
from aisle_cli.failures import usage
from aisle_cli.session import UPLOAD_SECONDS, Session
from aisle_cli.watching import ProgressBar, follow_job

if TYPE_CHECKING:
    from aisle.governance.v1 import dataset_pb2, governance_service_pb2

CHUNK_BYTES = 1 << 20
_ROWS_SHOWN, _PAGES_SEARCHED = 10, 50


def sha256(path: Path) -> str:
    """Hex digest of a file; one that cannot be read ends the command."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        usage(f"{path} cannot be read: {error.strerror}.")


def chunks(path: Path) -> Iterator[bytes]:
    """Bytes of a file in pieces of at most 1 MiB."""
    with path.open("rb") as file:
        while piece := file.read(CHUNK_BYTES):
            yield piece


def import_file(
    session: Session, file: Path, dataset: str, format: str, delimiter: str, encoding: str, *, wait: bool
) -> None:
    """Send `file` into `dataset`, follow the import, and say what was kept and what was refused."""
    from aisle.governance.v1 import dataset_pb2
    from aisle.governance.v1 import governance_service_pb2 as pb

    header = pb.UploadHeader(
        dataset=dataset,
        source_file=file.name,
        sha256=sha256(file),
        request_id=names.new_request_id(),
        dialect=dataset_pb2.Dialect(delimiter=delimiter.replace("\\t", "\t"), encoding=encoding),
    )
    if format:
        header.format = output.enum_value(dataset_pb2.FileFormat, format, "--format")  # type: ignore[assignment]
    with ProgressBar(session, f"send {file.name}") as bar:
        answer = session.governance.UploadRows(_upload(header, file, bar), timeout=UPLOAD_SECONDS)
    taken: dataset_pb2.Import = getattr(answer, "import")
    session.left_running = f"The import goes on: see `aisle data imports {names.short(dataset)}`."
    if wait:
        taken = _follow(session, taken)
    rows = _refused(session, dataset, taken) if wait and taken.rejected_row_count else []
    if session.as_json:
        document = {"import": output.as_dict(taken), "quarantined_rows": [output.as_dict(row) for row in rows]}
        return output.emit_json(session, document)
    if not wait:
        return output.line(f"Sent {file.name}; {taken.name} reads it.")
    output.line(
        f"{file.name}: {output.count(taken.accepted_row_count)} rows kept, "
        f"{output.count(taken.rejected_row_count)} refused."
    )
    for row in rows:
        column = f", column {row.column}" if row.column else ""
        reason = row.reason.removeprefix(f"line {row.source_line}: ")
        output.line(f"  {file.name}, line {row.source_line}{column}: {reason}")
    if taken.rejected_row_count > len(rows):
        output.line(f"  All of them: aisle data quarantine {names.short(dataset)} --rule import")
    return None


def _upload(
    header: "governance_service_pb2.UploadHeader", file: Path, bar: ProgressBar
) -> Iterator["governance_service_pb2.UploadRowsRequest"]:
    from aisle.governance.v1 import governance_service_pb2 as pb

    yield pb.UploadRowsRequest(header=header)
    total, sent = file.stat().st_size, 0
    for piece in chunks(file):
        yield pb.UploadRowsRequest(chunk=piece)
        sent += len(piece)
        bar.show(min(sent / total, 1.0) if total else 1.0, f"bytes {sent / 2**20:.1f} MiB")


def _follow(session: Session, taken: "dataset_pb2.Import") -> Any:
    from aisle.governance.v1 import governance_service_pb2 as pb

    def watch(revision: int) -> Iterator[pb.WatchImportResponse]:
        return session.governance.WatchImport(pb.WatchImportRequest(name=taken.name, after_revision=revision))

    return follow_job(session, f"import {taken.source_file}", watch, lambda m: getattr(m, "import"), lambda i: i.status)


def _refused(session: Session, dataset: str, taken: "dataset_pb2.Import") -> list[Any]:
    """The first refused rows of this import; those of earlier imports come before them."""
    from aisle.governance.v1 import governance_service_pb2 as pb

    found: list[Any] = []
    token = ""
    for _ in range(_PAGES_SEARCHED):
        request = pb.ListQuarantinedRowsRequest(parent=dataset, rule="import", page_size=1000, page_token=token)
        answer = session.governance.ListQuarantinedRows(request)
        found += [row for row in answer.quarantined_rows if getattr(row, "import") == taken.name]
        token = answer.next_page_token
        if not token or len(found) >= _ROWS_SHOWN:
            break
    return found[:_ROWS_SHOWN]
