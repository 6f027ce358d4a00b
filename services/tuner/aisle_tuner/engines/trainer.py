"""Training jobs of trials at the trainer; blocking, for the study's own process."""

import random
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import grpc
from aisle.pipeline.v1 import pipeline_spec_pb2 as pipeline_pb
from aisle.trainer.v1 import trainer_service_pb2 as pb
from aisle.trainer.v1 import trainer_service_pb2_grpc as pb_grpc
from aisle.trainer.v1 import training_job_pb2 as training_pb
from aisle.type.v1 import job_pb2
from aisle_runtime.client import error_details

from aisle_tuner.errors import TrainerAway, TrialRefused

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 5.0
ENDED = frozenset({job_pb2.JOB_STATE_SUCCEEDED, job_pb2.JOB_STATE_FAILED, job_pb2.JOB_STATE_CANCELLED})
_REFUSALS = (
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.DATA_LOSS,
)

T = TypeVar("T")


class TrialJobs:
    """The trainer as a study sees it; calls are repeated while the trainer is away."""

    def __init__(self, channel: grpc.Channel, study: str, patience_seconds: float) -> None:
        """Train for `study`, `studies/{study}`; give up after `patience_seconds` without an answer."""
        self._stub = pb_grpc.TrainerServiceStub(channel)
        self._study, self._patience = study, patience_seconds

    def create(self, spec: pipeline_pb.TrainingSpec, number: int) -> training_pb.TrainingJob:
        """Return the training job of trial `number`; a repeat gives the same job.

        Raises TrialRefused, TrainerAway.
        """
        request = pb.CreateTrainingJobRequest(spec=spec, study=self._study, request_id=self._request_id(number))
        return self._repeat(lambda: self._stub.CreateTrainingJob(request)).training_job

    def cancel(self, name: str, number: int) -> None:
        """Have the job stopped; one that has ended already is left alone."""
        request = pb.CancelTrainingJobRequest(name=name, request_id=f"{self._request_id(number)}-cancel")
        try:
            self._repeat(lambda: self._stub.CancelTrainingJob(request))
        except TrialRefused:
            return

    def follow(self, name: str) -> Iterator[training_pb.TrainingJob]:
        """Yield the job at every change until it has ended, its end included; broken streams are resumed.

        Raises TrialRefused when the trainer no longer knows the job, TrainerAway.
        """
        revision, pause, heard = 0, FIRST_PAUSE_SECONDS, time.monotonic()
        while True:
            request = pb.WatchTrainingJobRequest(name=name, after_revision=revision)
            try:
                for answer in self._stub.WatchTrainingJob(request, wait_for_ready=False):
                    job = answer.training_job
                    revision, pause, heard = job.status.revision, FIRST_PAUSE_SECONDS, time.monotonic()
                    yield job
                    if job.status.state in ENDED:
                        return
            except grpc.RpcError as error:
                _raise_refusal(error)
            if time.monotonic() - heard > self._patience:
                raise TrainerAway
            pause = _wait(pause)

    def _request_id(self, number: int) -> str:
        return f"{self._study.rpartition('/')[2]}-{number}"

    def _repeat(self, call: Callable[[], T]) -> T:
        pause, begun = FIRST_PAUSE_SECONDS, time.monotonic()
        while True:
            try:
                return call()
            except grpc.RpcError as error:
                _raise_refusal(error)
            if time.monotonic() - begun > self._patience:
                raise TrainerAway
            pause = _wait(pause)


def _wait(pause: float) -> float:
    time.sleep(pause * random.uniform(0.5, 1.0))
    return min(pause * 2, LONGEST_PAUSE_SECONDS)


def _raise_refusal(error: grpc.RpcError) -> None:
    """Raise TrialRefused when repeating the call cannot help."""
    details = error_details(error)
    if details.code in _REFUSALS:
        raise TrialRefused(
            f"The trainer refused: {details.message}",
            next_step=details.next_step,
            facts={"trainer_reason": details.reason or details.code.name},
        ) from None
