"""A service's part in the deletion of a person: the order is stored when it arrives, worked on until it is done, and acknowledged.

The order holds a keyed hash; the key is a file that the services share. Whatever happens (a peer away, a busy database, a crash, a key
that is missing), the order stays and is tried again, later each time; every step may be repeated.
"""

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aisle.type.v1 import failure_pb2, subject_pb2
from sqlalchemy import Column, Connection, Float, Integer, LargeBinary, MetaData, Row, Table, Text, select, update
from sqlalchemy.dialects import postgresql, sqlite

from aisle_runtime import telemetry
from aisle_runtime.bus import Consumer, ReceivedEvent
from aisle_runtime.convert import failure_from_error, to_timestamp
from aisle_runtime.db import Database
from aisle_runtime.erasing.compaction import compact
from aisle_runtime.erasing.stores import JobTypes, scrub_runtime
from aisle_runtime.erasing.subjects import Subjects, key_check
from aisle_runtime.errors import AisleError, FailedPrecondition, Unavailable
from aisle_runtime.inbox import Inbox
from aisle_runtime.outbox import Outbox
from aisle_runtime.tokens import load_key

FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 0.25, 30.0
_log = logging.getLogger(__name__)


class StillWaiting(Unavailable):
    """Something of the person cannot be deleted yet; the order is tried again."""

    reason = "ERASURE_WAITS"


