"""Events as they travel: CloudEvents in binary mode, attributes in headers and a protobuf message as the body."""

import builtins
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from aisle_runtime.errors import InvalidArgument

M = TypeVar("M", bound=Message)

CE_ID, CE_SOURCE, CE_TYPE, CE_TIME, CE_SPECVERSION = "ce-id", "ce-source", "ce-type", "ce-time", "ce-specversion"
MESSAGE_ID = "Nats-Msg-Id"
SPECVERSION = "1.0"
CONTENT_TYPE, PROTOBUF = "content-type", "application/protobuf"
MAXIMUM_EVENT_BYTES = 900_000
"""Largest body; with its headers it stays below the bus's limit of 1 MiB. Anything bigger is an artifact."""
_EVENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


class MalformedEvent(InvalidArgument):
    """The message on the bus is not an event that this consumer can read; no later delivery will be."""

    reason = "MALFORMED_EVENT"


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """One delivery of an event."""

    id: str
    """Identity of the event, the same in every delivery."""
    type: str
    """Full name of the protobuf message."""
    subject: str
    """Bus subject, `aisle.<service>.<noun>.<participle>.v1`."""
    source: str
    """Who published it, `aisle/<service>`."""
    time: datetime
    """When it happened, in UTC."""
    data: bytes
    """The serialized message."""
    delivery_count: int = 1
    """How often the event has been handed to this consumer, this time included."""
    traceparent: str = ""
    """Trace context of the producer."""

    def parse(self, cls: "builtins.type[M]") -> M:
        """Return the message.

        Raises MalformedEvent when the body is something else; leaving the handler it dead-letters the event.
        """
        if self.type != cls.DESCRIPTOR.full_name:
            raise MalformedEvent(f"The event is not a {cls.DESCRIPTOR.name}.")
        try:
            return cls.FromString(self.data)
        except DecodeError:
            raise MalformedEvent(f"The event's body is not a {cls.DESCRIPTOR.name}.") from None


Handler = Callable[[ReceivedEvent], Awaitable[None]]


@dataclass
class Consumer:
    """A durable reader of one subject.

    The handler stores its effect and an `Inbox.first_time` entry in one transaction, because an event may come more
    than once. It raises to have the event again: an AisleError of kind UNAVAILABLE, DEADLINE_EXCEEDED,
    RESOURCE_EXHAUSTED or ABORTED (and a gRPC failure of a peer that amounts to one) is repeated here for up to ten
    minutes before that counts as one delivery; INVALID_ARGUMENT goes straight to the dead letters; anything else is
    delivered again, later each time, and becomes a dead letter after `max_deliveries`.
    """

    name: str
    """Durable name, unique on the bus: `<service>-<what>`."""
    subject: str
    """Subject to read, wildcards allowed."""
    handler: Handler
    """Called for one event at a time."""
    max_deliveries: int = 5
    """Deliveries after which the event becomes a dead letter."""
    ack_wait_seconds: float = 5.0
    """When an event whose consumer vanished is delivered again; a handler that takes longer is not disturbed."""


def check_event_id(event_id: str) -> str:
    """Return `event_id`; raises ValueError when it cannot travel in a header."""
    if not _EVENT_ID.fullmatch(event_id):
        raise ValueError("an event id has 1 to 128 characters of A-Z a-z 0-9 . _ : -")
    return event_id


def event_headers(service: str, event_id: str, kind: str, time: float) -> dict[str, str]:
    """Return the CloudEvents headers of an event that `service` publishes; `time` in seconds since the epoch."""
    return {
        CE_SPECVERSION: SPECVERSION,
        CE_ID: event_id,
        CE_SOURCE: f"aisle/{service}",
        CE_TYPE: kind,
        CE_TIME: datetime.fromtimestamp(time, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        CONTENT_TYPE: PROTOBUF,
        MESSAGE_ID: event_id,
    }


def read_event(subject: str, headers: Mapping[str, str], data: bytes, delivery_count: int) -> ReceivedEvent:
    """Read a delivered message as an event; raises MalformedEvent naming the first header that does not fit."""
    values = {name.lower(): value for name, value in headers.items()}
    for name in (CE_SPECVERSION, CE_ID, CE_SOURCE, CE_TYPE, CE_TIME):
        if not values.get(name):
            raise MalformedEvent(f"The header {name} is missing.")
    if values[CE_SPECVERSION] != SPECVERSION:
        raise MalformedEvent("The header ce-specversion is not 1.0.")
    if not _EVENT_ID.fullmatch(values[CE_ID]):
        raise MalformedEvent("The header ce-id is not a legal event id.")
    try:
        time = datetime.fromisoformat(values[CE_TIME])
    except ValueError:
        raise MalformedEvent("The header ce-time is not a time.") from None
    return ReceivedEvent(
        id=values[CE_ID],
        type=values[CE_TYPE],
        subject=subject,
        source=values[CE_SOURCE],
        time=time if time.tzinfo else time.replace(tzinfo=UTC),
        data=data,
        delivery_count=delivery_count,
        traceparent=values.get("traceparent", ""),
    )
