"""The one door through which every RPC enters: span, caller, admission, deadline, parsing, and errors on the way."""

import asyncio
import inspect
import logging
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from aisle_runtime import telemetry
from aisle_runtime.admission import AdaptiveSlots, Slots, too_many_calls
from aisle_runtime.auth import TokenFile
from aisle_runtime.errors import DeadlineExceeded, FieldViolation, InvalidArgument, Unavailable, Unimplemented
from aisle_runtime.status import MaskedError, WireStatus, public_error, wire_status

Context = grpc.aio.ServicerContext[Any, Any]

HEALTH_PREFIX = "/grpc.health.v1.Health/"
UNTRACED_PREFIXES = (HEALTH_PREFIX, "/grpc.reflection.", "/opentelemetry.proto.collector.")
"""Methods without spans; a span for receiving spans would beget spans without end."""
UNLIMITED_PREFIXES = (HEALTH_PREFIX, "/grpc.reflection.")
_UNTRACED_PARENT = "00-0000000000000000000000000000a15e-000000000000a15e-00"
_SERVER_FAULTS = {
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DATA_LOSS,
}
_log = logging.getLogger(__name__)


@dataclass
class _Call:
    """One RPC inside the door."""

    method: str
    context: Context
    span: Span | None
    code: grpc.StatusCode = grpc.StatusCode.OK
    started: float = field(default_factory=time.perf_counter)


