"""What a database of several processes must keep to, and what a service says and does while PostgreSQL is away."""

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from aisle.monitor.v1 import monitor_service_pb2 as pb
from aisle.monitor.v1 import monitor_service_pb2_grpc as pb_grpc
from aisle_monitor.main import MIGRATIONS, wire
from aisle_monitor.settings import MonitorSettings
from aisle_runtime import db as db_module
from aisle_runtime import postgres
from aisle_runtime.client import error_details, open_channel
from aisle_runtime.db import Database
from aisle_runtime.errors import InvalidArgument, Unavailable
from aisle_runtime.testing import running_host
from aisle_runtime.testing.postgres import PostgresServer
from monitor_support import plan
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

HOLD = """
import sys
from aisle_runtime.db import Database
from sqlalchemy import text

def hold(conn):
    conn.execute(text("INSERT INTO t VALUES ('half')"))
    print("holds", flush=True)
    sys.stdin.read()

Database(sys.argv[1]).write_sync(hold)
"""


@pytest.fixture
def pair(database_url: str) -> Iterator[tuple[Database, Database]]:
    """Two processes' ways into one database."""
    first, second = Database(database_url), Database(database_url)
    first.write_sync(lambda conn: conn.execute(text("CREATE TABLE t (k TEXT PRIMARY KEY)")))
    yield first, second
    first.close()
    second.close()


def add(conn: Connection, key: str) -> None:
    conn.execute(text("INSERT INTO t VALUES (:k)"), {"k": key})


def count(conn: Connection) -> int:
    return int(conn.execute(text("SELECT count(*) FROM t")).scalar_one())


async def test_a_read_sees_one_moment(pair: tuple[Database, Database]) -> None:
    first, second = pair

    def look(conn: Connection) -> tuple[int, int]:
        before = count(conn)
        second.write_sync(lambda other: add(other, "meanwhile"))
        return before, count(conn)

    assert await first.read(look) == (0, 0)
    assert await first.read(count) == 1


async def test_rules_that_look_before_they_store_hold_over_processes(pair: tuple[Database, Database]) -> None:
    def next_number(conn: Connection) -> None:
        add(conn, f"{count(conn):04d}")

    await asyncio.gather(*(pair[index % 2].write(next_number) for index in range(40)))
    assert await pair[0].read(count) == 40


async def test_a_writer_waits_for_the_commit_of_another_process(pair: tuple[Database, Database]) -> None:
    first, second = pair
    begun, go, order = threading.Event(), threading.Event(), []

    def slow(conn: Connection) -> None:
        add(conn, "slow")
        begun.set()
        go.wait(10)
        order.append("slow")

    def quick(conn: Connection) -> None:
        add(conn, "quick")
        order.append("quick")

    waiting = asyncio.ensure_future(first.write(slow))
    await asyncio.to_thread(begun.wait, 10)
    late = asyncio.ensure_future(second.write(quick))
    done, _ = await asyncio.wait({late}, timeout=0.1)
    go.set()
    await asyncio.gather(waiting, late)
    assert (done, order) == (set(), ["slow", "quick"])


async def test_a_process_killed_inside_its_transaction_leaves_nothing(
    pair: tuple[Database, Database], database_url: str
) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, database_url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert await asyncio.to_thread(holder.stdout.readline) == "holds\n"
        waiting = asyncio.ensure_future(pair[0].write(lambda conn: add(conn, "whole")))
        holder.send_signal(signal.SIGKILL)
        await asyncio.wait_for(waiting, 20)
    assert await pair[1].read(lambda conn: conn.execute(text("SELECT k FROM t")).scalars().all()) == ["whole"]


