"""What shoppers did lately, in the database."""

from collections.abc import Callable, Iterable, Sequence

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from aisle_ranker.domain.profile import Deed
from aisle_ranker.storage.tables import deeds

_PRUNE_ROWS = 5_000
_PER_QUERY = 500


def add_deeds(conn: Connection, entries: Sequence[tuple[str, str, Deed]]) -> set[str]:
    """Store (event id, shopper, deed); returns the event ids that were not there before."""
    if not entries:
        return set()
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    rows = [
        {
            "event_id": event_id,
            "shopper": shopper,
            "product_id": deed.product_id,
            "action": deed.action,
            "event_time": deed.time,
        }
        for event_id, shopper, deed in entries
    ]
    added = dialect.insert(deeds).on_conflict_do_nothing().returning(deeds.c.event_id)
    return set(conn.execute(added, rows).scalars())


def newest_deeds(conn: Connection, limit: int) -> Iterable[tuple[str, Deed]]:
    """Return (shopper, deed) of the newest `limit` deeds, oldest first."""
    rows = conn.execute(select(deeds).order_by(deeds.c.event_time.desc(), deeds.c.event_id.desc()).limit(limit)).all()
    return [(row.shopper, Deed(row.product_id, row.action, row.event_time)) for row in reversed(rows)]


def forget_shoppers(conn: Connection, theirs: Callable[[str], bool]) -> int:
    """Delete every deed of the shoppers that `theirs` names; returns how many."""
    keys = [key for key in conn.execute(select(deeds.c.shopper).distinct()).scalars() if theirs(key)]
    count = 0
    for start in range(0, len(keys), _PER_QUERY):
        part = keys[start : start + _PER_QUERY]
        count += conn.execute(delete(deeds).where(deeds.c.shopper.in_(part))).rowcount
    return count


def forget_before(conn: Connection, time: float) -> int:
    """Delete a bounded number of deeds from before `time`; returns how many."""
    old = select(deeds.c.event_id).where(deeds.c.event_time < time).limit(_PRUNE_ROWS)
    return conn.execute(delete(deeds).where(deeds.c.event_id.in_(old))).rowcount
