"""When an erasure may sweep, and when it has to look again."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aisle_governance.domain.erasures import ErasureStage
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.mapping import ColumnMapping
from aisle_governance.domain.model import Dataset, Dialect, FileFormat, Import
from aisle_governance.erasing import Erasures
from aisle_governance.storage import catalog, ledger
from aisle_runtime.db import Database
from aisle_runtime.jobs import JobRecord, Jobs
from aisle_runtime.outbox import Outbox
from aisle_runtime.tables import RUNTIME
from sqlalchemy import Connection, insert, inspect, update

KEY = b"k" * 32
NOTHING = {"imports": [], "releases": [], "reports": [], "versions": [], "manifest": "m" * 64, "row_ids": []}


class StoredJobs:
    """Jobs that are stored and never run."""

    def submit(self, conn: Connection, kind: str, job_id: str, payload: bytes) -> None:
        values = {"id": job_id, "kind": kind, "state": "QUEUED", "payload": payload, "create_time": 1.0}
        conn.execute(insert(RUNTIME.jobs).values(values))

    def get(self, conn: Connection, job_id: str) -> Any:
        row = conn.execute(RUNTIME.jobs.select().where(RUNTIME.jobs.c.id == job_id)).one_or_none()
        return None if row is None else SimpleNamespace(id=row.id, kind=row.kind, payload=bytes(row.payload))


@pytest.fixture
def conn(database_url: str) -> Iterator[Connection]:
    database = Database(database_url)
    database.migrate("aisle_governance.storage")
    with database._engine.connect() as connection:
        catalog.add_dataset(connection, Dataset("d", DatasetKind.ORDERS, ColumnMapping(), "", datetime.now(UTC)))
        yield connection
    database.close()


JOBS = StoredJobs()
ERASURES = Erasures(cast(Jobs, JOBS), Outbox("governance"), KEY)


def add_import(conn: Connection, name: str, exclusion_count: int, state: str = "SUCCEEDED") -> None:
    catalog.add_import(conn, Import(name, "d", 0, "a.csv", name.ljust(64, "0"), 1, FileFormat.CSV, Dialect()))
    JOBS.submit(conn, "import", name, json.dumps({"exclusion_count": exclusion_count}).encode())
    end(conn, name, state)


def end(conn: Connection, job: str, state: str = "SUCCEEDED") -> None:
    conn.execute(update(RUNTIME.jobs).where(RUNTIME.jobs.c.id == job).values(state=state))


def rewritten(conn: Connection, erasure_id: str, **made: Any) -> ErasureStage:
    """Let the newest round end."""
    job = JOBS.get(conn, ledger.get_erasure(conn, erasure_id).job)
    end(conn, job.id)
    ERASURES.on_rewritten(conn, cast(JobRecord, job), json.dumps(NOTHING | made).encode())
    return ledger.get_erasure(conn, erasure_id).stage


def test_an_import_that_ended_during_the_round_is_searched_in_another(conn: Connection) -> None:
    add_import(conn, "imp-1", 0)
    begun = ERASURES.start(conn, "cust-1")
    add_import(conn, "imp-2", 0)
    assert rewritten(conn, begun.id) is ErasureStage.REWRITING
    searched = json.loads(JOBS.get(conn, ledger.get_erasure(conn, begun.id).job).payload)
    assert [item["id"] for item in searched["imports"]] == ["imp-1", "imp-2"]
    assert rewritten(conn, begun.id) is ErasureStage.SWEEPING


def test_an_import_that_knew_of_the_exclusion_needs_no_search(conn: Connection) -> None:
    begun = ERASURES.start(conn, "cust-1")
    add_import(conn, "imp-1", 1)
    add_import(conn, "imp-2", 1, "RUNNING")
    assert rewritten(conn, begun.id) is ErasureStage.SWEEPING


def test_what_had_begun_before_is_waited_for(conn: Connection) -> None:
    add_import(conn, "imp-1", 0, "RUNNING")
    begun = ERASURES.start(conn, "cust-1")
    assert rewritten(conn, begun.id) is ErasureStage.WAITING
    ERASURES.look_after_waiting(conn)
    assert ledger.get_erasure(conn, begun.id).stage is ErasureStage.WAITING
    end(conn, "imp-1")
    ERASURES.look_after_waiting(conn)
    assert ledger.get_erasure(conn, begun.id).stage is ErasureStage.REWRITING
    assert rewritten(conn, begun.id) is ErasureStage.SWEEPING


def test_a_run_over_files_that_go_is_waited_for_and_another_is_not(conn: Connection) -> None:
    add_import(conn, "imp-1", 0)
    begun = ERASURES.start(conn, "cust-1")
    for name, rows in (("gov-old", "a" * 64), ("gov-new", "b" * 64)):
        payload = {"datasets": [{"imports": [{"rows": rows}], "released": {"rows": []}}]}
        JOBS.submit(conn, "govern", name, json.dumps(payload).encode())
    erasure = ledger.get_erasure(conn, begun.id)
    erasure.record.old_artifacts = ["a" * 64]
    ledger.save_erasure(conn, erasure)
    assert rewritten(conn, begun.id) is ErasureStage.WAITING
    assert ledger.get_erasure(conn, begun.id).record.waiting_for == ["gov-old"]


def everything(conn: Connection) -> str:
    tables = [conn.exec_driver_sql(f'SELECT * FROM "{name}"').all() for name in inspect(conn).get_table_names()]
    return str(tables)


def test_the_id_is_stored_nowhere_and_a_second_call_joins_the_first(conn: Connection) -> None:
    first = ERASURES.start(conn, "cust-1")
    assert ERASURES.start(conn, " cust-1 ").id == first.id
    assert ERASURES.start(conn, "cust-2").id != first.id
    assert ERASURES.collectable(conn, {"cust-1", "cust-3", ""}) == {"cust-3", ""}
    stored = everything(conn)
    assert "cust-1" not in stored and first.subject in stored
