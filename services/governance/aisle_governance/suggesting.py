"""Suggestions from request to answer: the bytes go into a temporary file, and a bounded child process looks at them."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from aisle.governance.v1 import collect_pb2
from aisle_runtime.errors import ResourceExhausted

from aisle_governance import convert, convert_collect, uploading
from aisle_governance.domain.model import Dialect, RecordSchema
from aisle_governance.errors import InvalidField, SourceProblem

MAX_SAMPLE_BYTES = 64 << 20
MAX_PARALLEL = 2
SECONDS = 60.0
_PREFIX = ".suggest-"
MODULE = "aisle_governance.suggest_child"


class Suggestions:
    """Suggests mappings; keeps nothing."""

    def __init__(self, folder: Path) -> None:
        """Keep the bytes in `folder` while they are looked at; what a killed service left there is deleted."""
        self._folder = folder
        for stale in folder.glob(f"{_PREFIX}*"):
            stale.unlink(missing_ok=True)
        self._places = asyncio.Semaphore(MAX_PARALLEL)

    async def suggest(
        self, messages: AsyncIterator[collect_pb2.SuggestMappingRequest]
    ) -> collect_pb2.SuggestMappingResponse:
        """Answer a header and its bytes. Raises InvalidField, SourceProblem, ResourceExhausted."""
        first = await anext(aiter(messages), collect_pb2.SuggestMappingRequest())
        if first.WhichOneof("payload") != "header":
            raise InvalidField("header", "must be the first message")
        order = self._order(first.header)
        async with self._places:
            with tempfile.NamedTemporaryFile(dir=self._folder, prefix=_PREFIX) as file:
                await _receive(messages, file)
                found = await _ask(order | {"path": file.name})
        if "problem" in found:
            told = found["problem"]
            problem = SourceProblem(told["reason"], told["message"], next_step=told["next_step"])
            problem.facts.update(told["facts"])
            raise problem
        return convert_collect.suggested(found, order["format"])

    @staticmethod
    def _order(header: collect_pb2.SuggestMappingHeader) -> dict[str, Any]:
        from aisle_governance.engines.decode import check_encoding
        from aisle_governance.engines.formats import format_of

        kind = convert.kind(header.kind, "header.kind")
        name = uploading.check_source_file(header.source_file, "header.source_file")
        file_format = convert.file_format(header.format, format_of(name), "header.format")
        dialect: Dialect = convert.dialect(header.dialect)
        check_encoding(dialect.encoding, "header.dialect.encoding")
        if dialect.record_schema is not RecordSchema.NONE:
            raise InvalidField("header.dialect.record_schema", "needs no mapping", next_step="Import the file with it.")
        return {
            "kind": kind.value,
            "format": file_format.value,
            "dialect": asdict(dialect),
            "is_beginning": header.is_beginning,
        }


async def _receive(messages: AsyncIterator[collect_pb2.SuggestMappingRequest], file: IO[bytes]) -> None:
    size = 0
    async for message in messages:
        if message.WhichOneof("payload") != "chunk":
            raise InvalidField("header", "may only be the first message")
        size += len(message.chunk)
        if len(message.chunk) > uploading.MAX_CHUNK_BYTES or size > MAX_SAMPLE_BYTES:
            raise InvalidField(
                "chunk",
                f"must have at most {uploading.MAX_CHUNK_BYTES} bytes, and together {MAX_SAMPLE_BYTES}",
                next_step="Send the beginning of the file.",
            )
        await asyncio.to_thread(file.write, message.chunk)
    if size == 0:
        raise InvalidField("chunk", "the file is empty")
    await asyncio.to_thread(file.flush)


async def _ask(order: dict[str, Any]) -> dict[str, Any]:
    """The child's answer; it inherits no setting, so that a stranger's file can reach none."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AISLE_")}
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        MODULE,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment,
    )
    try:
        async with asyncio.timeout(SECONDS):
            out, _ = await child.communicate(json.dumps(order).encode())
    except TimeoutError:
        out = b""
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()
    if child.returncode != 0 or not out:
        raise ResourceExhausted(
            "The file takes too much memory or time to look at.",
            reason="SUGGEST_LIMIT",
            next_step="Send a smaller part of the file.",
            retry_after_seconds=1,
        )
    found: dict[str, Any] = json.loads(out)
    return found