def define_erasure_orders(metadata: MetaData) -> Table:
    """Add the table of orders to `metadata`; services that receive orders call it beside `define_runtime_tables`."""
    return Table(
        "erasure_orders",
        metadata,
        Column("erasure", Text, primary_key=True),
        Column("subject", Text, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("done", Integer, nullable=False, server_default="0"),
        Column("counts", Text, nullable=False, server_default="{}"),
        Column("failure", Text, nullable=False, server_default=""),
        Column("attempts", Integer, nullable=False, server_default="0"),
        Column("traceparent", Text, nullable=False, server_default=""),
        Column("create_time", Float, nullable=False),
        Column("done_time", Float),
    )


def create_erasure_orders(op: Any) -> None:
    """Create the table of orders inside a service's migration; `op` is `alembic.op`."""
    define_erasure_orders(metadata := MetaData())
    metadata.create_all(op.get_bind(), checkfirst=True)


ORDERS = define_erasure_orders(MetaData())


@dataclass
class Task:
    """One order at work."""

    order: subject_pb2.SubjectErasureOrder
    subjects: Subjects
    """Finds the person."""
    create_time: float
    """When the order arrived, seconds since the epoch."""
    _db: Database
    model_versions: list[str] = field(default_factory=list)
    """To be told with the acknowledgement."""

    async def write(self, fn: Callable[[Connection], Mapping[str, int]]) -> dict[str, int]:
        """Run `fn` in a transaction that also adds the counts it returns (by kind) to those of the order."""
        return await self._db.write(lambda conn: self._counted(conn, fn))

    def _counted(self, conn: Connection, fn: Callable[[Connection], Mapping[str, int]]) -> dict[str, int]:
        more = {kind: count for kind, count in fn(conn).items() if count}
        if more:
            mine = ORDERS.c.erasure == self.order.erasure
            counts = Counter(json.loads(conn.execute(select(ORDERS.c.counts).where(mine)).scalar_one()))
            counts.update(more)
            conn.execute(update(ORDERS).where(mine).values(counts=json.dumps(counts, sort_keys=True)))
        return more


Scrub = Callable[[Task], Awaitable[None]]


@dataclass
class ErasureOrders:
    """Receives orders, works on them in the background and acknowledges each."""

    service: str
    db: Database
    outbox: Outbox
    inbox: Inbox
    key_file: Path | None
    """The key that the service which gives the orders hashes with."""
    database_url: str
    scrub: Scrub
    """Deletes what the service itself keeps of the person; raises StillWaiting, or any AisleError, to be called again."""
    subject: str
    """Bus subject of the orders."""
    parse: Callable[[ReceivedEvent], subject_pb2.SubjectErasureOrder]
    job_types: JobTypes = field(default_factory=dict)
    id_keys: Collection[str] = ()
    """Names of columns and JSON keys whose values are ids of people."""
    on_ordered: Callable[[Subjects], None] | None = None
    """Called when a new order is stored, for what lives in memory."""
    now: Callable[[], float] = time.time
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _due: dict[str, tuple[int, float]] = field(default_factory=dict)
    _hashes: set[str] = field(default_factory=set)
    _key: bytes | None = None
    _excluded: Subjects = field(default_factory=lambda: Subjects(b"", ()))

    @property
    def name(self) -> str:
        """Name of the durable consumer."""
        return f"{self.service}-subject-erased"

    def consumer(self) -> Consumer:
        """Return the reader of orders."""
        return Consumer(name=self.name, subject=self.subject, handler=self._ordered)

    async def restore(self) -> None:
        """Learn who was erased before the start; to be called before the first answer is given."""
        self._hashes = set(await self.db.read(lambda conn: conn.execute(select(ORDERS.c.subject)).scalars().all()))
        self._know()

    def is_erased(self, subject_id: str) -> bool:
        """Whether a person with this id was erased: nothing about them may be kept any more."""
        return bool(subject_id) and self._excluded.is_id(subject_id)

    @property
    def erased(self) -> Subjects:
        """Everybody who was erased."""
        return self._excluded

    def wake(self) -> None:
        """Try what waits again now; to be called when what it waits for may have come."""
        self._due.clear()
        self._wake.set()

    async def run(self) -> None:
        """Work on orders for as long as the service runs."""
        while True:
            self._wake.clear()
            pause = await self._round()
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _ordered(self, event: ReceivedEvent) -> None:
        order = self.parse(event)
        if not order.erasure:
            return  # told by a release that gave no orders yet

        def store(conn: Connection) -> None:
            if not self.inbox.first_time(conn, self.name, event.id):
                return
            insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
            conn.execute(
                insert(ORDERS)
                .values(
                    erasure=order.erasure,
                    subject=order.subject_hash,
                    body=order.SerializeToString(),
                    traceparent=telemetry.current_traceparent(),
                    create_time=self.now(),
                )
                .on_conflict_do_nothing()
            )

        await self.db.write(store)
        self._hashes.add(order.subject_hash)
        self._know()
        self._wake.set()

    def _know(self) -> None:
        """Compare with everybody erased from now on; without the key nobody can be told."""
        if not self._hashes:
            return
        if self._key is None and self.key_file is not None and self.key_file.is_file():
            self._key = load_key(self.key_file)
        if self._key is None:
            _log.warning("people were erased, but the subject key is missing")
            return
        self._excluded = Subjects(self._key, self._hashes)
        if self.on_ordered is not None:
            self.on_ordered(self._excluded)

    async def _round(self) -> float | None:
        """Work on everything that is due; returns the seconds until the next is, None when nothing waits."""
        try:
            rows = await self.db.read(_open_orders)
        except AisleError as error:
            _log.warning("orders cannot be read yet", extra={"fields": {"reason": error.reason}})
            return LAST_RETRY_SECONDS
        for row in rows:
            if self._due.get(row.erasure, (0, 0.0))[1] <= time.monotonic():
                await self._attempt(row)
        waiting = [self._due[row.erasure][1] for row in rows if row.erasure in self._due]
        return max(0.01, min(waiting) - time.monotonic()) if waiting else None

    async def _attempt(self, row: Row[Any]) -> None:
        order = subject_pb2.SubjectErasureOrder.FromString(bytes(row.body))
        task: Task | None = None
        try:
            with (
                telemetry.continue_trace(row.traceparent),
                telemetry.span(f"{self.service}.{telemetry.SPAN_ERASE_SUBJECT}"),
            ):
                subjects = Subjects(self._checked_key(order), [order.subject_hash])
                task = Task(order, subjects, row.create_time, self.db)
                await self._work(task)
                await self.db.write(lambda conn: self._acknowledge(conn, order, task, None))
            self._due.pop(order.erasure, None)
            _log.info("a person was erased", extra={"fields": {"erasure": order.erasure}})
        except Exception as error:  # noqa: BLE001 - a task root: the order stays and is tried again
            if not isinstance(error, AisleError):
                _log.exception("an erasure failed unexpectedly and is tried again")
            await self._put_off(order, task, failure_from_error(error))

    async def _work(self, task: Task) -> None:
        """Delete everything; the last step leaves no freed page of the database behind."""
        waits: StillWaiting | None = None
        try:
            await self.scrub(task)
        except StillWaiting as error:
            waits = error  # what can be deleted now is deleted now
        await scrub_runtime(self.service, self.db, task.write, task.subjects, self.job_types, self.id_keys)
        if waits is not None:
            raise waits
        await asyncio.to_thread(compact, self.database_url)

    def _checked_key(self, order: subject_pb2.SubjectErasureOrder) -> bytes:
        self._know()
        if self._key is None:
            raise FailedPrecondition(
                "The service has no subject key, so it cannot tell who is to be erased.",
                reason="SUBJECT_KEY_MISSING",
                next_step="Name governance's key file in subject_key_file and restart the service.",
            )
        if key_check(self._key) != order.key_check:
            self._key = None  # the file is read again at the next attempt
            raise FailedPrecondition(
                "The service's subject key is not the one that governance used.",
                reason="SUBJECT_KEY_DIFFERS",
                next_step="Give every service the same file in subject_key_file.",
            )
        return self._key

    async def _put_off(
        self, order: subject_pb2.SubjectErasureOrder, task: Task | None, failure: failure_pb2.Failure
    ) -> None:
        attempts = self._due.get(order.erasure, (0, 0.0))[0] + 1
        pause = min(FIRST_RETRY_SECONDS * 2 ** min(attempts - 1, 16), LAST_RETRY_SECONDS)
        self._due[order.erasure] = (attempts, time.monotonic() + pause)
        try:
            await self.db.write(lambda conn: self._acknowledge(conn, order, task, failure))
        except AisleError as error:
            _log.warning("an erasure's state cannot be told yet", extra={"fields": {"reason": error.reason}})

    def _acknowledge(
        self,
        conn: Connection,
        order: subject_pb2.SubjectErasureOrder,
        task: Task | None,
        failure: failure_pb2.Failure | None,
    ) -> None:
        """Store the outcome of an attempt and tell it; the same reason to wait is told once."""
        mine = ORDERS.c.erasure == order.erasure
        row = conn.execute(select(ORDERS.c.counts, ORDERS.c.failure, ORDERS.c.done).where(mine)).one()
        told = "" if failure is None else json.dumps([failure.reason, failure.message, dict(failure.facts)])
        values: dict[str, Any] = {"failure": told, "attempts": ORDERS.c.attempts + 1}
        if failure is None:
            values |= {"done": 1, "done_time": self.now()}
        conn.execute(update(ORDERS).where(mine).values(values))
        if row.done or (failure is not None and row.failure == told):
            return
        event = subject_pb2.SubjectErasureAcknowledged(
            erasure=order.erasure,
            done=failure is None,
            counts=[
                subject_pb2.ErasedCount(kind=kind, count=count)
                for kind, count in sorted(json.loads(row.counts).items())
            ],
            model_versions=sorted(set(task.model_versions)) if task is not None else [],
            failure=failure,
            time=to_timestamp(self.now()),
        )
        self.outbox.add(conn, acknowledged_subject(self.service), event)


def acknowledged_subject(service: str) -> str:
    """Bus subject of a service's acknowledgements."""
    return f"aisle.{service}.subject_erasure.acknowledged.v1"


def order_for(key: bytes, erasure: str, subject: str, versions: Collection[str]) -> subject_pb2.SubjectErasureOrder:
    """The order that tells everybody to erase the person with the keyed hash `subject`."""
    return subject_pb2.SubjectErasureOrder(
        erasure=erasure, subject_hash=subject, key_check=key_check(key), dataset_versions=list(versions)
    )


def _open_orders(conn: Connection) -> list[Row[Any]]:
    query = select(ORDERS).where(ORDERS.c.done == 0).order_by(ORDERS.c.create_time, ORDERS.c.erasure)
    return list(conn.execute(query).all())
