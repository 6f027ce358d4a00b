"""Remembers which events had their effect, so that a second delivery has none."""

import time
from collections.abc import Callable

from sqlalchemy import Connection, delete
from sqlalchemy.dialects import postgresql, sqlite

from aisle_runtime.tables import RUNTIME

RETENTION_SECONDS = 14 * 24 * 3600.0
"""Twice as long as the bus keeps an event, so that a consumer made anew cannot see a forgotten one."""


class Inbox:
    """Events by (consumer, event id)."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        """Use `now` (seconds since the epoch) as the clock."""
        self._now = now

    def first_time(self, conn: Connection, consumer: str, event_id: str) -> bool:
        """Say whether `consumer` sees the event for the first time, and remember it in the transaction of `conn`.

        The effect belongs into the same transaction.
        """
        values = {"consumer": consumer, "event_id": event_id, "time": self._now()}
        insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
        added = insert(RUNTIME.inbox).values(values).on_conflict_do_nothing().returning(RUNTIME.inbox.c.event_id)
        return conn.execute(added).first() is not None  # the count of an INSERT is not known with every driver

    def forget_old(self, conn: Connection) -> int:
        """Delete entries that no delivery can ask for any more; returns how many."""
        table = RUNTIME.inbox
        return conn.execute(delete(table).where(table.c.time < self._now() - RETENTION_SECONDS)).rowcount
