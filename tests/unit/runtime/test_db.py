import asyncio
import stat
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from aisle_runtime import telemetry
from aisle_runtime.db import Database, create_runtime_tables, define_runtime_tables
from aisle_runtime.errors import NotFound, Unavailable
from aisle_runtime.migrations_env import newest_revision
from sqlalchemy import Connection, MetaData, Table, Text, inspect, make_url, text
from sqlalchemy.exc import IntegrityError

MIGRATION = """
revision: str = "{number}"
down_revision: str | None = {parent}

from alembic import op
import sqlalchemy as sa
from aisle_runtime.db import create_runtime_tables

def upgrade():
    {body}
"""

only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For what only a file of our own can show."""


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    database.write_sync(lambda conn: conn.execute(text("CREATE TABLE t (k TEXT PRIMARY KEY)")))
    yield database
    database.close()


def add(conn: Connection, key: str) -> None:
    conn.execute(text("INSERT INTO t VALUES (:k)"), {"k": key})


def keys(conn: Connection) -> list[str]:
    return [row.k for row in conn.execute(text("SELECT k FROM t ORDER BY k"))]


async def test_write_commits_or_rolls_back_as_a_whole(db: Database) -> None:
    def half(conn: Connection) -> None:
        add(conn, "lost")
        raise NotFound("no")

    await db.write(lambda conn: add(conn, "kept"))
    with pytest.raises(NotFound):
        await db.write(half)
    assert await db.read(keys) == ["kept"]


async def test_reads_change_nothing(db: Database) -> None:
    await db.read(lambda conn: add(conn, "x"))
    assert await db.read(keys) == []


@only_sqlite
async def test_sqlite_is_durable_and_private(db: Database, tmp_path: Path) -> None:
    def pragmas(conn: Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        return [conn.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

    assert await db.write(pragmas) == ["wal", 2, 1, 5000]
    assert stat.S_IMODE((tmp_path / "sub" / "state.db").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "sub").stat().st_mode) == 0o700


async def test_integrity_errors_stay_visible_to_the_rules(db: Database) -> None:
    await db.write(lambda conn: add(conn, "a"))
    with pytest.raises(IntegrityError):
        await db.write(lambda conn: add(conn, "a"))


async def test_commits_wake_callbacks_in_their_loop_even_when_the_caller_gave_up(db: Database) -> None:
    woken = asyncio.Event()
    threads: list[int] = []

    def callback() -> None:
        threads.append(threading.get_ident())
        woken.set()

    remove = db.on_commit(callback)
    begun, given_up = threading.Event(), threading.Event()

    def slow(conn: Connection) -> None:
        begun.set()
        add(conn, "a")
        given_up.wait(5)

    caller = asyncio.ensure_future(db.write(slow))
    await asyncio.to_thread(begun.wait, 5)
    caller.cancel()
    given_up.set()
    await asyncio.wait_for(woken.wait(), 5)
    assert threads == [threading.get_ident()]
    remove()
    await db.write(lambda conn: add(conn, "b"))
    await asyncio.sleep(0)
    assert len(threads) == 1


async def test_functions_see_the_callers_span(db: Database) -> None:
    telemetry.setup("test")
    with telemetry.span("test.outer"):
        expected = telemetry.current_traceparent()
        assert await db.write(lambda conn: telemetry.current_traceparent()) == expected
        assert await db.read(lambda conn: telemetry.current_traceparent()) == expected
    telemetry.shutdown()


async def test_two_processes_share_one_database(db: Database, database_url: str) -> None:
    other = Database(database_url)
    names = [f"{name}{n}" for name in "ab" for n in range(20)]
    await asyncio.gather(*((db, other)[key[0] == "b"].write(partial(add, key=key)) for key in names))
    assert len(await db.read(keys)) == 40
    other.close()


@only_sqlite
async def test_a_full_disk_is_unavailable_and_not_internal(db: Database) -> None:
    def fill(conn: Connection) -> None:
        conn.exec_driver_sql("PRAGMA max_page_count=8")
        for n in range(200):
            add(conn, f"{n}" * 200)

    with pytest.raises(Unavailable) as refused:
        await db.write(fill)
    assert refused.value.reason == "STORAGE_FULL"
    assert await db.read(keys) == []


def test_write_sync_inside_write_is_refused_instead_of_hanging(db: Database) -> None:
    with pytest.raises(RuntimeError, match="wait for itself"):
        db.write_sync(lambda _: db.write_sync(keys))


def make_package(folder: Path, name: str, bodies: list[str]) -> None:
    versions = folder / name / "storage" / "migrations" / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    (folder / name / "__init__.py").touch()
    (folder / name / "storage" / "__init__.py").touch()
    (versions.parent / "env.py").write_text(
        "from sqlalchemy import MetaData\nfrom aisle_runtime.migrations_env import run\nrun(MetaData())\n"
    )
    for index, body in enumerate(bodies, 1):
        parent = f'"{index - 1:04d}"' if index > 1 else "None"
        source = MIGRATION.format(number=f"{index:04d}", parent=parent, body=body)
        (versions / f"{index:04d}_step.py").write_text(source)


def test_migrate_goes_to_the_newest_revision_and_tolerates_a_newer_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    package = f"migpkg_a_{make_url(database_url).get_backend_name()}"
    make_package(tmp_path, package, ["create_runtime_tables(op)"])
    db = Database(database_url)
    db.migrate(f"{package}.storage")
    make_package(
        tmp_path, package, ["create_runtime_tables(op)", 'op.create_table("extra", sa.Column("x", sa.Text()))']
    )
    db.migrate(f"{package}.storage")
    db.migrate(f"{package}.storage")
    assert newest_revision(tmp_path / package / "storage" / "migrations") == "0002"
    assert "extra" in db.read_sync(lambda conn: inspect(conn).get_table_names())
    (tmp_path / package / "storage" / "migrations" / "versions" / "0002_step.py").unlink()
    db.migrate(f"{package}.storage")
    db.close()


def test_a_migration_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    package = f"migpkg_b_{make_url(database_url).get_backend_name()}"
    make_package(tmp_path, package, ['op.create_table("half", sa.Column("x", sa.Text())); raise ValueError("stop")'])
    db = Database(database_url)
    with pytest.raises(ValueError, match="stop"):
        db.migrate(f"{package}.storage")
    assert db.read_sync(lambda conn: inspect(conn).get_table_names()) == []
    db.close()


def test_runtime_tables_are_created_as_defined(db: Database) -> None:
    class Op:
        def __init__(self, conn: Connection) -> None:
            self._conn = conn

        def get_bind(self) -> Connection:
            return self._conn

    define_runtime_tables(metadata := MetaData())
    db.write_sync(lambda conn: create_runtime_tables(Op(conn)))
    for table in metadata.tables.values():
        assert_columns(db, table)


def assert_columns(db: Database, table: Table) -> None:
    found = db.read_sync(lambda conn: {c["name"]: c["nullable"] for c in inspect(conn).get_columns(table.name)})
    assert found == {c.name: c.nullable for c in table.columns}
    assert all(isinstance(c.type, Text) for c in table.columns if c.name in ("event_id", "subject"))
