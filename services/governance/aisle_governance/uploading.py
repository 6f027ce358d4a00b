"""Source bytes on their way into the artifact store."""

import asyncio
import os
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aisle.governance.v1 import governance_service_pb2 as pb
from aisle_runtime.artifacts import ArtifactStore, ArtifactWriter

from aisle_governance.errors import FailedPrecondition, InvalidField, NotFound

MAX_CHUNK_BYTES = 1 << 20
_MAX_NAME = 255
_DIGITS = frozenset("0123456789abcdef")


def check_source_file(name: str, field: str) -> str:
    """Return a file name that is only ever shown, never opened. Raises InvalidField."""
    if not 1 <= len(name) <= _MAX_NAME or not name.isprintable():
        raise InvalidField(field, f"must have 1 to {_MAX_NAME} printable characters")
    return name


def check_sha256(value: str, field: str) -> str:
    """Return a digest in lower case, or "". Raises InvalidField."""
    digest = value.lower()
    if digest and (len(digest) != 64 or not _DIGITS.issuperset(digest)):
        raise InvalidField(field, "must be 64 hex digits")
    return digest


async def receive(
    chunks: AsyncIterator[pb.UploadRowsRequest], artifacts: ArtifactStore, expected_sha256: str, max_bytes: int
) -> tuple[str, int]:
    """Store the chunks of an upload and return (SHA-256, size); nothing is kept when it raises.

    Raises InvalidField for a wrong message, DataLoss when the digest is not the expected one.
    """
    size = 0
    async with _writing(artifacts, expected_sha256) as writer:
        async for message in chunks:
            if message.WhichOneof("payload") != "chunk":
                raise InvalidField("header", "may only be the first message")
            if len(message.chunk) > MAX_CHUNK_BYTES:
                raise InvalidField("chunk", f"must have at most {MAX_CHUNK_BYTES} bytes")
            size += len(message.chunk)
            if size > max_bytes:
                raise InvalidField(
                    "chunk", f"together the chunks have more than {max_bytes} bytes", next_step="Split the file."
                )
            await asyncio.to_thread(writer.write, message.chunk)
        if size == 0:
            raise InvalidField("chunk", "the file is empty", next_step="Upload a file with rows.")
    return writer.sha256, size


@asynccontextmanager
async def _writing(artifacts: ArtifactStore, expected_sha256: str) -> AsyncIterator[ArtifactWriter]:
    """The store's writer with its flush and rename off the event loop."""
    writing = artifacts.writer(expected_sha256)
    writer = await asyncio.to_thread(writing.__enter__)
    try:
        yield writer
    except BaseException:
        writing.__exit__(*sys.exc_info())  # only removes the temporary file
        raise
    await asyncio.to_thread(writing.__exit__, None, None, None)


def open_below(root: Path | None, relative_path: str, max_bytes: int) -> Path:
    """Return the regular file at `relative_path` below the import root.

    Raises FailedPrecondition without a root, InvalidField for a path that could leave it, NotFound.
    """
    if root is None:
        raise FailedPrecondition(
            "This server has no import root.", reason="NO_IMPORT_ROOT", next_step="Upload the file with UploadRows."
        )
    parts = relative_path.split("/")
    if not relative_path.isprintable() or "\\" in relative_path or any(part in ("", ".", "..") for part in parts):
        raise InvalidField("relative_path", "must be a plain path below the import root, with forward slashes")
    base = root.resolve()
    try:
        path = (base / relative_path).resolve(strict=True)
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise NotFound("There is no such file below the import root.", reason="SOURCE_NOT_FOUND") from error
    if not path.is_relative_to(base) or not stat.S_ISREG(mode):
        raise NotFound("There is no such file below the import root.", reason="SOURCE_NOT_FOUND")
    if not 0 < path.stat().st_size <= max_bytes or not os.access(path, os.R_OK):
        raise InvalidField("relative_path", f"must name a readable file of 1 to {max_bytes} bytes")
    return path
