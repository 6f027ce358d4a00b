"""Spans of a trace and the steps between services that they show."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

RPC_PAIR = ("client", "server")
EVENT_PAIR = ("producer", "consumer")
_SUBJECT_KEYS = ("messaging.destination.name", "messaging.destination", "aisle.event.subject")


@dataclass(frozen=True, slots=True)
class SpanRecord:
    """One step of a trace, as received."""

    trace_id: str
    """32 hex digits."""
    span_id: str
    """16 hex digits."""
    parent_span_id: str
    """16 hex digits, or empty for a root."""
    service: str
    name: str
    kind: str
    """`internal`, `server`, `client`, `producer` or `consumer`."""
    start_ns: int
    """Nanoseconds since the epoch."""
    duration_ns: int
    error: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edge:
    """How often one service reached another inside a trace."""

    source: str
    target: str
    kind: str
    """`rpc` or `event`."""
    operation: str
    """RPC method or event subject."""
    count: int


def edges(spans: Iterable[SpanRecord]) -> list[Edge]:
    """Return the steps between services, sorted; the order in which spans arrived does not matter.

    A SERVER span below a CLIENT span of another service is an rpc step; a CONSUMER span below a PRODUCER span is an
    event step, also when a service consumes its own event.
    """
    known = {span.span_id: span for span in spans}
    counts: Counter[tuple[str, str, str, str]] = Counter()
    for span in known.values():
        parent = known.get(span.parent_span_id)
        if parent is None:
            continue
        pair = (parent.kind, span.kind)
        if pair == RPC_PAIR and parent.service != span.service:
            counts[parent.service, span.service, "rpc", span.name] += 1
        elif pair == EVENT_PAIR:
            counts[parent.service, span.service, "event", _subject(span, parent)] += 1
    return [Edge(*key, count) for key, count in sorted(counts.items())]


def _subject(consumer: SpanRecord, producer: SpanRecord) -> str:
    for span in (consumer, producer):
        for key in _SUBJECT_KEYS:
            if span.attributes.get(key):
                return span.attributes[key]
    return consumer.name.rpartition(" ")[2]
