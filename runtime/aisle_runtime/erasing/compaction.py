"""Rewrites an SQLite file so that deleted rows leave no bytes behind."""

import sqlite3

from sqlalchemy.engine import make_url

from aisle_runtime.errors import Unavailable

BUSY_SECONDS = 20.0


def compact(url: str) -> None:
    """Write the database at `url` again without free pages, and empty its write-ahead log.

    Other databases keep their own house: PostgreSQL frees what was deleted with its next (auto)vacuum. Raises Unavailable
    (STORAGE_BUSY) when others use the file all the time; the job is then tried again.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return
    connection = sqlite3.connect(parsed.database, timeout=BUSY_SECONDS, isolation_level=None)
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


def _busy() -> Unavailable:
    return Unavailable("The database is in use; it is compacted later.", reason="STORAGE_BUSY", retry_after_seconds=1)
