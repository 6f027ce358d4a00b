"""Answers stay below the size that gRPC lets through."""

from aisle.monitor.v1 import monitor_service_pb2 as pb
from aisle.monitor.v1 import observation_pb2 as observation_pb
from aisle_monitor.domain.traces import SpanRecord
from aisle_monitor.servicer import ANSWER_BYTES, _page, _trace
from aisle_runtime.paging import decode_token


def alerts(total: int, size: int) -> list[observation_pb.Alert]:
    return [observation_pb.Alert(name=f"alerts/a{number}", message="x" * size) for number in range(total)]


def test_a_page_ends_at_its_size_and_its_token_goes_on_there() -> None:
    request = pb.ListAlertsRequest(page_size=2)
    page, token = _page(alerts(3, 1), 2, request)
    assert [alert.name for alert in page] == ["alerts/a0", "alerts/a1"]
    assert decode_token(token, request) == "a1"
    assert _page(alerts(2, 1), 2, request)[1] == ""
    assert _page([], 2, request) == ([], "")


def test_a_page_of_large_entries_is_shorter_and_never_empty() -> None:
    request = pb.ListAlertsRequest()
    page, token = _page(alerts(10, 1_000_000), 100, request)
    assert len(page) == 3
    assert decode_token(token, request) == "a2"
    assert len(_page(alerts(2, ANSWER_BYTES), 100, request)[0]) == 1


def test_a_large_trace_leaves_out_its_latest_spans() -> None:
    attributes = {f"k{number}": "x" * 1000 for number in range(60)}
    spans = [
        SpanRecord("a" * 32, f"{number:016x}", "", "s", "n", "server", number, 1, attributes=attributes)
        for number in range(100)
    ]
    answer = _trace(spans, [], 100)
    assert 0 < len(answer.spans) < 100
    assert answer.span_count == 100
    assert answer.ByteSize() < 4 * 1024 * 1024
