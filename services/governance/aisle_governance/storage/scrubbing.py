"""Takes a person's id out of the database, inside the caller's transaction: the only place that knows the id in clear."""

import json
from collections.abc import Callable, Collection
from typing import Any

from aisle.governance.v1 import governance_events_pb2 as events_pb2
from aisle_runtime.tables import RUNTIME
from google.protobuf.message import DecodeError
from sqlalchemy import Connection, LargeBinary, Table, bindparam, delete, func, select, update
from sqlalchemy.sql.elements import ColumnElement

from aisle_governance import telemetry
from aisle_governance.domain.subjects import Subjects, plain_id, redact
from aisle_governance.storage.tables import (
    category_proposals,
    imports,
    label_reviews,
    label_suspects,
    repair_models,
    reports,
    user_events,
)

_LEAST_REDACTED = 6
_PER_QUERY = 500
_JSON_TEXTS: tuple[tuple[Table, str, str], ...] = (
    (RUNTIME.jobs, "id", "failure"),
    (RUNTIME.jobs, "id", "detail"),
    (RUNTIME.jobs, "id", "result"),
    (RUNTIME.jobs, "id", "payload"),
    (reports, "sequence", "report"),
    (repair_models, "sequence", "record"),
)
"""Columns of JSON that quote values of rows here and there: (table, key, column)."""

_PLAIN_TEXTS: tuple[tuple[Table, str], ...] = (
    (imports, "source_file"),
    (label_suspects, "query"),
    (label_suspects, "title"),
    (category_proposals, "title"),
)
"""Columns of text that may name a person."""

Hash = Callable[[str], str]


def delete_user_events(conn: Connection, spellings: Collection[str], hash_of: Hash, subject: str) -> int:
    """Delete the person's user events, whatever the spelling of the id; returns how many."""
    theirs = _written_ids(conn, spellings, hash_of, subject)
    if not theirs:
        return 0
    return conn.execute(delete(user_events).where(user_events.c.customer_id.in_(theirs))).rowcount


def find_user_events(conn: Connection, spellings: Collection[str], hash_of: Hash, subject: str) -> list[str]:
    """Ids of the events that `delete_user_events` would delete."""
    theirs = _written_ids(conn, spellings, hash_of, subject)
    query = select(user_events.c.event_id).where(user_events.c.customer_id.in_(theirs))
    return list(conn.execute(query).scalars()) if theirs else []


def _written_ids(conn: Connection, spellings: Collection[str], hash_of: Hash, subject: str) -> list[str]:
    ids = conn.execute(select(user_events.c.customer_id).where(user_events.c.customer_id != "").distinct()).scalars()
    return [one for one in ids if one in spellings or hash_of(one) == subject]


def find_suspects(conn: Connection, subjects: Subjects) -> dict[str, list[str]]:
    """Name of a label review -> row ids of its suspects whose query or title names one of the people."""
    found: dict[str, list[str]] = {}
    part = label_suspects.c
    joined = label_suspects.join(label_reviews, label_reviews.c.id == part.review)
    query = select(label_reviews.c.dataset, part.review, part.row_id, part.query, part.title).select_from(joined)
    for row in conn.execute(query):
        if subjects.mentions(row.query) or subjects.mentions(row.title):
            found.setdefault(f"datasets/{row.dataset}/labelReviews/{row.review}", []).append(row.row_id)
    return found


def _holds(conn: Connection, column: Any, text: str) -> ColumnElement[bool]:
    """SQL that says whether a column of bytes or text holds `text`."""
    needle = bindparam(None, text.encode("utf-8", "surrogatepass"), type_=LargeBinary)
    if conn.dialect.name == "postgresql":
        return func.position(needle.op("in")(column)) > 0 if _is_bytes(column) else func.strpos(column, text) > 0
    return func.instr(column, needle if _is_bytes(column) else text) > 0


def _is_bytes(column: Any) -> bool:
    return isinstance(column.type, LargeBinary)


def scrub_outbox(conn: Connection, customer_id: str, hash_of: Hash, subject: str) -> int:
    """Take the person's user events out of stored bus events, and delete other stored events and dead letters that name them.

    Returns how many stored events were changed or deleted.
    """
    changed = 0
    for table in (RUNTIME.outbox, RUNTIME.dead_letters):
        query = select(table.c.id, table.c.subject, table.c.data).where(_holds(conn, table.c.data, customer_id))
        for row in conn.execute(query).all():
            if row.subject == telemetry.SUBJECT_USER_EVENTS_COLLECTED:
                changed += _drop_events(conn, table, row.id, bytes(row.data), hash_of, subject)
    return changed


def _drop_events(conn: Connection, table: Table, row_id: int, data: bytes, hash_of: Hash, subject: str) -> int:
    try:
        message = events_pb2.UserEventsCollected.FromString(data)
    except DecodeError:
        conn.execute(delete(table).where(table.c.id == row_id))
        return 1
    kept = [event for event in message.events if not event.customer_id or hash_of(event.customer_id) != subject]
    if len(kept) == len(message.events):
        return 0
    if kept:
        less = events_pb2.UserEventsCollected(events=kept).SerializeToString()
        conn.execute(update(table).where(table.c.id == row_id).values(data=less))
    else:
        conn.execute(delete(table).where(table.c.id == row_id))
    return 1


