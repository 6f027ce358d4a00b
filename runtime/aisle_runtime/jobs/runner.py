"""Runs the jobs of a service: takes them up, starts children, stores what they bring, and looks after leases."""

import asyncio
import logging
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Connection

from aisle_runtime import telemetry
from aisle_runtime.db import Database
from aisle_runtime.errors import AisleError
from aisle_runtime.jobs import frames
from aisle_runtime.jobs.environment import child_environment, is_dead, owner_name
from aisle_runtime.jobs.model import CANCELLED, CRASHED, JobFailure, JobKind, JobRecord, JobState
from aisle_runtime.jobs.process import Attempt, ChildOrder, Outcome
from aisle_runtime.jobs.store import JobStore, StaleAttempt
from aisle_runtime.names import resource_id
from aisle_runtime.settings import ServiceSettings

LEASE_SECONDS = 15.0
RENEW_SECONDS = 5.0
COALESCE_SECONDS = 0.02
STORAGE_RETRY_SECONDS = 0.5
LONGEST_RETRY_DELAY_SECONDS = 30.0
TRANSIENT_FACTOR = 4
FAILED_FOLDER_SECONDS = 7 * 24 * 3600.0
_CANCELLED_FAILURE = JobFailure(CANCELLED, "The job was cancelled.", "Submit it again.")
_CRASHED_FAILURE = JobFailure(
    CRASHED,
    "The job's process ended unexpectedly, time and again.",
    "Ask the operator to look into the job's log, then submit it again.",
)
_log = logging.getLogger(__name__)


