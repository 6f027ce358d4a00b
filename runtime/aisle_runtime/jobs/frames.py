"""How a child tells its parent what happens: frames through a pipe, each a small JSON object and a body of bytes."""

import asyncio
import json
import struct
from dataclasses import dataclass, field
from typing import Any

MAXIMUM_HEADER_BYTES = 64 << 10
MAXIMUM_BODY_BYTES = 16 << 20
STARTED, PROGRESS, SUCCEEDED, FAILED, CANCELLED, CRASHED = (
    "started",
    "progress",
    "succeeded",
    "failed",
    "cancelled",
    "crashed",
)
FINAL = frozenset({SUCCEEDED, FAILED, CANCELLED, CRASHED})
_LENGTHS = struct.Struct(">II")


@dataclass(frozen=True, slots=True)
class Frame:
    """One message from a child."""

    kind: str
    fields: dict[str, Any] = field(default_factory=dict)
    body: bytes = b""


def encode(frame: Frame) -> bytes:
    """Return the frame as bytes; raises ValueError when a part is too large."""
    header = json.dumps({"kind": frame.kind, **frame.fields}).encode()
    if len(header) > MAXIMUM_HEADER_BYTES or len(frame.body) > MAXIMUM_BODY_BYTES:
        raise ValueError(f"a job may send at most {MAXIMUM_BODY_BYTES} bytes at once; put more into an artifact")
    return _LENGTHS.pack(len(header), len(frame.body)) + header + frame.body


async def read(reader: asyncio.StreamReader) -> Frame | None:
    """Return the next frame, None when the child has closed the pipe; raises ValueError for what is no frame."""
    try:
        header_length, body_length = _LENGTHS.unpack(await reader.readexactly(_LENGTHS.size))
        if header_length > MAXIMUM_HEADER_BYTES or body_length > MAXIMUM_BODY_BYTES:
            raise ValueError("a frame is too large")
        fields = json.loads(await reader.readexactly(header_length))
        body = await reader.readexactly(body_length)
    except asyncio.IncompleteReadError:
        return None
    return Frame(str(fields.pop("kind")), fields, body)
