"""One transactional database per service: SQLAlchemy Core over SQLite (one file) or PostgreSQL (by URL).

All writes of a process go through one thread, each as one transaction that is on disk before the call returns;
reads run in a small pool beside it and see the last committed state.
"""

import asyncio
import contextvars
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from aisle_runtime import postgres
from aisle_runtime.errors import AisleError, DataLoss, InvalidArgument, Unavailable
from aisle_runtime.tables import RuntimeTables, create_runtime_tables, define_runtime_tables

__all__ = ["Database", "RuntimeTables", "create_runtime_tables", "define_runtime_tables"]

T = TypeVar("T")

READER_THREADS = 4
BUSY_TIMEOUT_MS = 5_000
WRITE_ATTEMPTS = 4
RETRY_BASE_SECONDS = 0.05
_LOCKED = ("database is locked", "database table is locked", "database is busy")


class Database:
    """The service's system of record.

    Functions given to `write` and `read` run in another thread with the caller's context variables (its current span
    included); a `write` function may run again after a lock or serialization conflict, so it must have no effect
    besides its connection.
    """

    def __init__(self, url: str) -> None:
        """Prepare the engine for `url`.

        Nothing is opened yet, except that a missing SQLite file is created with mode 0600. Raises ValueError for
        another database than SQLite and PostgreSQL, ImportError without the driver, SQLAlchemyError for no URL at all.
        """
        self._url = make_url(url)
        self.is_sqlite = self._url.get_backend_name() == "sqlite"
        if not self.is_sqlite and self._url.drivername not in ("postgresql", "postgresql+psycopg"):
            raise ValueError(f"{self._url.drivername} is not supported")
        self._engine, self._reading = self._create_engines()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="db-writer")
        self._readers = ThreadPoolExecutor(READER_THREADS, thread_name_prefix="db-reader")
        self._callbacks: list[Callable[[], None]] = []
        self._writer_thread = threading.local()

    async def write(self, fn: Callable[[Connection], T]) -> T:
        """Run `fn` in one transaction in the writer thread; commit, or roll back when it raises.

        A caller cancelled while it waits does not know the outcome: a transaction that has begun runs to its end.
        Raises Unavailable (STORAGE_BUSY, STORAGE_FULL, STORAGE_UNAVAILABLE) when the database cannot be written now.
        """
        return await asyncio.wrap_future(self._submit_write(fn))

    def write_sync(self, fn: Callable[[Connection], T]) -> T:
        """Do what `write` does, blocking; must not be called from inside a `write` function."""
        if getattr(self._writer_thread, "active", False):
            raise RuntimeError("write_sync inside a write function would wait for itself")
        return self._submit_write(fn).result()

    async def read(self, fn: Callable[[Connection], T]) -> T:
        """Run `fn` over one consistent snapshot; whatever it changes is rolled back."""
        context = contextvars.copy_context()
        return await asyncio.wrap_future(self._readers.submit(context.run, self._read, fn))

    def read_sync(self, fn: Callable[[Connection], T]) -> T:
        """Do what `read` does in the calling thread."""
        return self._read(fn)

    def on_commit(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` after every commit of this process; returns a function that ends this.

        Registered inside a running event loop it is called in that loop, otherwise in the writer thread; it must be
        quick.
        """
        try:
            loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            loop = None

        def call() -> None:
            if loop is None:
                callback()
            else:
                with suppress(RuntimeError):  # the loop may be closed during shutdown
                    loop.call_soon_threadsafe(callback)

        self._callbacks.append(call)

        def remove() -> None:
            with suppress(ValueError):
                self._callbacks.remove(call)

        return remove

    def migrate(self, package: str) -> None:
        """Bring the schema to the newest revision in the folder `migrations` of the Python package `package`.

        Does nothing, and does not import Alembic, when the schema is already there or newer (an older release runs on
        a newer schema).
        """
        from aisle_runtime import migrations_env

        migrations_env.migrate(self, package)

    def close(self) -> None:
        """Wait for running transactions and release every connection; may be repeated."""
        self._writer.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        self._engine.dispose()

    def _submit_write(self, fn: Callable[[Connection], T]) -> Future[T]:
        context = contextvars.copy_context()
        return self._writer.submit(context.run, self._write, fn)

    def _write(self, fn: Callable[[Connection], T]) -> T:
        self._writer_thread.active = True
        try:
            result = self._attempt_write(fn)
        finally:
            self._writer_thread.active = False
        for callback in list(self._callbacks):
            callback()
        return result

    def _attempt_write(self, fn: Callable[[Connection], T]) -> T:
        attempt = 1
        while True:
            try:
                with self._engine.connect().execution_options(aisle_write=True) as conn, conn.begin():
                    return fn(conn)
            except DBAPIError as error:
                if attempt < WRITE_ATTEMPTS and _trouble(error) is postgres.Trouble.BUSY:
                    time.sleep(RETRY_BASE_SECONDS * 2**attempt)
                    attempt += 1
                    continue
                raise _translated(error) from error

    def _read(self, fn: Callable[[Connection], T]) -> T:
        try:
            with self._reading.connect() as conn:
                return fn(conn)  # leaving the block rolls back
        except DBAPIError as error:
            raise _translated(error) from error

    def _create_engines(self) -> tuple[Engine, Engine]:
        if not self.is_sqlite:
            return postgres.create_postgres_engine(self._url, READER_THREADS + 1)
        if self._url.database:
            path = Path(self._url.database)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        engine = create_engine(self._url, pool_size=READER_THREADS + 1, max_overflow=2)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine, engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by _begin_sqlite, never by the driver
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}").fetchall()
    cursor.close()


def _begin_sqlite(conn: Connection) -> None:
    write = conn.get_execution_options().get("aisle_write", False)
    conn.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _sqlite_trouble(error: DBAPIError) -> postgres.Trouble | None:
    """Name the state of the storage that an error of SQLite tells; None when it tells of our own SQL or data."""
    text = str(error.orig)
    if "malformed" in text or "not a database" in text:
        return postgres.Trouble.CORRUPT
    if any(part in text for part in _LOCKED):
        return postgres.Trouble.BUSY
    if not isinstance(error, OperationalError) or "no such" in text or "syntax error" in text:
        return None
    return postgres.Trouble.FULL if "full" in text else postgres.Trouble.AWAY


def _trouble(error: DBAPIError) -> postgres.Trouble | None:
    return _sqlite_trouble(error) if isinstance(error.orig, sqlite3.Error) else postgres.trouble(error)


def _translated(error: DBAPIError) -> AisleError | DBAPIError:
    """Turn a state of the storage into an AisleError; errors in our own SQL or data stay as they are."""
    match _trouble(error):
        case None:
            return error
        case postgres.Trouble.CORRUPT:
            text, then = "The service's database is damaged.", "Restore it from a backup."
            return DataLoss(text, reason="STORAGE_CORRUPT", next_step=then)
        case postgres.Trouble.BUSY:
            return Unavailable("The service's database is busy.", reason="STORAGE_BUSY", retry_after_seconds=0.5)
        case postgres.Trouble.UNSTORABLE:
            return InvalidArgument(
                "A text holds the character U+0000, which the service's database cannot store.",
                reason="TEXT_WITH_NUL",
                next_step="Take that character out of the texts.",
            )
        case postgres.Trouble.FULL:
            return Unavailable(
                "The service's disk is full; nothing was stored.",
                reason="STORAGE_FULL",
                next_step="Free disk space and repeat.",
                retry_after_seconds=5,
            )
        case postgres.Trouble.AWAY:
            text = "The service's database cannot be reached."
            return Unavailable(text, reason="STORAGE_UNAVAILABLE", retry_after_seconds=1)
