"""Traces and metrics of a service: one set-up, spans as context managers, and trace context over any kind of hop.

Spans always have valid ids, exported or not, so that the lifecycle's trace id is known everywhere. Export runs in its
own thread with a bounded queue; a collector that is away, slow or hanging costs dropped spans and nothing else.
"""

import logging
import os
import re
import threading
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import metrics, trace
from opentelemetry.metrics import Meter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags, Tracer
from opentelemetry.util.types import AttributeValue

SPAN_SUBMIT_JOB = "submit_job"
"""The acceptance of a job outside any call, behind the service's name: `trainer.submit_job`."""
SPAN_RUN_JOB = "run_job"
"""One attempt at a job, in the job's process, behind the service's name: `trainer.run_job`."""
SPAN_ERASE_SUBJECT = "erase_subject"
"""One attempt of a service at deleting a person from what it keeps, behind the service's name: `ranker.erase_subject`."""
METRIC_RPC_DURATION = "rpc.server.duration"
"""Time from a call's arrival to its end, by service, method and status code, in milliseconds."""
METRIC_LAG = "aisle.bus.consumer.lag"
"""Events that wait for a consumer, by consumer."""
METRIC_DEAD_LETTERS = "aisle.bus.dead_letters"
"""Events given up after their last delivery, by consumer."""
ATTR_JOB_ID = "aisle.job.id"
"""Id of the job."""
ATTR_JOB_KIND = "aisle.job.kind"
"""Kind of the job, as its service registered it."""
ATTR_JOB_ATTEMPT = "aisle.job.attempt"
"""Number of the attempt, the first is 1."""
ATTR_DELIVERY_COUNT = "aisle.event.delivery_count"
"""How often the bus has delivered the event to this consumer."""
INSTRUMENTATION = "aisle"
TRACEPARENT = "traceparent"
TRACEPARENT_ENV = "AISLE_TRACEPARENT"
"""Environment variable that carries the trace into a child process."""
TRACE_ID_FACT = "trace_id"

EXPORT_TIMEOUT_SECONDS = 2.0
FLUSH_SECONDS = 1.5
QUEUE_SPANS = 4096
BATCH_SPANS = 512
SPAN_INTERVAL_MS = 500
METRIC_INTERVAL_MS = 5_000
_QUIET_SECONDS = 60.0

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


@dataclass
class _State:
    provider: TracerProvider | None = None
    tracer: Tracer | None = None
    meters: Any = None
    lock: threading.Lock = field(default_factory=threading.Lock)


_state = _State()


def setup(service: str, endpoint: str = "", ratio: float = 1.0, *, exporter: SpanExporter | None = None) -> None:
    """Start telemetry for this process as `service`.

    `endpoint` is host:port of an OTLP/gRPC collector reached without TLS ("" = export nothing); `ratio` (0 to 1) of new
    traces are recorded. `exporter` receives every span at once, for tests. A second call replaces the first.
    """
    shutdown()
    with _state.lock:
        resource = Resource({"service.name": service or "aisle", "service.instance.id": f"{os.getpid()}"})
        provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(ratio)), resource=resource, shutdown_on_exit=False
        )
        if exporter is not None:
            provider.add_span_processor(SimpleSpanProcessor(exporter))
        if endpoint:
            _limit_noise()
            provider.add_span_processor(_span_processor(endpoint))
            _state.meters = _meter_provider(endpoint, resource)
            _set_global_meters(_state.meters)
        _set_global_tracers(provider)
        _state.provider, _state.tracer = provider, provider.get_tracer(INSTRUMENTATION)


def shutdown(timeout_seconds: float = FLUSH_SECONDS) -> None:
    """Send what is queued and stop, waiting at most `timeout_seconds`; what cannot be sent in time is dropped."""
    with _state.lock:
        provider, meters = _state.provider, _state.meters
        _state.provider = _state.tracer = _state.meters = None

    def stop() -> None:
        if provider is not None:
            provider.shutdown()
        if meters is not None:
            meters.shutdown(timeout_millis=timeout_seconds * 1000)

    if provider is not None:
        worker = threading.Thread(target=stop, name="telemetry-shutdown", daemon=True)
        worker.start()
        worker.join(timeout_seconds)


def is_set_up() -> bool:
    """Say whether `setup` is in force."""
    return _state.provider is not None


def tracer() -> Tracer:
    """Return the tracer of this process; before `setup` one whose spans record nothing."""
    return _state.tracer or trace.get_tracer(INSTRUMENTATION)


def meter() -> Meter:
    """Return the meter of this process; instruments made before `setup` start to record with it."""
    return metrics.get_meter(INSTRUMENTATION)


@contextmanager
def span(name: str, /, **attributes: AttributeValue) -> Iterator[Span]:
    """Open an own span `<svc>.<verb>` as child of the current one; double underscores in attribute names become dots.

    An exception that leaves the block marks the span as failed with the exception's class, never its text.
    """
    with open_span(
        name, SpanKind.INTERNAL, {key.replace("__", "."): value for key, value in attributes.items()}
    ) as opened:
        yield opened


