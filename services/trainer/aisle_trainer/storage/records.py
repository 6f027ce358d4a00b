"""Reads and writes of the trainer's tables; every function works in the transaction of the given connection."""

from collections.abc import Collection
from dataclasses import dataclass

from aisle.trainer.v1 import training_job_pb2 as pb
from sqlalchemy import Connection, insert, select, update

from aisle_trainer.storage.tables import evaluations, training_jobs


@dataclass(frozen=True, slots=True)
class StoredJob:
    """One training job as stored."""

    id: str
    body: bytes
    """Serialized TrainingJob without its status."""
    slip: bytes
    """Serialized RoutingSlip; b"" when no pipeline run asked for the job."""


def add_job(conn: Connection, job: StoredJob, pipeline_run: str, create_time: float) -> None:
    """Store a new job."""
    values = {
        "id": job.id,
        "body": job.body,
        "slip": job.slip,
        "pipeline_run": pipeline_run,
        "create_time": create_time,
    }
    conn.execute(insert(training_jobs).values(values))


def get_job(conn: Connection, job_id: str) -> StoredJob | None:
    """Return a job, or None."""
    table = training_jobs
    row = conn.execute(select(table.c.body, table.c.slip).where(table.c.id == job_id)).one_or_none()
    return None if row is None else StoredJob(job_id, bytes(row.body), bytes(row.slip))


def get_bodies(conn: Connection, job_ids: Collection[str]) -> dict[str, bytes]:
    """Return the bodies of jobs by id."""
    table = training_jobs
    rows = conn.execute(select(table.c.id, table.c.body).where(table.c.id.in_(job_ids)))
    return {row.id: bytes(row.body) for row in rows}


def set_body(conn: Connection, job_id: str, body: bytes) -> None:
    """Replace the body of a job."""
    conn.execute(update(training_jobs).where(training_jobs.c.id == job_id).values(body=body))


def replace_body(conn: Connection, job_id: str, before: bytes, body: bytes) -> bool:
    """Replace the body of a job unless it is another one than `before` by now."""
    mine = (training_jobs.c.id == job_id) & (training_jobs.c.body == before)
    return conn.execute(update(training_jobs).where(mine).values(body=body)).rowcount == 1


def all_job_ids(conn: Connection) -> list[str]:
    """Return the ids of all jobs, oldest first."""
    return list(conn.execute(select(training_jobs.c.id).order_by(training_jobs.c.create_time)).scalars())


def all_evaluation_ids(conn: Connection) -> list[str]:
    """Return the ids of all evaluations."""
    return list(conn.execute(select(evaluations.c.id)).scalars())


def artifact_digests(conn: Connection) -> set[str]:
    """Return the digests of every file that some job names."""
    bodies = conn.execute(select(training_jobs.c.body)).scalars()
    return {one.sha256 for body in bodies for one in pb.TrainingJob.FromString(bytes(body)).artifacts}


def run_has_job(conn: Connection, pipeline_run: str) -> bool:
    """Say whether a pipeline run has its training job already."""
    found = select(training_jobs.c.id).where(training_jobs.c.pipeline_run == pipeline_run).limit(1)
    return conn.execute(found).one_or_none() is not None


def add_evaluation(conn: Connection, evaluation_id: str, training_job: str, body: bytes, create_time: float) -> None:
    """Store a new evaluation."""
    values = {"id": evaluation_id, "training_job": training_job, "body": body, "create_time": create_time}
    conn.execute(insert(evaluations).values(values))


def get_evaluation(conn: Connection, evaluation_id: str) -> bytes | None:
    """Return a serialized Evaluation, or None."""
    row = conn.execute(select(evaluations.c.body).where(evaluations.c.id == evaluation_id)).one_or_none()
    return None if row is None else bytes(row.body)
