"""The doors to repair models and merged products; a part of the servicer."""

from collections.abc import AsyncIterator
from typing import Any

from aisle.governance.v1 import governance_service_pb2 as pb
from aisle.governance.v1 import governance_service_pb2_grpc, repair_model_pb2
from aisle_runtime import paging
from aisle_runtime.db import Database
from aisle_runtime.jobs import Jobs
from aisle_runtime.requests import RequestLog
from sqlalchemy import Connection

from aisle_governance import convert, convert_cleaning
from aisle_governance.domain.repair.labelling import DEFAULT_SUGGESTIONS, MAX_LABELLED_ROWS, RepairRecord
from aisle_governance.errors import InvalidField
from aisle_governance.reading import Readings
from aisle_governance.repairing import Repairs
from aisle_governance.storage import catalog, repairs

Context = Any


class RepairServicer(governance_service_pb2_grpc.GovernanceServiceServicer):
    """Methods of `aisle.governance.v1.GovernanceService` about cell repair; errors leave through the interceptor."""

    _db: Database
    _jobs: Jobs
    _requests: RequestLog
    _readings: Readings
    _repairs: Repairs

    async def CreateRepairModel(
        self, request: pb.CreateRepairModelRequest, context: Context
    ) -> pb.CreateRepairModelResponse:
        """Queue the learning."""
        convert.request_id(request.request_id)
        dataset_id = convert.dataset_id(request.dataset, "dataset")
        if not 0 <= request.suggestion_count <= MAX_LABELLED_ROWS:
            raise InvalidField("suggestion_count", f"must be 0 to {MAX_LABELLED_ROWS}")
        kind = (await self._db.read(lambda conn: catalog.get_dataset(conn, dataset_id))).kind
        labels = convert_cleaning.labelled_rows(request.labelled_rows, kind)
        count = request.suggestion_count or DEFAULT_SUGGESTIONS

        def start(conn: Connection) -> pb.CreateRepairModelResponse:
            made = self._repairs.start(conn, dataset_id, labels, count)
            return pb.CreateRepairModelResponse(repair_model=self._repair_message(conn, made))

        return await self._db.write(
            lambda conn: self._requests.once(
                conn, "CreateRepairModel", request, pb.CreateRepairModelResponse, lambda: start(conn)
            )
        )

    def _repair_message(
        self, conn: Connection, value: RepairRecord, *, suggestions: bool = True
    ) -> repair_model_pb2.RepairModel:
        job = self._jobs.get(conn, value.id)
        return convert_cleaning.repair_model_message(value, job, suggestions=suggestions)

    async def _read_repair_model(self, name: str) -> repair_model_pb2.RepairModel:
        dataset_id, model_id = convert_cleaning.repair_model_id(name)
        return await self._db.read(lambda conn: self._repair_message(conn, repairs.get(conn, dataset_id, model_id)))

    async def GetRepairModel(self, request: pb.GetRepairModelRequest, context: Context) -> pb.GetRepairModelResponse:
        """Return one repair model."""
        return pb.GetRepairModelResponse(repair_model=await self._read_repair_model(request.name))

    async def ListRepairModels(
        self, request: pb.ListRepairModelsRequest, context: Context
    ) -> pb.ListRepairModelsResponse:
        """List the repair models of a dataset, newest first."""
        dataset_id = convert.dataset_id(request.dataset, "dataset")
        size = paging.page_size(request.page_size)
        after = paging.decode_token(request.page_token, request)

        def read(conn: Connection) -> pb.ListRepairModelsResponse:
            catalog.get_dataset(conn, dataset_id)
            found = repairs.list_all(conn, dataset_id, int(after) if after else None, size + 1)
            token = paging.encode_token(str(found[size - 1].sequence), request) if len(found) > size else ""
            messages = [self._repair_message(conn, one, suggestions=False) for one in found[:size]]
            return pb.ListRepairModelsResponse(repair_models=messages, next_page_token=token)

        return await self._db.read(read)

    async def WatchRepairModel(
        self, request: pb.WatchRepairModelRequest, context: Context
    ) -> AsyncIterator[pb.WatchRepairModelResponse]:
        """Stream a repair model at every change until its job ends."""
        convert.revision(request.after_revision)
        await self._read_repair_model(request.name)
        model_id = convert_cleaning.repair_model_id(request.name)[1]
        async for _ in self._jobs.watch(model_id, request.after_revision):
            yield pb.WatchRepairModelResponse(repair_model=await self._read_repair_model(request.name))

    async def ListProductAliases(
        self, request: pb.ListProductAliasesRequest, context: Context
    ) -> pb.ListProductAliasesResponse:
        """List merged product ids."""
        size = paging.page_size(request.page_size)
        after = paging.decode_token(request.page_token, request)
        start = int(after) if after.isdigit() else 0
        found, more = await self._readings.aliases(request.dataset_version, start, size)
        token = paging.encode_token(str(start + size), request) if more else ""
        messages = [pb.ProductAlias(alias_product_id=alias, product_id=product) for alias, product in found]
        return pb.ListProductAliasesResponse(product_aliases=messages, next_page_token=token)
