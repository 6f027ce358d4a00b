"""What customers are answered with, in the database: documents, templates, labelled messages, classifiers."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from aisle_ranker.domain.assist.knowledge import Document, Example, Template
from aisle_ranker.storage.tables import assist_changes as changes
from aisle_ranker.storage.tables import assist_items as items
from aisle_ranker.storage.tables import assist_models as models

Item = Document | Template | Example
DOCUMENTS, TEMPLATES, EXAMPLES = "document", "template", "example"
_MADE: Mapping[str, Callable[..., Any]] = {DOCUMENTS: Document, TEMPLATES: Template, EXAMPLES: Example}
_PER_QUERY = 500


def put(conn: Connection, kind: str, entries: Sequence[Item], now: float) -> tuple[int, int]:
    """Store entries in place of those with their ids; returns how many were new and how many were replaced."""
    updated = remove(conn, kind, [entry.id for entry in entries])
    rows = []
    for entry in entries:
        body = {name: getattr(entry, name) for name in type(entry).__dataclass_fields__ if name != "id"}
        text = json.dumps(body, ensure_ascii=False)
        # PostgreSQL stores no NUL, and JSON would write it as an escape; neither gets here, see `without_controls`.
        rows.append({"kind": kind, "id": entry.id, "body": text, "characters": len(entry.text), "update_time": now})
    conn.execute(insert(items), rows)
    return len(entries) - updated, updated


def remove(conn: Connection, kind: str, ids: Sequence[str]) -> int:
    """Delete entries; returns how many were there."""
    count = 0
    for start in range(0, len(ids), _PER_QUERY):
        part = ids[start : start + _PER_QUERY]
        count += conn.execute(delete(items).where(items.c.kind == kind, items.c.id.in_(part))).rowcount
    bump(conn)
    return count


def page(conn: Connection, kind: str, after: str, limit: int) -> list[tuple[Item, float]]:
    """Return (entry, update time) by id after the id `after`."""
    query = select(items).where(items.c.kind == kind, items.c.id > after).order_by(items.c.id).limit(limit)
    return [(_MADE[kind](id=row.id, **json.loads(row.body)), row.update_time) for row in conn.execute(query)]


def everything(conn: Connection, kind: str) -> list[Any]:
    """Return all entries of a kind by id."""
    query = select(items.c.id, items.c.body).where(items.c.kind == kind).order_by(items.c.id)
    return [_MADE[kind](id=row.id, **json.loads(row.body)) for row in conn.execute(query)]


def totals(conn: Connection, kind: str) -> tuple[int, int]:
    """Return how many entries there are and how many characters their texts have."""
    query = select(func.count(), func.coalesce(func.sum(items.c.characters), 0)).where(items.c.kind == kind)
    count, characters = conn.execute(query).one()
    return int(count), int(characters)


def bump(conn: Connection) -> None:
    """Note that something has changed that answers are made of."""
    if not conn.execute(update(changes).where(changes.c.id == 1).values(revision=changes.c.revision + 1)).rowcount:
        conn.execute(insert(changes).values(id=1, revision=1))


def revision(conn: Connection) -> int:
    """Return a number that grows with every change; 0 before the first."""
    return conn.execute(select(changes.c.revision)).scalar_one_or_none() or 0


def add_model(conn: Connection, training_id: str, create_time: float, data: bytes) -> None:
    """Store a classifier as the newest; only its predecessor is kept beside it."""
    newest = conn.execute(select(func.coalesce(func.max(models.c.sequence), 0))).scalar_one()
    conn.execute(delete(models).where((models.c.training_id == training_id) | (models.c.sequence < newest)))
    conn.execute(
        insert(models).values(training_id=training_id, sequence=newest + 1, create_time=create_time, data=data)
    )
    bump(conn)


def newest_model(conn: Connection) -> tuple[str, float, bytes] | None:
    """Return (training id, create time, archive) of the newest classifier."""
    row = conn.execute(select(models).order_by(models.c.sequence.desc()).limit(1)).first()
    return (row.training_id, row.create_time, bytes(row.data)) if row is not None else None


def find_model(conn: Connection, training_id: str) -> tuple[str, float, bytes] | None:
    """Return the classifier of one training, None when it is no longer kept."""
    row = conn.execute(select(models).where(models.c.training_id == training_id)).first()
    return (row.training_id, row.create_time, bytes(row.data)) if row is not None else None
