"""Two processes that publish versions of one dataset at the same time."""

import json
import multiprocessing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.mapping import ColumnMapping
from aisle_governance.domain.model import Dataset, DatasetRun, QualityReport, Run
from aisle_governance.running import JOB_KIND, Runs
from aisle_governance.storage import catalog, history
from aisle_runtime.db import Database
from aisle_runtime.jobs import JobRecord, JobState
from aisle_runtime.outbox import Outbox
from aisle_runtime.tables import RUNTIME
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

NOW = datetime(2024, 5, 1, tzinfo=UTC)
EACH = 5
WRITERS = 2


def open_database(folder: Path) -> Database:
    return Database(f"sqlite:///{folder / 'state.db'}")


def run_id(writer: int, number: int) -> str:
    return f"gov-{writer}-{number}"


def result_of(run: str) -> bytes:
    report = QualityReport("d", run, 1, 1, 0, (), (), (), (), 1.0)
    made = {
        "dataset": "d",
        "kind": "ORDERS",
        "imports": ["i"],
        "content_hash": run,
        "contract_hash": "c",
        "rule_set_hash": "r",
        "unchanged_version": 0,
        "row_count": 1,
        "columns": [["title", "string"]],
        "folder": f"d/{run}",
        "files": [],
        "report": report.to_json(),
    }
    return json.dumps({"datasets": [made]}).encode()


def succeeded(job: str) -> JobRecord:
    done = (None, 1.0, "", b"", 1, 1, False, "0" * 32, "", 1, 0.0, 0.0, 1.0)
    return JobRecord(job, JOB_KIND, JobState.SUCCEEDED, b"", b"", *done)


def publish(folder: Path, writer: int, barrier: object) -> None:
    """What a service does when its jobs have succeeded, `EACH` times."""
    database = open_database(folder)
    runs = Runs(None, Outbox("governance"))  # type: ignore[arg-type] - only starting a run needs jobs
    barrier.wait()  # type: ignore[attr-defined]
    for number in range(EACH):
        job = succeeded(run_id(writer, number))
        database.write_sync(lambda conn, job=job: runs.on_succeeded(conn, job, result_of(job.id)))
    database.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    database = open_database(tmp_path)
    database.migrate("aisle_governance.storage")
    dataset = Dataset("d", DatasetKind.ORDERS, ColumnMapping({}), "", NOW)

    def prepare(conn: object) -> None:
        catalog.add_dataset(conn, dataset)  # type: ignore[arg-type]
        for writer in range(WRITERS):
            for number in range(EACH):
                history.add_run(conn, Run(run_id(writer, number), 0, (DatasetRun("d"),)))  # type: ignore[arg-type]

    database.write_sync(prepare)
    database.close()
    return tmp_path


def test_versions_of_two_processes_are_numbered_without_gaps_and_none_is_lost(folder: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(WRITERS)
    writers = [context.Process(target=publish, args=(folder, writer, barrier)) for writer in range(WRITERS)]
    for one in writers:
        one.start()
    for one in writers:
        one.join(120)
    assert [one.exitcode for one in writers] == [0] * WRITERS
    database = open_database(folder)
    versions = database.read_sync(lambda conn: history.list_versions(conn, "d", None, 100))
    told = database.read_sync(lambda conn: conn.execute(select(func.count()).select_from(RUNTIME.outbox)).scalar())
    latest = database.read_sync(lambda conn: catalog.get_dataset(conn, "d").latest_version)
    database.close()
    total = EACH * WRITERS
    assert sorted(one.number for one in versions) == list(range(1, total + 1))
    assert all(one.parent == one.number - 1 for one in versions)
    assert {one.run for one in versions} == {
        run_id(writer, number) for writer in range(WRITERS) for number in range(EACH)
    }
    assert latest == total
    assert told == 2 * total  # DatasetVersionPublished and GovernanceRunCompleted of each


def test_a_number_that_is_taken_is_refused(folder: Path) -> None:
    """The last line of defence, should a writer ever count on its own."""
    database = open_database(folder)
    runs = Runs(None, Outbox("governance"))  # type: ignore[arg-type]
    job = succeeded(run_id(0, 0))
    database.write_sync(lambda conn: runs.on_succeeded(conn, job, result_of(job.id)))
    made = database.read_sync(lambda conn: history.get_version(conn, "d", 1))
    with pytest.raises(IntegrityError):
        database.write_sync(lambda conn: history.add_version(conn, replace(made, content_hash="other")))
    database.close()
