"""A trainer that answers over gRPC and learns by formula: the nearer the learning rate to 0.001, the better."""

import asyncio
import hashlib
import math
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import grpc.aio
from aisle.trainer.v1 import trainer_service_pb2 as pb
from aisle.trainer.v1 import trainer_service_pb2_grpc as pb_grpc
from aisle.trainer.v1 import training_job_pb2 as training_pb
from aisle.type.v1 import job_pb2

MAX_STEPS, EVAL_EVERY = 80, 10
ENDED = (job_pb2.JOB_STATE_SUCCEEDED, job_pb2.JOB_STATE_FAILED, job_pb2.JOB_STATE_CANCELLED)


def score(learning_rate: float, step: int) -> float:
    return (1 - abs(math.log10(learning_rate) + 3) / 4) * (0.9 + 0.1 * step / MAX_STEPS)


@dataclass
class FakeTrainer(pb_grpc.TrainerServiceServicer):
    """Trials run one validation after the other; a test may hold one, or have them fail."""

    address: str = ""
    jobs: dict[str, training_pb.TrainingJob] = field(default_factory=dict)
    requests: dict[str, pb.CreateTrainingJobRequest] = field(default_factory=dict)
    creations: Counter[str] = field(default_factory=Counter)
    """How often each request_id was sent."""
    hold: set[int] = field(default_factory=set)
    """Numbers of the jobs that wait before their first step, until `release`."""
    held: asyncio.Queue[int] = field(default_factory=asyncio.Queue)
    refuse: grpc.StatusCode | None = None
    fail: bool = False
    files: dict[str, bytes] = field(default_factory=dict)
    away: int = 0
    """ReadArtifact calls still to be answered with UNAVAILABLE."""
    reads: Counter[str] = field(default_factory=Counter)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _released: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def release(self, hold: set[int] | None = None) -> None:
        """Let held jobs go on; from now on those in `hold` are held."""
        self.hold = hold or set()
        self._released.set()
        self._released = asyncio.Event()

    def add_file(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        self.files[digest] = data
        return digest

    async def CreateTrainingJob(self, request, context):  # type: ignore[no-untyped-def]
        self.creations[request.request_id] += 1
        if self.refuse is not None:
            await context.abort(self.refuse, "The spec cannot be trained.")
        if request.request_id not in self.requests:
            self.requests[request.request_id] = request
            job = training_pb.TrainingJob(name=f"trainingJobs/t{len(self.jobs) + 1}", spec=request.spec)
            job.max_steps = job.spec.max_steps = request.spec.max_steps or MAX_STEPS
            job.spec.eval_every_steps = request.spec.eval_every_steps or EVAL_EVERY
            job.status.state, job.status.revision = job_pb2.JOB_STATE_RUNNING, 1
            self.jobs[request.request_id] = job
            self._tasks.append(asyncio.create_task(self._train(job, len(self.jobs))))
        assert self.requests[request.request_id] == request, "the same request_id with another request"
        return pb.CreateTrainingJobResponse(training_job=self.jobs[request.request_id])

    async def WatchTrainingJob(self, request, context):  # type: ignore[no-untyped-def]
        job = next(job for job in self.jobs.values() if job.name == request.name)
        revision = request.after_revision
        while True:
            async with self._changed:
                while job.status.revision <= revision:
                    await self._changed.wait()
                revision, ended = job.status.revision, job.status.state in ENDED
                answer = pb.WatchTrainingJobResponse()
                answer.training_job.CopyFrom(job)
            yield answer
            if ended:
                return

    async def CancelTrainingJob(self, request, context):  # type: ignore[no-untyped-def]
        job = next(job for job in self.jobs.values() if job.name == request.name)
        await self._change(job, job_pb2.JOB_STATE_CANCELLED)
        return pb.CancelTrainingJobResponse(training_job=job)

    async def ReadArtifact(self, request, context):  # type: ignore[no-untyped-def]
        if self.away > 0:
            self.away -= 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "away")
        data = self.files.get(request.sha256)
        if data is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "There is no such file.")
        self.reads[request.sha256] += 1
        for start in range(0, len(data), 1000):
            yield pb.ReadArtifactResponse(chunk=data[start : start + 1000])

    async def _train(self, job: training_pb.TrainingJob, number: int) -> None:
        if self.fail:
            job.status.failure.message = "The loss became infinite."
            await self._change(job, job_pb2.JOB_STATE_FAILED)
            return
        if number in self.hold:
            released = self._released
            await self.held.put(number)
            await released.wait()
        for step in range(job.spec.eval_every_steps, job.max_steps + 1, job.spec.eval_every_steps):
            async with self._changed:
                job.validations.add(step=step, score=score(job.spec.learning_rate, step))
            job.step_count = step
            await self._change(job, job_pb2.JOB_STATE_RUNNING)
            await asyncio.sleep(0.04)  # a step takes time
            if job.status.state in ENDED:
                return
        await self._change(job, job_pb2.JOB_STATE_SUCCEEDED)

    async def _change(self, job: training_pb.TrainingJob, state: int) -> None:
        async with self._changed:
            if job.status.state not in ENDED:
                job.status.state = state  # type: ignore[assignment]
                job.status.revision += 1
            self._changed.notify_all()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def fake_trainer() -> AsyncIterator[FakeTrainer]:
    server, fake = grpc.aio.server(), FakeTrainer()
    pb_grpc.add_TrainerServiceServicer_to_server(fake, server)
    fake.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield fake
    finally:
        await fake.close()
        await server.stop(0)
