"""What happens to training jobs: accepted, moved on, ended well or badly; each change with its event in one transaction."""

import time
from collections.abc import Callable

from aisle.pipeline.v1 import pipeline_spec_pb2 as spec_pb
from aisle.trainer.v1 import trainer_events_pb2 as events_pb
from aisle.trainer.v1 import training_job_pb2 as pb
from aisle_runtime.convert import failure_from_error, failure_from_job, to_timestamp
from aisle_runtime.errors import AisleError, NotFound
from aisle_runtime.jobs import JobFailure, JobKind, JobRecord, Jobs
from aisle_runtime.names import ResourceName, new_id
from aisle_runtime.outbox import Outbox
from sqlalchemy import Connection

from aisle_trainer import convert, telemetry
from aisle_trainer.domain.plan import ALONE, Plan, completed
from aisle_trainer.engines.base_models import locate_base_model
from aisle_trainer.errors import InvalidField
from aisle_trainer.settings import TrainerSettings
from aisle_trainer.storage import records

KIND = "train"
JOB = ResourceName("trainingJobs/{job}")
EVALUATION = ResourceName("evaluations/{evaluation}")
STUDY = ResourceName("studies/{study}")
DATASET = ResourceName("datasets/{dataset}")
VERSION = ResourceName("datasets/{dataset}/versions/{version}")


