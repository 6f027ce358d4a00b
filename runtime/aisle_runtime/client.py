"""Channels to Aisle's services, for services and clients alike; imports gRPC and the standard library only.

A channel retries UNAVAILABLE within a budget, spreads calls over the healthy servers of its address, gives every
unary call a deadline, and carries the current trace. When OpenTelemetry is loaded in the process each call also opens
a CLIENT span.
"""

import asyncio
import json
import os
import re
import sys
from collections.abc import Callable, Iterable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import grpc
import grpc.aio

from aisle_runtime.errors import FieldViolation

DEFAULT_TIMEOUT_SECONDS = 10.0
_DETAILS_KEY = "grpc-status-details-bin"
_PEER = re.compile(r"/aisle\.([a-z0-9_]+)\.")
_LIST = re.compile(r"[^:/]+:\d+(,[^:/]+:\d+)+")

_SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "healthCheckConfig": {"serviceName": ""},
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
    "retryThrottling": {"maxTokens": 20, "tokenRatio": 0.2},
}
_OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.enable_http_proxy", 0),
)


@dataclass(frozen=True, slots=True)
class ErrorDetails:
    """What a failed call says about itself."""

    code: grpc.StatusCode
    """Canonical code."""
    reason: str
    """UPPER_SNAKE_CASE reason, "" when the failure does not come from an Aisle service."""
    message: str
    """What is wrong, one sentence."""
    next_step: str = ""
    """What to do next, one sentence or ""."""
    violations: tuple[FieldViolation, ...] = ()
    """Fields of the request that do not fit."""
    domain: str = ""
    """`<service>.aisle` of the service that refused."""
    facts: dict[str, str] = field(default_factory=dict)
    """Facts behind the reason; `trace_id` among them."""
    retry_after_seconds: float | None = None
    """When to repeat, if the service said so."""


def open_channel(
    address: str,
    *,
    token: str | Callable[[], str] = "",
    ca_file: str | Path = "",
    default_timeout: float = DEFAULT_TIMEOUT_SECONDS,
) -> grpc.aio.Channel:
    """Open a channel to `address`: host:port, several of them separated by commas, or any gRPC target.

    `token` (or what it returns at each call) is sent as bearer token; `ca_file` (PEM) switches to TLS; unary calls
    without a timeout get `default_timeout` seconds, streams none. To be called inside a running event loop.
    """
    if ca_file:
        credentials = grpc.ssl_channel_credentials(Path(ca_file).read_bytes())
        return _AioChannel(grpc.aio.secure_channel(_target(address), credentials, _OPTIONS), token, default_timeout)
    return _AioChannel(grpc.aio.insecure_channel(_target(address), _OPTIONS), token, default_timeout)


def open_sync_channel(
    address: str,
    *,
    token: str | Callable[[], str] = "",
    ca_file: str | Path = "",
    default_timeout: float = DEFAULT_TIMEOUT_SECONDS,
) -> grpc.Channel:
    """Do what `open_channel` does, for threads without an event loop."""
    if ca_file:
        credentials = grpc.ssl_channel_credentials(Path(ca_file).read_bytes())
        return _SyncChannel(grpc.secure_channel(_target(address), credentials, _OPTIONS), token, default_timeout)
    return _SyncChannel(grpc.insecure_channel(_target(address), _OPTIONS), token, default_timeout)


def error_details(error: grpc.RpcError) -> ErrorDetails:
    """Read the details that an Aisle service attached to a failure; code and message alone for any other failure."""
    code = error.code() or grpc.StatusCode.UNKNOWN
    message = error.details() or code.name
    metadata: Any = error.trailing_metadata() or ()
    raw = next((value for key, value in metadata if key == _DETAILS_KEY), None)
    if not isinstance(raw, bytes):
        return ErrorDetails(code, "", message)
    return _read_details(code, message, raw)


def _read_details(code: grpc.StatusCode, message: str, raw: bytes) -> ErrorDetails:
    from google.protobuf.message import DecodeError
    from google.rpc import error_details_pb2 as pb
    from google.rpc import status_pb2

    found: dict[str, Any] = {}
    try:
        for detail in status_pb2.Status.FromString(raw).details:
            for kind in (pb.ErrorInfo, pb.BadRequest, pb.RetryInfo, pb.Help):
                if detail.Is(kind.DESCRIPTOR):
                    detail.Unpack(unpacked := kind())
                    found[kind.DESCRIPTOR.name] = unpacked
    except DecodeError:
        return ErrorDetails(code, "", message)
    info = found.get("ErrorInfo", pb.ErrorInfo())
    retry = found.get("RetryInfo")
    links = found["Help"].links if "Help" in found else ()
    violations = found["BadRequest"].field_violations if "BadRequest" in found else ()
    return ErrorDetails(
        code=code,
        reason=info.reason,
        message=message,
        next_step=links[0].description if links else "",
        violations=tuple(FieldViolation(v.field, v.description) for v in violations),
        domain=info.domain,
        facts=dict(info.metadata),
        retry_after_seconds=None if retry is None else retry.retry_delay.ToMilliseconds() / 1000,
    )


