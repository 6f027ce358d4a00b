"""The gRPC door: convert, ask, convert."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
from aisle.trainer.v1 import trainer_service_pb2 as pb
from aisle.type.v1 import job_pb2
from aisle_runtime.artifacts import ArtifactStore
from aisle_runtime.db import Database
from aisle_runtime.errors import FailedPrecondition, InvalidField, NotFound
from aisle_runtime.jobs import Jobs
from aisle_runtime.paging import decode_token, encode_token, page_size
from aisle_runtime.requests import RequestLog
from sqlalchemy import Connection

from aisle_trainer import comparing, convert
from aisle_trainer.domain.plan import RECIPES
from aisle_trainer.evaluating import Evaluating
from aisle_trainer.next_scoring import NextScoring
from aisle_trainer.pair_scoring import PairScoring
from aisle_trainer.servicer_evaluation import EvaluationServicer
from aisle_trainer.servicer_pairs import PairServicer
from aisle_trainer.servicer_sequences import SequenceServicer
from aisle_trainer.training import JOB, Training

Context = grpc.aio.ServicerContext[Any, Any]
_ENDED = (job_pb2.JOB_STATE_SUCCEEDED, job_pb2.JOB_STATE_FAILED, job_pb2.JOB_STATE_CANCELLED)


class TrainerServicer(PairServicer, EvaluationServicer, SequenceServicer):
    """Answers `aisle.trainer.v1.TrainerService`; errors leave through the interceptor."""

    def __init__(
        self,
        db: Database,
        requests: RequestLog,
        jobs: Jobs,
        artifacts: ArtifactStore,
        training: Training,
        pair_scoring: PairScoring,
        evaluating: Evaluating,
        next_scoring: NextScoring,
    ) -> None:
        """Answer from the given parts."""
        self._db, self._requests, self._jobs = db, requests, jobs
        self._artifacts, self._training, self._pair_scoring = artifacts, training, pair_scoring
        self._evaluating = evaluating
        self._next_scoring = next_scoring

    async def CreateTrainingJob(
        self, request: pb.CreateTrainingJobRequest, context: Context
    ) -> pb.CreateTrainingJobResponse:
        """Check, store and queue a job."""
        spec = self._training.check(request.spec, request.study)

        def write(conn: Connection) -> pb.CreateTrainingJobResponse:
            return self._requests.once(
                conn,
                "CreateTrainingJob",
                request,
                pb.CreateTrainingJobResponse,
                lambda: pb.CreateTrainingJobResponse(training_job=self._training.accept(conn, spec, request.study)),
            )

        return await self._db.write(write)

    async def GetTrainingJob(self, request: pb.GetTrainingJobRequest, context: Context) -> pb.GetTrainingJobResponse:
        """Return one job."""
        job = await self._db.read(lambda conn: self._training.get(conn, request.name))
        return pb.GetTrainingJobResponse(training_job=job)

    async def ListTrainingJobs(
        self, request: pb.ListTrainingJobsRequest, context: Context
    ) -> pb.ListTrainingJobsResponse:
        """List jobs, newest first."""
        size, before = page_size(request.page_size), decode_token(request.page_token, request)
        found = await self._db.read(lambda conn: self._training.list(conn, size + 1, before))
        last = JOB.parse(found[size - 1].name, "name")["job"] if len(found) > size else ""
        return pb.ListTrainingJobsResponse(training_jobs=found[:size], next_page_token=encode_token(last, request))

    async def CancelTrainingJob(
        self, request: pb.CancelTrainingJobRequest, context: Context
    ) -> pb.CancelTrainingJobResponse:
        """Ask for the end of a job that has not ended."""

        def check(conn: Connection) -> pb.CancelTrainingJobResponse:
            job = self._training.get(conn, request.name)
            if job.status.state in _ENDED:
                state = job_pb2.JobState.Name(job.status.state).removeprefix("JOB_STATE_")
                raise FailedPrecondition(
                    "The training job has ended.", reason="TRAINING_JOB_ENDED", facts={"state": state}
                )
            return pb.CancelTrainingJobResponse(training_job=job)

        await self._db.write(
            lambda conn: self._requests.once(
                conn, "CancelTrainingJob", request, pb.CancelTrainingJobResponse, lambda: check(conn)
            )
        )
        await self._jobs.cancel(JOB.parse(request.name, "name")["job"])
        job = await self._db.read(lambda conn: self._training.get(conn, request.name))
        return pb.CancelTrainingJobResponse(training_job=job)

    async def WatchTrainingJob(
        self, request: pb.WatchTrainingJobRequest, context: Context
    ) -> AsyncIterator[pb.WatchTrainingJobResponse]:
        """Stream a job at every change until it ends."""
        if request.after_revision < 0:
            raise InvalidField("after_revision", "must not be negative")
        await self._db.read(lambda conn: self._training.get(conn, request.name))
        job_id = JOB.parse(request.name, "name")["job"]
        async for _ in self._jobs.watch(job_id, request.after_revision):
            job = await self._db.read(lambda conn: self._training.get(conn, request.name))
            yield pb.WatchTrainingJobResponse(training_job=job)

    async def CompareTrainingJobs(
        self, request: pb.CompareTrainingJobsRequest, context: Context
    ) -> pb.CompareTrainingJobsResponse:
        """Put jobs side by side."""
        return await self._db.read(
            lambda conn: comparing.compare(self._training, conn, request.training_jobs, request.system)
        )

    async def ListRecipes(self, request: pb.ListRecipesRequest, context: Context) -> pb.ListRecipesResponse:
        """List recipes by id."""
        found = [entry for entry in RECIPES if convert.recipe_matches(entry, request.kind)]
        return pb.ListRecipesResponse(recipes=[convert.recipe(entry) for entry in found])

    async def GetEvaluation(self, request: pb.GetEvaluationRequest, context: Context) -> pb.GetEvaluationResponse:
        """Return one evaluation."""
        evaluation = await self._db.read(lambda conn: self._training.evaluation(conn, request.name))
        return pb.GetEvaluationResponse(evaluation=evaluation)

    async def ReadArtifact(
        self, request: pb.ReadArtifactRequest, context: Context
    ) -> AsyncIterator[pb.ReadArtifactResponse]:
        """Stream a file of a job's bundle."""
        job = await self._db.read(lambda conn: self._training.get(conn, request.training_job, "training_job"))
        if request.sha256 not in {artifact.sha256 for artifact in job.artifacts}:
            raise NotFound(
                "The training job has no such artifact.",
                reason="ARTIFACT_NOT_FOUND",
                facts={"training_job": request.training_job},
            )
        chunks = self._artifacts.chunks(request.sha256)
        while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
            yield pb.ReadArtifactResponse(chunk=chunk)
