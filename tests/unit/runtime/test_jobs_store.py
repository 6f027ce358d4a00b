"""The table of jobs: leases, fencing, order and what an attempt that lost its job may not do."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from aisle_runtime.db import Database
from aisle_runtime.errors import AlreadyExists, NotFound
from aisle_runtime.jobs import JobFailure, JobRecord, JobState, StaleAttempt
from aisle_runtime.jobs.environment import child_environment, is_dead, owner_name
from aisle_runtime.jobs.store import JobStore
from aisle_runtime.settings import ServiceSettings, service_config
from aisle_runtime.tables import RUNTIME
from pydantic import SecretStr

TRACE = f"00-{'a' * 32}-{'b' * 16}-01"


class Table:
    """The store over a real database, each call one transaction, with a clock that obeys."""

    def __init__(self, db: Database) -> None:
        self.db, self.time = db, 1000.0
        self.store = JobStore(lambda: self.time)
        db.write_sync(lambda conn: RUNTIME.jobs.metadata.create_all(conn))

    def submit(self, job_id: str, kind: str = "train", payload: bytes = b"p") -> JobRecord:
        return self.db.write_sync(lambda conn: self.store.insert(conn, job_id, kind, payload, TRACE, "a" * 32))

    def claim(self, limit: int = 1, kind: str = "train", owner: str = "me") -> list[JobRecord]:
        return list(self.db.write_sync(lambda conn: self.store.claim(conn, kind, owner, limit, 15)))

    def get(self, job_id: str) -> JobRecord:
        return self.db.read_sync(lambda conn: self.store.require(conn, job_id))

    def abandoned(self, *own: str, dead: str = "") -> list[str]:
        found = self.db.read_sync(lambda conn: self.store.abandoned(conn, ["train"], own, lambda owner: owner == dead))
        return [job.id for job in found]


@pytest.fixture
def table(database_url: str) -> Iterator[Table]:
    db = Database(database_url)
    yield Table(db)
    db.close()


def test_a_job_goes_from_queue_to_end(table: Table) -> None:
    queued = table.submit("one", payload=b"work")
    assert (queued.state, queued.attempt_count, queued.revision, queued.trace_id) == (JobState.QUEUED, 0, 1, "a" * 32)
    table.time += 5
    [taken] = table.claim()
    assert (taken.state, taken.attempt_count, taken.start_time) == (JobState.RUNNING, 1, 1005.0)
    token = taken.fencing_token
    middle = table.db.write_sync(lambda conn: table.store.progress(conn, "one", token, 0.5, "fit", b"d"))
    assert (middle.progress_ratio, middle.phase, middle.detail, middle.revision) == (0.5, "fit", b"d", 3)
    table.time += 5
    ended = table.db.write_sync(lambda conn: table.store.finish(conn, "one", token, JobState.SUCCEEDED, result=b"done"))
    assert (ended.state, ended.result, ended.progress_ratio, ended.end_time) == (JobState.SUCCEEDED, b"done", 1, 1010)
    assert table.get("one") == ended
    assert ended.state.is_final


def test_a_stale_attempt_stores_nothing(table: Table) -> None:
    table.submit("one")
    [first] = table.claim()
    table.time += 16
    assert table.abandoned() == ["one"]
    table.db.write_sync(lambda conn: table.store.take_back(conn, first))
    [second] = table.claim(owner="other")
    assert (second.attempt_count, second.fencing_token > first.fencing_token) == (2, True)
    for late in (
        lambda conn: table.store.progress(conn, "one", first.fencing_token, 0.9, "late"),
        lambda conn: table.store.finish(conn, "one", first.fencing_token, JobState.SUCCEEDED, result=b"late"),
        lambda conn: table.store.requeue(conn, "one", first.fencing_token, 1, 0),
        lambda conn: table.store.take_back(conn, first),
    ):
        with pytest.raises(StaleAttempt) as caught:
            table.db.write_sync(late)
        assert (caught.value.kind, caught.value.reason) == ("ABORTED", "JOB_ATTEMPT_STALE")
    assert table.get("one") == second
    held = {"one": first.fencing_token}
    assert table.db.write_sync(lambda conn: table.store.renew(conn, held, 15)) == {"one"}


def test_what_has_ended_stays_ended(table: Table) -> None:
    table.submit("one")
    [job] = table.claim()
    failure = JobFailure("NO_DATA", "There is none.", "Bring some.", {"rows": "0"})
    table.db.write_sync(
        lambda conn: table.store.finish(conn, "one", job.fencing_token, JobState.FAILED, failure=failure)
    )
    assert table.get("one").failure == failure
    with pytest.raises(StaleAttempt):
        table.db.write_sync(lambda conn: table.store.finish(conn, "one", job.fencing_token, JobState.SUCCEEDED))
    assert table.db.write_sync(lambda conn: table.store.request_cancel(conn, "one"))[0].state is JobState.FAILED


def test_a_renewed_lease_and_an_own_job_are_not_abandoned(table: Table) -> None:
    table.submit("one")
    [job] = table.claim()
    table.time += 10
    table.db.write_sync(lambda conn: table.store.renew(conn, {"one": job.fencing_token}, 15))
    table.time += 10
    assert table.abandoned() == []
    assert table.abandoned(dead="me") == ["one"]
    table.time += 10
    assert table.abandoned() == ["one"]
    assert table.abandoned("one") == []
    assert table.get("one").revision == job.revision, "a renewal is no news"


def test_a_released_lease_is_free_at_once(table: Table) -> None:
    table.submit("one")
    table.claim()
    table.db.write_sync(lambda conn: table.store.release(conn, "me"))
    assert table.get("one").state is JobState.RUNNING
    assert table.abandoned() == ["one"]


def test_a_crashed_job_waits_and_its_crashes_are_counted(table: Table) -> None:
    table.submit("one")
    [job] = table.claim()
    table.db.write_sync(lambda conn: table.store.requeue(conn, "one", job.fencing_token, 1, 4.0))
    assert table.get("one").failure is None
    assert table.db.read_sync(lambda conn: table.store.crash_count(conn, "one")) == 1
    assert table.db.read_sync(lambda conn: table.store.overview(conn, [], [])).due == {"train": 1004.0}
    assert table.claim() == []
    table.time += 4
    assert [job.id for job in table.claim()] == ["one"]


def test_a_queued_job_is_cancelled_at_once_and_a_running_one_on_request(table: Table) -> None:
    table.submit("waits")
    record, ended = table.db.write_sync(lambda conn: table.store.request_cancel(conn, "waits"))
    assert (record.state, ended, record.end_time) == (JobState.CANCELLED, True, 1000.0)
    table.submit("runs")
    [running] = table.claim()
    record, ended = table.db.write_sync(lambda conn: table.store.request_cancel(conn, "runs"))
    assert (record.state, ended, record.cancel_requested) == (JobState.RUNNING, False, True)
    seen = table.db.read_sync(lambda conn: table.store.overview(conn, ["runs"], ["runs", "waits"]))
    assert seen.cancelled >= {"runs"}
    assert seen.revisions == {"runs": running.revision + 1}
    taken_back = table.db.write_sync(lambda conn: table.store.take_back(conn, record))
    assert taken_back.state is JobState.CANCELLED
    with pytest.raises(NotFound):
        table.db.write_sync(lambda conn: table.store.request_cancel(conn, "absent"))


def test_an_id_names_one_job(table: Table) -> None:
    first = table.submit("one", payload=b"a")
    assert table.submit("one", payload=b"a") == first
    with pytest.raises(AlreadyExists):
        table.submit("one", payload=b"b")


def test_the_oldest_of_a_kind_goes_first(table: Table) -> None:
    for job_id in ("c", "a", "b"):
        table.submit(job_id)
        table.time += 1
    table.submit("x", kind="other")
    assert [job.id for job in table.claim(limit=2)] == ["c", "a"]
    assert [job.id for job in table.claim(limit=2)] == ["b"]


def test_lists_go_from_the_newest_in_pages(table: Table) -> None:
    for number in range(5):
        table.submit(f"j{number}")
        table.time += number % 2  # some are of the same moment
    listed: list[str] = []
    before = ""
    while page := table.db.read_sync(lambda conn, before=before: table.store.list(conn, "train", 2, before)):
        listed += [job.id for job in page]
        before = page[-1].id
    assert listed == ["j4", "j3", "j2", "j1", "j0"]
    assert table.db.read_sync(lambda conn: table.store.list(conn, "train", 2, "absent")) == []


def test_an_owner_is_known_to_be_dead_or_not() -> None:
    mine = owner_name("n")
    host, boot, pid, started, nonce = mine.split("|")
    assert not is_dead(mine)
    assert is_dead("|".join([host, boot, pid, "1.00", nonce])), "the id was given to another process"
    assert is_dead("|".join([host, boot, str(2**22 - 3), started, nonce]))
    assert is_dead("|".join([host, "another-boot", pid, started, nonce]))
    assert not is_dead("|".join(["another-host", boot, pid, "1.00", nonce]))
    assert not is_dead("")


def test_a_child_gets_the_settings_in_force(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class ShopSettings(ServiceSettings):
        model_config = service_config("shop")
        shelves: tuple[str, ...] = ("a",)

    given = ShopSettings(state_dir=tmp_path, nats_password=SecretStr("pass word"), shelves=("x", "y"))
    for name, value in child_environment("shop", given).items():
        monkeypatch.setenv(name, value)
    assert ShopSettings() == given
