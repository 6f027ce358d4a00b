"""Events that a consumer gave up on: kept with payload, reason and trace, told on `dlq.>`, and replayable."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, Row, func, insert, select, update

from aisle_runtime import telemetry
from aisle_runtime.errors import FailedPrecondition, NotFound
from aisle_runtime.events import CE_ID, MESSAGE_ID, ReceivedEvent, read_event
from aisle_runtime.outbox import Outbox
from aisle_runtime.tables import RUNTIME

REASON, DELIVERY_COUNT, CONSUMER = "aisle-reason", "aisle-delivery-count", "aisle-consumer"
ORIGINAL_SUBJECT, TRACE_ID = "aisle-original-subject", "aisle-trace-id"
KIND = "aisle.dead_letter"
_REASON_LENGTH = 500


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One event that one consumer gave up on."""

    consumer: str
    event_id: str
    subject: str
    data: bytes
    headers: Mapping[str, str]
    reason: str
    """UPPER_SNAKE reason, a colon and a sentence, or the class of an unexpected exception."""
    delivery_count: int
    trace_id: str = ""
    time: float = field(default=0.0, compare=False)
    """When it was given up, seconds since the epoch."""
    replayed_at: float | None = None
    """When a replay succeeded, or None."""
    id: int = 0
    """Row id, given by the store."""

    def event(self) -> ReceivedEvent:
        """Return the event for another try; raises FailedPrecondition when it never was a readable event."""
        try:
            return read_event(self.subject, self.headers, self.data, self.delivery_count + 1)
        except Exception as error:
            raise FailedPrecondition(
                "The dead letter is not a readable event.", reason="DEAD_LETTER_MALFORMED"
            ) from error


class DeadLetters:
    """The dead letters of one service."""

    def __init__(self, service: str, outbox: Outbox, now: Callable[[], float] = time.time) -> None:
        """Tell of dead letters through `outbox`; `now` is the clock in seconds since the epoch."""
        self._service, self._outbox, self._now, self._table = service, outbox, now, RUNTIME.dead_letters

    def record(self, conn: Connection, letter: DeadLetter) -> bool:
        """Keep `letter` and have it published on `dlq.<service>.<consumer>`, in the transaction of `conn`.

        False when this consumer already has the event among its dead letters.
        """
        table = self._table
        known = select(table.c.id).where(
            table.c.consumer == letter.consumer,
            table.c.event_id == letter.event_id,
            table.c.replayed_at.is_(None),
        )
        if conn.execute(known).first() is not None:
            return False
        reason = " ".join(letter.reason.split())[:_REASON_LENGTH]
        row_id = conn.execute(
            insert(table)
            .values(
                consumer=letter.consumer,
                event_id=letter.event_id,
                subject=letter.subject,
                data=letter.data,
                headers=json.dumps(dict(letter.headers)),
                reason=reason,
                delivery_count=letter.delivery_count,
                trace_id=letter.trace_id,
                time=self._now(),
            )
            .returning(table.c.id)
        ).scalar_one()
        message_id = f"dlq-{letter.consumer}-{row_id}-{letter.event_id}"
        headers = {
            **_safe(letter.headers),
            CE_ID: letter.event_id,
            MESSAGE_ID: message_id,
            REASON: reason.encode("ascii", "replace").decode(),
            DELIVERY_COUNT: str(letter.delivery_count),
            CONSUMER: letter.consumer,
            ORIGINAL_SUBJECT: letter.subject,
            TRACE_ID: letter.trace_id,
        }
        subject = f"dlq.{self._service}.{letter.consumer}"
        self._outbox.add_raw(conn, message_id, subject, KIND, letter.data, headers)
        return True

    def list(
        self, conn: Connection, consumer: str = "", *, after: int = 0, limit: int = 100, replayed: bool = False
    ) -> list[DeadLetter]:
        """Return dead letters with a row id above `after`, oldest first; of one consumer, or of all with ""."""
        table = self._table
        query = select(table).where(table.c.id > after)
        if consumer:
            query = query.where(table.c.consumer == consumer)
        if not replayed:
            query = query.where(table.c.replayed_at.is_(None))
        return [_letter(row) for row in conn.execute(query.order_by(table.c.id).limit(limit))]

    def count(self, conn: Connection) -> int:
        """Return how many dead letters wait for somebody."""
        query = select(func.count()).select_from(self._table).where(self._table.c.replayed_at.is_(None))
        return int(conn.execute(query).scalar_one())

    def get(self, conn: Connection, letter_id: int) -> DeadLetter:
        """Return one dead letter; raises NotFound."""
        row = conn.execute(select(self._table).where(self._table.c.id == letter_id)).one_or_none()
        if row is None:
            raise NotFound("The dead letter does not exist.", reason="DEAD_LETTER_NOT_FOUND")
        return _letter(row)

    def mark_replayed(self, conn: Connection, letter_id: int) -> None:
        """Note that a replay of the dead letter succeeded."""
        conn.execute(update(self._table).where(self._table.c.id == letter_id).values(replayed_at=self._now()))


def trace_id_of(headers: Mapping[str, str]) -> str:
    """Return the trace id in the headers of a message, "" when there is none."""
    for name, value in headers.items():
        if name.lower() == telemetry.TRACEPARENT:
            return telemetry.trace_id_of(value)
    return ""


def _letter(row: Row[tuple[object, ...]]) -> DeadLetter:
    return DeadLetter(
        consumer=row.consumer,
        event_id=row.event_id,
        subject=row.subject,
        data=bytes(row.data),
        headers=json.loads(row.headers),
        reason=row.reason,
        delivery_count=row.delivery_count,
        trace_id=row.trace_id,
        time=row.time,
        replayed_at=row.replayed_at,
        id=row.id,
    )


def _safe(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that may travel again: none that means something to the bus, none that is not text."""
    return {
        name: value
        for name, value in headers.items()
        if not name.lower().startswith("nats-")
        and name.isascii()
        and name.replace("-", "").isalnum()
        and value.isascii()
    }