def _target(address: str) -> str:
    return f"ipv4:{address}" if _LIST.fullmatch(address) else address


def _telemetry() -> Any:
    """Return the runtime's telemetry when OpenTelemetry is in use in this process, otherwise None."""
    return sys.modules.get("aisle_runtime.telemetry")


class _Outgoing:
    """One call on its way out: its metadata and, where OpenTelemetry is loaded, its CLIENT span."""

    def __init__(self, method: str, token: str | Callable[[], str], metadata: Iterable[tuple[str, Any]] | None) -> None:
        self._span: Any = None
        traceparent = os.environ.get("AISLE_TRACEPARENT", "")
        if (telemetry := _telemetry()) is not None:
            # Outside any span the call goes on in the trace that the environment names, as without OpenTelemetry.
            inside = telemetry.current_traceparent()
            with nullcontext() if inside or not traceparent else telemetry.continue_trace(traceparent):
                self._span = self._open_span(telemetry, method)
            own = telemetry.format_traceparent(self._span.get_span_context())
            traceparent = own or telemetry.current_traceparent() or traceparent
        entries: list[tuple[str, Any]] = list(metadata or ())
        if traceparent:
            entries.append(("traceparent", traceparent))
        if bearer := token() if callable(token) else token:
            entries.append(("authorization", f"Bearer {bearer}"))
        self.metadata = tuple(entries)

    def end(self, code: grpc.StatusCode | None) -> None:
        """Close the span with the call's outcome; None stands for a call that was given up by the caller."""
        if self._span is None:
            return
        from opentelemetry.trace import StatusCode

        outcome = code or grpc.StatusCode.CANCELLED
        self._span.set_attribute("rpc.grpc.status_code", outcome.value[0])
        if outcome is not grpc.StatusCode.OK:
            self._span.set_attribute("error.type", outcome.name)
            self._span.set_status(StatusCode.ERROR)
        self._span.end()
        self._span = None

    @staticmethod
    def _open_span(telemetry: Any, method: str) -> Any:
        from opentelemetry.trace import SpanKind

        service, _, name = method.strip("/").partition("/")
        attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}
        if peer := _PEER.match(method):
            attributes["peer.service"] = peer.group(1)
        return telemetry.tracer().start_span(f"{service}/{name}", kind=SpanKind.CLIENT, attributes=attributes)


@dataclass
class _Callable:
    """Base of the multi-callables: the wrapped one and what every call of it gets."""

    inner: Any
    method: str
    token: str | Callable[[], str]
    default_timeout: float | None

    def start(self, keywords: dict[str, Any]) -> _Outgoing:
        outgoing = _Outgoing(self.method, self.token, keywords.get("metadata"))
        keywords["metadata"] = outgoing.metadata
        if keywords.get("timeout") is None:
            keywords["timeout"] = self.default_timeout
        return outgoing


class _AioCallable(_Callable):
    def __call__(self, request: Any = None, **keywords: Any) -> Any:
        """Start the call; positional and keyword arguments are those of grpc.aio's multi-callables."""
        outgoing = self.start(keywords)
        call = self.inner(request, **keywords) if request is not None else self.inner(**keywords)
        if outgoing._span is not None:
            call.add_done_callback(lambda done: _when_done(done, outgoing))
        return call


_closing: set[asyncio.Task[None]] = set()


def _when_done(call: Any, outgoing: _Outgoing) -> None:
    async def close() -> None:
        outgoing.end(await call.code())

    try:
        task = asyncio.get_running_loop().create_task(close())
    except RuntimeError:  # the loop ended before the call did
        outgoing.end(None)
        return
    _closing.add(task)
    task.add_done_callback(_closing.discard)


