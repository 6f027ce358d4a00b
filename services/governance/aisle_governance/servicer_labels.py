"""The doors to labels; one part of the servicer."""

from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from aisle.governance.v1 import governance_service_pb2_grpc
from aisle.governance.v1 import label_pb2 as pb
from aisle_runtime import paging
from aisle_runtime.db import Database
from aisle_runtime.jobs import Jobs
from aisle_runtime.requests import RequestLog
from google.protobuf.message import Message
from sqlalchemy import Connection

from aisle_governance import convert, convert_labels
from aisle_governance.errors import InvalidField
from aisle_governance.labelling import Labelling
from aisle_governance.storage import catalog, labels

Context = Any
R = TypeVar("R", bound=Message)


class LabelServicer(governance_service_pb2_grpc.GovernanceServiceServicer):
    """Methods of `aisle.governance.v1.GovernanceService` about labels; errors leave through the interceptor."""

    _db: Database
    _jobs: Jobs
    _requests: RequestLog
    _labelling: Labelling

    async def _change(
        self, method: str, request: Message, response_type: type[R], compute: Callable[[Connection], R]
    ) -> R:
        """Do a mutation in one transaction, once per request id."""
        convert.request_id(getattr(request, "request_id", ""))
        return await self._db.write(
            lambda conn: self._requests.once(conn, method, request, response_type, lambda: compute(conn))
        )

    async def BuildLabels(self, request: pb.BuildLabelsRequest, context: Context) -> pb.BuildLabelsResponse:
        """Queue a build."""
        order = convert_labels.build_order(request)

        def start(conn: Connection) -> pb.BuildLabelsResponse:
            made = self._labelling.start_build(conn, order)
            return pb.BuildLabelsResponse(label_build=convert_labels.build_message(made, self._jobs.get(conn, made.id)))

        return await self._change("BuildLabels", request, pb.BuildLabelsResponse, start)

    async def _read_build(self, name: str) -> pb.LabelBuild:
        dataset, build = convert_labels.build_id(name)
        return await self._db.read(
            lambda conn: convert_labels.build_message(
                labels.get_build(conn, build, dataset), self._jobs.get(conn, build)
            )
        )

    async def GetLabelBuild(self, request: pb.GetLabelBuildRequest, context: Context) -> pb.GetLabelBuildResponse:
        """Return one build."""
        return pb.GetLabelBuildResponse(label_build=await self._read_build(request.name))

    async def ListLabelBuilds(self, request: pb.ListLabelBuildsRequest, context: Context) -> pb.ListLabelBuildsResponse:
        """List builds, newest first."""
        dataset = convert.dataset_id(request.dataset, "dataset")
        size, before = paging.page_size(request.page_size), _before(request)

        def read(conn: Connection) -> pb.ListLabelBuildsResponse:
            catalog.get_dataset(conn, dataset)
            found = labels.list_builds(conn, dataset, before, size + 1)
            token = paging.encode_token(str(found[size - 1].sequence), request) if len(found) > size else ""
            messages = [convert_labels.build_message(one, self._jobs.get(conn, one.id)) for one in found[:size]]
            return pb.ListLabelBuildsResponse(label_builds=messages, next_page_token=token)

        return await self._db.read(read)

    async def CancelLabelBuild(
        self, request: pb.CancelLabelBuildRequest, context: Context
    ) -> pb.CancelLabelBuildResponse:
        """Stop a build that has not ended."""
        dataset, build = convert_labels.build_id(request.name)

        def check(conn: Connection) -> pb.CancelLabelBuildResponse:
            found = labels.get_build(conn, build, dataset)
            job = self._labelling.check_running(conn, build, "build")
            return pb.CancelLabelBuildResponse(label_build=convert_labels.build_message(found, job))

        await self._change("CancelLabelBuild", request, pb.CancelLabelBuildResponse, check)
        await self._jobs.cancel(build)
        return pb.CancelLabelBuildResponse(label_build=await self._read_build(request.name))

    async def WatchLabelBuild(
        self, request: pb.WatchLabelBuildRequest, context: Context
    ) -> AsyncIterator[pb.WatchLabelBuildResponse]:
        """Stream a build at every change until it ends."""
        _check_revision(request.after_revision)
        await self._read_build(request.name)
        async for _ in self._jobs.watch(convert_labels.build_id(request.name)[1], request.after_revision):
            yield pb.WatchLabelBuildResponse(label_build=await self._read_build(request.name))

    async def StartLabelReview(
        self, request: pb.StartLabelReviewRequest, context: Context
    ) -> pb.StartLabelReviewResponse:
        """Queue a review."""
        dataset, number = convert.version_number(request.dataset_version, "dataset_version")
        most = convert_labels.max_suspects(request.max_suspect_count)
        order = convert_labels.review_order(request.order)

        def start(conn: Connection) -> pb.StartLabelReviewResponse:
            made = self._labelling.start_review(conn, dataset, number, most, order)
            message = convert_labels.review_message(made, self._jobs.get(conn, made.id))
            return pb.StartLabelReviewResponse(label_review=message)

        return await self._change("StartLabelReview", request, pb.StartLabelReviewResponse, start)

    async def _read_review(self, name: str) -> pb.LabelReview:
        dataset, review = convert_labels.review_id(name)
        return await self._db.read(
            lambda conn: convert_labels.review_message(
                labels.get_review(conn, review, dataset), self._jobs.get(conn, review)
            )
        )

    async def GetLabelReview(self, request: pb.GetLabelReviewRequest, context: Context) -> pb.GetLabelReviewResponse:
        """Return one review."""
        return pb.GetLabelReviewResponse(label_review=await self._read_review(request.name))

    async def ListLabelReviews(
        self, request: pb.ListLabelReviewsRequest, context: Context
    ) -> pb.ListLabelReviewsResponse:
        """List reviews, newest first."""
        dataset = convert.dataset_id(request.dataset, "dataset")
        size, before = paging.page_size(request.page_size), _before(request)

        def read(conn: Connection) -> pb.ListLabelReviewsResponse:
            catalog.get_dataset(conn, dataset)
            found = labels.list_reviews(conn, dataset, before, size + 1)
            token = paging.encode_token(str(found[size - 1].sequence), request) if len(found) > size else ""
            messages = [convert_labels.review_message(one, self._jobs.get(conn, one.id)) for one in found[:size]]
            return pb.ListLabelReviewsResponse(label_reviews=messages, next_page_token=token)

        return await self._db.read(read)

    async def CancelLabelReview(
        self, request: pb.CancelLabelReviewRequest, context: Context
    ) -> pb.CancelLabelReviewResponse:
        """Stop a review that has not ended."""
        dataset, review = convert_labels.review_id(request.name)

        def check(conn: Connection) -> pb.CancelLabelReviewResponse:
            found = labels.get_review(conn, review, dataset)
            job = self._labelling.check_running(conn, review, "review")
            return pb.CancelLabelReviewResponse(label_review=convert_labels.review_message(found, job))

        await self._change("CancelLabelReview", request, pb.CancelLabelReviewResponse, check)
        await self._jobs.cancel(review)
        return pb.CancelLabelReviewResponse(label_review=await self._read_review(request.name))

    async def WatchLabelReview(
        self, request: pb.WatchLabelReviewRequest, context: Context
    ) -> AsyncIterator[pb.WatchLabelReviewResponse]:
        """Stream a review at every change until it ends."""
        _check_revision(request.after_revision)
        await self._read_review(request.name)
        async for _ in self._jobs.watch(convert_labels.review_id(request.name)[1], request.after_revision):
            yield pb.WatchLabelReviewResponse(label_review=await self._read_review(request.name))

    async def ListLabelSuspects(
        self, request: pb.ListLabelSuspectsRequest, context: Context
    ) -> pb.ListLabelSuspectsResponse:
        """List suspects, the most suspect first."""
        dataset, review = convert_labels.review_id(request.review, "review")
        size = paging.page_size(request.page_size)
        after = int(paging.decode_token(request.page_token, request) or 0)

        def read(conn: Connection) -> pb.ListLabelSuspectsResponse:
            labels.get_review(conn, review, dataset)
            found = labels.list_suspects(conn, review, request.open_only, after, size + 1)
            token = paging.encode_token(str(found[size - 1].rank), request) if len(found) > size else ""
            messages = [convert_labels.suspect_message(one) for one in found[:size]]
            return pb.ListLabelSuspectsResponse(label_suspects=messages, next_page_token=token)

        return await self._db.read(read)

    async def AcceptLabelFixes(
        self, request: pb.AcceptLabelFixesRequest, context: Context
    ) -> pb.AcceptLabelFixesResponse:
        """Accept fixes, all or none."""
        dataset, review = convert_labels.review_id(request.review, "review")
        fixes = convert_labels.fixes(request)

        def accept(conn: Connection) -> pb.AcceptLabelFixesResponse:
            changed, suspects = self._labelling.accept(conn, dataset, review, fixes)
            return pb.AcceptLabelFixesResponse(
                label_review=convert_labels.review_message(changed, self._jobs.get(conn, review)),
                label_suspects=[convert_labels.suspect_message(one) for one in suspects],
            )

        return await self._change("AcceptLabelFixes", request, pb.AcceptLabelFixesResponse, accept)


def _before(request: pb.ListLabelBuildsRequest | pb.ListLabelReviewsRequest) -> int | None:
    after = paging.decode_token(request.page_token, request)
    return int(after) if after else None


def _check_revision(value: int) -> None:
    if value < 0:
        raise InvalidField("after_revision", "must not be negative")
