"""The doors to what becomes of versions, rows put aside and people; the other half of the servicer."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from aisle.governance.v1 import governance_service_pb2 as pb
from aisle.governance.v1 import governance_service_pb2_grpc
from aisle_runtime import paging
from aisle_runtime.db import Database
from aisle_runtime.requests import RequestLog
from google.protobuf.message import Message
from sqlalchemy import Connection

from aisle_governance import convert, convert_history
from aisle_governance.domain.erasures import Erasure, ErasureStage
from aisle_governance.erasing import Erasures
from aisle_governance.previewing import Previews
from aisle_governance.releasing import Releases
from aisle_governance.storage import ledger
from aisle_governance.versioning import Versions

Context = Any
R = TypeVar("R", bound=Message)


@dataclass(frozen=True, slots=True)
class HistoryRules:
    """The rules behind these doors."""

    versions: Versions
    releases: Releases
    erasures: Erasures
    previews: Previews


class HistoryServicer(governance_service_pb2_grpc.GovernanceServiceServicer):
    """Methods of `aisle.governance.v1.GovernanceService` about the past of data; errors leave through the interceptor."""

    _db: Database
    _requests: RequestLog
    _history: HistoryRules

    async def _mutate(
        self, method: str, request: Message, response_type: type[R], compute: Callable[[Connection], R]
    ) -> R:
        """Do a mutation in one transaction, once per request id."""
        convert.request_id(getattr(request, "request_id", ""))
        return await self._db.write(
            lambda conn: self._requests.once(conn, method, request, response_type, lambda: compute(conn))
        )

    async def DiffDatasetVersions(
        self, request: pb.DiffDatasetVersionsRequest, context: Context
    ) -> pb.DiffDatasetVersionsResponse:
        """Compare two versions."""
        base, version, found = await self._history.versions.diff(request.base_version, request.version)
        return pb.DiffDatasetVersionsResponse(diff=convert_history.diff_message(base, version, found))

    async def RollbackDataset(self, request: pb.RollbackDatasetRequest, context: Context) -> pb.RollbackDatasetResponse:
        """Publish the rows of an older version again."""
        dataset, number = convert.version_number(request.version, "version")

        def roll_back(conn: Connection) -> pb.RollbackDatasetResponse:
            wanted = number or self._history.versions.newest(conn, dataset)
            made = self._history.versions.roll_back(conn, dataset, wanted)
            return pb.RollbackDatasetResponse(dataset_version=convert.version_message(made))

        return await self._mutate("RollbackDataset", request, pb.RollbackDatasetResponse, roll_back)

    async def GetRetentionPolicy(
        self, request: pb.GetRetentionPolicyRequest, context: Context
    ) -> pb.GetRetentionPolicyResponse:
        """Return how long versions are kept."""
        dataset = convert.dataset_id(request.dataset, "dataset")
        policy = await self._db.read(lambda conn: self._history.versions.retention(conn, dataset))
        return pb.GetRetentionPolicyResponse(retention_policy=convert_history.policy_message(dataset, policy))

    async def UpdateRetentionPolicy(
        self, request: pb.UpdateRetentionPolicyRequest, context: Context
    ) -> pb.UpdateRetentionPolicyResponse:
        """Set how long versions are kept."""
        dataset, policy = convert_history.policy(request.retention_policy)

        def store(conn: Connection) -> pb.UpdateRetentionPolicyResponse:
            self._history.versions.set_retention(conn, dataset, policy)
            return pb.UpdateRetentionPolicyResponse(retention_policy=convert_history.policy_message(dataset, policy))

        return await self._mutate("UpdateRetentionPolicy", request, pb.UpdateRetentionPolicyResponse, store)

    async def VacuumDataset(self, request: pb.VacuumDatasetRequest, context: Context) -> pb.VacuumDatasetResponse:
        """Delete the files of versions that are no longer kept."""
        dataset = convert.dataset_id(request.dataset, "dataset")

        def vacuum(conn: Connection) -> pb.VacuumDatasetResponse:
            done = self._history.versions.vacuum(conn, dataset, dry_run=request.dry_run)
            return convert_history.vacuum_message(dataset, done.gone, done.kept, done.freed_bytes)

        return await self._mutate("VacuumDataset", request, pb.VacuumDatasetResponse, vacuum)

    async def GetQualityHistory(
        self, request: pb.GetQualityHistoryRequest, context: Context
    ) -> pb.GetQualityHistoryResponse:
        """Return the quality of versions, newest first."""
        dataset = convert.dataset_id(request.dataset, "dataset")
        size = paging.page_size(request.page_size)
        after = paging.decode_token(request.page_token, request)
        before = int(after) if after else None
        found = await self._db.read(lambda conn: self._history.versions.quality(conn, dataset, before, size + 1))
        token = paging.encode_token(str(found[size - 1].version.number), request) if len(found) > size else ""
        points = [convert_history.point_message(one.version, one.report, one.anomalies) for one in found[:size]]
        return pb.GetQualityHistoryResponse(points=points, next_page_token=token)

    async def ReleaseQuarantinedRows(
        self, request: pb.ReleaseQuarantinedRowsRequest, context: Context
    ) -> pb.ReleaseQuarantinedRowsResponse:
        """Let rows that were put aside come back with the next run."""
        dataset = convert.dataset_id(request.dataset, "dataset")
        fixes = convert_history.fixes(request.rows)
        decisions = await self._history.releases.decide(dataset, fixes)

        def store(conn: Connection) -> pb.ReleaseQuarantinedRowsResponse:
            self._history.releases.store(conn, decisions)
            return pb.ReleaseQuarantinedRowsResponse(
                releases=[convert_history.release_message(one) for one in decisions]
            )

        return await self._mutate("ReleaseQuarantinedRows", request, pb.ReleaseQuarantinedRowsResponse, store)

    async def EraseSubject(self, request: pb.EraseSubjectRequest, context: Context) -> pb.EraseSubjectResponse:
        """Begin to delete a person."""
        person = convert_history.customer_id(request.customer_id)
        # What is remembered of the request must not hold the id, not even under a hash that anybody can compute.
        remembered = pb.EraseSubjectRequest(
            customer_id=self._history.erasures.hash_of(person), request_id=request.request_id
        )

        def start(conn: Connection) -> pb.EraseSubjectResponse:
            erasure = self._history.erasures.start(conn, person)
            return pb.EraseSubjectResponse(erasure=convert_history.erasure_message(erasure))

        return await self._mutate("EraseSubject", remembered, pb.EraseSubjectResponse, start)

    async def PreviewErasure(
        self, request: pb.PreviewErasureRequest, context: Context
    ) -> AsyncIterator[pb.PreviewErasureResponse]:
        """Say what is held of a person."""
        person = convert_history.customer_id(request.customer_id)
        async for finding in self._history.previews.find(person):
            yield pb.PreviewErasureResponse(finding=convert_history.finding_message(finding))

    async def _read_erasure(self, name: str) -> Erasure:
        erasure_id = convert_history.erasure_id(name)
        return await self._db.read(lambda conn: ledger.get_erasure(conn, erasure_id))

    async def GetErasure(self, request: pb.GetErasureRequest, context: Context) -> pb.GetErasureResponse:
        """Return one receipt."""
        erasure = await self._read_erasure(request.name)
        return pb.GetErasureResponse(erasure=convert_history.erasure_message(erasure))

    async def ListErasures(self, request: pb.ListErasuresRequest, context: Context) -> pb.ListErasuresResponse:
        """List receipts, newest first."""
        size = paging.page_size(request.page_size)
        after = paging.decode_token(request.page_token, request)
        found = await self._db.read(lambda conn: ledger.list_erasures(conn, int(after) if after else None, size + 1))
        token = paging.encode_token(str(found[size - 1].sequence), request) if len(found) > size else ""
        messages = [convert_history.erasure_message(one) for one in found[:size]]
        return pb.ListErasuresResponse(erasures=messages, next_page_token=token)

    async def WatchErasure(
        self, request: pb.WatchErasureRequest, context: Context
    ) -> AsyncIterator[pb.WatchErasureResponse]:
        """Stream an erasure at every change until it ends."""
        convert.revision(request.after_revision)
        changed = asyncio.Event()
        stop = self._db.on_commit(changed.set)
        revision = request.after_revision
        try:
            while True:
                changed.clear()
                erasure = await self._read_erasure(request.name)
                if erasure.revision > revision:
                    revision = erasure.revision
                    yield pb.WatchErasureResponse(erasure=convert_history.erasure_message(erasure))
                if erasure.stage.is_final and not (request.until_complete and erasure.missing and not _failed(erasure)):
                    return
                await changed.wait()
        finally:
            stop()


def _failed(erasure: Erasure) -> bool:
    return erasure.stage == ErasureStage.FAILED