class _SyncCallable(_Callable):
    def __call__(self, request: Any, *args: Any, **keywords: Any) -> Any:
        """Call and wait, or return the response iterator; arguments are those of gRPC's multi-callables."""
        if args:
            keywords["timeout"] = args[0]
        outgoing = self.start(keywords)
        try:
            response = self.inner(request, **keywords)
        except grpc.RpcError as error:
            outgoing.end(error.code())
            raise
        if isinstance(response, grpc.Future) or hasattr(response, "add_callback"):
            if outgoing._span is not None and not response.add_callback(lambda: outgoing.end(response.code())):
                outgoing.end(response.code())
        else:
            outgoing.end(grpc.StatusCode.OK)
        return response

    def with_call(self, request: Any, **keywords: Any) -> Any:
        """Call, wait and return (response, call)."""
        outgoing = self.start(keywords)
        try:
            response = self.inner.with_call(request, **keywords)
        except grpc.RpcError as error:
            outgoing.end(error.code())
            raise
        outgoing.end(grpc.StatusCode.OK)
        return response

    def future(self, request: Any, **keywords: Any) -> Any:
        """Call and return a future."""
        outgoing = self.start(keywords)
        future = self.inner.future(request, **keywords)
        future.add_done_callback(lambda done: outgoing.end(done.code()))
        return future


class _AioChannel(grpc.aio.Channel):
    def __init__(self, inner: grpc.aio.Channel, token: str | Callable[[], str], default_timeout: float) -> None:
        self._inner, self._token, self._timeout = inner, token, default_timeout

    def unary_unary(self, method: str, *args: Any, **keywords: Any) -> Any:
        return _AioCallable(self._inner.unary_unary(method, *args, **keywords), method, self._token, self._timeout)

    def unary_stream(self, method: str, *args: Any, **keywords: Any) -> Any:
        return _AioCallable(self._inner.unary_stream(method, *args, **keywords), method, self._token, None)

    def stream_unary(self, method: str, *args: Any, **keywords: Any) -> Any:
        return _AioCallable(self._inner.stream_unary(method, *args, **keywords), method, self._token, None)

    def stream_stream(self, method: str, *args: Any, **keywords: Any) -> Any:
        return _AioCallable(self._inner.stream_stream(method, *args, **keywords), method, self._token, None)

    async def close(self, grace: float | None = None) -> None:
        await self._inner.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._inner.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._inner.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._inner.channel_ready()

    async def __aenter__(self) -> "_AioChannel":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class _SyncChannel(grpc.Channel):
    def __init__(self, inner: grpc.Channel, token: str | Callable[[], str], default_timeout: float) -> None:
        self._inner, self._token, self._timeout = inner, token, default_timeout

    def unary_unary(self, method: str, *args: Any, **keywords: Any) -> Any:
        return _SyncCallable(self._inner.unary_unary(method, *args, **keywords), method, self._token, self._timeout)

    def unary_stream(self, method: str, *args: Any, **keywords: Any) -> Any:
        return _SyncCallable(self._inner.unary_stream(method, *args, **keywords), method, self._token, None)

    def stream_unary(self, method: str, *args: Any, **keywords: Any) -> Any:
        return _SyncCallable(self._inner.stream_unary(method, *args, **keywords), method, self._token, None)

    def stream_stream(self, method: str, *args: Any, **keywords: Any) -> Any:
        return _SyncCallable(self._inner.stream_stream(method, *args, **keywords), method, self._token, None)

    def subscribe(self, callback: Callable[[grpc.ChannelConnectivity], None], try_to_connect: bool = False) -> None:
        self._inner.subscribe(callback, try_to_connect)

    def unsubscribe(self, callback: Callable[[grpc.ChannelConnectivity], None]) -> None:
        self._inner.unsubscribe(callback)

    def close(self) -> None:
        self._inner.close()

    def __enter__(self) -> "_SyncChannel":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Clients:
    """Channels by address, opened once and shared by the whole process."""

    def __init__(
        self,
        *,
        token: str | Callable[[], str] = "",
        ca_file: str | Path = "",
        default_timeout: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> None:
        """Use the given credentials for every channel."""
        self._token, self._ca_file, self._timeout = token, ca_file, default_timeout
        self._channels: dict[str, grpc.aio.Channel] = {}

    def channel(self, address: str) -> grpc.aio.Channel:
        """Return the channel to `address`."""
        if address not in self._channels:
            self._channels[address] = open_channel(
                address, token=self._token, ca_file=self._ca_file, default_timeout=self._timeout
            )
        return self._channels[address]

    async def close(self) -> None:
        """Close every channel."""
        channels, self._channels = list(self._channels.values()), {}
        for channel in channels:
            await channel.close()


def token_from_file(path: Path | None) -> Callable[[], str]:
    """Return a function that reads the bearer token in `path` anew when the file changes; "" without a path."""
    seen: list[Any] = [None, ""]

    def read() -> str:
        if path is not None:
            with suppress(OSError):
                changed = path.stat().st_mtime_ns
                if changed != seen[0]:
                    seen[:] = [changed, path.read_text(encoding="utf-8").strip()]
        return str(seen[1])

    return read
