"""Takes people out of the runtime's own tables: events that wait or are kept, events given up, and what jobs were given and gave.

Reading and comparing happen beside the writer, in pieces; only what changed is written, each piece in one transaction.
"""

import importlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor_pool import Default
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from sqlalchemy import Connection, Row, Table, delete, select, update

from aisle_runtime.db import Database
from aisle_runtime.deadletters import KIND as DEAD_LETTER
from aisle_runtime.erasing.messages import is_empty_shell, scrub, scrub_json
from aisle_runtime.erasing.subjects import Subjects
from aisle_runtime.events import CE_TYPE
from aisle_runtime.tables import RUNTIME

PIECE_ROWS = 500
JobTypes = Mapping[str, Mapping[str, type[Message]]]
"""Job kind -> column (`payload`, `result` or `detail`) -> message in it; what is not named is JSON or nothing to search."""
Write = Callable[[Callable[[Connection], Mapping[str, int]]], Any]


@dataclass(frozen=True, slots=True)
class Change:
    """What a row is to become: new values, or None for its deletion."""

    key: Any
    values: dict[str, Any] | None


def message_class(kind: str) -> type[Message] | None:
    """The class of the message with this full name; None when no release in this process knows it."""
    package = kind.rpartition(".")[0].split(".")
    if len(package) == 3 and package[0] == "aisle":
        stem = f"{'.'.join(package)}.{package[1]}"
        try:
            importlib.import_module(f"{stem}_{'service' if kind.endswith('Response') else 'events'}_pb2")
        except ImportError:
            return None
    try:
        return GetMessageClass(Default().FindMessageTypeByName(kind))
    except KeyError:
        return None


def scrubbed_event(kind: str, data: bytes, subjects: Subjects) -> tuple[int, bytes | None]:
    """(changes, event without the people; None when nothing is left of it); an unknown message is left as it is."""
    cls = message_class(kind)
    if cls is None:
        return 0, data
    try:
        message = cls.FromString(data)
    except DecodeError:
        return 0, data
    changes = scrub(message, subjects)
    return changes, None if changes and is_empty_shell(message) else message.SerializeToString()


async def scrub_runtime(
    service: str, db: Database, write: Write, subjects: Subjects, job_types: JobTypes, id_keys: Collection[str]
) -> None:
    """Search outbox, dead letters, jobs and remembered answers; `write` commits a piece together with its count."""
    for table, kind, columns in (
        (RUNTIME.outbox, "stored_events", ("subject", "type", "headers", "data")),
        (RUNTIME.dead_letters, "dead_letters", ("subject", "headers", "data")),
    ):
        await _scrub_table(db, write, table, kind, columns, lambda row: _event_change(row, subjects))
    job_columns = ("kind", "payload", "result", "detail", "failure")
    await _scrub_table(
        db, write, RUNTIME.jobs, "job_records", job_columns, lambda row: _job_change(row, subjects, job_types, id_keys)
    )

    await _scrub_answers(service, db, write, subjects)


async def _scrub_answers(service: str, db: Database, write: Write, subjects: Subjects) -> None:
    """Search the answers that mutations would give again; an answer keeps all but the person."""
    table = RUNTIME.request_log
    for method in await db.read(lambda conn: conn.execute(select(table.c.method).distinct()).scalars().all()):
        cls = message_class(f"aisle.{service}.v1.{method}Response")
        if cls is None:
            continue

        def find(conn: Connection, name: str = method, kind: type[Message] = cls) -> list[tuple[str, bytes]]:
            found = []
            query = select(table.c.request_id, table.c.response).where(table.c.method == name)
            for row in conn.execute(query):
                message = kind.FromString(bytes(row.response))
                if scrub(message, subjects):
                    found.append((row.request_id, message.SerializeToString()))
            return found

        if changed := await db.read(find):

            def apply(
                conn: Connection, name: str = method, rows: list[tuple[str, bytes]] = changed
            ) -> Mapping[str, int]:
                for request_id, response in rows:
                    mine = (table.c.method == name) & (table.c.request_id == request_id)
                    conn.execute(update(table).where(mine).values(response=response))
                return {"remembered_answers": len(rows)}

            await write(apply)


async def _scrub_table(
    db: Database,
    write: Write,
    table: Table,
    kind: str,
    columns: tuple[str, ...],
    look: Callable[[Row[Any]], Change | None],
) -> None:
    last: Any = None
    while True:

        def find(conn: Connection, after: Any = last) -> tuple[list[Change], Any]:
            query = select(table.c.id, *(table.c[name] for name in columns)).order_by(table.c.id).limit(PIECE_ROWS)
            if after is not None:
                query = query.where(table.c.id > after)
            rows = conn.execute(query).all()
            changes = [change for change in map(look, rows) if change is not None]
            return changes, rows[-1].id if len(rows) == PIECE_ROWS else None

        changes, last = await db.read(find)
        if changes:

            def apply(conn: Connection, found: list[Change] = changes) -> Mapping[str, int]:
                for change in found:
                    mine = table.c.id == change.key
                    if change.values is None:
                        conn.execute(delete(table).where(mine))
                    else:
                        conn.execute(update(table).where(mine).values(change.values))
                return {kind: len(found)}

            await write(apply)
        if last is None:
            return


def _event_change(row: Row[Any], subjects: Subjects) -> Change | None:
    headers = json.loads(row.headers)
    kind = getattr(row, "type", DEAD_LETTER)
    if kind == DEAD_LETTER:
        kind = next((value for name, value in headers.items() if name.lower() == CE_TYPE), "")
    changes, data = scrubbed_event(kind, bytes(row.data), subjects)
    if not changes:
        return None
    return Change(row.id, None if data is None else {"data": data})


def _job_change(row: Row[Any], subjects: Subjects, types: JobTypes, id_keys: Collection[str]) -> Change | None:
    values: dict[str, Any] = {}
    for name in ("payload", "result", "detail", "failure"):
        stored = getattr(row, name)
        if not stored:
            continue
        cls = types.get(row.kind, {}).get(name)
        if cls is not None:
            message = cls.FromString(bytes(stored))
            if scrub(message, subjects):
                values[name] = message.SerializeToString()
        elif (changed := scrub_json_text(stored, subjects, id_keys)) is not None:
            values[name] = changed
    return Change(row.id, values) if values else None


def scrub_json_text(stored: bytes | str, subjects: Subjects, id_keys: Collection[str]) -> bytes | str | None:
    """The JSON in a column without the people, of the same type; None when nothing changes or it is no JSON."""
    try:
        value = json.loads(stored)
    except (ValueError, RecursionError):
        return None
    changed = scrub_json(value, subjects, id_keys)
    if changed == value:
        return None
    text = json.dumps(changed)
    return text if isinstance(stored, str) else text.encode()
