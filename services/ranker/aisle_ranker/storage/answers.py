"""Answers that can be replayed, in the database."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from aisle_ranker.storage.tables import logged_answers as table

_PRUNE_ROWS, _PER_QUERY = 5_000, 500


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """One row."""

    answer_id: str
    time: float
    content: bytes


def add(conn: Connection, answers: Sequence[StoredAnswer]) -> None:
    """Store answers."""
    rows = [{"answer_id": one.answer_id, "time": one.time, "content": one.content} for one in answers]
    conn.execute(insert(table), rows)


def find(conn: Connection, answer_id: str) -> StoredAnswer | None:
    """Return one answer."""
    row = conn.execute(select(table).where(table.c.answer_id == answer_id)).first()
    return StoredAnswer(row.answer_id, row.time, bytes(row.content)) if row is not None else None


def after(conn: Connection, answer_id: str, limit: int) -> list[StoredAnswer]:
    """Return the next answers by id."""
    rows = conn.execute(select(table).where(table.c.answer_id > answer_id).order_by(table.c.answer_id).limit(limit))
    return [StoredAnswer(row.answer_id, row.time, bytes(row.content)) for row in rows]


def forget(conn: Connection, answer_ids: Sequence[str]) -> int:
    """Delete answers; returns how many."""
    count = 0
    for start in range(0, len(answer_ids), _PER_QUERY):
        part = answer_ids[start : start + _PER_QUERY]
        count += conn.execute(delete(table).where(table.c.answer_id.in_(part))).rowcount
    return count


def prune(conn: Connection, before: float, most: int) -> int:
    """Delete a bounded number of answers from before `before`, and those beyond the newest `most`; returns how many."""
    kept = conn.execute(select(table.c.time).order_by(table.c.time.desc()).offset(most).limit(1)).scalar()
    limit = before if kept is None else max(before, float(kept))
    old = select(table.c.answer_id).where(table.c.time <= limit).limit(_PRUNE_ROWS)
    return conn.execute(delete(table).where(table.c.answer_id.in_(old))).rowcount
