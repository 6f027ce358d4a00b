"""User events in the database; every function runs inside the caller's transaction."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from aisle_governance.storage.tables import user_events

_PER_QUERY = 500


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A user event as it is kept: what is searched for as columns, the whole of it as bytes."""

    event_id: str
    type: int
    event_time: float
    product_id: str
    customer_id: str
    model_version: str
    answer_id: str
    data: bytes


def known_ids(conn: Connection, ids: Collection[str]) -> set[str]:
    """Those of `ids` that are stored already."""
    wanted, known = list(ids), set()
    for start in range(0, len(wanted), _PER_QUERY):
        part = wanted[start : start + _PER_QUERY]
        known |= set(conn.execute(select(user_events.c.event_id).where(user_events.c.event_id.in_(part))).scalars())
    return known


def add(conn: Connection, events: list[StoredEvent], now: float) -> None:
    """Store new events; their ids must be new."""
    if events:
        rows = [
            {name: getattr(event, name) for name in StoredEvent.__dataclass_fields__} | {"receive_time": now}
            for event in events
        ]
        conn.execute(insert(user_events), rows)
