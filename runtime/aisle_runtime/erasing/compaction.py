"""Rewrites the database so that deleted rows leave no bytes behind."""

import sqlite3

from sqlalchemy import URL, create_engine, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from aisle_runtime.errors import Unavailable

BUSY_SECONDS = 20.0


def compact(url: str) -> None:
    """Write the database at `url` again without what was deleted, its write-ahead log included where it is SQLite's.

    PostgreSQL writes every table of the service's schema again and refreshes its statistics, which quote values; its
    own log and backups are the operator's. Raises Unavailable (STORAGE_BUSY) when others use the tables all the time or
    the server is away; the job is then tried again.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        _compact_postgres(parsed)
    elif parsed.database:
        _compact_sqlite(parsed.database)


def _compact_sqlite(path: str) -> None:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        connection.execute("PRAGMA secure_delete=ON").fetchall()
        connection.execute("VACUUM")
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError as error:
        raise _busy() from error
    finally:
        connection.close()
    if busy:
        raise _busy()


def _compact_postgres(url: URL) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"SET lock_timeout = '{BUSY_SECONDS:.0f}s'")
            for name in inspect(connection).get_table_names():
                quoted = connection.dialect.identifier_preparer.quote(name)
                connection.exec_driver_sql(f"VACUUM (FULL, ANALYZE) {quoted}")
    except OperationalError as error:
        raise _busy() from error
    finally:
        engine.dispose()


def _busy() -> Unavailable:
    return Unavailable("The database is in use; it is compacted later.", reason="STORAGE_BUSY", retry_after_seconds=1)
