"""The trainer's copies of a person: histories in bundles, values per customer in evaluations, and what unfinished jobs left behind."""

import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aisle.trainer.v1 import evaluation_job_pb2 as evaluation_pb
from aisle.trainer.v1 import trainer_events_pb2 as events_pb
from aisle.trainer.v1 import training_job_pb2 as pb
from aisle_runtime.artifacts import ArtifactStore
from aisle_runtime.db import Database
from aisle_runtime.erasing.bundles import Rewritten, StoredFile, rewrite_bundle
from aisle_runtime.erasing.messages import scrub
from aisle_runtime.erasing.stores import JobTypes
from aisle_runtime.erasing.subjects import Subjects
from aisle_runtime.erasing.worker import StillWaiting, Task
from aisle_runtime.tables import RUNTIME
from sqlalchemy import Connection, select, update

from aisle_trainer.evaluating import KIND as EVALUATE
from aisle_trainer.storage import records
from aisle_trainer.storage.tables import evaluations
from aisle_trainer.training import KIND

PERSON_KEYS = ("customer_id",)
JOB_TYPES: JobTypes = {
    KIND: {"payload": pb.TrainingJob, "detail": pb.TrainingJob, "result": events_pb.TrainingJobSucceeded},
    EVALUATE: {"payload": evaluation_pb.EvaluationJob, "result": evaluation_pb.EvaluationJob},
}
_OPEN = ("QUEUED", "RUNNING")


@dataclass(frozen=True, slots=True)
class Copies:
    """Deletes what the trainer keeps of a person."""

    db: Database
    artifacts: ArtifactStore
    state_dir: Path
    _cleaned: set[str] = field(default_factory=set)
    """Erasures for which everything was searched while jobs that had begun before still ran."""

    async def scrub(self, task: Task) -> None:
        """Rewrite bundles and evaluations; jobs that began before the erasure may have read the rows and are waited for.

        Raises StillWaiting.
        """
        erasure = task.order.erasure
        if (
            erasure in self._cleaned
        ):  # what can change now are those jobs; searching all again waits until they have ended
            self._raise_while_open(await self.db.read(lambda conn: _open_before(conn, task.create_time)))
        for job_id in await self.db.read(records.all_job_ids):
            await self._rewrite(job_id, task)
        for evaluation_id in await self.db.read(records.all_evaluation_ids):

            def clean(conn: Connection, wanted: str = evaluation_id) -> Mapping[str, int]:
                return {"evaluation_values": _scrub_evaluation(conn, wanted, task.subjects)}

            await task.write(clean)
        await self._forget_files(task)
        self._cleaned.add(erasure)
        self._raise_while_open(await self.db.read(lambda conn: _open_before(conn, task.create_time)))
        self._cleaned.discard(erasure)

    @staticmethod
    def _raise_while_open(waiting: list[str]) -> None:
        if waiting:
            raise StillWaiting(
                "Training that had begun before the erasure may have read the rows.",
                next_step="Nothing to do: its files are cleaned when it has ended.",
                facts={"training_job": f"trainingJobs/{waiting[0]}", "jobs": str(len(waiting))},
            )

    async def _rewrite(self, job_id: str, task: Task) -> None:
        """Put a job's bundle without the person in the place of the one with the person."""
        stored = await self.db.read(lambda conn: records.get_job(conn, job_id))
        if stored is None:
            return
        job = pb.TrainingJob.FromString(stored.body)
        files = [StoredFile(one.path, one.sha256, one.size_bytes) for one in job.artifacts]
        found = await asyncio.to_thread(rewrite_bundle, self.artifacts, files, task.subjects, PERSON_KEYS)
        if found is None:
            return
        if found.text_count:  # the cache keeps a vector of each text under its hash
            await asyncio.to_thread(self._forget_vectors)

        def replace(conn: Connection) -> Mapping[str, int]:
            if not records.replace_body(conn, job_id, stored.body, _with_files(job, found).SerializeToString()):
                return {}
            _replace_events(conn, job.name, found)
            return {
                "bundle_files": len(found.changed),
                "bundle_rows": found.row_count,
                "bundle_texts": found.text_count,
            }

        if not await task.write(replace):
            raise StillWaiting(
                "A training job changed while its bundle was rewritten.", facts={"training_job": job.name}
            )

    def _forget_vectors(self) -> None:
        for file in (self.state_dir / "cache").glob("embeddings-*"):
            file.unlink(missing_ok=True)

    async def _forget_files(self, task: Task) -> None:
        """Delete artifacts of no job, and unfinished bundles of jobs that do not run; none may be being written."""
        running = await self.db.read(lambda conn: _open_before(conn, float("inf")))
        left = [one for one in (self.state_dir / "jobs").glob("*/bundle") if one.parent.name not in running]
        for folder in left:
            await asyncio.to_thread(shutil.rmtree, folder, True)
        gone = 0
        if not running:  # a job stores its files before its outcome names them
            needed = await self.db.read(records.artifact_digests)
            stored = await asyncio.to_thread(self.artifacts.digests)
            for digest in stored:
                if digest not in needed:
                    gone += await asyncio.to_thread(self.artifacts.delete, digest)
        await task.write(lambda conn: {"files": gone + len(left)})


def _with_files(job: pb.TrainingJob, found: Rewritten) -> pb.TrainingJob:
    changed = pb.TrainingJob()
    changed.CopyFrom(job)
    new = {file.path: file for file in found.files}
    for artifact in changed.artifacts:
        artifact.sha256, artifact.size_bytes = new[artifact.path].sha256, new[artifact.path].size_bytes
    return changed


def _replace_events(conn: Connection, job_name: str, found: Rewritten) -> None:
    """Let events that still tell of the job name the new files."""
    new = {file.path: file for file in found.files}
    table = RUNTIME.outbox
    query = select(table.c.id, table.c.data).where(table.c.type == events_pb.TrainingJobSucceeded.DESCRIPTOR.full_name)
    for row in conn.execute(query).all():
        event = events_pb.TrainingJobSucceeded.FromString(bytes(row.data))
        if event.training_job.name == job_name:
            for artifact in event.training_job.artifacts:
                artifact.sha256, artifact.size_bytes = new[artifact.path].sha256, new[artifact.path].size_bytes
            conn.execute(update(table).where(table.c.id == row.id).values(data=event.SerializeToString()))


def _scrub_evaluation(conn: Connection, evaluation_id: str, subjects: Subjects) -> int:
    body = records.get_evaluation(conn, evaluation_id)
    if body is None:
        return 0
    evaluation = pb.Evaluation.FromString(body)
    count = scrub(evaluation, subjects)
    if count:
        conn.execute(
            update(evaluations).where(evaluations.c.id == evaluation_id).values(body=evaluation.SerializeToString())
        )
    return count


def _open_before(conn: Connection, time: float) -> list[str]:
    """Jobs that wait or run and were made before `time`."""
    jobs = RUNTIME.jobs
    query = select(jobs.c.id).where(jobs.c.state.in_(_OPEN), jobs.c.kind == KIND, jobs.c.create_time <= time)
    return list(conn.execute(query.order_by(jobs.c.create_time)).scalars())