async def test_a_lock_that_is_not_given_back_is_no_hang(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db_module, "WRITE_ATTEMPTS", 1)
    monkeypatch.setattr(postgres, "_BEGIN_WRITE", text(str(postgres._BEGIN_WRITE).replace("'5s'", "'50ms'")))
    first, second = Database(postgres_url), Database(postgres_url)
    begun, go = threading.Event(), threading.Event()

    def hold(_: Connection) -> None:
        begun.set()
        go.wait(10)

    holding = asyncio.ensure_future(first.write(hold))
    await asyncio.to_thread(begun.wait, 10)
    with pytest.raises(Unavailable) as busy:
        await second.write(lambda conn: None)
    assert (busy.value.reason, busy.value.retry_after_seconds) == ("STORAGE_BUSY", 0.5)
    go.set()
    await holding
    first.close()
    second.close()


async def test_errors_of_data_stay_apart_from_errors_of_the_server(postgres_url: str) -> None:
    db = Database(postgres_url)
    await db.write(lambda conn: conn.execute(text("CREATE TABLE t (k TEXT PRIMARY KEY)")))
    await db.write(lambda conn: add(conn, "malformed database disk is full"))
    with pytest.raises(IntegrityError):
        await db.write(lambda conn: add(conn, "malformed database disk is full"))
    with pytest.raises(InvalidArgument) as refused:
        await db.write(lambda conn: add(conn, "a\0b"))
    assert refused.value.reason == "TEXT_WITH_NUL"
    assert await db.read(count) == 1
    db.close()


async def test_services_in_schemas_of_one_database_do_not_wait_for_each_other(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    name = postgres_url.partition("?")[0].rpartition("/")[2]
    for schema in ("one", "two"):
        postgres_server.execute(f"CREATE SCHEMA {schema}", name)
    one, two = [Database(f"{postgres_url}&options=-csearch_path%3D{schema}") for schema in ("one", "two")]
    for db in (one, two):
        db.migrate("aisle_registry.storage")
    begun, go = threading.Event(), threading.Event()

    def hold(conn: Connection) -> None:
        begun.set()
        go.wait(10)

    holding = asyncio.ensure_future(one.write(hold))
    await asyncio.to_thread(begun.wait, 10)
    await asyncio.wait_for(two.write(lambda conn: conn.execute(text("SELECT count(*) FROM models"))), 5)
    go.set()
    await holding
    tables = postgres_server.execute("SELECT schemaname FROM pg_tables WHERE tablename = 'models' ORDER BY 1", name)
    assert tables == [("one",), ("two",)]
    one.close()
    two.close()


async def test_a_service_says_unavailable_while_the_server_is_away_and_goes_on_when_it_is_back(
    own_postgres_server: PostgresServer, tmp_path: Path
) -> None:
    settings = MonitorSettings(
        state_dir=tmp_path, database_url=own_postgres_server.new_database(), evaluation_interval_seconds=0.2
    )
    async with running_host("monitor", settings, MIGRATIONS, wire) as host, open_channel(host.address) as channel:
        stub = pb_grpc.MonitorServiceStub(channel)
        ask = pb.CreatePipelineRequest(pipeline_id="p", spec=plan(), request_id="once")
        for harm in (own_postgres_server.kill, own_postgres_server.stop):
            await stub.ListPipelines(pb.ListPipelinesRequest())
            harm()
            for call in (lambda: stub.ListPipelines(pb.ListPipelinesRequest()), lambda: stub.CreatePipeline(ask)):
                with pytest.raises(grpc.aio.AioRpcError) as away:
                    await call()
                details = error_details(away.value)
                assert (details.code, details.reason) == (grpc.StatusCode.UNAVAILABLE, "STORAGE_UNAVAILABLE")
                assert details.retry_after_seconds == 1
            with pytest.raises(TimeoutError):  # its own work finds the server away, again and again, and goes on
                await asyncio.wait_for(host.failed.wait(), 1.0)
            own_postgres_server.start()
            await stub.ListPipelines(pb.ListPipelinesRequest())
        await stub.CreatePipeline(ask)
        assert not host.failed.is_set()
