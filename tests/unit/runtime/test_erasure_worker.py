"""An order is worked on until it is done, whatever comes between, and acknowledged."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aisle.governance.v1 import governance_events_pb2, user_event_pb2
from aisle.ranker.v1 import ranker_events_pb2
from aisle.type.v1 import subject_pb2
from aisle_runtime.db import Database
from aisle_runtime.deadletters import DeadLetter, DeadLetters
from aisle_runtime.erasing import worker
from aisle_runtime.erasing.subjects import subject_hash
from aisle_runtime.erasing.worker import ErasureOrders, StillWaiting, Task, define_erasure_orders, order_for
from aisle_runtime.events import ReceivedEvent, event_headers
from aisle_runtime.inbox import Inbox
from aisle_runtime.outbox import Outbox
from aisle_runtime.tables import RUNTIME, define_runtime_tables
from aisle_runtime.tokens import load_key
from sqlalchemy import Connection, MetaData, insert, select

PERSON = "cust-4711"
SUBJECT = "aisle.governance.subject.erased.v1"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    metadata = MetaData()
    define_runtime_tables(metadata)
    define_erasure_orders(metadata)
    db = Database(f"sqlite:///{tmp_path / 'state.db'}")
    db.write_sync(lambda conn: metadata.create_all(conn))
    db.close()
    load_key(tmp_path / "subject.key")
    return tmp_path


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "FIRST_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(worker, "LAST_RETRY_SECONDS", 0.05)


class Service:
    """One service's part, with a `scrub` that a test can let fail."""

    def __init__(self, place: Path, *, key_file: Path | None = None) -> None:
        self.url = f"sqlite:///{place / 'state.db'}"
        self.db = Database(self.url)
        self.failures: list[Exception] = []
        self.scrubbed = 0
        self.orders = ErasureOrders(
            service="ranker",
            db=self.db,
            outbox=Outbox("ranker"),
            inbox=Inbox(),
            key_file=key_file or place / "subject.key",
            database_url=self.url,
            scrub=self.scrub,
            subject=SUBJECT,
            parse=lambda event: event.parse(governance_events_pb2.SubjectErased).order,
            id_keys=("customer_id",),
        )

    async def scrub(self, task: Task) -> None:
        assert task.subjects.is_id(PERSON)
        self.scrubbed += 1
        if self.failures:
            raise self.failures.pop(0)
        await task.write(lambda conn: {"things": 2})
        task.model_versions.append("models/m/versions/1")

    async def order(self, key: bytes, event_id: str = "e1") -> None:
        told = governance_events_pb2.SubjectErased(order=order_for(key, "erasures/x", subject_hash(key, PERSON), []))
        await self.orders.consumer().handler(
            ReceivedEvent(
                event_id,
                told.DESCRIPTOR.full_name,
                SUBJECT,
                "aisle/governance",
                datetime.now(UTC),
                told.SerializeToString(),
            )
        )

    async def until(self, wanted: Any) -> list[subject_pb2.SubjectErasureAcknowledged]:
        running = asyncio.ensure_future(self.orders.run())
        changed = asyncio.Event()
        stop = self.db.on_commit(changed.set)
        try:
            async with asyncio.timeout(20):
                while not wanted(told := await self.db.read(acknowledged)):
                    changed.clear()
                    if not wanted(told := await self.db.read(acknowledged)):
                        await changed.wait()
                return told
        finally:
            stop()
            running.cancel()


def acknowledged(conn: Connection) -> list[subject_pb2.SubjectErasureAcknowledged]:
    table = RUNTIME.outbox
    mine = table.c.subject == worker.acknowledged_subject("ranker")
    rows = conn.execute(select(table.c.data).where(mine).order_by(table.c.id)).scalars()
    return [subject_pb2.SubjectErasureAcknowledged.FromString(bytes(data)) for data in rows]


def done(told: list[subject_pb2.SubjectErasureAcknowledged]) -> bool:
    return bool(told) and told[-1].done


