"""The door to evaluation jobs; one part of the servicer."""

from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
from aisle.trainer.v1 import evaluation_job_pb2 as pb
from aisle.trainer.v1 import trainer_service_pb2_grpc as pb_grpc
from aisle.type.v1 import job_pb2
from aisle_runtime.db import Database
from aisle_runtime.errors import FailedPrecondition, InvalidField
from aisle_runtime.jobs import Jobs
from aisle_runtime.paging import decode_token, encode_token, page_size
from aisle_runtime.requests import RequestLog
from sqlalchemy import Connection

from aisle_trainer.evaluating import EVALUATION_JOB, Evaluating

Context = grpc.aio.ServicerContext[Any, Any]
_ENDED = (job_pb2.JOB_STATE_SUCCEEDED, job_pb2.JOB_STATE_FAILED, job_pb2.JOB_STATE_CANCELLED)


class EvaluationServicer(pb_grpc.TrainerServiceServicer):
    """Methods of `aisle.trainer.v1.TrainerService` about evaluation jobs; errors leave through the interceptor."""

    _db: Database
    _requests: RequestLog
    _jobs: Jobs
    _evaluating: Evaluating

    async def CreateEvaluationJob(
        self, request: pb.CreateEvaluationJobRequest, context: Context
    ) -> pb.CreateEvaluationJobResponse:
        """Check, store and queue a job."""
        spec = self._evaluating.check(request.spec)

        def write(conn: Connection) -> pb.CreateEvaluationJobResponse:
            return self._requests.once(
                conn,
                "CreateEvaluationJob",
                request,
                pb.CreateEvaluationJobResponse,
                lambda: pb.CreateEvaluationJobResponse(evaluation_job=self._evaluating.accept(conn, spec)),
            )

        return await self._db.write(write)

    async def GetEvaluationJob(
        self, request: pb.GetEvaluationJobRequest, context: Context
    ) -> pb.GetEvaluationJobResponse:
        """Return one job."""
        job = await self._db.read(lambda conn: self._evaluating.get(conn, request.name))
        return pb.GetEvaluationJobResponse(evaluation_job=job)

    async def ListEvaluationJobs(
        self, request: pb.ListEvaluationJobsRequest, context: Context
    ) -> pb.ListEvaluationJobsResponse:
        """List jobs, newest first."""
        size, before = page_size(request.page_size), decode_token(request.page_token, request)
        found = await self._db.read(lambda conn: self._evaluating.list(conn, size + 1, before))
        last = EVALUATION_JOB.parse(found[size - 1].name, "name")["job"] if len(found) > size else ""
        return pb.ListEvaluationJobsResponse(evaluation_jobs=found[:size], next_page_token=encode_token(last, request))

    async def CancelEvaluationJob(
        self, request: pb.CancelEvaluationJobRequest, context: Context
    ) -> pb.CancelEvaluationJobResponse:
        """Ask for the end of a job that has not ended."""

        def check(conn: Connection) -> pb.CancelEvaluationJobResponse:
            job = self._evaluating.get(conn, request.name)
            if job.status.state in _ENDED:
                state = job_pb2.JobState.Name(job.status.state).removeprefix("JOB_STATE_")
                raise FailedPrecondition(
                    "The evaluation job has ended.", reason="EVALUATION_JOB_ENDED", facts={"state": state}
                )
            return pb.CancelEvaluationJobResponse(evaluation_job=job)

        await self._db.write(
            lambda conn: self._requests.once(
                conn, "CancelEvaluationJob", request, pb.CancelEvaluationJobResponse, lambda: check(conn)
            )
        )
        await self._jobs.cancel(EVALUATION_JOB.parse(request.name, "name")["job"])
        job = await self._db.read(lambda conn: self._evaluating.get(conn, request.name))
        return pb.CancelEvaluationJobResponse(evaluation_job=job)

    async def WatchEvaluationJob(
        self, request: pb.WatchEvaluationJobRequest, context: Context
    ) -> AsyncIterator[pb.WatchEvaluationJobResponse]:
        """Stream a job at every change until it ends."""
        if request.after_revision < 0:
            raise InvalidField("after_revision", "must not be negative")
        await self._db.read(lambda conn: self._evaluating.get(conn, request.name))
        job_id = EVALUATION_JOB.parse(request.name, "name")["job"]
        async for _ in self._jobs.watch(job_id, request.after_revision):
            job = await self._db.read(lambda conn: self._evaluating.get(conn, request.name))
            yield pb.WatchEvaluationJobResponse(evaluation_job=job)
