"""What happens to evaluation jobs: accepted, ended well or badly; each change with its event in one transaction.

The runtime's record of the job is all that is stored: the question is its payload, the leaderboard its result.
"""

from aisle.trainer.v1 import evaluation_job_pb2 as pb
from aisle.trainer.v1 import training_job_pb2 as training_pb
from aisle.type.v1 import job_pb2
from aisle_runtime.convert import failure_from_job, job_status
from aisle_runtime.jobs import JobFailure, JobKind, JobRecord, Jobs
from aisle_runtime.names import ResourceName, new_id
from aisle_runtime.outbox import Outbox
from sqlalchemy import Connection

from aisle_trainer import convert_evaluation, telemetry
from aisle_trainer.errors import FailedPrecondition, InvalidField, NotFound
from aisle_trainer.settings import TrainerSettings
from aisle_trainer.training import DATASET, VERSION, Training

KIND = "evaluate"
EVALUATION_JOB = ResourceName("evaluationJobs/{job}")


class Evaluating:
    """The evaluation jobs of this service."""

    def __init__(self, settings: TrainerSettings, jobs: Jobs, outbox: Outbox, training: Training) -> None:
        """Submit to `jobs`, publish through `outbox`, and look models up in `training`."""
        self._settings, self._jobs, self._outbox, self._training = settings, jobs, outbox, training

    def job_kind(self) -> JobKind:
        """Return how evaluation jobs are run and what their outcomes tell."""
        return JobKind(
            kind=KIND,
            target="aisle_trainer.evaluation_jobs:evaluate",
            max_parallel=1,
            memory_limit_bytes=self._settings.job_memory_limit_bytes,
            on_succeeded=self.succeeded,
            on_failed=self.failed,
        )

    def check(self, spec: pb.EvaluationSpec) -> pb.EvaluationSpec:
        """Return `spec` with defaults filled in as far as the task is known; raises InvalidField."""
        name = VERSION if spec.dataset.count("/") == 3 else DATASET
        name.parse(spec.dataset, "spec.dataset")
        if spec.products:
            products = VERSION if spec.products.count("/") == 3 else DATASET
            products.parse(spec.products, "spec.products")
        return convert_evaluation.checked(spec)

    def accept(self, conn: Connection, spec: pb.EvaluationSpec) -> pb.EvaluationJob:
        """Store and queue a checked spec with the bundles as they are now; returns the job.

        Raises NotFound or FailedPrecondition for a training job that has no bundle.
        """
        job_id = new_id()
        job = pb.EvaluationJob(name=EVALUATION_JOB.format(job=job_id), spec=spec)
        for index, name in enumerate(spec.training_jobs):
            found = self._training.get(conn, name, f"spec.training_jobs[{index}]")
            job.models.append(_model(found, index))
        return _with_status(job, self._jobs.submit(conn, KIND, job_id, job.SerializeToString()))

    def get(self, conn: Connection, name: str) -> pb.EvaluationJob:
        """Return a job by its resource name; raises NotFound."""
        record = self._jobs.get(conn, EVALUATION_JOB.parse(name, "name")["job"])
        if record is None or record.kind != KIND:
            raise NotFound(
                "The evaluation job does not exist.", reason="EVALUATION_JOB_NOT_FOUND", facts={"name": name}
            )
        return _job(record)

    def list(self, conn: Connection, limit: int, before: str) -> "list[pb.EvaluationJob]":
        """Return jobs, newest first, after the job with the id `before`."""
        return [_job(record) for record in self._jobs.list(conn, KIND, limit, before)]

    def succeeded(self, conn: Connection, record: JobRecord, result: bytes) -> None:
        """Tell of a leaderboard."""
        board = pb.EvaluationJob.FromString(result).leaderboard
        best = board.entries[0]
        event = pb.EvaluationJobSucceeded(
            evaluation_job=EVALUATION_JOB.format(job=record.id),
            dataset_version=board.dataset_version,
            best_system=best.system,
            best=best.metrics[0],
        )
        self._outbox.add(conn, telemetry.SUBJECT_EVALUATION_SUCCEEDED, event)

    def failed(self, conn: Connection, record: JobRecord, failure: JobFailure) -> None:
        """Tell of a job that failed or was cancelled."""
        name = EVALUATION_JOB.format(job=record.id)
        event = pb.EvaluationJobFailed(evaluation_job=name, failure=failure_from_job(failure))
        self._outbox.add(conn, telemetry.SUBJECT_EVALUATION_FAILED, event)


def _job(record: JobRecord) -> pb.EvaluationJob:
    return _with_status(pb.EvaluationJob.FromString(record.result or record.payload), record)


def _with_status(job: pb.EvaluationJob, record: JobRecord) -> pb.EvaluationJob:
    job.status.CopyFrom(job_status(record))
    return job


def _model(job: training_pb.TrainingJob, index: int) -> pb.EvaluatedModel:
    files = {artifact.path for artifact in job.artifacts}
    if job.status.state != job_pb2.JOB_STATE_SUCCEEDED or not files:
        raise FailedPrecondition(
            "The training job has no bundle that could be judged.",
            reason="NO_BUNDLE",
            next_step="Name jobs that succeeded and exported; `aisle train jobs` lists them.",
            facts={"training_job": job.name, "field": f"spec.training_jobs[{index}]"},
        )
    if not files.issuperset(convert_evaluation.MODEL_FILES):
        raise InvalidField(f"spec.training_jobs[{index}]", "made a matcher, not a ranking model")
    return pb.EvaluatedModel(
        training_job=job.name,
        folds=job.spec.folds,
        dataset_versions=job.dataset_versions,
        artifacts=[artifact for artifact in job.artifacts if artifact.path in convert_evaluation.MODEL_FILES],
    )
