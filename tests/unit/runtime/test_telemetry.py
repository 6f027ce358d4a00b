import io
import json
import logging
import time
from collections.abc import Iterator, Mapping

import pytest
from aisle_runtime import logging as json_logging
from aisle_runtime import telemetry
from aisle_runtime.errors import NotFound
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

PARENT = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"


def attributes(span: ReadableSpan) -> Mapping[str, object]:
    return span.attributes or {}


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    telemetry.setup("test", exporter=exporter)
    yield exporter
    telemetry.shutdown()


def test_spans_have_ids_even_when_nothing_is_exported() -> None:
    telemetry.setup("test")
    with telemetry.span("test.work"):
        assert telemetry.parse_traceparent(telemetry.current_traceparent()) is not None
        assert len(telemetry.current_trace_id()) == 32
    telemetry.shutdown()


def test_a_hop_over_the_bus_stays_in_one_trace(spans: InMemorySpanExporter) -> None:
    headers: dict[str, str] = {}
    with telemetry.continue_trace(PARENT), telemetry.producer_span("aisle.x.done.v1", "e1"):
        telemetry.inject(headers)
    with telemetry.consumer_span("aisle.x.done.v1", "trainer", "e1", headers["traceparent"]):
        pass
    producer, consumer = spans.get_finished_spans()
    assert (producer.kind, consumer.kind) == (SpanKind.PRODUCER, SpanKind.CONSUMER)
    assert f"{producer.context.trace_id:032x}" == "ab" * 16
    assert consumer.parent is not None and consumer.parent.span_id == producer.context.span_id
    assert attributes(consumer)["messaging.consumer.group.name"] == "trainer"


@pytest.mark.parametrize(
    "value", ["", "garbage", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", PARENT + "-x", PARENT.upper()]
)
def test_a_malformed_traceparent_begins_a_new_trace(spans: InMemorySpanExporter, value: str) -> None:
    with telemetry.span("test.outer"), telemetry.continue_trace(value), telemetry.span("test.inner"):
        pass
    inner, outer = spans.get_finished_spans()
    assert inner.parent is None and inner.context.trace_id != outer.context.trace_id


def test_a_failed_span_tells_the_reason_and_never_the_text(spans: InMemorySpanExporter) -> None:
    for error in (NotFound("secret", reason="JOB_NOT_FOUND"), ValueError("secret")):
        with pytest.raises(type(error)), telemetry.span("test.work", aisle__rows=3):
            raise error
    told = [(attributes(span)["error.type"], span.status.status_code) for span in spans.get_finished_spans()]
    assert told == [("JOB_NOT_FOUND", StatusCode.ERROR), ("ValueError", StatusCode.ERROR)]
    assert all("secret" not in span.to_json() for span in spans.get_finished_spans())
    assert attributes(spans.get_finished_spans()[0])["aisle.rows"] == 3


def test_a_child_process_continues_the_trace(monkeypatch: pytest.MonkeyPatch, spans: InMemorySpanExporter) -> None:
    with telemetry.span("test.parent"):
        environment, trace_id = telemetry.child_environment(), telemetry.current_trace_id()
    monkeypatch.setenv(telemetry.TRACEPARENT_ENV, environment[telemetry.TRACEPARENT_ENV])
    with telemetry.continue_from_environment(), telemetry.span("test.child"):
        assert telemetry.current_trace_id() == trace_id


def test_an_absent_collector_delays_neither_work_nor_exit() -> None:
    telemetry.setup("test", "127.0.0.1:1")
    begun = time.monotonic()
    for _ in range(3 * telemetry.QUEUE_SPANS // 2):
        with telemetry.span("test.work"):
            pass
    telemetry.shutdown()
    assert time.monotonic() - begun < 10


def test_log_lines_are_json_with_the_trace(spans: InMemorySpanExporter) -> None:
    stream = io.StringIO()
    json_logging.setup("test", "info", stream)
    logger = logging.getLogger("test.logger")
    with telemetry.span("test.work"):
        trace_id = telemetry.current_trace_id()
        logger.warning("%s\nlines", "two", extra={"fields": {"rows": 3}, "job": "j1"})
    try:
        raise ValueError("inside")
    except ValueError:
        logger.exception("failed")
    logging.getLogger().removeHandler(logging.getLogger().handlers[-1])
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (first["trace_id"], first["service"], first["level"]) == (trace_id, "test", "WARNING")
    assert first["message"] == "two\nlines" and first["fields"] == {"rows": 3, "job": "j1"}
    assert "ValueError: inside" in second["exception"] and second["trace_id"] == ""
