"""Events are stored in the transaction of the change that they tell, and published from there by the relay."""

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message
from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from aisle_runtime import telemetry
from aisle_runtime.errors import InvalidArgument
from aisle_runtime.events import MAXIMUM_EVENT_BYTES, check_event_id, event_headers
from aisle_runtime.names import new_id
from aisle_runtime.tables import RUNTIME

RETENTION_SECONDS = 7 * 24 * 3600.0
"""How long a published event stays, so that a bus that lost events can be filled again."""
PRUNE_ROWS = 5_000
_SUBJECT = re.compile(r"aisle\.([a-z0-9_-]+)(\.[a-z0-9_-]+)+")


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """One stored event that waits for the bus."""

    id: int
    event_id: str
    subject: str
    data: bytes
    headers: dict[str, str]
    attempts: int


class Outbox:
    """Takes events into transactions."""

    def __init__(self, service: str, now: Callable[[], float] = time.time) -> None:
        """Publish as `service`; `now` is the clock in seconds since the epoch."""
        self._service, self._now, self._table = service, now, RUNTIME.outbox

    def add(self, conn: Connection, subject: str, message: Message, *, event_id: str | None = None) -> str:
        """Store `message` for `subject` in the transaction of `conn` and return the event's id.

        The event is published after the commit, at least once. With an `event_id` that is stored already nothing is
        added, so a key of the caller makes this safe to repeat. Raises ValueError for a subject that is not
        `aisle.<own service>...`, InvalidArgument (EVENT_TOO_LARGE) above 900,000 bytes.
        """
        own = _SUBJECT.fullmatch(subject)
        if own is None or own.group(1) != self._service:
            raise ValueError(f"{subject} is not a subject of the service {self._service}")
        data, kind = message.SerializeToString(), message.DESCRIPTOR.full_name
        if len(data) > MAXIMUM_EVENT_BYTES:
            raise InvalidArgument(
                "The event is too large for the bus.",
                reason="EVENT_TOO_LARGE",
                facts={"size_bytes": str(len(data)), "limit_bytes": str(MAXIMUM_EVENT_BYTES)},
            )
        minted = check_event_id(event_id) if event_id else new_id("e")
        headers = event_headers(self._service, minted, kind, self._now())
        with telemetry.producer_span(subject, minted):
            telemetry.inject(headers)
        self.add_raw(conn, minted, subject, kind, data, headers)
        return minted

    def add_raw(
        self, conn: Connection, event_id: str, subject: str, kind: str, data: bytes, headers: Mapping[str, str]
    ) -> bool:
        """Store a message as it is; False when the event id is stored already."""
        values = {
            "event_id": event_id,
            "subject": subject,
            "type": kind,
            "data": data,
            "headers": json.dumps(dict(headers)),
            "create_time": self._now(),
        }
        insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
        added = insert(self._table).values(values).on_conflict_do_nothing().returning(self._table.c.id)
        return conn.execute(added).first() is not None  # the count of an INSERT is not known with every driver

    def pending(self, conn: Connection, limit: int) -> list[PendingEvent]:
        """Return the oldest events that are not published yet, in the order of their making."""
        table = self._table
        columns = (table.c.id, table.c.event_id, table.c.subject, table.c.data, table.c.headers, table.c.attempts)
        rows = conn.execute(
            select(*columns).where(table.c.published_at.is_(None)).order_by(table.c.id).limit(limit)
        ).all()
        return [
            PendingEvent(row.id, row.event_id, row.subject, bytes(row.data), json.loads(row.headers), row.attempts)
            for row in rows
        ]

    def pending_count(self, conn: Connection) -> int:
        """Return how many events wait."""
        table = self._table
        return int(
            conn.execute(select(func.count()).select_from(table).where(table.c.published_at.is_(None))).scalar_one()
        )

    def mark(self, conn: Connection, published: Sequence[int], failed: Sequence[int]) -> None:
        """Note the outcome of one try for the events with these row ids."""
        table = self._table
        if published:
            conn.execute(
                update(table)
                .where(table.c.id.in_(published))
                .values(published_at=self._now(), attempts=table.c.attempts + 1)
            )
        if failed:
            conn.execute(update(table).where(table.c.id.in_(failed)).values(attempts=table.c.attempts + 1))

    def publish_again(self, conn: Connection, since: float) -> int:
        """Have every event made at or after `since` (seconds since the epoch) published once more; returns how many.

        For a bus that lost what it had acknowledged; consumers ignore what they know by the event's id.
        """
        table = self._table
        return conn.execute(
            update(table)
            .where(table.c.create_time >= since, table.c.published_at.is_not(None))
            .values(published_at=None)
        ).rowcount

    def forget_old(self, conn: Connection) -> int:
        """Delete a bounded number of events published long ago; returns how many."""
        table = self._table
        old = (
            select(table.c.id)
            .where(table.c.published_at < self._now() - RETENTION_SECONDS)
            .order_by(table.c.published_at)
            .limit(PRUNE_ROWS)
        )
        return conn.execute(delete(table).where(table.c.id.in_(old))).rowcount