class Door(grpc.aio.ServerInterceptor):
    """The server's only interceptor; handlers behind it receive parsed messages and raise AisleErrors."""

    def __init__(self, service: str, max_calls: int, max_streams: int, tokens: TokenFile | None = None) -> None:
        """Serve as `service`.

        At most `max_calls` calls with one answer and `max_streams` with a stream of answers at once.
        """
        self._service = service
        self._tokens = tokens
        self._calls, self._streams = Slots(max_calls), Slots(max_streams)
        self._adaptive: dict[str, AdaptiveSlots] = {}
        self._overloaded = wire_status(too_many_calls(), service)
        late = DeadlineExceeded("The caller's deadline had passed before the work began.", reason="DEADLINE_PASSED")
        self._late = wire_status(late, service)
        self._stream_tasks: dict[asyncio.Task[Any], str] = {}
        self._ended: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        self._wrapped: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
        self._duration = telemetry.meter().create_histogram(
            telemetry.METRIC_RPC_DURATION, unit="ms", description="Time from a call's arrival to its end"
        )

    @property
    def busy(self) -> int:
        """How many calls are being worked on, health checks and reflection left out."""
        return self._calls.used + self._streams.used

    def end_streams(self, prefix: str = "/") -> None:
        """End the open response streams of methods that begin with `prefix`, so that their clients go elsewhere."""
        for task, method in list(self._stream_tasks.items()):
            if method.startswith(prefix):
                self._ended.add(task)
                task.cancel()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any]":
        """Wrap the method's handler; an unknown method gets one that refuses."""
        method = handler_call_details.method
        if method not in self._wrapped:
            handler: Any = await continuation(handler_call_details)
            if handler is None:
                return grpc.stream_stream_rpc_method_handler(self._unknown)
            self._wrapped[method] = self._wrap(method, handler)
        return self._wrapped[method]

    def _wrap(self, method: str, handler: Any) -> "grpc.RpcMethodHandler[Any, Any]":
        parse = _parser(handler.request_deserializer)
        write = handler.response_serializer or (lambda message: message)

        def requests(raw: Any) -> Any:
            return _parsed(raw, parse) if handler.request_streaming else parse(raw)

        if handler.response_streaming:
            serve = handler.stream_stream or handler.unary_stream

            async def stream(raw: Any, context: Context) -> None:
                async def body() -> None:
                    await _send_all(serve, requests(raw), context, parse, write)

                await self._guard(method, context, body, streams=True)

            return (
                grpc.stream_stream_rpc_method_handler(stream)
                if handler.request_streaming
                else grpc.unary_stream_rpc_method_handler(stream)
            )
        serve_one = handler.stream_unary or handler.unary_unary

        async def single(raw: Any, context: Context) -> Any:
            async def body() -> Any:
                return write(await serve_one(requests(raw), context))

            return await self._guard(method, context, body, streams=False)

        return (
            grpc.stream_unary_rpc_method_handler(single)
            if handler.request_streaming
            else grpc.unary_unary_rpc_method_handler(single)
        )

    async def _unknown(self, _requests: Any, context: Context) -> None:
        async def body() -> None:
            raise Unimplemented("This server has no such method.", reason="METHOD_UNKNOWN")

        await self._guard("/unknown/unknown", context, body, streams=True)

    async def _guard(self, method: str, context: Context, body: Callable[[], Awaitable[Any]], *, streams: bool) -> Any:
        if refused := self._unfit(method, context, streams):
            self._duration.record(0.0, {**_labels(method), "rpc.grpc.status_code": refused.code.value[0]})
            await context.abort(refused.code, refused.message, refused.trailing_metadata)
        metadata = context.invocation_metadata() or ()
        with self._observed(method, context, metadata) as call:
            try:
                self._admit_caller(method, metadata)
                with self._slot(call, streams):
                    return await self._work(call, body, streams)
            except grpc.aio.AbortError:
                call.code = _code_of(context)
                raise
            except asyncio.CancelledError:
                if await self._was_ended(call):
                    return None
                call.code = _why_cancelled(context)
                raise
            except Exception as error:  # noqa: BLE001 - this is the door
                await self._refuse(call, error)

    def _unfit(self, method: str, context: Context, streams: bool) -> WireStatus | None:
        """Say why a call must not begin at all; made beforehand and without a span, because overload makes many of these."""
        if method.startswith(UNLIMITED_PREFIXES):
            return None
        own = self._adaptive.get(method)
        if not (self._streams if streams else self._calls).free or (own is not None and not own.free):
            return self._overloaded
        remaining = context.time_remaining()
        return self._late if remaining is not None and remaining <= 0 else None

    @contextmanager
    def _slot(self, call: _Call, streams: bool) -> Iterator[None]:
        """Hold what the call needs to be worked on, and learn from how it ended."""
        if call.method.startswith(UNLIMITED_PREFIXES):
            yield
        elif streams:
            with self._streams.taken():
                yield
        else:
            own = self._adaptive.setdefault(call.method, AdaptiveSlots(self._calls.limit))
            at_start = call.context.time_remaining()
            own.enter()
            try:
                with self._calls.taken():
                    yield
            finally:
                own.leave(call.started, spare=_spare(at_start, call.context.time_remaining()))

    async def _work(self, call: _Call, body: Callable[[], Awaitable[Any]], streams: bool) -> Any:
        task = asyncio.current_task()
        if streams and task is not None:
            self._stream_tasks[task] = call.method
        try:
            return await body()
        finally:
            if task is not None:
                self._stream_tasks.pop(task, None)

    async def _was_ended(self, call: _Call) -> bool:
        """Answer a stream that `end_streams` has cancelled; False when somebody else cancelled it."""
        task = asyncio.current_task()
        if task is None or task not in self._ended:
            return False
        self._ended.discard(task)
        task.uncancel()
        draining = Unavailable(
            "The server is shutting down.",
            reason="SERVER_DRAINING",
            next_step="Resume the stream at another server.",
            retry_after_seconds=0.1,
        )
        await self._refuse(call, draining)
        return True

    def _admit_caller(self, method: str, metadata: Any) -> None:
        if self._tokens is not None and not method.startswith(HEALTH_PREFIX):
            self._tokens.authenticate(metadata)

    async def _refuse(self, call: _Call, error: BaseException) -> None:
        """End the call with the status of `error`; always raises AbortError."""
        public = public_error(error)
        status = wire_status(public, self._service, telemetry.current_trace_id() if call.span else "")
        call.code = status.code
        if isinstance(public, MaskedError):
            _log.error("call failed unexpectedly", exc_info=error, extra={"fields": {"rpc": call.method}})
        if call.span is not None:
            call.span.set_attribute("error.type", public.reason)
        await call.context.abort(status.code, status.message, status.trailing_metadata)

    @contextmanager
    def _observed(self, method: str, context: Context, metadata: Any) -> Iterator[_Call]:
        """Run the call inside its SERVER span and count its time.

        A method that is not traced gets an unsampled parent.
        """
        if method.startswith(UNTRACED_PREFIXES):
            with telemetry.continue_trace(_UNTRACED_PARENT):
                yield _Call(method, context, None)
            return
        labels = _labels(method)
        parent = next((value for key, value in metadata if key == telemetry.TRACEPARENT), "")
        with telemetry.continue_trace(parent if isinstance(parent, str) else ""):
            with telemetry.tracer().start_as_current_span(
                method[1:],
                kind=SpanKind.SERVER,
                attributes=labels,
                record_exception=False,
                set_status_on_exception=False,
            ) as span:
                call = _Call(method, context, span)
                try:
                    yield call
                finally:
                    span.set_attribute("rpc.grpc.status_code", call.code.value[0])
                    if call.code in _SERVER_FAULTS:
                        span.set_status(Status(StatusCode.ERROR))
                    elapsed_ms = (time.perf_counter() - call.started) * 1000
                    self._duration.record(elapsed_ms, {**labels, "rpc.grpc.status_code": call.code.value[0]})


