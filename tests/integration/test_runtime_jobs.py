"""Jobs in real child processes over a real database: success, failure, crashes, cancellation, limits, a killed service."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aisle_runtime import telemetry
from aisle_runtime.db import Database
from aisle_runtime.jobs import JobFailure, JobKind, JobRecord, Jobs, JobState, StaleAttempt
from aisle_runtime.jobs.store import JobStore
from aisle_runtime.settings import ServiceSettings
from aisle_runtime.tables import RUNTIME
from sqlalchemy import Connection

FUNCTIONS = '''
import os, signal, time
from aisle_runtime.errors import NotFound, Unavailable
from aisle_runtime.jobs import JobContext
from aisle_runtime import telemetry


def double(context):
    context.progress(0.25, "read", b"quarter")
    context.progress(0.75, "fit", b"most")
    print("to the log")
    return context.payload * 2 + telemetry.current_trace_id().encode()


def no_data(context):
    raise NotFound("There is no data.", reason="NO_DATA", next_step="Bring some.", facts={"rows": "0"})


def resume(context):
    """Crash on the first attempts, each time in another way; each finds what the one before has written."""
    notes = context.workdir / "notes"
    before = notes.read_text() if notes.exists() else ""
    context.save("notes", before.encode() + str(context.attempt).encode())
    if context.attempt == 1:
        raise RuntimeError("secret /etc/path")
    if context.attempt == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    if context.attempt == 3:
        raise Unavailable("The peer is away.")
    return notes.read_text().encode()


def broken(context):
    raise ValueError("secret /etc/path")


def patient(context):
    context.progress(0.5, "waits")
    while not context.cancelled:
        time.sleep(0.01)
    return b"ended early"


def stubborn(context):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    context.progress(0.5, "waits")
    while True:
        time.sleep(1)


def greedy(context):
    held = []
    for _ in range(64):
        held.append(bytearray(os.urandom(1 << 20)) * 8)
        time.sleep(0.02)
    return b"too much"


def enormous(context):
    return bytes(1 << 40)


def once(context):
    """The first attempt never ends by itself; the second tells what it found."""
    notes = context.workdir / "notes"
    if context.attempt == 1:
        context.save("notes", str(os.getpid()).encode())
        context.progress(0.5, "half")
        while True:
            time.sleep(1)
    return f"{context.attempt} {context.fencing_token} {notes.read_text()}".encode()
'''

DRIVER = """
import asyncio, sys
from pathlib import Path
from aisle_runtime.db import Database
from aisle_runtime.jobs import JobKind, Jobs
from aisle_runtime.settings import ServiceSettings


async def main(folder, url):
    db = Database(url)
    jobs = Jobs("shop", ServiceSettings(state_dir=Path(folder)), db)
    jobs.register(JobKind("once", "shopjobs:once"))
    await jobs.start()
    await db.write(lambda conn: jobs.submit(conn, "once", "j-once", b""))
    async for job in jobs.watch("j-once"):
        print(job.phase, flush=True)


asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture(autouse=True)
def functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shopjobs.py").write_text(FUNCTIONS)
    (tmp_path / "driver.py").write_text(DRIVER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    if not telemetry.is_set_up():
        telemetry.setup("shop")


class Shop:
    """A running Jobs with what its callbacks heard."""

    def __init__(self, folder: Path, db: Database) -> None:
        self.db, self.folder = db, folder
        self.jobs = Jobs("shop", ServiceSettings(state_dir=folder), db)
        self.heard: list[tuple[Any, ...]] = []

    def kind(self, name: str, **more: Any) -> JobKind:
        def progress(conn: Connection, job: JobRecord, detail: bytes) -> None:
            self.heard.append(("progress", detail))

        def succeeded(conn: Connection, job: JobRecord, result: bytes) -> None:
            self.heard.append(("succeeded", job.state, result, telemetry.current_trace_id()))

        def failed(conn: Connection, job: JobRecord, failure: JobFailure) -> None:
            self.heard.append(("failed", job.state, failure.reason))

        told: dict[str, Any] = {"on_progress": progress, "on_succeeded": succeeded, "on_failed": failed}
        return JobKind(name, f"shopjobs:{name}", **{"retry_delay_seconds": 0.01, **told, **more})

    async def submit(self, name: str, payload: bytes = b"") -> JobRecord:
        return await self.db.write(lambda conn: self.jobs.submit(conn, name, f"j-{name}", payload))

    async def until(self, name: str, condition: Callable[[JobRecord], bool]) -> JobRecord:
        async with asyncio.timeout(30):
            async for job in self.jobs.watch(f"j-{name}"):
                if condition(job):
                    return job
        raise AssertionError(f"{name} ended as {job.state} with {job.failure}")

    async def ended(self, name: str) -> JobRecord:
        return await self.until(name, lambda job: job.state.is_final)


@asynccontextmanager
async def shop(folder: Path, *kinds: tuple[str, dict[str, Any]], url: str = "") -> AsyncIterator[Shop]:
    db = Database(url or f"sqlite:///{folder / 'state.db'}")
    await db.write(lambda conn: RUNTIME.jobs.metadata.create_all(conn))
    made = Shop(folder, db)
    for name, more in kinds:
        made.jobs.register(made.kind(name, **more))
    await made.jobs.start()
    try:
        yield made
    finally:
        await made.jobs.stop()
        db.close()


async def test_success_progress_and_one_trace(tmp_path: Path) -> None:
    async with shop(tmp_path, ("double", {})) as running:
        with telemetry.span("shop.ask"):
            trace_id = telemetry.current_trace_id()
            queued = await running.submit("double", b"ab")
        assert (queued.state, queued.trace_id) == (JobState.QUEUED, trace_id)
        seen = [job async for job in running.jobs.watch("j-double")]
        assert [job.revision for job in seen] == sorted({job.revision for job in seen})
        last = seen[-1]
        assert (last.state, last.result, last.attempt_count) == (JobState.SUCCEEDED, b"abab" + trace_id.encode(), 1)
        assert (last.phase, last.detail, last.progress_ratio) == ("fit", b"most", 1.0)
        assert running.heard == [
            ("progress", b"quarter"),
            ("progress", b"most"),
            ("succeeded", JobState.SUCCEEDED, last.result, trace_id),
        ]
        assert [job async for job in running.jobs.watch("j-double", last.revision)] == []
    assert not (tmp_path / "jobs" / "j-double").exists()


async def test_failures_have_their_reason_and_crashes_are_masked(tmp_path: Path) -> None:
    kinds = ("no_data", {}), ("broken", {"max_attempts": 2}), ("enormous", {"memory_limit_bytes": 256 << 20})
    async with shop(tmp_path, *kinds) as running:
        for name in ("no_data", "broken", "enormous"):
            await running.db.write(
                lambda conn, name=name: running.jobs.submit(conn, name, f"j-{name}".replace("_", "-"), b"")
            )
        no_data = await running.ended("no-data")
        assert no_data.failure == JobFailure("NO_DATA", "There is no data.", "Bring some.", {"rows": "0"})
        assert no_data.attempt_count == 1
        broken = await running.ended("broken")
        assert broken.failure is not None
        assert (broken.failure.reason, broken.attempt_count) == ("JOB_CRASHED", 2)
        assert "secret" not in str(broken.failure)
        assert "secret /etc/path" in (tmp_path / "jobs" / "j-broken" / "log").read_text()
        enormous = await running.ended("enormous")
        assert enormous.failure is not None
        assert (enormous.failure.reason, enormous.attempt_count) == ("JOB_OUT_OF_MEMORY", 1)
        assert {entry for entry in running.heard if entry[0] == "failed"} == {
            ("failed", JobState.FAILED, reason) for reason in ("NO_DATA", "JOB_CRASHED", "JOB_OUT_OF_MEMORY")
        }


async def test_a_crash_is_followed_by_another_attempt_that_finds_the_folder(tmp_path: Path) -> None:
    async with shop(tmp_path, ("resume", {"keep_workdir": True})) as running:
        await running.submit("resume")
        job = await running.ended("resume")
        assert (job.state, job.result, job.attempt_count) == (JobState.SUCCEEDED, b"1234", 4)
    assert (tmp_path / "jobs" / "j-resume" / "notes").read_text() == "1234"


async def test_cancelling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aisle_runtime.jobs.process.CANCEL_GRACE_SECONDS", 0.2)
    async with shop(tmp_path, ("patient", {}), ("stubborn", {})) as running:
        for name in ("patient", "stubborn"):
            await running.submit(name)
        await running.db.write(lambda conn: running.jobs.submit(conn, "patient", "j-queued", b""))
        assert (await running.jobs.cancel("j-queued")).state is JobState.CANCELLED
        for name in ("patient", "stubborn"):
            await running.until(name, lambda job: job.phase == "waits")
            await running.jobs.cancel(f"j-{name}")
            job = await running.ended(name)
            assert (job.state, job.failure, job.result) == (JobState.CANCELLED, None, b"")
        told = [entry for entry in running.heard if entry[0] == "failed"]
        assert told == [("failed", JobState.CANCELLED, "JOB_CANCELLED")] * 3


async def test_a_greedy_job_is_stopped(tmp_path: Path) -> None:
    async with shop(tmp_path, ("greedy", {"memory_limit_bytes": 160 << 20})) as running:
        await running.submit("greedy")
        job = await running.ended("greedy")
        assert job.failure is not None
        assert (job.failure.reason, job.failure.facts) == ("JOB_OUT_OF_MEMORY", {"limit_bytes": str(160 << 20)})
        assert job.attempt_count == 1


async def test_a_stopped_service_takes_its_jobs_up_again(tmp_path: Path) -> None:
    async with shop(tmp_path, ("once", {})) as running:
        await running.submit("once")
        await running.until("once", lambda job: job.phase == "half")
    child = int((tmp_path / "jobs" / "j-once" / "notes").read_text())
    assert not Path(f"/proc/{child}").exists()
    async with shop(tmp_path, ("once", {})) as running:
        job = await running.ended("once")
        assert (job.state, job.result.split()[0]) == (JobState.SUCCEEDED, b"2")


async def test_a_killed_service_takes_its_jobs_up_again(tmp_path: Path, database_url: str) -> None:
    db = Database(database_url)
    await db.write(lambda conn: RUNTIME.jobs.metadata.create_all(conn))
    db.close()
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(tmp_path / "driver.py"), str(tmp_path), database_url, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        while await process.stdout.readline() != b"half\n":
            pass
    child = int((tmp_path / "jobs" / "j-once" / "notes").read_text())
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    async with shop(tmp_path, ("once", {}), url=database_url) as running:
        job = await running.ended("once")
        assert (job.state, job.attempt_count) == (JobState.SUCCEEDED, 2)
        assert job.result == f"2 2 {child}".encode()
        store = JobStore()
        for late in (
            lambda conn: store.progress(conn, "j-once", 1, 0.9, "late"),
            lambda conn: store.finish(conn, "j-once", 1, JobState.SUCCEEDED, result=b"late"),
        ):
            with pytest.raises(StaleAttempt):
                await running.db.write(late)
        assert await running.db.read(lambda conn: store.require(conn, "j-once")) == job
    state = Path(f"/proc/{child}/stat")
    assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z", "the child outlived its parent"


async def test_two_runners_share_their_jobs_and_none_runs_twice(tmp_path: Path, database_url: str) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    kind = ("double", {"max_parallel": 1})
    async with (
        shop(tmp_path / "one", kind, url=database_url) as one,
        shop(tmp_path / "two", kind, url=database_url) as two,
    ):
        names = [f"j-{number}" for number in range(4)]
        for index, name in enumerate(names):
            running = (one, two)[index % 2]
            await running.db.write(lambda conn, s=running, n=name: s.jobs.submit(conn, "double", n, n.encode()))
        store = JobStore()
        async with asyncio.timeout(60):
            while not all(state.is_final for state in (await one.db.read(lambda c: store.states(c, names))).values()):
                await asyncio.sleep(0.05)
        for name in names:
            job = await one.db.read(lambda conn, name=name: store.require(conn, name))
            assert (job.state, job.attempt_count, job.fencing_token) == (JobState.SUCCEEDED, 1, 1)
        told = [entry[2] for entry in (*one.heard, *two.heard) if entry[0] == "succeeded"]
        assert sorted(result[: 2 * len(names[0])].decode() for result in told) == [name * 2 for name in names]


@pytest.mark.parametrize("ticks", range(8))
async def test_jobs_stop_although_a_commit_comes_in_the_same_moment(tmp_path: Path, ticks: int) -> None:
    db = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await db.write(lambda conn: RUNTIME.jobs.metadata.create_all(conn))
    jobs = Jobs("shop", ServiceSettings(state_dir=tmp_path), db)
    await jobs.start()
    while jobs._wake.is_set() or not jobs._wake._waiters:  # type: ignore[attr-defined]
        await asyncio.sleep(0)
    jobs._wake.set()
    for _ in range(ticks):
        await asyncio.sleep(0)
    stopping = asyncio.ensure_future(jobs.stop())
    done, _ = await asyncio.wait({stopping}, timeout=5)
    assert done
    await asyncio.to_thread(db.close)
