"""What is stored comes back; deeds count once; impressions wait in order and are lost only when the buffer is full."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from aisle.governance.v1 import governance_events_pb2, user_event_pb2
from aisle.ranker.v1 import ranker_events_pb2 as events_pb
from aisle.ranker.v1 import ranking_pb2
from aisle_ranker import impressions as impressions_module
from aisle_ranker.domain.loads import FailureFacts, Load, LoadState, Version
from aisle_ranker.domain.profile import RECENT_SHOWN, Deed
from aisle_ranker.events import COLLECTED, EventDoor
from aisle_ranker.impressions import LARGEST_BATCH, LARGEST_BATCH_BYTES, Impressions
from aisle_ranker.shoppers import Shoppers, shopper_key
from aisle_ranker.storage import serving as store
from aisle_ranker.storage import shoppers as shopper_store
from aisle_ranker.storage.tables import metadata
from aisle_runtime.bus import ReceivedEvent
from aisle_runtime.db import Database
from aisle_runtime.errors import Unavailable
from aisle_runtime.inbox import Inbox
from aisle_runtime.outbox import Outbox
from sqlalchemy import create_engine, inspect

FAILURE = FailureFacts("BUNDLE_INVALID", "no", "train again", {"file": "ranker.onnx"})


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    database.migrate("aisle_ranker.storage")
    yield database
    database.close()


def version(number: int, sequence: int) -> Version:
    return Version(f"models/m/versions/{number}", f"digest {number}", {"a": f"file {number}", "b": "common"}, sequence)


def load(number: int, sequence: int, **more: Any) -> Load:
    return Load(f"load-{number}-{sequence}", version(number, sequence), **more)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # both: tests/contract/test_postgres_schemas.py
def test_the_migrated_schema_is_the_declared_one(db: Database) -> None:
    def shape(inspector: Any) -> dict[str, object]:
        return {
            table: (
                {(column["name"], str(column["type"]), column["nullable"]) for column in inspector.get_columns(table)},
                {(index["name"], tuple(index["column_names"])) for index in inspector.get_indexes(table)},
                inspector.get_pk_constraint(table)["constrained_columns"],
            )
            for table in metadata.tables
        }

    declared = create_engine("sqlite://")
    metadata.create_all(declared)
    assert db.read_sync(lambda conn: shape(inspect(conn))) == shape(inspect(declared))
    declared.dispose()


def test_loads_come_back_the_newest_move_first_and_end_once(db: Database) -> None:
    first = load(1, 5, slip=b"\x00s", traceparent="00-x", create_time=1.5)
    for entry in (first, load(2, 9), load(3, 7), first):
        db.write_sync(lambda conn, entry=entry: store.add_load(conn, entry))
    assert db.read_sync(store.next_load) == load(2, 9)
    for entry, expected in ((load(2, 9), load(3, 7)), (load(3, 7), first)):
        assert db.write_sync(lambda conn, e=entry: store.end_load(conn, e.id, LoadState.FAILED, 2.0, FAILURE))
        assert db.read_sync(store.next_load) == expected
    assert not db.write_sync(lambda conn: store.end_load(conn, load(2, 9).id, LoadState.LIVE, 3.0, None))
    assert db.read_sync(store.last_failure) == FAILURE
    assert db.write_sync(lambda conn: store.end_load(conn, first.id, LoadState.LIVE, 3.0, None))
    assert db.read_sync(store.next_load) is None
    assert db.read_sync(store.last_failure) is None


def test_a_load_that_is_known_stays_as_it_is(db: Database) -> None:
    db.write_sync(lambda conn: store.add_load(conn, Load("same", version(1, 1))))
    db.write_sync(lambda conn: store.add_load(conn, Load("same", version(2, 2))))
    assert db.read_sync(store.next_load) == Load("same", version(1, 1))


def test_the_live_version_and_the_one_before_keep_their_files(db: Database) -> None:
    assert db.read_sync(store.live_version) is None
    for number in (1, 2, 3):
        db.write_sync(lambda conn, n=number: store.add_load(conn, load(n, n)))
        db.write_sync(lambda conn, n=number: store.end_load(conn, load(n, n).id, LoadState.LIVE, float(n), None))
        db.write_sync(lambda conn, n=number: store.set_live(conn, version(n, n), float(n)))
    assert db.read_sync(store.live_version) == version(3, 3)
    assert db.read_sync(store.files_of_ended_loads) == {"file 1"}
    db.write_sync(lambda conn: store.set_live(conn, version(3, 4), 4.0))
    assert db.read_sync(store.live_version) == version(3, 4)
    assert db.read_sync(store.files_of_ended_loads) == {"file 1"}, "the same version again forgets nothing"
    db.write_sync(lambda conn: store.add_load(conn, load(1, 9)))
    assert db.read_sync(store.files_of_ended_loads) == set(), "a pending load needs its files"


def test_only_the_newest_ended_loads_are_remembered(db: Database) -> None:
    for number in range(5):
        db.write_sync(lambda conn, n=number: store.add_load(conn, load(n, n)))
        if number < 4:
            db.write_sync(lambda conn, n=number: store.end_load(conn, load(n, n).id, LoadState.LIVE, float(n), None))
    assert db.write_sync(lambda conn: store.forget_ended(conn, 2)) == 2
    assert db.write_sync(lambda conn: store.forget_ended(conn, 2)) == 0
    assert db.read_sync(store.next_load) == load(4, 4)


def test_a_deed_counts_once(db: Database) -> None:
    one, two = Deed("p1", "click", 1.0), Deed("p2", "purchase", 2.0)
    assert db.write_sync(lambda conn: shopper_store.add_deeds(conn, [("e1", "c:a", one)])) == {"e1"}
    again = [("e1", "c:b", two), ("e2", "v:s", two)]
    assert db.write_sync(lambda conn: shopper_store.add_deeds(conn, again)) == {"e2"}
    assert db.write_sync(lambda conn: shopper_store.add_deeds(conn, [])) == set()
    assert db.read_sync(lambda conn: shopper_store.newest_deeds(conn, 5)) == [("c:a", one), ("v:s", two)]
    assert db.read_sync(lambda conn: shopper_store.newest_deeds(conn, 1)) == [("v:s", two)]
    assert db.write_sync(lambda conn: shopper_store.forget_before(conn, 2.0)) == 1
    assert db.read_sync(lambda conn: shopper_store.newest_deeds(conn, 5)) == [("v:s", two)]


def event(event_id: str, *entries: user_event_pb2.UserEvent) -> ReceivedEvent:
    message = governance_events_pb2.UserEventsCollected(events=entries)
    return ReceivedEvent(
        id=event_id, subject="aisle.governance.user_events.collected.v1", type=message.DESCRIPTOR.full_name,
        source="governance", time=0.0, data=message.SerializeToString(), delivery_count=1,
    )  # fmt: skip


def click(event_id: str, product_id: str = "p1", seconds: int = 5, **more: Any) -> user_event_pb2.UserEvent:
    entry = user_event_pb2.UserEvent(
        event_id=event_id, product_id=product_id, type=user_event_pb2.USER_EVENT_TYPE_CLICK, **more
    )
    entry.event_time.seconds = seconds
    return entry


async def test_user_events_become_deeds_once_whatever_comes_twice(db: Database) -> None:
    nothing: Any = None
    shoppers = Shoppers(db, 100, 1e12)
    door = EventDoor(db, Inbox(), nothing, shoppers)
    handler = next(consumer.handler for consumer in door.consumers() if consumer.name == COLLECTED)
    unknown = click("e3", customer_id="a")
    unknown.type = user_event_pb2.USER_EVENT_TYPE_UNSPECIFIED
    first = event("n1", click("e1", customer_id="a"), click("e1", "p9", customer_id="a"), click("e2"), unknown,
                  click("e4", "p2", 6, visitor_id="v"), click("", customer_id="a"))  # fmt: skip
    await handler(first)
    await handler(first)
    await handler(event("n2", click("e1", customer_id="a"), click("e5", "p3", 4, customer_id="a", visitor_id="v")))
    expected = [Deed("p3", "click", 4.0), Deed("p1", "click", 5.0)]
    assert shoppers.of("a") == expected
    assert shoppers.of("", "v") == [Deed("p2", "click", 6.0)]
    again = Shoppers(db, 100, 1e12)
    await again.restore()
    assert again.of("a") == expected, "memory and storage agree"


async def test_shoppers_are_kept_within_memory_and_retention(db: Database) -> None:
    assert (shopper_key("a", "v"), shopper_key("", "v"), shopper_key("", "")) == ("c:a", "v:v", "")
    shoppers = Shoppers(db, 2, 100.0, now=lambda: 1_000.0)
    for at, shopper in enumerate(("c:a", "c:b", "c:a", "v:s")):
        shoppers.remember(shopper, Deed(f"p{at}", "view", float(at)))
    assert (shoppers.of("b"), [deed.product_id for deed in shoppers.of("a")]) == ([], ["p0", "p2"])
    assert [deed.product_id for deed in shoppers.of("a", "s")] == ["p0", "p2", "p3"]
    assert shoppers.of("", "") == []
    for at in range(RECENT_SHOWN + 5):
        shoppers.remember("c:a", Deed(f"n{at}", "view", 50.0 + at))
    assert [deed.time for deed in shoppers.of("a")] == [50.0 + at for at in range(5, RECENT_SHOWN + 5)]
    old, new = Deed("p1", "view", 899.0), Deed("p2", "view", 901.0)
    await db.write(lambda conn: shopper_store.add_deeds(conn, [("e1", "c:a", old), ("e2", "c:z", new)]))
    fresh = Shoppers(db, 2, 100.0, now=lambda: 1_000.0)
    await fresh.restore()
    assert (fresh.of("a"), fresh.of("z")) == ([], [new])
    fresh.remember("c:old", old)
    task = asyncio.create_task(fresh.run())
    async with asyncio.timeout(5):
        while fresh.of("old"):
            await asyncio.sleep(0.005)
    task.cancel()
    assert await db.read(lambda conn: shopper_store.newest_deeds(conn, 5)) == [("c:z", new)]


def answer(number: int, size: int = 1) -> events_pb.ServedAnswer:
    shown = [ranking_pb2.Impression(product_id="p" * size, position=1)]
    return events_pb.ServedAnswer(answer_id=f"a{number}", impressions=shown)


def stored(db: Database) -> list[list[str]]:
    pending = db.read_sync(lambda conn: Outbox("ranker").pending(conn, 1_000))
    return [[a.answer_id for a in events_pb.ImpressionsServed.FromString(entry.data).answers] for entry in pending]


async def test_impressions_are_stored_in_order_and_in_batches(db: Database) -> None:
    buffer = Impressions(db, Outbox("ranker"), 60.0, 1_000)
    for number in range(LARGEST_BATCH + 5):
        buffer.add(answer(number))
    for number in (200, 201, 202):
        buffer.add(answer(number, LARGEST_BATCH_BYTES // 2))
    await buffer.flush()
    found = stored(db)
    assert [name for batch in found for name in batch] == [
        f"a{number}" for number in (*range(LARGEST_BATCH + 5), 200, 201, 202)
    ]
    assert [len(batch) for batch in found] == [LARGEST_BATCH, 6, 1, 1]
    assert len(buffer) == 0


async def test_a_full_batch_does_not_wait_and_a_lone_answer_waits_a_moment(db: Database) -> None:
    buffer = Impressions(db, Outbox("ranker"), 0.02, 1_000)
    task = asyncio.create_task(buffer.run())
    buffer.add(answer(1))
    async with asyncio.timeout(5):
        while not stored(db):
            await asyncio.sleep(0.005)
    task.cancel()
    patient = Impressions(db, Outbox("ranker"), 3_600.0, 1_000)
    task = asyncio.create_task(patient.run())
    for number in range(LARGEST_BATCH):
        patient.add(answer(number))
    async with asyncio.timeout(5):
        while len(stored(db)) < 2:
            await asyncio.sleep(0.005)
    task.cancel()
    assert [len(batch) for batch in stored(db)] == [1, LARGEST_BATCH]


async def test_while_the_database_is_away_the_newest_answers_are_kept(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(impressions_module, "RETRY_SECONDS", 0.01)
    buffer, write, tries = Impressions(db, Outbox("ranker"), 0.0, 3), db.write, 0

    async def refuse(fn: Any) -> Any:
        nonlocal tries
        tries += 1
        raise Unavailable("The service's database cannot be reached.")

    monkeypatch.setattr(db, "write", refuse)
    task = asyncio.create_task(buffer.run())
    for number in range(5):
        buffer.add(answer(number))
    async with asyncio.timeout(5):
        while tries < 3:
            await asyncio.sleep(0.005)
        assert (stored(db), len(buffer)) == ([], 3)
        monkeypatch.setattr(db, "write", write)
        while not stored(db):
            await asyncio.sleep(0.005)
    task.cancel()
    assert stored(db) == [["a2", "a3", "a4"]]
