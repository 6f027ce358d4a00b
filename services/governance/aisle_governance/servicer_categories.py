"""The doors to categories; one part of the servicer."""

from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from aisle.governance.v1 import classification_pb2 as pb
from aisle.governance.v1 import governance_service_pb2_grpc
from aisle_runtime import paging
from aisle_runtime.db import Database
from aisle_runtime.jobs import Jobs
from aisle_runtime.requests import RequestLog
from google.protobuf.message import Message
from sqlalchemy import Connection

from aisle_governance import convert, convert_categories
from aisle_governance.classifying import Classifying
from aisle_governance.errors import InvalidField
from aisle_governance.storage import catalog, categories

Context = Any
R = TypeVar("R", bound=Message)


class CategoryServicer(governance_service_pb2_grpc.GovernanceServiceServicer):
    """Methods of `aisle.governance.v1.GovernanceService` about categories; errors leave through the interceptor."""

    _db: Database
    _jobs: Jobs
    _requests: RequestLog
    _classifying: Classifying

    async def _decide(
        self, method: str, request: Message, response_type: type[R], compute: Callable[[Connection], R]
    ) -> R:
        """Do a mutation in one transaction, once per request id."""
        convert.request_id(getattr(request, "request_id", ""))
        return await self._db.write(
            lambda conn: self._requests.once(conn, method, request, response_type, lambda: compute(conn))
        )

    async def StartCategoryJob(
        self, request: pb.StartCategoryJobRequest, context: Context
    ) -> pb.StartCategoryJobResponse:
        """Queue a job."""
        order = convert_categories.order(request)

        def start(conn: Connection) -> pb.StartCategoryJobResponse:
            job = self._classifying.start(conn, order)
            return pb.StartCategoryJobResponse(category_job=self._classifying.read(conn, job.dataset, job.id))

        return await self._decide("StartCategoryJob", request, pb.StartCategoryJobResponse, start)

    async def _read_category_job(self, name: str) -> pb.CategoryJob:
        dataset, job = convert_categories.job_id(name)
        return await self._db.read(lambda conn: self._classifying.read(conn, dataset, job))

    async def GetCategoryJob(self, request: pb.GetCategoryJobRequest, context: Context) -> pb.GetCategoryJobResponse:
        """Return one job."""
        return pb.GetCategoryJobResponse(category_job=await self._read_category_job(request.name))

    async def ListCategoryJobs(
        self, request: pb.ListCategoryJobsRequest, context: Context
    ) -> pb.ListCategoryJobsResponse:
        """List jobs, newest first."""
        dataset, size = convert.dataset_id(request.dataset, "dataset"), paging.page_size(request.page_size)
        after = _token(request)

        def read(conn: Connection) -> pb.ListCategoryJobsResponse:
            catalog.get_dataset(conn, dataset)
            found = categories.list_all(conn, dataset, after or None, size + 1)
            token = paging.encode_token(str(found[size - 1].sequence), request) if len(found) > size else ""
            messages = [self._classifying.read(conn, dataset, one.id) for one in found[:size]]
            return pb.ListCategoryJobsResponse(category_jobs=messages, next_page_token=token)

        return await self._db.read(read)

    async def CancelCategoryJob(
        self, request: pb.CancelCategoryJobRequest, context: Context
    ) -> pb.CancelCategoryJobResponse:
        """Stop a job that has not ended."""
        dataset, job = convert_categories.job_id(request.name)

        def check(conn: Connection) -> pb.CancelCategoryJobResponse:
            found = self._classifying.read(conn, dataset, job)
            self._classifying.check_running(conn, job)
            return pb.CancelCategoryJobResponse(category_job=found)

        await self._decide("CancelCategoryJob", request, pb.CancelCategoryJobResponse, check)
        await self._jobs.cancel(job)
        return pb.CancelCategoryJobResponse(category_job=await self._read_category_job(request.name))

    async def WatchCategoryJob(
        self, request: pb.WatchCategoryJobRequest, context: Context
    ) -> AsyncIterator[pb.WatchCategoryJobResponse]:
        """Stream a job at every change until it ends."""
        if request.after_revision < 0:
            raise InvalidField("after_revision", "must not be negative")
        await self._read_category_job(request.name)
        async for _ in self._jobs.watch(convert_categories.job_id(request.name)[1], request.after_revision):
            yield pb.WatchCategoryJobResponse(category_job=await self._read_category_job(request.name))

    async def ListCategoryProposals(
        self, request: pb.ListCategoryProposalsRequest, context: Context
    ) -> pb.ListCategoryProposalsResponse:
        """List proposals, the least certain first."""
        dataset, job = convert_categories.job_id(request.category_job, "category_job")
        size, least = paging.page_size(request.page_size), convert_categories.confidence(request.min_confidence)
        after = _token(request)

        def read(conn: Connection) -> pb.ListCategoryProposalsResponse:
            categories.get(conn, job, dataset)
            found = categories.list_proposals(conn, job, request.open_only, least, after, size + 1)
            token = paging.encode_token(str(found[size - 1].rank), request) if len(found) > size else ""
            messages = [convert_categories.proposal_message(one) for one in found[:size]]
            return pb.ListCategoryProposalsResponse(category_proposals=messages, next_page_token=token)

        return await self._db.read(read)

    async def AcceptCategories(
        self, request: pb.AcceptCategoriesRequest, context: Context
    ) -> pb.AcceptCategoriesResponse:
        """Accept or correct proposals, all or none."""
        dataset, job = convert_categories.job_id(request.category_job, "category_job")
        wanted = convert_categories.decisions(request)

        def accept(conn: Connection) -> pb.AcceptCategoriesResponse:
            if wanted:
                count = self._classifying.decide(conn, dataset, job, wanted)
            else:
                count = self._classifying.accept_sure(conn, dataset, job, request.min_confidence)
            message = self._classifying.read(conn, dataset, job)
            return pb.AcceptCategoriesResponse(category_job=message, decided_count=count)

        return await self._decide("AcceptCategories", request, pb.AcceptCategoriesResponse, accept)


def _token(request: pb.ListCategoryJobsRequest | pb.ListCategoryProposalsRequest) -> int:
    """What the page token says, 0 without one. Raises InvalidField."""
    after = paging.decode_token(request.page_token, request)
    if after and not (after.isascii() and after.isdigit() and len(after) < 19):
        raise InvalidField("page_token", "was not made by this listing")
    return int(after or 0)
