"""Puts finished jobs side by side: what each cost and how well it did on the same data."""

from collections.abc import Sequence

from aisle.trainer.v1 import trainer_service_pb2 as service_pb
from aisle.trainer.v1 import training_job_pb2 as pb
from aisle.trainer.v1 import training_report_pb2 as report_pb
from aisle.type.v1 import job_pb2
from sqlalchemy import Connection

from aisle_trainer.domain.comparison import MOST_JOBS, Judged, paired_with_first
from aisle_trainer.errors import FailedPrecondition, InvalidField
from aisle_trainer.training import Training

DEFAULT_SYSTEM = "model"
VALIDATION_METRIC = "validation_score"


def compare(
    training: Training, conn: Connection, names: Sequence[str], system: str
) -> service_pb.CompareTrainingJobsResponse:
    """Return one line per job, in order; raises InvalidField, NotFound or FailedPrecondition."""
    if not 1 <= len(names) <= MOST_JOBS:
        raise InvalidField("training_jobs", f"must be 1 to {MOST_JOBS}")
    if len(set(names)) < len(names):
        raise InvalidField("training_jobs", "names a job twice")
    jobs = [training.get(conn, name, f"training_jobs[{index}]") for index, name in enumerate(names)]
    for job in jobs:
        if job.status.state != job_pb2.JOB_STATE_SUCCEEDED:
            raise FailedPrecondition(
                "The training job has not succeeded, so there is nothing to compare.",
                reason="TRAINING_JOB_NOT_SUCCEEDED",
                next_step="Wait for its end, or leave it out.",
                facts={"training_job": job.name},
            )
    judged = [_judged(training, conn, job, system or DEFAULT_SYSTEM) for job in jobs]
    answer = service_pb.CompareTrainingJobsResponse()
    for job, told, figure in zip(jobs, judged, paired_with_first(judged), strict=True):
        line = report_pb.MethodComparison(
            training_job=job.name, method=job.spec.method, report=job.report, metric=told.metric, value=told.value
        )
        if figure is not None:
            line.difference.value, line.difference.lower = figure.value, figure.lower
            line.difference.upper, line.difference.sample_count = figure.upper, figure.sample_count
        answer.comparisons.append(line)
    return answer


def _judged(training: Training, conn: Connection, job: pb.TrainingJob, system: str) -> Judged:
    """Return the main metric of the job's first task on test data; the best validation where it was not evaluated."""
    data = "|".join(job.dataset_versions)
    if not job.evaluation:
        best = max((point.score for point in job.validations), default=0.0)
        return Judged(job.name, VALIDATION_METRIC, best, data)
    task = training.evaluation(conn, job.evaluation).tasks[0]
    found = next((entry for entry in task.systems if entry.system == system), None)
    if found is None:
        known = ", ".join(sorted(entry.system for entry in task.systems))
        raise InvalidField("system", f"is not in the evaluation of {job.name}; it has {known}")
    metric = found.metrics[0]
    return Judged(
        job.name,
        metric.name,
        metric.value,
        f"{task.kind}|{task.dataset_version}|{task.split}",
        tuple(task.unit_ids),
        tuple(found.unit_values),
    )