class Jobs:
    """The jobs of one service; `register` kinds, then `start`."""

    def __init__(self, service: str, settings: ServiceSettings, db: Database) -> None:
        """Keep jobs in `db` and their folders in `state_dir`/jobs; nothing runs before `start`."""
        self._service, self._settings, self._db = service, settings, db
        self._folder = settings.state_dir / "jobs"
        self._store = JobStore()
        self._kinds: dict[str, JobKind] = {}
        self._owner = owner_name(secrets.token_hex(4))
        self._running: dict[str, tuple[Attempt, asyncio.Task[None]]] = {}
        self._watchers: dict[str, set[asyncio.Event]] = {}
        self._seen: dict[str, int] = {}
        self._wake = asyncio.Event()
        self._pump_task: asyncio.Task[None] | None = None
        self._stopped = False
        self._next_renewal = 0.0
        self._remove_callback: Callable[[], None] = lambda: None

    def register(self, kind: JobKind) -> None:
        """Make a kind of job known; to be called before `start`. Raises ValueError for a name used twice."""
        if kind.kind in self._kinds:
            raise ValueError(f"the kind of job {kind.kind} is registered twice")
        self._kinds[kind.kind] = kind

    def submit(self, conn: Connection, kind: str, job_id: str, payload: bytes) -> JobRecord:
        """Queue a job in the transaction of `conn`, in the current trace; it starts after the commit.

        Repeating it with the same id, kind and payload returns the job as it is. Raises AlreadyExists (JOB_EXISTS)
        when the id belongs to another job, KeyError for an unknown kind.
        """
        registered = self._kinds[kind]
        resource_id(job_id, "job_id")
        if traceparent := telemetry.current_traceparent():
            return self._insert(conn, registered, job_id, payload, traceparent)
        with telemetry.span(
            f"{self._service}.{telemetry.SPAN_SUBMIT_JOB}",
            **{telemetry.ATTR_JOB_ID: job_id, telemetry.ATTR_JOB_KIND: kind},
        ):
            return self._insert(conn, registered, job_id, payload, telemetry.current_traceparent())

    def get(self, conn: Connection, job_id: str) -> JobRecord | None:
        """Return a job, or None."""
        return self._store.get(conn, job_id)

    def list(self, conn: Connection, kind: str, limit: int = 100, before: str = "") -> Sequence[JobRecord]:
        """Return jobs of a kind, newest first, after the job with the id `before` ("" = from the newest)."""
        return self._store.list(conn, kind, limit, before)

    async def cancel(self, job_id: str) -> JobRecord:
        """Ask for the end of a job and return it: a queued one has ended, a running one ends within six seconds.

        Does nothing to a job that has ended. Raises NotFound.
        """

        def write(conn: Connection) -> JobRecord:
            record, ended = self._store.request_cancel(conn, job_id)
            if ended:
                self._tell_cancelled(conn, record)
            return record

        return await self._db.write(write)

    async def watch(self, job_id: str, after_revision: int = 0) -> AsyncIterator[JobRecord]:
        """Yield the job whenever its revision passes `after_revision`, at once if it has, until it has ended.

        Changes that follow each other quickly may come as one. Raises NotFound.
        """
        changed = asyncio.Event()
        self._watchers.setdefault(job_id, set()).add(changed)
        try:
            while not self._stopped:
                changed.clear()
                record = await self._db.read(lambda conn: self._store.require(conn, job_id))
                if record.revision > after_revision:
                    after_revision = record.revision
                    yield record
                if record.state.is_final:
                    return
                await changed.wait()
        finally:
            self._watchers[job_id].discard(changed)
            if not self._watchers[job_id]:
                del self._watchers[job_id]
                self._seen.pop(job_id, None)

    async def start(self) -> None:
        """Take up what an earlier process left and begin to run jobs."""
        self._remove_callback = self._db.on_commit(self._wake.set)
        await self._take_back()
        await asyncio.to_thread(self._sweep_folders)
        self._next_renewal = time.monotonic() + RENEW_SECONDS
        self._pump_task = asyncio.create_task(self._pump(), name="jobs")

    async def stop(self) -> None:
        """Kill every child and give up the leases; the next start takes the jobs up again. May be repeated."""
        self._stopped = True
        self._remove_callback()
        if self._pump_task is not None:
            self._pump_task.cancel()
            await asyncio.gather(self._pump_task, return_exceptions=True)
        running, tasks = list(self._running.values()), [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*(attempt.kill() for attempt, _ in running), *tasks, return_exceptions=True)
        if self._pump_task is not None:
            self._pump_task = None
            with suppress(AisleError):
                await self._db.write(lambda conn: self._store.release(conn, self._owner))
        for events in self._watchers.values():
            for event in events:
                event.set()

    def _insert(self, conn: Connection, kind: JobKind, job_id: str, payload: bytes, traceparent: str) -> JobRecord:
        trace_id = telemetry.trace_id_of(traceparent)
        return self._store.insert(conn, job_id, kind.kind, payload, traceparent, trace_id)

    async def _pump(self) -> None:
        """Look around after every commit and whenever something is due."""
        # Python 3.11's wait_for loses a cancellation that comes together with what it waits for (cpython issue 86296).
        while not self._stopped:
            pause = STORAGE_RETRY_SECONDS
            try:
                pause = await self._look()
            except AisleError as error:
                _log.warning("jobs cannot be looked after", extra={"fields": {"reason": error.reason}})
            except Exception:  # noqa: BLE001 - a task root
                _log.exception("looking after jobs failed")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause)
            await asyncio.sleep(COALESCE_SECONDS)
            self._wake.clear()

    async def _look(self) -> float:
        """Wake watchers, pass cancellations on, start jobs, renew leases; returns when to look again at the latest."""
        if time.monotonic() >= self._next_renewal:
            self._next_renewal = time.monotonic() + RENEW_SECONDS
            await self._renew()
            await self._take_back()
        watched, running = list(self._watchers), list(self._running)
        overview = await self._db.read(lambda conn: self._store.overview(conn, watched, running))
        for job_id, revision in overview.revisions.items():
            if self._seen.get(job_id) != revision:
                self._seen[job_id] = revision
                for event in self._watchers.get(job_id, ()):
                    event.set()
        for job_id in overview.cancelled:
            if job_id in self._running:
                self._running[job_id][0].cancel()
        pause = max(0.0, self._next_renewal - time.monotonic())
        for name, earliest in overview.due.items():
            delay = earliest - self._store.now()
            if name in self._kinds and delay > 0:
                pause = min(pause, delay)
            elif name in self._kinds:
                await self._take_up(self._kinds[name])
        return pause

    async def _take_up(self, kind: JobKind) -> None:
        free = kind.max_parallel - sum(attempt.job.kind == kind.kind for attempt, _ in self._running.values())
        if free <= 0:
            return
        taken = await self._db.write(lambda conn: self._store.claim(conn, kind.kind, self._owner, free, LEASE_SECONDS))
        for job in taken:
            attempt = Attempt(job, kind, self._order(job, kind), self._folder / job.id, self._environment())
            self._running[job.id] = (attempt, asyncio.create_task(self._work(attempt, kind), name=f"job-{job.id}"))

    async def _work(self, attempt: Attempt, kind: JobKind) -> None:
        """See one attempt through, from its start to the stored outcome."""
        job = attempt.job
        try:
            try:
                await attempt.start()
                while (batch := await attempt.next_progress()) is not None:
                    if batch:
                        await self._store_progress(attempt, kind, batch)
                outcome = await attempt.outcome()
            except StaleAttempt:
                raise
            except Exception as error:  # noqa: BLE001 - a task root: this attempt counts as crashed
                _log.exception("an attempt at a job could not be seen through", extra={"fields": {"job": job.id}})
                await attempt.kill()
                outcome = Outcome(frames.CRASHED, facts={"exception": type(error).__name__})
            await self._store_outcome(attempt, kind, outcome)
        except StaleAttempt:
            _log.warning("another attempt has taken over", extra={"fields": {"job": job.id}})
            await attempt.kill()
        finally:
            await attempt.close()
            self._running.pop(job.id, None)
            self._wake.set()

    async def _store_progress(self, attempt: Attempt, kind: JobKind, batch: Sequence[frames.Frame]) -> None:
        job, last = attempt.job, batch[-1]
        told = [frame for frame in batch if frame.body] or [last]
        detail = told[-1].body

        def write(conn: Connection) -> None:
            ratio, phase = last.fields["ratio"], last.fields["phase"]
            record = self._store.progress(conn, job.id, job.fencing_token, ratio, phase, detail)
            if kind.on_progress is not None:
                for frame in told:
                    kind.on_progress(conn, record, frame.body)

        await self._write(attempt, write)

    async def _store_outcome(self, attempt: Attempt, kind: JobKind, outcome: Outcome) -> None:
        job = attempt.job
        if outcome.kind == frames.SUCCEEDED:
            await self._succeed(attempt, kind, outcome.result)
        elif outcome.kind == frames.CANCELLED:
            await self._write(attempt, lambda conn: self._end_cancelled(conn, job))
        elif outcome.kind == frames.FAILED and not outcome.transient and outcome.failure is not None:
            await self._fail(attempt, kind, outcome.failure)
        else:
            await self._try_again(attempt, kind, outcome)
        if outcome.kind == frames.CANCELLED or (outcome.kind == frames.SUCCEEDED and not kind.keep_workdir):
            await attempt.close()
            await asyncio.to_thread(shutil.rmtree, self._folder / job.id, True)

    async def _succeed(self, attempt: Attempt, kind: JobKind, result: bytes) -> None:
        job = attempt.job

        def write(conn: Connection) -> None:
            record = self._store.finish(conn, job.id, job.fencing_token, JobState.SUCCEEDED, result=result)
            if kind.on_succeeded is not None:
                kind.on_succeeded(conn, record, result)

        try:
            await self._write(attempt, write)
        except StaleAttempt:
            raise
        except AisleError as error:
            await self._fail(attempt, kind, JobFailure(error.reason, error.message, error.next_step, error.facts))
        except Exception:  # noqa: BLE001 - what a service does with a result must not leave the job running
            _log.exception("the result of a job could not be used", extra={"fields": {"job": job.id}})
            await self._fail(attempt, kind, _CRASHED_FAILURE)

    async def _fail(self, attempt: Attempt, kind: JobKind, failure: JobFailure) -> None:
        job = attempt.job

        def write(conn: Connection, tell: bool = True) -> None:
            record = self._store.finish(conn, job.id, job.fencing_token, JobState.FAILED, failure=failure)
            if tell and kind.on_failed is not None:
                kind.on_failed(conn, record, failure)

        try:
            await self._write(attempt, write)
        except StaleAttempt:
            raise
        except Exception:  # noqa: BLE001 - the job ends in any case
            _log.exception("the failure of a job could not be told", extra={"fields": {"job": job.id}})
            await self._write(attempt, lambda conn: write(conn, tell=False))
        _log.warning("a job failed", extra={"fields": {"job": job.id, "kind": job.kind, "reason": failure.reason}})

    async def _try_again(self, attempt: Attempt, kind: JobKind, outcome: Outcome) -> None:
        """Queue the job again after a crash or a passing failure, or let it fail when that happened too often."""
        job = attempt.job
        crashes = await self._db.read(lambda conn: self._store.crash_count(conn, job.id)) + 1
        fields = {"job": job.id, "kind": job.kind, "attempt": job.attempt_count, **outcome.facts}
        _log.warning("an attempt at a job did not end well", extra={"fields": fields})
        if crashes >= kind.max_attempts * (TRANSIENT_FACTOR if outcome.transient else 1):
            return await self._fail(attempt, kind, outcome.failure or _CRASHED_FAILURE)
        delay = min(kind.retry_delay_seconds * 2 ** (crashes - 1), LONGEST_RETRY_DELAY_SECONDS)

        def write(conn: Connection) -> None:
            record = self._store.require(conn, job.id)
            if record.cancel_requested:
                self._end_cancelled(conn, job)
            else:
                self._store.requeue(conn, job.id, job.fencing_token, crashes, delay)

        await attempt.close()
        return await self._write(attempt, write)

    def _end_cancelled(self, conn: Connection, job: JobRecord) -> None:
        record = self._store.finish(conn, job.id, job.fencing_token, JobState.CANCELLED)
        self._tell_cancelled(conn, record)

    def _tell_cancelled(self, conn: Connection, record: JobRecord) -> None:
        kind = self._kinds.get(record.kind)
        if kind is not None and kind.on_failed is not None:
            with telemetry.continue_trace(record.traceparent):
                kind.on_failed(conn, record, _CANCELLED_FAILURE)

    async def _write(self, attempt: Attempt, fn: Callable[[Connection], None]) -> None:
        """Store something in the trace of the attempt; waits as long as the storage is away."""
        while True:
            try:
                with telemetry.continue_trace(attempt.traceparent):
                    return await self._db.write(fn)
            except AisleError as error:
                if not error.reason.startswith("STORAGE_") or error.kind != "UNAVAILABLE":
                    raise
            await asyncio.sleep(STORAGE_RETRY_SECONDS)

    async def _renew(self) -> None:
        held = {job_id: attempt.job.fencing_token for job_id, (attempt, _) in self._running.items()}
        if not held:
            return
        lost = await self._db.write(lambda conn: self._store.renew(conn, held, LEASE_SECONDS))
        for job_id in lost & self._running.keys():
            await self._running[job_id][0].kill()

    async def _take_back(self) -> None:
        """Queue again the running jobs that nobody runs: their process died, or their lease is over."""
        own = list(self._running)
        found = await self._db.read(lambda conn: self._store.abandoned(conn, list(self._kinds), own, is_dead))
        for job in found:

            def write(conn: Connection, job: JobRecord = job) -> None:
                record = self._store.take_back(conn, job)
                if record.state is JobState.CANCELLED:
                    self._tell_cancelled(conn, record)

            with suppress(StaleAttempt):
                await self._db.write(write)
                _log.info("a job is taken up again", extra={"fields": {"job": job.id, "kind": job.kind}})

    def _sweep_folders(self) -> None:
        """Remove the folders of jobs that need them no more."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folders = {path.name: path for path in self._folder.iterdir() if path.is_dir()}
        states = self._db.read_sync(lambda conn: {name: self._store.get(conn, name) for name in folders})
        for name, record in states.items():
            if record is None or record.state is JobState.CANCELLED or self._outlived(record):
                shutil.rmtree(folders[name], ignore_errors=True)

    def _outlived(self, record: JobRecord) -> bool:
        kind = self._kinds.get(record.kind)
        if record.state is JobState.SUCCEEDED:
            return kind is not None and not kind.keep_workdir
        return record.state is JobState.FAILED and (record.end_time or 0.0) < time.time() - FAILED_FOLDER_SECONDS

    def _order(self, job: JobRecord, kind: JobKind) -> ChildOrder:
        settings = self._settings
        return ChildOrder(
            service=self._service,
            job_id=job.id,
            kind=job.kind,
            target=kind.target,
            attempt=job.attempt_count,
            fencing_token=job.fencing_token,
            traceparent=job.traceparent,
            otlp_endpoint=settings.otlp_endpoint,
            trace_sample_ratio=settings.trace_sample_ratio,
            log_level=settings.log_level,
            memory_limit_bytes=kind.memory_limit_bytes,
            niceness=kind.niceness,
        )

    def _environment(self) -> dict[str, str]:
        return child_environment(self._service, self._settings)


def workdir(settings: ServiceSettings, job_id: str) -> Path:
    """Return the folder in which a job works."""
    return settings.state_dir / "jobs" / resource_id(job_id, "job_id")