async def test_everything_stored_is_cleaned_and_told(place: Path) -> None:
    service = Service(place)
    key = load_key(place / "subject.key")
    served = ranker_events_pb2.ImpressionsServed(
        answers=[ranker_events_pb2.ServedAnswer(answer_id="a1", customer_id=PERSON),
                 ranker_events_pb2.ServedAnswer(answer_id="a2", customer_id="c2")]
    )  # fmt: skip
    only = ranker_events_pb2.ImpressionsServed(
        answers=[ranker_events_pb2.ServedAnswer(answer_id="a3", customer_id=PERSON)]
    )
    event = governance_events_pb2.UserEventsCollected(
        events=[user_event_pb2.UserEvent(event_id="1", customer_id=PERSON)]
    )
    headers = event_headers("governance", "e9", event.DESCRIPTOR.full_name, 1.0)

    def fill(conn: Connection) -> None:
        outbox = Outbox("ranker")
        outbox.add(conn, "aisle.ranker.impressions.served.v1", served, event_id="served")
        outbox.add(conn, "aisle.ranker.impressions.served.v1", only, event_id="only")
        letter = DeadLetter("ranker-x", "e9", "aisle.governance.x", event.SerializeToString(), headers, "WHY: so", 5)
        DeadLetters("ranker", outbox).record(conn, letter)
        conn.execute(
            insert(RUNTIME.jobs).values(
                id="j1", kind="x", state="FAILED", payload=json.dumps({"customer_id": PERSON, "n": 1}).encode(),
                failure=json.dumps({"message": f"{PERSON} is odd"}), create_time=1.0,
            )
        )  # fmt: skip

    await service.db.write(fill)
    await service.order(key)
    assert service.orders.is_erased(f" {PERSON}") and not service.orders.is_erased("c2")
    told = await service.until(done)
    assert [(one.erasure, one.done) for one in told] == [("erasures/x", True)]
    counts = {one.kind: one.count for one in told[0].counts}
    assert counts == {"things": 2, "stored_events": 3, "dead_letters": 1, "job_records": 1}
    assert list(told[0].model_versions) == ["models/m/versions/1"]

    def left(conn: Connection) -> tuple[list[bytes], list[Any], Any]:
        outbox = (
            conn.execute(select(RUNTIME.outbox.c.data).where(RUNTIME.outbox.c.event_id == "served")).scalars().all()
        )
        letters = conn.execute(select(RUNTIME.dead_letters)).all()
        return list(outbox), list(letters), conn.execute(select(RUNTIME.jobs.c.payload, RUNTIME.jobs.c.failure)).one()

    outbox, letters, job = await service.db.read(left)
    (kept,) = ranker_events_pb2.ImpressionsServed.FromString(outbox[0]).answers
    assert kept.answer_id == "a2" and letters == []
    assert json.loads(job.payload) == {"customer_id": "[erased]", "n": 1}
    assert json.loads(job.failure) == {"message": "[erased] is odd"}
    service.db.close()
    assert not any(PERSON.encode() in file.read_bytes() for file in place.iterdir())


async def test_a_failing_step_is_tried_again_and_each_reason_is_told_once(place: Path) -> None:
    service = Service(place)
    service.failures = [
        StillWaiting("not yet", facts={"job": "1"}),
        StillWaiting("not yet", facts={"job": "1"}),
        OSError("x"),
    ]
    await service.order(load_key(place / "subject.key"))
    told = await service.until(done)
    assert [(one.done, one.failure.reason) for one in told] == [
        (False, "ERASURE_WAITS"),
        (False, "INTERNAL"),
        (True, ""),
    ]
    assert service.scrubbed == 4
    service.db.close()


async def test_an_order_outlives_the_process_and_counts_are_kept(place: Path) -> None:
    key = load_key(place / "subject.key")
    first = Service(place)

    async def half(task: Task) -> None:
        await task.write(lambda conn: {"things": 5})
        raise StillWaiting("the process ends here")

    first.orders.scrub = half
    await first.order(key)
    await first.until(lambda told: len(told) == 1)
    first.db.close()
    second = Service(place)
    await second.orders.restore()
    assert second.orders.is_erased(PERSON)
    told = await second.until(done)
    assert {one.kind: one.count for one in told[-1].counts}["things"] >= 7
    await second.order(key)  # delivered once more
    await second.order(key, "e2")  # told once more
    assert len(await second.db.read(acknowledged)) == len(told)
    second.db.close()


async def test_without_the_key_nothing_is_acknowledged_as_done(place: Path) -> None:
    service = Service(place, key_file=place / "other.key")
    key = load_key(place / "subject.key")
    await service.order(key)
    told = await service.until(lambda told: len(told) == 1)
    assert (told[0].done, told[0].failure.reason) == (False, "SUBJECT_KEY_MISSING")
    load_key(place / "other.key")
    told = await service.until(lambda told: len(told) == 2)
    assert (told[1].done, told[1].failure.reason) == (False, "SUBJECT_KEY_DIFFERS")
    (place / "other.key").write_bytes(key)
    assert done(await service.until(done))
    service.db.close()


async def test_an_order_of_a_release_without_orders_is_passed_over(place: Path) -> None:
    service = Service(place)
    told = governance_events_pb2.SubjectErased()
    await service.orders.consumer().handler(
        ReceivedEvent("e1", told.DESCRIPTOR.full_name, SUBJECT, "aisle/governance", datetime.now(UTC), b"")
    )
    assert await service.db.read(lambda conn: conn.execute(select(worker.ORDERS)).all()) == []
    service.db.close()