def _labels(method: str) -> dict[str, str]:
    service, _, name = method[1:].partition("/")
    return {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}


class _StreamContext:
    """The context of a handler that writes its answers itself instead of yielding them; converts both ways."""

    def __init__(self, context: Context, parse: Callable[[bytes], Any], write: Callable[[Any], Any]) -> None:
        self._context, self._parse, self._write = context, parse, write

    async def write(self, message: Any) -> None:
        await self._context.write(self._write(message))

    async def read(self) -> Any:
        raw = await self._context.read()
        return raw if raw is grpc.aio.EOF else self._parse(raw)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


async def _send_all(
    serve: Callable[[Any, Any], Any],
    request: Any,
    context: Context,
    parse: Callable[[bytes], Any],
    write: Callable[[Any], Any],
) -> None:
    answers = serve(request, _StreamContext(context, parse, write))
    if inspect.isawaitable(answers):
        await answers
        return
    async with aclosing(answers):
        async for answer in answers:
            await context.write(write(answer))


async def _parsed(raw: AsyncIterator[bytes], parse: Callable[[bytes], Any]) -> AsyncIterator[Any]:
    async for part in raw:
        yield parse(part)


def _parser(deserialize: Callable[[bytes], Any] | None) -> Callable[[bytes], Any]:
    def parse(raw: bytes) -> Any:
        if deserialize is None:
            return raw
        try:
            return deserialize(raw)
        except (DecodeError, ValueError, RecursionError) as error:
            problem = "The bytes are not a valid request message."
            raise InvalidArgument(
                problem, reason="MALFORMED_REQUEST", violations=(FieldViolation("", problem),)
            ) from error

    return parse


def _code_of(context: Context) -> grpc.StatusCode:
    """Return the code that a handler set itself; grpc.aio hands it back as a number."""
    code: Any = context.code()
    if isinstance(code, grpc.StatusCode):
        return code
    return next((known for known in grpc.StatusCode if known.value[0] == code), grpc.StatusCode.UNKNOWN)


def _spare(at_start: float | None, at_end: float | None) -> float:
    """Return the share of its time that a call had left when it ended; 1 without a deadline, 0 when that had passed."""
    if at_start is None or at_end is None:
        return 1.0
    return at_end / at_start if at_start > 0 else 0.0


def _why_cancelled(context: Context) -> grpc.StatusCode:
    remaining = context.time_remaining()
    if remaining is not None and remaining <= 0:
        return grpc.StatusCode.DEADLINE_EXCEEDED
    return grpc.StatusCode.CANCELLED
