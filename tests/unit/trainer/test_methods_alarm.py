"""A job whose alarm went off tells of its widest gap when it ends; another job tells of none."""

from typing import Any, cast

import pytest
from aisle.trainer.v1 import trainer_events_pb2 as events_pb
from aisle.trainer.v1 import training_job_pb2 as pb
from aisle_runtime.jobs import JobRecord
from aisle_runtime.jobs.model import JobState
from aisle_trainer import telemetry
from aisle_trainer.settings import TrainerSettings
from aisle_trainer.storage import records
from aisle_trainer.storage.tables import metadata
from aisle_trainer.training import Training
from sqlalchemy import create_engine


class Outbox:
    """Keeps what is published."""

    def __init__(self) -> None:
        self.told: dict[str, Any] = {}

    def add(self, conn: object, subject: str, message: Any) -> None:
        self.told[subject] = message


def record() -> JobRecord:
    values: dict[str, Any] = dict.fromkeys(JobRecord.__dataclass_fields__, "")
    numbers = ("progress_ratio", "attempt_count", "fencing_token", "revision", "create_time")
    values |= dict.fromkeys(numbers, 1) | {"id": "j", "state": JobState.SUCCEEDED, "failure": None}
    return JobRecord(**values | {"start_time": None, "end_time": None})


@pytest.mark.parametrize("gaps", [[], [(0.1, 0.3), (0.1, 0.9), (0.2, 0.6)]])
def test_the_widest_gap_of_a_job_is_told(gaps: list[tuple[float, float]]) -> None:
    job = pb.TrainingJob(name="trainingJobs/j", pipeline_run="pipelines/p/runs/r")
    for step, (taught, held) in enumerate(gaps):
        job.report.gap_alarms.add(step=step, training_loss=taught, validation_loss=held, limit=0.1)
    engine, outbox = create_engine("sqlite://"), Outbox()
    metadata.create_all(engine)
    training = Training(TrainerSettings(), cast(Any, None), cast(Any, outbox), now=lambda: 1.0)
    with engine.begin() as conn:
        records.add_job(conn, records.StoredJob("j", job.SerializeToString(), b""), job.pipeline_run, 1.0)
        training.succeeded(conn, record(), events_pb.TrainingJobSucceeded(training_job=job).SerializeToString())
    engine.dispose()
    assert telemetry.SUBJECT_SUCCEEDED in outbox.told
    told = outbox.told.get(telemetry.SUBJECT_GAP)
    assert (told is not None) is bool(gaps)
    if told is not None:
        assert (told.training_job, told.widest.step, told.pipeline_run) == (job.name, 1, job.pipeline_run)
