"""The outbox, the inbox and the shape of an event, over a database and without a bus."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from aisle_runtime import telemetry
from aisle_runtime.bus import Bus, Consumer
from aisle_runtime.db import Database
from aisle_runtime.deadletters import DeadLetter, DeadLetters
from aisle_runtime.errors import FailedPrecondition, InvalidArgument
from aisle_runtime.events import MalformedEvent, ReceivedEvent, event_headers, read_event
from aisle_runtime.inbox import RETENTION_SECONDS, Inbox
from aisle_runtime.outbox import Outbox
from aisle_runtime.settings import ServiceSettings
from aisle_runtime.tables import RUNTIME
from google.protobuf.wrappers_pb2 import Int64Value, StringValue

SUBJECT = "aisle.shop.thing.made.v1"
KIND = StringValue.DESCRIPTOR.full_name


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    opened.write_sync(lambda conn: RUNTIME.outbox.metadata.create_all(conn))
    yield opened
    opened.close()


def test_an_event_carries_its_attributes_and_its_trace(db: Database) -> None:
    telemetry.setup("shop")
    outbox = Outbox("shop", now=lambda: 1_700_000_000.5)
    with telemetry.span("shop.ask"):
        trace_id = telemetry.current_trace_id()
        minted = db.write_sync(lambda conn: outbox.add(conn, SUBJECT, StringValue(value="x")))
    [pending] = db.read_sync(lambda conn: outbox.pending(conn, 10))
    event = read_event(pending.subject, pending.headers, pending.data, 1)
    assert (event.id, event.type, event.source) == (minted, KIND, "aisle/shop")
    assert event.time == datetime(2023, 11, 14, 22, 13, 20, 500_000, tzinfo=UTC)
    assert telemetry.trace_id_of(event.traceparent) == trace_id
    assert pending.headers["Nats-Msg-Id"] == minted
    assert event.parse(StringValue).value == "x"
    with pytest.raises(MalformedEvent):
        event.parse(Int64Value)


def test_an_event_is_kept_only_with_its_transaction_and_once_per_id(db: Database) -> None:
    outbox = Outbox("shop")

    def fail(conn: object) -> None:
        outbox.add(conn, SUBJECT, StringValue())  # type: ignore[arg-type]
        raise KeyError

    with pytest.raises(KeyError):
        db.write_sync(fail)
    for _ in range(2):
        db.write_sync(lambda conn: outbox.add(conn, SUBJECT, StringValue(value="x"), event_id="order-1"))
    [pending] = db.read_sync(lambda conn: outbox.pending(conn, 10))
    db.write_sync(lambda conn: outbox.mark(conn, [pending.id], []))
    assert db.read_sync(outbox.pending_count) == 0
    assert db.write_sync(lambda conn: outbox.publish_again(conn, 0.0)) == 1


@pytest.mark.parametrize(
    "subject",
    ["aisle.other.thing.made.v1", "aisle.shop", "aisle.shop.*.v1", "aisle.shop.>", "dlq.shop.x", "aisle.shop.a b"],
)
def test_no_foreign_or_wild_subject_is_taken(db: Database, subject: str) -> None:
    with pytest.raises(ValueError, match="not a subject"):
        db.write_sync(lambda conn: Outbox("shop").add(conn, subject, StringValue()))


def test_an_event_too_large_for_the_bus_is_refused_at_once(db: Database) -> None:
    with pytest.raises(InvalidArgument) as caught:
        db.write_sync(lambda conn: Outbox("shop").add(conn, SUBJECT, StringValue(value="x" * 900_001)))
    assert caught.value.reason == "EVENT_TOO_LARGE"
    with pytest.raises(ValueError, match="event id"):
        db.write_sync(lambda conn: Outbox("shop").add(conn, SUBJECT, StringValue(), event_id="a\r\nb"))


def test_old_events_and_entries_are_forgotten(db: Database) -> None:
    time = 1000.0
    outbox, inbox = Outbox("shop", now=lambda: time), Inbox(now=lambda: time)
    db.write_sync(lambda conn: outbox.add(conn, SUBJECT, StringValue()))
    db.write_sync(lambda conn: outbox.add(conn, SUBJECT, StringValue()))
    first, second = db.read_sync(lambda conn: outbox.pending(conn, 10))
    db.write_sync(lambda conn: outbox.mark(conn, [first.id], [second.id]))
    assert db.write_sync(lambda conn: inbox.first_time(conn, "c", "e"))
    assert not db.write_sync(lambda conn: inbox.first_time(conn, "c", "e"))
    assert db.write_sync(lambda conn: inbox.first_time(conn, "other", "e"))
    time += RETENTION_SECONDS + 1
    assert db.write_sync(outbox.forget_old) == 1
    assert db.write_sync(inbox.forget_old) == 2
    [left] = db.read_sync(lambda conn: outbox.pending(conn, 10))
    assert (left.id, left.attempts) == (second.id, 1), "what is not published is never forgotten"


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("ce-id", ""), ("ce-id", "a b"), ("ce-id", "x" * 129), ("ce-type", ""), ("ce-source", ""),
        ("ce-time", ""), ("ce-time", "yesterday"), ("ce-specversion", ""), ("ce-specversion", "0.3"),
    ],
)  # fmt: skip
def test_a_message_that_is_no_event_is_malformed(header: str, value: str) -> None:
    headers = event_headers("shop", "e-1", KIND, 0.0)
    assert read_event(SUBJECT, {name.upper(): text for name, text in headers.items()}, b"", 1).id == "e-1"
    with pytest.raises(MalformedEvent):
        read_event(SUBJECT, {**headers, header: value}, b"", 1)


def test_a_dead_letter_is_kept_and_told_once(db: Database) -> None:
    outbox = Outbox("shop")
    letters = DeadLetters("shop", outbox)
    headers = {**event_headers("other", "e-1", KIND, 0.0), "x-odd header": "ü", "Nats-Expected-Stream": "no"}
    letter = DeadLetter("shop-reads", "e-1", SUBJECT, b"\xff", headers, "BAD:\r\nvery  bad", 5, "a" * 32)
    assert db.write_sync(lambda conn: letters.record(conn, letter))
    assert not db.write_sync(lambda conn: letters.record(conn, letter))
    [told] = db.read_sync(lambda conn: outbox.pending(conn, 10))
    assert (told.subject, told.data) == ("dlq.shop.shop-reads", b"\xff")
    assert told.headers["aisle-reason"] == "BAD: very bad"
    assert "Nats-Expected-Stream" not in told.headers
    assert "\r" not in json.dumps(told.headers) and "x-odd header" not in told.headers
    [kept] = db.read_sync(lambda conn: letters.list(conn))
    assert kept.event().delivery_count == 6
    db.write_sync(lambda conn: letters.mark_replayed(conn, kept.id))
    assert db.read_sync(letters.count) == 0
    assert db.write_sync(lambda conn: letters.record(conn, letter)), "after a replay it may die again"
    with pytest.raises(FailedPrecondition):
        DeadLetter("shop-reads", "e", SUBJECT, b"", {}, "", 1).event()


async def test_consumers_have_names_of_their_own(db: Database) -> None:
    async def handler(event: ReceivedEvent) -> None: ...

    for names in (["other-reads"], ["shop-reads", "shop-reads"], ["shop-Reads"]):
        bus = Bus("shop", ServiceSettings(), db)
        with pytest.raises((ValueError, InvalidArgument)):
            await bus.start([Consumer(name, SUBJECT, handler) for name in names])
