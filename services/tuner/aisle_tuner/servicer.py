"""The gRPC door of the tuner."""

from collections.abc import AsyncIterator
from typing import Any

from aisle.tuner.v1 import study_pb2
from aisle.tuner.v1 import tuner_service_pb2 as pb
from aisle.tuner.v1 import tuner_service_pb2_grpc as pb_grpc
from aisle_runtime.db import Database
from aisle_runtime.errors import InvalidField
from aisle_runtime.jobs import Jobs
from aisle_runtime.names import ResourceName
from aisle_runtime.paging import decode_token, encode_token, page_size
from aisle_runtime.requests import RequestLog
from sqlalchemy import Connection

from aisle_tuner import convert
from aisle_tuner.desk import Desk
from aisle_tuner.domain.trials import Trial
from aisle_tuner.storage import studies

_STUDY = ResourceName("studies/{study}")


class TunerServicer(pb_grpc.TunerServiceServicer):
    """Translates between the contract and the desk."""

    def __init__(self, db: Database, desk: Desk, requests: RequestLog, jobs: Jobs) -> None:
        """Follow studies through the jobs that run them."""
        self._db, self._desk, self._requests, self._jobs = db, desk, requests, jobs

    async def CreateStudy(self, request: pb.CreateStudyRequest, context: Any) -> pb.CreateStudyResponse:
        """Check and queue a study."""
        convert.plan(request.stage, request.base_spec)

        def create(conn: Connection) -> pb.CreateStudyResponse:
            def compute() -> pb.CreateStudyResponse:
                return pb.CreateStudyResponse(study=self._desk.begin(conn, request.stage, request.base_spec))

            return self._requests.once(conn, "CreateStudy", request, pb.CreateStudyResponse, compute)

        return await self._db.write(create)

    async def GetStudy(self, request: pb.GetStudyRequest, context: Any) -> pb.GetStudyResponse:
        """Return one study."""
        study_id = _id(request.name, "name")
        return pb.GetStudyResponse(study=await self._db.read(lambda conn: self._desk.study(conn, study_id)))

    async def ListStudies(self, request: pb.ListStudiesRequest, context: Any) -> pb.ListStudiesResponse:
        """List studies, newest first."""
        size, before = page_size(request.page_size), decode_token(request.page_token, request)

        def read(conn: Connection) -> tuple[list[study_pb2.Study], str]:
            found = studies.list_studies(conn, before, size + 1)
            last = found[size - 1].id if len(found) > size else ""
            return [self._desk.message(conn, stored) for stored in found[:size]], last

        sent, last = await self._db.read(read)
        return pb.ListStudiesResponse(studies=sent, next_page_token=encode_token(last, request))

    async def StopStudy(self, request: pb.StopStudyRequest, context: Any) -> pb.StopStudyResponse:
        """Have a study end after its running trial."""
        study_id = _id(request.name, "name")

        def stop(conn: Connection) -> pb.StopStudyResponse:
            def compute() -> pb.StopStudyResponse:
                return pb.StopStudyResponse(study=self._desk.stop(conn, study_id))

            return self._requests.once(conn, "StopStudy", request, pb.StopStudyResponse, compute)

        return await self._db.write(stop)

    async def WatchStudy(self, request: pb.WatchStudyRequest, context: Any) -> AsyncIterator[pb.WatchStudyResponse]:
        """Stream a study at every change until it ends."""
        study_id = _id(request.name, "name")
        if request.after_revision < 0:
            raise InvalidField("after_revision", "must not be negative")
        stored = await self._db.read(lambda conn: studies.get_study(conn, study_id))
        async for record in self._jobs.watch(study_id, request.after_revision):
            study = await self._db.read(lambda conn, record=record: self._desk.message(conn, stored, record))  # type: ignore[misc]
            yield pb.WatchStudyResponse(study=study)

    async def ListTrials(self, request: pb.ListTrialsRequest, context: Any) -> pb.ListTrialsResponse:
        """List the trials of a study by number."""
        study_id = _id(request.study, "study")
        size, after = page_size(request.page_size), decode_token(request.page_token, request)
        if after and not (after.isascii() and after.isdigit() and len(after) < 10):
            raise InvalidField("page_token", "was not made by this listing")

        def read(conn: Connection) -> list[Trial]:
            studies.get_study(conn, study_id)
            return studies.list_trials(conn, study_id, int(after or 0), size + 1)

        found = await self._db.read(read)
        last = str(found[size - 1].number) if len(found) > size else ""
        return pb.ListTrialsResponse(
            trials=[convert.trial(trial) for trial in found[:size]], next_page_token=encode_token(last, request)
        )


def _id(name: str, field: str) -> str:
    return _STUDY.parse(name, field)["study"]
