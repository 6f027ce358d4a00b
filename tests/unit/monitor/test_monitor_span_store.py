"""The span store: bounded, repeatable, and not stopped by a damaged file; and what comes off the wire."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aisle_monitor.convert import otlp
from aisle_monitor.domain.traces import SpanRecord
from aisle_monitor.engines.span_store import SpanStore
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

TRACE = "0af7651916cd43dd8448eb211c80319c"
Open = Callable[..., SpanStore]


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[Open]:
    opened: list[SpanStore] = []

    def build(max_spans: int = 1000, queue_spans: int = 1000, now: Callable[[], float] = lambda: 1000.0) -> SpanStore:
        store = SpanStore(
            tmp_path / "telemetry.db", max_spans=max_spans, max_age_seconds=60, queue_spans=queue_spans, now=now
        )
        opened.append(store)
        return store

    yield build
    for store in opened:
        store.close()


def record(number: int, trace_id: str = TRACE, kind: str = "server") -> SpanRecord:
    return SpanRecord(trace_id, f"{number:016x}", "", "ranker", f"n{number}", kind, 100 - number, 5, True, {"k": "v"})


async def test_spans_come_back_by_start_time_and_once(open_store: Open) -> None:
    store = open_store()
    assert store.offer([record(1), record(2)]) == 2
    assert store.offer([record(2), record(3, "f" * 32)]) == 2
    spans, total = await store.trace(TRACE, 10)
    assert spans == [record(2), record(1)]
    assert total == 2
    assert await store.trace(TRACE, 1) == ([record(2)], 2)
    assert await store.trace("1" * 32, 10) == ([], 0)


async def test_spans_survive_a_restart(open_store: Open) -> None:
    first = open_store()
    first.offer([record(1)])
    first.close()
    assert (await open_store().trace(TRACE, 10))[1] == 1


async def test_hops_leave_out_inner_spans(open_store: Open) -> None:
    store = open_store()
    store.offer([record(1, kind="internal"), record(2, kind="consumer")])
    store.flush()
    assert await store.hops(TRACE) == [record(2, kind="consumer")]


async def test_the_oldest_spans_go_when_there_are_too_many(open_store: Open) -> None:
    store = open_store(max_spans=10)
    for start in range(1, 51, 10):
        store.offer([record(number) for number in range(start, start + 10)])
        store.flush()
    spans, total = await store.trace(TRACE, 100)
    assert total == 10
    assert {span.name for span in spans} == {f"n{number}" for number in range(41, 51)}


async def test_old_spans_go(open_store: Open) -> None:
    clock = [1000.0]
    store = open_store(max_spans=2, now=lambda: clock[0])
    store.offer([record(1), record(2)])
    store.flush()
    clock[0] += 61
    store.offer([record(3), record(4)])
    store.flush()
    assert {span.name for span in (await store.trace(TRACE, 9))[0]} == {"n3", "n4"}


def test_a_full_queue_refuses_the_rest(open_store: Open) -> None:
    store = open_store(queue_spans=3)
    assert store.offer([record(number) for number in range(1, 6)]) <= 3
    store.close()
    assert store.offer([record(9)]) == 0


async def test_a_damaged_file_is_put_aside(open_store: Open, tmp_path: Path) -> None:
    (tmp_path / "telemetry.db").write_bytes(b"not a database, whatever its name says" * 100)
    store = open_store()
    store.offer([record(1)])
    assert (await store.trace(TRACE, 9))[1] == 1
    assert (tmp_path / "telemetry.db.damaged").exists()
    assert (tmp_path / "telemetry.db").stat().st_mode & 0o777 == 0o600


def exported(*spans: Span) -> list[ResourceSpans]:
    name = KeyValue(key="service.name", value=AnyValue(string_value="ranker"))
    return [ResourceSpans(resource=Resource(attributes=[name]), scope_spans=[ScopeSpans(spans=spans)])]


def wire_span(**changes: object) -> Span:
    values: dict[str, object] = {
        "trace_id": bytes.fromhex(TRACE), "span_id": b"\x01" * 8, "name": "n", "kind": Span.SPAN_KIND_CONSUMER,
        "start_time_unix_nano": 10, "end_time_unix_nano": 25, "status": Status(code=Status.STATUS_CODE_ERROR),
    }  # fmt: skip
    return Span(**{**values, **changes})  # type: ignore[arg-type]


def test_the_wire_format_is_read() -> None:
    items = ArrayValue(values=[AnyValue(int_value=1), AnyValue(bool_value=True), AnyValue(double_value=0.5)])
    attributes = [
        KeyValue(key="a", value=AnyValue(array_value=items)),
        KeyValue(key="long", value=AnyValue(string_value="x" * 5000)),
    ]
    [found] = otlp.spans(exported(wire_span(attributes=attributes, parent_span_id=b"\x02" * 8)))
    assert found is not None
    assert (found.service, found.kind, found.error, found.duration_ns) == ("ranker", "consumer", True, 15)
    assert (found.trace_id, found.span_id, found.parent_span_id) == (TRACE, "01" * 8, "02" * 8)
    assert found.attributes["a"] == '["1", "true", "0.5"]'
    assert len(found.attributes["long"]) == otlp.MAXIMUM_TEXT


@pytest.mark.parametrize(
    "changes",
    [
        {"trace_id": b"short"},
        {"trace_id": b"\x00" * 16},
        {"span_id": b""},
        {"parent_span_id": b"abc"},
        {"start_time_unix_nano": 26},
        {"end_time_unix_nano": 2**64 - 1},
    ],
)
def test_a_malformed_span_is_refused(changes: dict[str, object]) -> None:
    assert list(otlp.spans(exported(wire_span(**changes)))) == [None]
