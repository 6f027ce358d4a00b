"""Ways to ask a process whether it is ready: each returns "" when it is, otherwise the reason in words."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress

Probe = Callable[[str], Awaitable[str]]
"""Called with host:port; must return within a few seconds and raise nothing."""

_CHECK = "/grpc.health.v1.Health/Check"
_SERVING = b"\x08\x01"
"""HealthCheckResponse{status: SERVING} on the wire; the message type itself would need another package."""
_REASON_KEY = "aisle-not-ready-reason"
_SECONDS = 2.0


async def grpc_health(address: str) -> str:
    """Ask the standard gRPC health service."""
    if not await _listens(address):
        return "does not listen yet"
    import grpc
    import grpc.aio

    async with grpc.aio.insecure_channel(address, options=(("grpc.enable_http_proxy", 0),)) as channel:
        check: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_CHECK)
        call = check(b"", timeout=_SECONDS)
        try:
            answer = await call
            trailer = await call.trailing_metadata()
        except grpc.aio.AioRpcError as error:
            return f"its health check answers {error.code().name}"
    if answer == _SERVING:
        return ""
    return next((str(value) for key, value in trailer or () if key == _REASON_KEY), "says that it is not serving")


async def nats_info(address: str) -> str:
    """Read the greeting of a NATS server and look for JetStream in it."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(_SECONDS):
            reader, writer = await asyncio.open_connection(host, int(port))
            try:
                line = await reader.readline()
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError):
        return "does not answer yet"
    with suppress(ValueError, AttributeError):
        if json.loads(line.removeprefix(b"INFO ")).get("jetstream"):
            return ""
    return "runs without JetStream"


async def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(_SECONDS):
            _, writer = await asyncio.open_connection(host, int(port))
    except (OSError, TimeoutError):
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True