class Training:
    """The training jobs of this service."""

    def __init__(
        self, settings: TrainerSettings, jobs: Jobs, outbox: Outbox, now: Callable[[], float] = time.time
    ) -> None:
        """Submit to `jobs` and publish through `outbox`; `now` gives seconds since the epoch."""
        self._settings, self._jobs, self._outbox, self._now = settings, jobs, outbox, now

    def job_kind(self) -> JobKind:
        """Return how training jobs are run and what their outcomes change."""
        return JobKind(
            kind=KIND,
            target="aisle_trainer.jobs:train",
            max_parallel=self._settings.max_parallel_jobs,
            memory_limit_bytes=self._settings.job_memory_limit_bytes,
            on_progress=self.moved_on,
            on_succeeded=self.succeeded,
            on_failed=self.failed,
        )

    def check(self, spec: spec_pb.TrainingSpec, study: str = "") -> spec_pb.TrainingSpec:
        """Return `spec` with defaults filled in; raises InvalidField with the path of what cannot be."""
        plan = completed(convert.plan_from_spec(spec))
        for index, task in enumerate(plan.tasks):
            name = VERSION if task.dataset.count("/") == 3 else DATASET
            name.parse(task.dataset, f"spec.tasks[{index}].dataset")
        if study:
            STUDY.parse(study, "study")
            _refuse_alone(plan, "study")
        locate_base_model(plan.base_model, self._settings.base_models_dir)
        return convert.spec_from_plan(plan)

    def accept(
        self, conn: Connection, spec: spec_pb.TrainingSpec, study: str = "", slip: spec_pb.RoutingSlip | None = None
    ) -> pb.TrainingJob:
        """Store and queue a checked spec; returns the job."""
        job_id = new_id()
        job = pb.TrainingJob(name=JOB.format(job=job_id), spec=spec, study=study, max_steps=spec.max_steps)
        if slip is not None:
            job.pipeline_run = slip.pipeline_run
            slip.training_job = job.name
        body, carried = job.SerializeToString(), slip.SerializeToString() if slip is not None else b""
        records.add_job(conn, records.StoredJob(job_id, body, carried), job.pipeline_run, self._now())
        return convert.training_job(body, self._jobs.submit(conn, KIND, job_id, body))

    def accept_stage(self, conn: Connection, slip: spec_pb.RoutingSlip) -> None:
        """Start the training stage of a pipeline run, once; a plan that cannot be trained fails the stage at once."""
        if records.run_has_job(conn, slip.pipeline_run):
            return
        try:
            spec = self.check(bound(slip.spec.training, slip))
            _refuse_alone(convert.plan_from_spec(spec), "pipeline")
        except InvalidField as error:
            event = events_pb.TrainingJobFailed(failure=failure_from_error(error), slip=slip)
            self._outbox.add(conn, telemetry.SUBJECT_FAILED, event)
            return
        self.accept(conn, spec, slip=slip)

    def get(self, conn: Connection, name: str, field: str = "name") -> pb.TrainingJob:
        """Return a job by its resource name; raises NotFound."""
        job_id = JOB.parse(name, field)["job"]
        stored, record = records.get_job(conn, job_id), self._jobs.get(conn, job_id)
        if stored is None or record is None:
            raise NotFound("The training job does not exist.", reason="TRAINING_JOB_NOT_FOUND", facts={"name": name})
        return convert.training_job(stored.body, record)

    def list(self, conn: Connection, limit: int, before: str) -> list[pb.TrainingJob]:
        """Return jobs, newest first, after the job with the id `before`."""
        found = self._jobs.list(conn, KIND, limit, before)
        bodies = records.get_bodies(conn, [record.id for record in found])
        return [convert.training_job(bodies[record.id], record) for record in found if record.id in bodies]

    def evaluation(self, conn: Connection, name: str) -> pb.Evaluation:
        """Return an evaluation by its resource name; raises NotFound."""
        body = records.get_evaluation(conn, EVALUATION.parse(name, "name")["evaluation"])
        if body is None:
            raise NotFound("The evaluation does not exist.", reason="EVALUATION_NOT_FOUND", facts={"name": name})
        return pb.Evaluation.FromString(body)

    def moved_on(self, conn: Connection, record: JobRecord, detail: bytes) -> None:
        """Store what a running job told about itself."""
        if detail:
            records.set_body(conn, record.id, detail)

    def succeeded(self, conn: Connection, record: JobRecord, result: bytes) -> None:
        """Store a job's outcome and evaluation and tell of both."""
        event = events_pb.TrainingJobSucceeded.FromString(result)
        job, stored = event.training_job, records.get_job(conn, record.id)
        if event.evaluation.tasks:
            now = self._now()
            event.evaluation.name = EVALUATION.format(evaluation=record.id)
            event.evaluation.training_job = job.name
            event.evaluation.create_time.CopyFrom(to_timestamp(now))
            job.evaluation = event.evaluation.name
            records.add_evaluation(conn, record.id, job.name, event.evaluation.SerializeToString(), now)
        records.set_body(conn, record.id, job.SerializeToString())
        job.CopyFrom(convert.training_job(job.SerializeToString(), record))
        if stored is not None and stored.slip:
            event.slip.ParseFromString(stored.slip)
        self._outbox.add(conn, telemetry.SUBJECT_SUCCEEDED, event)
        if job.report.gap_alarms:
            widest = max(job.report.gap_alarms, key=lambda gap: gap.validation_loss - gap.training_loss)
            gap = events_pb.TrainingGapFound(training_job=job.name, widest=widest, pipeline_run=job.pipeline_run)
            self._outbox.add(conn, telemetry.SUBJECT_GAP, gap)
        if job.evaluation:
            told = events_pb.EvaluationCompleted(evaluation=job.evaluation, training_job=job.name)
            self._outbox.add(conn, telemetry.SUBJECT_EVALUATED, told)

    def failed(self, conn: Connection, record: JobRecord, failure: JobFailure) -> None:
        """Tell of a job that failed or was cancelled."""
        event = events_pb.TrainingJobFailed(training_job=JOB.format(job=record.id), failure=failure_from_job(failure))
        stored = records.get_job(conn, record.id)
        if stored is not None and stored.slip:
            event.slip.ParseFromString(stored.slip)
        self._outbox.add(conn, telemetry.SUBJECT_FAILED, event)


def _refuse_alone(plan: Plan, where: str) -> None:
    """Raise InvalidField for a task whose result a study or a pipeline has no use for."""
    if words := next((words for task, words in ALONE.items() if plan.has(task)), None):
        raise InvalidField(
            "spec.tasks",
            f"names {words}, which a {where} has no use for",
            next_step="Start a training job of its own with CreateTrainingJob.",
        )


def bound(spec: spec_pb.TrainingSpec, slip: spec_pb.RoutingSlip) -> spec_pb.TrainingSpec:
    """Return `spec` with each dataset fixed to the version that the pipeline run published, as far as it published one."""
    published = {}
    for version in slip.dataset_versions:
        try:
            ids = VERSION.parse(version, "dataset_versions")
        except AisleError:
            continue
        published[DATASET.format(dataset=ids["dataset"])] = version
    result = spec_pb.TrainingSpec()
    result.CopyFrom(spec)
    for task in result.tasks:
        task.dataset = published.get(task.dataset, task.dataset)
    return result