def redact_texts(conn: Connection, customer_id: str) -> None:
    """Take the id out of failures and reports, which quote values here and there.

    An id of fewer than six characters is only looked for among the samples of changed values: elsewhere so short a text is a count
    or a position, which is nobody's data.
    """
    for table, key, name in _JSON_TEXTS:
        column = table.c[name]
        query = select(table.c[key], column).where(column.is_not(None) & _holds(conn, column, customer_id))
        for row in conn.execute(query).all():
            text = bytes(row[1]).decode() if _is_bytes(column) else row[1]
            try:
                value = _without_samples(json.loads(text), lambda one: _shows(one, customer_id))
            except ValueError:
                continue
            if len(customer_id) >= _LEAST_REDACTED:
                value = redact(value, customer_id)
            _store_json(conn, column, table.c[key] == row[0], value)
    for table, name in _PLAIN_TEXTS if len(customer_id) >= _LEAST_REDACTED else ():
        column = table.c[name]
        for text in conn.execute(select(column).where(_holds(conn, column, customer_id)).distinct()).scalars().all():
            conn.execute(update(table).where(column == text).values({name: redact(text, customer_id)}))


def redact_by_hash(conn: Connection, subjects: Subjects) -> None:
    """Take the people's ids out of stored JSON when only their keyed hashes are known; reads all of it."""

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            return (
                "[erased]"
                if subjects.mentions(value) or (len(value) >= _LEAST_REDACTED and subjects.is_id(value))
                else value
            )
        if isinstance(value, list):
            return [clean(one) for one in value]
        if isinstance(value, dict):
            return {name: clean(one) for name, one in value.items()}
        return value

    for table, key, name in _JSON_TEXTS:
        column = table.c[name]
        ended = (
            table.c.state.in_(("SUCCEEDED", "FAILED", "CANCELLED")) if table is RUNTIME.jobs else column.is_not(None)
        )
        for row in conn.execute(select(table.c[key], column).where(column.is_not(None), ended)).all():
            try:
                value = json.loads(bytes(row[1]) if _is_bytes(column) else row[1])
            except ValueError:
                continue
            if (less := clean(value)) != value:
                _store_json(conn, column, table.c[key] == row[0], less)


def drop_samples(conn: Connection, row_ids: Collection[str]) -> None:
    """Take samples of these rows out of reports, labelled rows out of repairs, and suspects out of label reviews."""
    gone = set(row_ids)
    ordered = sorted(gone)
    for start in range(0, len(ordered), _PER_QUERY):
        part = ordered[start : start + _PER_QUERY]
        conn.execute(delete(label_suspects).where(label_suspects.c.row_id.in_(part)))
    for table, key, name in (
        (RUNTIME.jobs, "id", "payload"),
        (RUNTIME.jobs, "id", "result"),
        (repair_models, "sequence", "record"),
    ):
        column = table.c[name]
        held = _holds(conn, column, '"row_id"') if gone else column.is_(None)
        if table is RUNTIME.jobs:
            held &= table.c.kind == "repair"
        for row in conn.execute(select(table.c[key], column).where(column.is_not(None), held)).all():
            value = json.loads(bytes(row[1]) if _is_bytes(column) else row[1])
            less = _without_samples(value, lambda one: one["row_id"] in gone)
            if less != value:
                _store_json(conn, column, table.c[key] == row[0], less)
    for table, key, name in _JSON_TEXTS if gone else ():
        column = table.c[name]
        for row in conn.execute(select(table.c[key], column).where(_holds(conn, column, '"samples": [{'))).all():
            value = json.loads(bytes(row[1]) if _is_bytes(column) else row[1])
            less = _without_samples(value, lambda one: one["row_id"] in gone)
            if less != value:
                _store_json(conn, column, table.c[key] == row[0], less)


def _store_json(conn: Connection, column: Any, where: ColumnElement[bool], value: Any) -> None:
    text = json.dumps(value, sort_keys=True)
    stored = text.encode() if _is_bytes(column) else text
    conn.execute(update(column.table).where(where).values({column.name: stored}))


def _shows(sample: dict[str, Any], customer_id: str) -> bool:
    wanted = plain_id(customer_id)
    return any(plain_id(str(sample.get(part, ""))) == wanted for part in ("before", "after"))


def _without_samples(value: Any, unwanted: Callable[[dict[str, Any]], bool]) -> Any:
    """Plain JSON data without the samples (objects with a `row_id`) that are unwanted."""
    if isinstance(value, list):
        kept = [one for one in value if not (isinstance(one, dict) and "row_id" in one and unwanted(one))]
        return [_without_samples(one, unwanted) for one in kept]
    if isinstance(value, dict):
        return {name: _without_samples(one, unwanted) for name, one in value.items()}
    return value