@contextmanager
def open_span(name: str, kind: SpanKind, attributes: Mapping[str, AttributeValue]) -> Iterator[Span]:
    """Open a span of any kind as child of the current one; failures are marked as in `span`."""
    with tracer().start_as_current_span(
        name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as opened:
        try:
            yield opened
        except Exception as error:
            mark_failed(opened, error)
            raise


def mark_failed(failed: Span, error: BaseException) -> None:
    """Set the span's status to ERROR with the reason or class of `error`."""
    kind = getattr(error, "reason", "") or type(error).__name__
    failed.set_attribute("error.type", str(kind))
    failed.set_status(Status(StatusCode.ERROR))


def current_traceparent() -> str:
    """Return the current span's W3C traceparent, or "" outside any trace."""
    return format_traceparent(trace.get_current_span().get_span_context())


def current_trace_id() -> str:
    """Return the current trace id as 32 hex digits, or "" outside any trace."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else ""


def format_traceparent(context: SpanContext) -> str:
    """Write a span context as W3C traceparent; "" when it is invalid."""
    if not context.is_valid:
        return ""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def parse_traceparent(traceparent: str) -> SpanContext | None:
    """Read a W3C traceparent; None when it is missing or malformed."""
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None:
        return None
    trace_id, span_id, flags = (int(part, 16) for part in match.groups())
    context = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags & TraceFlags.SAMPLED))
    return context if context.is_valid else None


def trace_id_of(traceparent: str) -> str:
    """Return the trace id inside a traceparent, or "" when it is malformed."""
    match = _TRACEPARENT.fullmatch(traceparent)
    return match.group(1) if match else ""


@contextmanager
def continue_trace(traceparent: str) -> Iterator[None]:
    """Make spans opened in the block children of `traceparent`.

    With a missing or malformed one they begin a new trace.
    """
    remote = parse_traceparent(traceparent)
    parent: Span = NonRecordingSpan(remote) if remote is not None else trace.INVALID_SPAN
    token = otel_context.attach(trace.set_span_in_context(parent))
    try:
        yield
    finally:
        otel_context.detach(token)


def inject(headers: MutableMapping[str, str]) -> None:
    """Put the current traceparent into message headers; nothing outside a trace."""
    if value := current_traceparent():
        headers[TRACEPARENT] = value


@contextmanager
def producer_span(subject: str, event_id: str, **attributes: AttributeValue) -> Iterator[Span]:
    """Open the PRODUCER span of one event; store `current_traceparent()` taken inside it with the event."""
    with open_span(
        f"publish {subject}", SpanKind.PRODUCER, _messaging("publish", subject, event_id, attributes)
    ) as opened:
        yield opened


@contextmanager
def consumer_span(
    subject: str, consumer: str, event_id: str, traceparent: str, **attributes: AttributeValue
) -> Iterator[Span]:
    """Open the CONSUMER span of one delivery, in the trace of the producer's `traceparent`."""
    more = {"messaging.consumer.group.name": consumer, **attributes}
    with continue_trace(traceparent):
        with open_span(
            f"process {subject}", SpanKind.CONSUMER, _messaging("process", subject, event_id, more)
        ) as opened:
            yield opened


def child_environment() -> dict[str, str]:
    """Return the environment entries that let a child process continue the current trace."""
    value = current_traceparent()
    return {TRACEPARENT_ENV: value} if value else {}


@contextmanager
def continue_from_environment() -> Iterator[None]:
    """Continue, in a child process, the trace that its parent put into the environment."""
    with continue_trace(os.environ.get(TRACEPARENT_ENV, "")):
        yield


def _messaging(
    operation: str, subject: str, event_id: str, more: Mapping[str, AttributeValue]
) -> dict[str, AttributeValue]:
    return {
        "messaging.system": "nats",
        "messaging.operation.type": "send" if operation == "publish" else "process",
        "messaging.operation.name": operation,
        "messaging.destination.name": subject,
        "messaging.message.id": event_id,
        **{key.replace("__", "."): value for key, value in more.items()},
    }


def _span_processor(endpoint: str) -> BatchSpanProcessor:
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    exporter = OTLPSpanExporter(endpoint=endpoint, insecure=True, timeout=EXPORT_TIMEOUT_SECONDS)
    return BatchSpanProcessor(
        exporter,
        max_queue_size=QUEUE_SPANS,
        max_export_batch_size=BATCH_SPANS,
        schedule_delay_millis=SPAN_INTERVAL_MS,
    )


def _meter_provider(endpoint: str, resource: Resource) -> Any:
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    exporter = OTLPMetricExporter(endpoint=endpoint, insecure=True, timeout=EXPORT_TIMEOUT_SECONDS)
    reader = PeriodicExportingMetricReader(
        exporter, export_interval_millis=METRIC_INTERVAL_MS, export_timeout_millis=EXPORT_TIMEOUT_SECONDS * 1000
    )
    return MeterProvider([reader], resource=resource, shutdown_on_exit=False)


def _set_global_tracers(provider: TracerProvider) -> None:
    """Serve libraries that ask OpenTelemetry itself; it takes only the first provider of a process."""
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        trace.set_tracer_provider(provider)


def _set_global_meters(provider: Any) -> None:
    if not hasattr(metrics.get_meter_provider(), "shutdown"):
        metrics.set_meter_provider(provider)


class _OncePerMinute(logging.Filter):
    """Let one record per logger and message through in a minute."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        key = str(record.msg)[:80]
        if record.created - self._last.get(key, 0.0) < _QUIET_SECONDS:
            return False
        self._last[key] = record.created
        return True


_once_per_minute = _OncePerMinute()


def _limit_noise() -> None:
    """Keep the exporter's complaints about an absent collector from filling the log."""
    for name in (
        "opentelemetry.exporter.otlp.proto.grpc.exporter",
        "opentelemetry.sdk._shared_internal",
        "opentelemetry.sdk.metrics._internal.export",
        "opentelemetry.sdk.trace",
    ):
        logger = logging.getLogger(name)
        if _once_per_minute not in logger.filters:
            logger.addFilter(_once_per_minute)
