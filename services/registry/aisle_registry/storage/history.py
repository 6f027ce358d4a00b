"""The append-only history of aliases in the database."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, select

from aisle_registry.domain.aliases import AliasChange
from aisle_registry.domain.model import Cause
from aisle_registry.storage.tables import alias_changes


def add_change(conn: Connection, change: AliasChange) -> None:
    """Append an entry; the model's row must be locked by the same transaction."""
    conn.execute(insert(alias_changes).values({**asdict(change), "cause": change.cause.value}))


def current(conn: Connection, model: str, alias: str) -> AliasChange | None:
    """Return the newest entry of an alias, None when it points nowhere."""
    return _first(conn, model, alias)


def at_time(conn: Connection, model: str, alias: str, time: float) -> AliasChange | None:
    """Return the entry that was in force at `time`, None when the alias pointed nowhere then."""
    return _first(conn, model, alias, alias_changes.c.create_time <= time)


def by_sequence(conn: Connection, model: str, alias: str, sequence: int) -> AliasChange | None:
    """Return the entry with this sequence."""
    return _first(conn, model, alias, alias_changes.c.sequence == sequence)


def list_changes(conn: Connection, model: str, alias: str, before: int, limit: int) -> list[AliasChange]:
    """Return entries newest first, those below the sequence `before` (0 = all)."""
    query = select(alias_changes).where(alias_changes.c.model == model, alias_changes.c.alias == alias)
    if before:
        query = query.where(alias_changes.c.sequence < before)
    return [_change(row) for row in conn.execute(query.order_by(alias_changes.c.sequence.desc()).limit(limit))]


def current_aliases(conn: Connection, model: str) -> list[AliasChange]:
    """Return the newest entry of every alias of a model, by alias."""
    newest = (
        select(alias_changes.c.alias, func.max(alias_changes.c.sequence).label("sequence"))
        .where(alias_changes.c.model == model)
        .group_by(alias_changes.c.alias)
        .subquery()
    )
    query = (
        select(alias_changes)
        .join(
            newest,
            and_(alias_changes.c.alias == newest.c.alias, alias_changes.c.sequence == newest.c.sequence),
        )
        .where(alias_changes.c.model == model)
        .order_by(alias_changes.c.alias)
    )
    return [_change(row) for row in conn.execute(query)]


def _first(conn: Connection, model: str, alias: str, *more: Any) -> AliasChange | None:
    query = select(alias_changes).where(alias_changes.c.model == model, alias_changes.c.alias == alias, *more)
    row = conn.execute(query.order_by(alias_changes.c.sequence.desc()).limit(1)).one_or_none()
    return None if row is None else _change(row)


def _change(row: Row[Any]) -> AliasChange:
    values = dict(row._mapping)
    return AliasChange(**{**values, "cause": Cause(values["cause"])})
