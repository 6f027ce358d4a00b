"""Serving configs in the database: every version is a row, a deletion leaves an empty last one."""

from sqlalchemy import Connection, delete, func, insert, select

from aisle_ranker.storage.tables import serving_configs as table

KEPT_VERSIONS = 50


def newest(conn: Connection, config_id: str) -> tuple[int, bytes]:
    """Return (version, content) of the newest version; (0, b"") when there never was one, b"" when it was deleted."""
    mine = select(table.c.version, table.c.content).where(table.c.id == config_id)
    row = conn.execute(mine.order_by(table.c.version.desc()).limit(1)).first()
    return (row.version, bytes(row.content)) if row is not None else (0, b"")


def at_version(conn: Connection, config_id: str, version: int) -> bytes:
    """Return the content of one version, b"" when it is not kept."""
    mine = (table.c.id == config_id) & (table.c.version == version)
    row = conn.execute(select(table.c.content).where(mine)).first()
    return bytes(row.content) if row is not None else b""


def add(conn: Connection, config_id: str, version: int, content: bytes) -> None:
    """Store a version; those before the newest `KEPT_VERSIONS` go."""
    conn.execute(insert(table).values(id=config_id, version=version, content=content))
    conn.execute(delete(table).where(table.c.id == config_id, table.c.version <= version - KEPT_VERSIONS))


def clear(conn: Connection, config_id: str, version: int) -> None:
    """Delete every version and leave version `version` as the empty last one, so that numbers are never used twice."""
    conn.execute(delete(table).where(table.c.id == config_id))
    conn.execute(insert(table).values(id=config_id, version=version, content=b""))


def everything(conn: Connection) -> list[tuple[str, int, bytes]]:
    """Return (id, version, content) of the newest version of each config that was not deleted, by id."""
    last = select(table.c.id, func.max(table.c.version).label("version")).group_by(table.c.id).subquery()
    joined = table.join(last, (table.c.id == last.c.id) & (table.c.version == last.c.version))
    rows = conn.execute(select(table).select_from(joined).order_by(table.c.id)).all()
    return [(row.id, row.version, bytes(row.content)) for row in rows if row.content]


def fingerprint(conn: Connection) -> int:
    """Return a number that grows with every change: the sum of each config's newest version, deletions included."""
    last = select(func.max(table.c.version).label("version")).group_by(table.c.id).subquery()
    return int(conn.execute(select(func.coalesce(func.sum(last.c.version), 0))).scalar_one())
