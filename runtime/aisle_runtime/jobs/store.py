"""Jobs in the database: every change is one guarded statement, so an attempt that lost its lease changes nothing."""

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, tuple_, update

from aisle_runtime.errors import Aborted, AlreadyExists, NotFound
from aisle_runtime.jobs.model import JobFailure, JobRecord, JobState
from aisle_runtime.tables import RUNTIME

_jobs = RUNTIME.jobs


class StaleAttempt(Aborted):
    """Another attempt has the job by now, or it has ended; nothing was stored."""

    reason = "JOB_ATTEMPT_STALE"


@dataclass(frozen=True, slots=True)
class Overview:
    """What the runner needs to know after a commit."""

    revisions: Mapping[str, int]
    """Revision by job id, for the ids asked about."""
    cancelled: frozenset[str]
    """Those of the running ids that somebody wants to end."""
    due: Mapping[str, float]
    """Per kind with queued jobs the earliest time at which one may start, seconds since the epoch."""


class JobStore:
    """The table of jobs; every method works in the transaction of the given connection."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        """Use `now` (seconds since the epoch) as the clock."""
        self.now = now

    def insert(
        self, conn: Connection, job_id: str, kind: str, payload: bytes, traceparent: str, trace_id: str
    ) -> JobRecord:
        """Queue a job and return it; one with this id, kind and payload is returned as it is.

        Raises AlreadyExists when the id belongs to another job.
        """
        if (known := self.get(conn, job_id)) is not None:
            if (known.kind, known.payload) != (kind, payload):
                raise AlreadyExists("A job with this id exists already.", reason="JOB_EXISTS")
            return known
        conn.execute(
            insert(_jobs).values(
                id=job_id,
                kind=kind,
                state=JobState.QUEUED,
                payload=payload,
                traceparent=traceparent,
                trace_id=trace_id,
                create_time=self.now(),
            )
        )
        return self.require(conn, job_id)

    def get(self, conn: Connection, job_id: str) -> JobRecord | None:
        """Return a job, or None."""
        row = conn.execute(select(_jobs).where(_jobs.c.id == job_id)).one_or_none()
        return None if row is None else _record(row)

    def require(self, conn: Connection, job_id: str) -> JobRecord:
        """Return a job; raises NotFound."""
        if (record := self.get(conn, job_id)) is None:
            raise NotFound("The job does not exist.", reason="JOB_NOT_FOUND")
        return record

    def list(self, conn: Connection, kind: str, limit: int, before: str = "") -> Sequence[JobRecord]:
        """Return jobs of a kind, newest first, that come after the job `before` in this order ("" = from the top)."""
        order = (_jobs.c.create_time, _jobs.c.id)
        query = select(_jobs).where(_jobs.c.kind == kind)
        if before:
            known = conn.execute(select(*order).where(_jobs.c.id == before)).one_or_none()
            if known is None:
                return []
            query = query.where(tuple_(*order) < tuple_(known.create_time, known.id))
        rows = conn.execute(query.order_by(*(column.desc() for column in order)).limit(limit))
        return [_record(row) for row in rows]

    def overview(self, conn: Connection, watched: Collection[str], running: Collection[str]) -> Overview:
        """Answer three questions at once; see Overview."""
        revisions = dict(_pairs(conn, select(_jobs.c.id, _jobs.c.revision).where(_jobs.c.id.in_(watched))))
        asked = select(_jobs.c.id, _jobs.c.revision).where(_jobs.c.id.in_(running), _jobs.c.cancel_requested.is_(True))
        queued = (
            select(_jobs.c.kind, func.min(_jobs.c.lease_expires))
            .where(_jobs.c.state == JobState.QUEUED)
            .group_by(_jobs.c.kind)
        )
        return Overview(
            revisions if watched else {},
            frozenset(dict(_pairs(conn, asked))) if running else frozenset(),
            dict(_pairs(conn, queued)),
        )

    def claim(self, conn: Connection, kind: str, owner: str, limit: int, lease_seconds: float) -> Sequence[JobRecord]:
        """Take up at most `limit` queued jobs of `kind` that may start now, oldest first."""
        now = self.now()
        ids = conn.scalars(
            select(_jobs.c.id)
            .where(_jobs.c.kind == kind, _jobs.c.state == JobState.QUEUED, _jobs.c.lease_expires <= now)
            .order_by(_jobs.c.create_time, _jobs.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        for job_id in ids:
            conn.execute(
                update(_jobs)
                .where(_jobs.c.id == job_id)
                .values(
                    state=JobState.RUNNING,
                    attempt_count=_jobs.c.attempt_count + 1,
                    fencing_token=_jobs.c.fencing_token + 1,
                    lease_owner=owner,
                    lease_expires=now + lease_seconds,
                    start_time=func.coalesce(_jobs.c.start_time, now),
                    revision=_jobs.c.revision + 1,
                )
            )
        return [self.require(conn, job_id) for job_id in ids]

    def renew(self, conn: Connection, held: Mapping[str, int], lease_seconds: float) -> frozenset[str]:
        """Prolong the leases of the attempts `held` (job id to fencing token) and return those that are lost."""
        lost = set()
        for job_id, token in held.items():
            changed = conn.execute(_guarded(job_id, token).values(lease_expires=self.now() + lease_seconds))
            if changed.rowcount == 0:
                lost.add(job_id)
        return frozenset(lost)

    def progress(
        self, conn: Connection, job_id: str, token: int, ratio: float, phase: str, detail: bytes = b""
    ) -> JobRecord:
        """Store how far the attempt with `token` is; raises StaleAttempt."""
        values: dict[str, Any] = {"progress_ratio": ratio, "phase": phase}
        if detail:
            values["detail"] = detail
        return self._change(conn, job_id, token, values)

    def finish(
        self,
        conn: Connection,
        job_id: str,
        token: int,
        state: JobState,
        *,
        result: bytes = b"",
        failure: JobFailure | None = None,
    ) -> JobRecord:
        """Store the outcome that the attempt with `token` brought; raises StaleAttempt."""
        values: dict[str, Any] = {"state": state, "end_time": self.now(), "lease_owner": "", "lease_expires": 0.0}
        values["failure"] = _failure_text(failure)
        if state is JobState.SUCCEEDED:
            values |= {"result": result, "progress_ratio": 1.0}
        return self._change(conn, job_id, token, values)

    def requeue(self, conn: Connection, job_id: str, token: int, crash_count: int, delay_seconds: float) -> JobRecord:
        """Queue the job of a crashed attempt again, not to start before the delay is over; raises StaleAttempt."""
        return self._change(
            conn,
            job_id,
            token,
            {
                "state": JobState.QUEUED,
                "lease_owner": "",
                "lease_expires": self.now() + delay_seconds,
                "failure": json.dumps({"crash_count": crash_count}),
            },
        )

    def crash_count(self, conn: Connection, job_id: str) -> int:
        """Return how many attempts of the unfinished job crashed."""
        text = conn.execute(select(_jobs.c.failure).where(_jobs.c.id == job_id)).scalar_one_or_none()
        return int(json.loads(text or "{}").get("crash_count", 0))

    def request_cancel(self, conn: Connection, job_id: str) -> tuple[JobRecord, bool]:
        """Ask for the end of a job; returns it and whether that ended it at once, which it does for a queued one.

        Does nothing to a job that has ended. Raises NotFound.
        """
        record = self.require(conn, job_id)
        if record.state.is_final or record.cancel_requested:
            return record, False
        values: dict[str, Any] = {"cancel_requested": True, "revision": _jobs.c.revision + 1}
        if record.state is JobState.QUEUED:
            values |= {"state": JobState.CANCELLED, "end_time": self.now(), "failure": None}
        conn.execute(update(_jobs).where(_jobs.c.id == job_id).values(values))
        return self.require(conn, job_id), record.state is JobState.QUEUED

    def abandoned(
        self, conn: Connection, kinds: Collection[str], own: Collection[str], is_dead: Callable[[str], bool]
    ) -> Sequence[JobRecord]:
        """Return running jobs whose lease is over or whose owner is known to be dead, those in `own` left out."""
        rows = conn.execute(
            select(_jobs).where(_jobs.c.state == JobState.RUNNING, _jobs.c.kind.in_(kinds), _jobs.c.id.not_in(own))
        ).all()
        return [_record(row) for row in rows if row.lease_expires <= self.now() or is_dead(row.lease_owner)]

    def take_back(self, conn: Connection, record: JobRecord) -> JobRecord:
        """Queue an abandoned job again, or end it when somebody asked for that; raises StaleAttempt."""
        values: dict[str, Any] = {"state": JobState.QUEUED, "lease_owner": "", "lease_expires": 0.0}
        if record.cancel_requested:
            values |= {"state": JobState.CANCELLED, "end_time": self.now(), "failure": None}
        return self._change(conn, record.id, record.fencing_token, values)

    def release(self, conn: Connection, owner: str) -> None:
        """Give up every lease of `owner`, so that the next start takes its jobs up at once."""
        conn.execute(
            update(_jobs)
            .where(_jobs.c.lease_owner == owner, _jobs.c.state == JobState.RUNNING)
            .values(lease_owner="", lease_expires=0.0)
        )

    def states(self, conn: Connection, ids: Collection[str]) -> dict[str, JobState]:
        """Return the states of those of the given jobs that exist."""
        rows = _pairs(conn, select(_jobs.c.id, _jobs.c.state).where(_jobs.c.id.in_(ids)))
        return {job_id: JobState(state) for job_id, state in rows}

    def _change(self, conn: Connection, job_id: str, token: int, values: Mapping[str, Any]) -> JobRecord:
        changed = conn.execute(_guarded(job_id, token).values({**values, "revision": _jobs.c.revision + 1}))
        if changed.rowcount == 0:
            raise StaleAttempt("Another attempt has taken over the job.", facts={"job": job_id})
        return self.require(conn, job_id)


def _guarded(job_id: str, token: int) -> Any:
    return update(_jobs).where(_jobs.c.id == job_id, _jobs.c.fencing_token == token, _jobs.c.state == JobState.RUNNING)


def _pairs(conn: Connection, query: Any) -> Sequence[tuple[str, Any]]:
    return [(row[0], row[1]) for row in conn.execute(query)]


def _failure_text(failure: JobFailure | None) -> str | None:
    if failure is None:
        return None
    told = {"reason": failure.reason, "message": failure.message, "next_step": failure.next_step}
    return json.dumps({**told, "facts": dict(failure.facts)})


def _record(row: Row[Any]) -> JobRecord:
    state = JobState(row.state)
    failure = None
    if state is JobState.FAILED and row.failure:
        told = json.loads(row.failure)
        failure = JobFailure(told["reason"], told["message"], told["next_step"], told["facts"])
    return JobRecord(
        id=row.id,
        kind=row.kind,
        state=state,
        payload=bytes(row.payload),
        result=bytes(row.result or b""),
        failure=failure,
        progress_ratio=row.progress_ratio,
        phase=row.phase,
        detail=bytes(row.detail or b""),
        attempt_count=row.attempt_count,
        fencing_token=row.fencing_token,
        cancel_requested=bool(row.cancel_requested),
        trace_id=row.trace_id,
        traceparent=row.traceparent,
        revision=row.revision,
        create_time=row.create_time,
        start_time=row.start_time,
        end_time=row.end_time,
    )
