"""The doors to data ROI studies; one part of the servicer."""

from collections.abc import AsyncIterator
from typing import Any

from aisle.governance.v1 import data_roi_pb2 as pb
from aisle.governance.v1 import governance_service_pb2_grpc
from aisle_runtime import paging
from aisle_runtime.db import Database
from aisle_runtime.jobs import Jobs
from aisle_runtime.requests import RequestLog
from sqlalchemy import Connection

from aisle_governance import convert, convert_roi
from aisle_governance.errors import InvalidField
from aisle_governance.storage import roi
from aisle_governance.weighing import RoiStudies

Context = Any


class RoiServicer(governance_service_pb2_grpc.GovernanceServiceServicer):
    """Methods of `aisle.governance.v1.GovernanceService` about data ROI; errors leave through the interceptor."""

    _db: Database
    _jobs: Jobs
    _requests: RequestLog
    _studies: RoiStudies

    async def CreateRoiStudy(self, request: pb.CreateRoiStudyRequest, context: Context) -> pb.CreateRoiStudyResponse:
        """Queue a study."""
        convert.request_id(request.request_id)
        order = convert_roi.order(request.spec)

        def start(conn: Connection) -> pb.CreateRoiStudyResponse:
            def compute() -> pb.CreateRoiStudyResponse:
                study = self._studies.start(conn, order)
                return pb.CreateRoiStudyResponse(roi_study=self._studies.read(conn, study.id))

            return self._requests.once(conn, "CreateRoiStudy", request, pb.CreateRoiStudyResponse, compute)

        return await self._db.write(start)

    async def GetRoiStudy(self, request: pb.GetRoiStudyRequest, context: Context) -> pb.GetRoiStudyResponse:
        """Return one study."""
        return pb.GetRoiStudyResponse(roi_study=await self._read_study(convert_roi.study_id(request.name)))

    async def _read_study(self, study_id: str) -> pb.RoiStudy:
        return await self._db.read(lambda conn: self._studies.read(conn, study_id))

    async def ListRoiStudies(self, request: pb.ListRoiStudiesRequest, context: Context) -> pb.ListRoiStudiesResponse:
        """List studies, newest first."""
        size = paging.page_size(request.page_size)
        after = paging.decode_token(request.page_token, request)
        if after and not (after.isascii() and after.isdigit() and len(after) < 19):
            raise InvalidField("page_token", "was not made by this listing")

        def read(conn: Connection) -> pb.ListRoiStudiesResponse:
            found = roi.list_all(conn, int(after) if after else None, size + 1)
            token = paging.encode_token(str(found[size - 1].sequence), request) if len(found) > size else ""
            messages = [self._studies.message(one, self._jobs.get(conn, one.id)) for one in found[:size]]
            return pb.ListRoiStudiesResponse(roi_studies=messages, next_page_token=token)

        return await self._db.read(read)

    async def CancelRoiStudy(self, request: pb.CancelRoiStudyRequest, context: Context) -> pb.CancelRoiStudyResponse:
        """Stop a study that has not ended."""
        convert.request_id(request.request_id)
        study_id = convert_roi.study_id(request.name)

        def check(conn: Connection) -> pb.CancelRoiStudyResponse:
            def compute() -> pb.CancelRoiStudyResponse:
                study = self._studies.read(conn, study_id)
                self._studies.check_running(conn, study_id)
                return pb.CancelRoiStudyResponse(roi_study=study)

            return self._requests.once(conn, "CancelRoiStudy", request, pb.CancelRoiStudyResponse, compute)

        await self._db.write(check)
        await self._jobs.cancel(study_id)
        return pb.CancelRoiStudyResponse(roi_study=await self._read_study(study_id))

    async def WatchRoiStudy(
        self, request: pb.WatchRoiStudyRequest, context: Context
    ) -> AsyncIterator[pb.WatchRoiStudyResponse]:
        """Stream a study at every change until it ends."""
        if request.after_revision < 0:
            raise InvalidField("after_revision", "must not be negative")
        study_id = convert_roi.study_id(request.name)
        await self._read_study(study_id)
        async for _ in self._jobs.watch(study_id, request.after_revision):
            yield pb.WatchRoiStudyResponse(roi_study=await self._read_study(study_id))
