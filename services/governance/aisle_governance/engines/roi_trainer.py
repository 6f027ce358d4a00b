"""Training jobs of a study's arms at the trainer; blocking, for the study's own process."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

import grpc
import numpy as np
from aisle.pipeline.v1 import pipeline_spec_pb2 as pipeline_pb
from aisle.trainer.v1 import trainer_service_pb2 as pb
from aisle.trainer.v1 import trainer_service_pb2_grpc as pb_grpc
from aisle.trainer.v1 import training_job_pb2 as training_pb
from aisle.type.v1 import job_pb2
from aisle_runtime.client import error_details
from aisle_runtime.jobs import JobCancelled

from aisle_governance.engines.roi_values import UnitValues
from aisle_governance.errors import ArmRefused, TrainerAway

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 5.0
_LOOK_SECONDS = 2.0
"""How long one stream is listened to before the study looks whether it was cancelled."""
_PASSING = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED)
_ENDED = frozenset({job_pb2.JOB_STATE_SUCCEEDED, job_pb2.JOB_STATE_FAILED, job_pb2.JOB_STATE_CANCELLED})

T = TypeVar("T")


class ArmJobs:
    """The trainer as a study sees it; calls are repeated while it is away."""

    def __init__(
        self, channel: grpc.Channel, patience_seconds: float, say: Callable[[float], None], check: Callable[[], None]
    ) -> None:
        """`say` hears the share of a job that is done; `check` raises when the study is cancelled."""
        self._stub, self._patience = pb_grpc.TrainerServiceStub(channel), patience_seconds
        self._say, self._check = say, check

    def values(self, spec: pipeline_pb.TrainingSpec, request_id: str) -> UnitValues:
        """Train and evaluate; a repeat with the same `request_id` takes up the same job. Raises ArmRefused, TrainerAway."""
        request = pb.CreateTrainingJobRequest(spec=spec, request_id=request_id)
        job = self._repeat(lambda: self._stub.CreateTrainingJob(request)).training_job
        try:
            job = self._followed(job)
        except JobCancelled:
            self._cancel(job.name, request_id)
            raise
        if job.status.state != job_pb2.JOB_STATE_SUCCEEDED:
            raise ArmRefused(
                f"{job.name} did not succeed: {job.status.failure.message or 'it was cancelled'}",
                next_step=job.status.failure.next_step,
                facts={"trainer_reason": job.status.failure.reason or "CANCELLED"},
            )
        wanted = pb.GetEvaluationRequest(name=job.evaluation)
        return _values(self._repeat(lambda: self._stub.GetEvaluation(wanted)).evaluation, job.name)

    def _followed(self, job: training_pb.TrainingJob) -> training_pb.TrainingJob:
        revision, pause, heard = 0, FIRST_PAUSE_SECONDS, time.monotonic()
        while job.status.state not in _ENDED:
            self._check()
            request = pb.WatchTrainingJobRequest(name=job.name, after_revision=revision)
            try:
                for answer in self._stub.WatchTrainingJob(request, timeout=_LOOK_SECONDS):
                    job, heard, pause = answer.training_job, time.monotonic(), FIRST_PAUSE_SECONDS
                    revision = job.status.revision
                    self._say(job.status.progress_ratio)
                    self._check()
            except grpc.RpcError as error:
                if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                    heard = time.monotonic()
                    continue
                _raise_refusal(error)
            if job.status.state in _ENDED:
                break
            if time.monotonic() - heard > self._patience:
                raise TrainerAway
            pause = _wait(pause)
        return job

    def _cancel(self, name: str, request_id: str) -> None:
        try:
            self._stub.CancelTrainingJob(
                pb.CancelTrainingJobRequest(name=name, request_id=f"{request_id}-c"), timeout=2
            )
        except grpc.RpcError:
            return  # it has ended, or the trainer is away; the job then ends by itself

    def _repeat(self, call: Callable[[], T]) -> T:
        pause, begun = FIRST_PAUSE_SECONDS, time.monotonic()
        while True:
            self._check()
            try:
                return call()
            except grpc.RpcError as error:
                _raise_refusal(error)
            if time.monotonic() - begun > self._patience:
                raise TrainerAway
            pause = _wait(pause)


def _values(evaluation: training_pb.Evaluation, job: str) -> UnitValues:
    (task,) = evaluation.tasks
    model = next(system for system in task.systems if system.system == "model")
    area = next((metric.value for metric in model.metrics if metric.name == "auc"), float("nan"))
    main = np.array(model.unit_values, dtype=np.float64)
    return UnitValues(tuple(task.unit_ids), main, None, area, task.split, (job,))


def _wait(pause: float) -> float:
    time.sleep(pause * random.uniform(0.5, 1.0))
    return min(pause * 2, LONGEST_PAUSE_SECONDS)


def _raise_refusal(error: grpc.RpcError) -> None:
    """Raise ArmRefused when repeating the call cannot help."""
    details = error_details(error)
    if details.code not in _PASSING:
        raise ArmRefused(
            f"The trainer refused: {details.message}",
            next_step=details.next_step,
            facts={"trainer_reason": details.reason or details.code.name},
        ) from None
