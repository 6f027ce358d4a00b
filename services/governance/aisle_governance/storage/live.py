"""Live collections and what waits in them; every function runs inside the caller's transaction."""

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from aisle_governance.domain.live import LiveCollection, LiveRecord
from aisle_governance.storage.tables import live_batches, live_collections, live_rows, user_events

_PER_QUERY = 500
_PER_PAGE = 2_000


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for one dataset."""

    row_count: int = 0
    oldest: float = 0.0
    """When the first of it came, seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Records that are to become one import."""

    sequences: tuple[int, ...]
    rows: tuple[dict[str, Any], ...]


def find(conn: Connection, dataset: str) -> LiveCollection | None:
    """What flows into a dataset, None when nothing was ever set."""
    row = conn.execute(select(live_collections).where(live_collections.c.dataset == dataset)).one_or_none()
    return None if row is None else LiveCollection(**row._mapping)


def all_collections(conn: Connection) -> list[LiveCollection]:
    """Every dataset into which something flows or has flowed."""
    return [LiveCollection(**row._mapping) for row in conn.execute(select(live_collections))]


def put(conn: Connection, wanted: LiveCollection) -> None:
    """Store what flows, in place of what did."""
    conn.execute(delete(live_collections).where(live_collections.c.dataset == wanted.dataset))
    conn.execute(insert(live_collections).values(asdict(wanted)))


def add(conn: Connection, dataset: str, records: Sequence[LiveRecord], now: float) -> int:
    """Let records wait for a dataset; one that waits already counts once. Returns how many are new."""
    fresh: dict[str, LiveRecord] = {record.source_id: record for record in records if record.rows}
    for start in range(0, len(records), _PER_QUERY):
        part = [record.source_id for record in records[start : start + _PER_QUERY]]
        query = select(live_rows.c.source_id).where((live_rows.c.dataset == dataset) & live_rows.c.source_id.in_(part))
        for known in conn.execute(query).scalars():
            fresh.pop(known, None)
    values = [
        {
            "dataset": dataset,
            "source_id": record.source_id,
            "customer_id": record.customer_id,
            "row_count": len(record.rows),
            "receive_time": now,
            "data": json.dumps(record.rows, ensure_ascii=False, separators=(",", ":")),
        }
        for record in fresh.values()
    ]
    if values:
        conn.execute(insert(live_rows), values)
    return len(values)


def waiting(conn: Connection) -> dict[str, Waiting]:
    """What waits, by dataset."""
    query = select(live_rows.c.dataset, func.sum(live_rows.c.row_count), func.min(live_rows.c.receive_time))
    return {
        name: Waiting(int(count), oldest) for name, count, oldest in conn.execute(query.group_by(live_rows.c.dataset))
    }


def take(conn: Connection, dataset: str, limit: int) -> Taken:
    """The records that came first, about `limit` rows (one record more rather than none); they stay until `forget`."""
    sequences: list[int] = []
    rows: list[dict[str, Any]] = []
    query = select(live_rows.c.sequence, live_rows.c.data).where(live_rows.c.dataset == dataset)
    for row in conn.execute(query.order_by(live_rows.c.sequence).limit(limit)):
        found = json.loads(row.data)
        if rows and len(rows) + len(found) > limit:
            break
        sequences.append(row.sequence)
        rows += found
    return Taken(tuple(sequences), tuple(rows))


def forget(conn: Connection, taken: Taken) -> bool:
    """Delete what has become an import; False when some of it has gone meanwhile (an erasure), and then the caller must not go on."""
    gone = 0
    for start in range(0, len(taken.sequences), _PER_QUERY):
        part = list(taken.sequences[start : start + _PER_QUERY])
        gone += conn.execute(delete(live_rows).where(live_rows.c.sequence.in_(part))).rowcount
    return gone == len(taken.sequences)


def delete_subject(conn: Connection, spellings: Collection[str], hash_of: Callable[[str], str], subject: str) -> int:
    """Delete what waits of a person, whatever the spelling of the id; returns how many rows."""
    ids = conn.execute(select(live_rows.c.customer_id).where(live_rows.c.customer_id != "").distinct()).scalars()
    theirs = [one for one in ids if one in spellings or hash_of(one) == subject]
    count = 0
    for one in theirs:
        mine = live_rows.c.customer_id == one
        count += int(conn.execute(select(func.sum(live_rows.c.row_count)).where(mine)).scalar_one() or 0)
        conn.execute(delete(live_rows).where(mine))
    return count


def begin_batch(conn: Connection, batch_id: str, dataset: str, digest: str) -> None:
    """Note a file before it is written, so that it can be found when nothing comes of it."""
    conn.execute(insert(live_batches).values(id=batch_id, dataset=dataset, rows_artifact=digest))


def end_batch(conn: Connection, batch_id: str) -> None:
    """The batch's file has its import, or is to be swept."""
    conn.execute(delete(live_batches).where(live_batches.c.id == batch_id))


def open_batches(conn: Connection) -> dict[str, str]:
    """Batches that did not end, each with its file's digest."""
    return {row.id: row.rows_artifact for row in conn.execute(select(live_batches))}


def stored_events(conn: Connection, since: float) -> Iterator[list[tuple[bytes, str]]]:
    """(event as bytes, answer id) of every user event stored since a time, in pages that are read one after the other."""
    after = ""
    while True:
        query = select(user_events.c.event_id, user_events.c.data, user_events.c.answer_id)
        query = (
            query.where((user_events.c.event_id > after) & (user_events.c.receive_time >= since))
            .order_by(user_events.c.event_id)
            .limit(_PER_PAGE)
        )
        found = conn.execute(query).all()
        if not found:
            return
        after = found[-1].event_id
        yield [(bytes(row.data), row.answer_id) for row in found]
