"""OpenTelemetry's wire format: from exported spans to what is stored."""

import json
from collections.abc import Iterable, Iterator

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span, Status

from aisle_monitor.domain.traces import SpanRecord

MAXIMUM_TEXT = 1024
MAXIMUM_ATTRIBUTES = 64
_KINDS = {
    Span.SPAN_KIND_SERVER: "server",
    Span.SPAN_KIND_CLIENT: "client",
    Span.SPAN_KIND_PRODUCER: "producer",
    Span.SPAN_KIND_CONSUMER: "consumer",
}


def spans(exported: Iterable[ResourceSpans]) -> Iterator[SpanRecord | None]:
    """Yield each span; None for one whose ids or times don't fit the protocol."""
    for group in exported:
        service = next(
            (entry.value.string_value for entry in group.resource.attributes if entry.key == "service.name"), ""
        )
        for scope in group.scope_spans:
            for span in scope.spans:
                yield _span(span, service or "unknown")


def _span(span: Span, service: str) -> SpanRecord | None:
    ids_fit = len(span.trace_id) == 16 and len(span.span_id) == 8 and len(span.parent_span_id) in (0, 8)
    times_fit = 0 < span.start_time_unix_nano <= span.end_time_unix_nano < 1 << 63
    if not ids_fit or not times_fit or not any(span.trace_id) or not any(span.span_id):
        return None
    return SpanRecord(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex() if any(span.parent_span_id) else "",
        service=service[:MAXIMUM_TEXT],
        name=span.name[:MAXIMUM_TEXT],
        kind=_KINDS.get(span.kind, "internal"),
        start_ns=span.start_time_unix_nano,
        duration_ns=span.end_time_unix_nano - span.start_time_unix_nano,
        error=span.status.code == Status.STATUS_CODE_ERROR,
        attributes=_attributes(span.attributes),
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        if len(found) == MAXIMUM_ATTRIBUTES:
            break
        found[pair.key[:MAXIMUM_TEXT]] = _text(pair.value)[:MAXIMUM_TEXT]
    return found


def _text(value: AnyValue) -> str:
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "bool_value":
            return "true" if value.bool_value else "false"
        case "int_value":
            return str(value.int_value)
        case "double_value":
            return repr(value.double_value)
        case "array_value":
            return json.dumps([_text(entry) for entry in value.array_value.values])
        case "bytes_value":
            return value.bytes_value.hex()
        case _:
            return ""
