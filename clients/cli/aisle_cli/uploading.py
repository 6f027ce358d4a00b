"""Sending files: digest first, then the bytes in chunks, with a progress bar."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aisle_cli import names, output, refusals, sources
from aisle_cli.failures import usage
from aisle_cli.session import UPLOAD_SECONDS, Session
from aisle_cli.watching import ProgressBar, follow_job

if TYPE_CHECKING:
    from aisle.governance.v1 import dataset_pb2, governance_service_pb2

CHUNK_BYTES = 1 << 20
_ROWS_SHOWN = 10


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


def import_path(
    session: Session,
    path: Path,
    dataset: str,
    format: str,
    dialect: "dataset_pb2.Dialect",
    *,
    wait: bool,
    errors: Path | None = None,
) -> None:
    """Send a file, or what a folder holds, into `dataset`; `errors` takes the refused rows."""
    refusals.check_target(errors, "--errors")
    with sources.parcels(path) as found:
        if errors is not None and (len(found) > 1 or not wait):
            usage(
                "--errors needs --wait and one file.",
                "See `aisle data quarantine DATASET --rule import --output FILE`.",
            )
        for parcel in found:
            _import_parcel(session, parcel, dataset, format or parcel.format, dialect, wait=wait, errors=errors)


def _import_parcel(
    session: Session,
    parcel: sources.Parcel,
    dataset: str,
    format: str,
    dialect: "dataset_pb2.Dialect",
    *,
    wait: bool,
    errors: Path | None,
) -> None:
    """Send one file, follow the import, and say what was kept and what was refused."""
    from aisle.governance.v1 import dataset_pb2
    from aisle.governance.v1 import governance_service_pb2 as pb

    header = pb.UploadHeader(
        dataset=dataset,
        source_file=parcel.name,
        sha256=sha256(parcel.file),
        request_id=names.new_request_id(),
        dialect=dialect,
    )
    if format:
        header.format = output.enum_value(dataset_pb2.FileFormat, format, "--format")  # type: ignore[assignment]
    with ProgressBar(session, f"send {parcel.name}") as bar:
        answer = session.governance.UploadRows(_upload(header, parcel.file, bar), timeout=UPLOAD_SECONDS)
    finish_import(session, getattr(answer, "import"), parcel.name, dataset, wait=wait, errors=errors)


def finish_import(
    session: Session, taken: "dataset_pb2.Import", name: str, dataset: str, *, wait: bool, errors: Path | None
) -> None:
    """Follow an import to its end, and say what it brought."""
    refusals.check_target(errors, "--errors")
    session.left_running = f"The import goes on: see `aisle data imports {names.short(dataset)}`."
    if wait:
        taken = _follow(session, taken)
    rows = _refused(session, taken) if wait and taken.rejected_row_count else []
    if wait and errors is not None:
        refusals.write(refusals.quarantined(session, taken.name), errors)
    if session.as_json:
        document = {"import": output.as_dict(taken), "quarantined_rows": [output.as_dict(row) for row in rows]}
        return output.emit_json(session, document)
    if not wait:
        return output.line(f"Sent {name}; {taken.name} reads it.")
    if taken.same_as:
        return output.line(f"{name}: the same bytes were imported before, by {taken.same_as}.")
    output.line(
        f"{name}: {output.count(taken.accepted_row_count)} rows kept, {output.count(taken.rejected_row_count)} refused."
    )
    _tell_more(taken)
    for row in rows:
        column = f", column {row.column}" if row.column else ""
        reason = row.reason.removeprefix(f"line {row.source_line}: ")
        output.line(f"  {name}, line {row.source_line}{column}: {reason}")
    if errors is not None:
        output.line(f"  All of them: {errors}")
    elif taken.rejected_row_count > len(rows):
        output.line(f"  All of them: aisle data quarantine {names.short(dataset)} --rule import")
    return None


def _tell_more(taken: "dataset_pb2.Import") -> None:
    """How the file was read, and what is worth a second look."""
    from aisle.governance.v1 import dataset_pb2

    if taken.format == dataset_pb2.FILE_FORMAT_CSV:
        written = {"\t": "tab"}.get(taken.dialect.delimiter, taken.dialect.delimiter)
        output.line(f"  Read as {taken.dialect.encoding}, fields parted by {written}, quoted by {taken.dialect.quote}")
    if taken.likely_encoding:
        output.line(f"  Some bytes are no {taken.dialect.encoding}: probably --encoding {taken.likely_encoding}.")
    if taken.skipped_record_count:
        output.line(f"  {output.count(taken.skipped_record_count)} records say nothing about this kind of data.")
    for file in taken.files:
        if file.rejected_row_count:
            kept, refused = output.count(file.accepted_row_count), output.count(file.rejected_row_count)
            output.line(f"  {file.name}: {kept} kept, {refused} refused")


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


def _refused(session: Session, taken: "dataset_pb2.Import") -> list[Any]:
    """The first refused rows of this import."""
    from aisle.governance.v1 import governance_service_pb2 as pb

    request = pb.ListQuarantinedRowsRequest(parent=taken.name, page_size=_ROWS_SHOWN)
    return list(session.governance.ListQuarantinedRows(request).quarantined_rows)
