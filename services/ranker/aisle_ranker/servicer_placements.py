"""The doors to serving configs; one part of the servicer."""

from collections.abc import Callable
from typing import Any, TypeVar

from aisle.ranker.v1 import ranker_service_pb2_grpc as pb_grpc
from aisle.ranker.v1 import serving_config_pb2 as pb
from aisle_runtime import paging
from aisle_runtime.db import Database
from aisle_runtime.names import resource_id
from aisle_runtime.requests import RequestLog
from google.protobuf.message import Message
from sqlalchemy import Connection

from aisle_ranker.placements import Placements
from aisle_ranker.storage import placements as store

Context = Any
R = TypeVar("R", bound=Message)


class PlacementServicer(pb_grpc.RankerServiceServicer):
    """Methods of `aisle.ranker.v1.RankerService` about serving configs."""

    _db: Database
    _requests: RequestLog
    _placements: Placements

    async def _change(
        self, method: str, request: Message, response_type: type[R], compute: Callable[[Connection], R]
    ) -> R:
        """Do a mutation in one transaction, once per request id; answers follow it from then on."""
        made = await self._db.write(
            lambda conn: self._requests.once(conn, method, request, response_type, lambda: compute(conn))
        )
        await self._placements.restore()
        return made

    async def CreateServingConfig(
        self, request: pb.CreateServingConfigRequest, context: Context
    ) -> pb.CreateServingConfigResponse:
        """Store a new config."""
        config_id = resource_id(request.serving_config_id, "serving_config_id")

        def create(conn: Connection) -> pb.CreateServingConfigResponse:
            made = self._placements.create(conn, config_id, request.serving_config)
            return pb.CreateServingConfigResponse(serving_config=made)

        return await self._change("CreateServingConfig", request, pb.CreateServingConfigResponse, create)

    async def GetServingConfig(
        self, request: pb.GetServingConfigRequest, context: Context
    ) -> pb.GetServingConfigResponse:
        """Return a config."""
        found = await self._db.read(lambda conn: self._placements.get(conn, request.name, request.version))
        return pb.GetServingConfigResponse(serving_config=found)

    async def ListServingConfigs(
        self, request: pb.ListServingConfigsRequest, context: Context
    ) -> pb.ListServingConfigsResponse:
        """List configs by name."""
        size, after = paging.page_size(request.page_size), paging.decode_token(request.page_token, request)
        rows = [row for row in await self._db.read(store.everything) if row[0] > after]
        found = [pb.ServingConfig.FromString(content) for _, _, content in rows[:size]]
        token = paging.encode_token(rows[size - 1][0] if len(rows) > size else "", request)
        return pb.ListServingConfigsResponse(serving_configs=found, next_page_token=token)

    async def UpdateServingConfig(
        self, request: pb.UpdateServingConfigRequest, context: Context
    ) -> pb.UpdateServingConfigResponse:
        """Store the next version of a config."""

        def update(conn: Connection) -> pb.UpdateServingConfigResponse:
            return pb.UpdateServingConfigResponse(serving_config=self._placements.update(conn, request.serving_config))

        return await self._change("UpdateServingConfig", request, pb.UpdateServingConfigResponse, update)

    async def DeleteServingConfig(
        self, request: pb.DeleteServingConfigRequest, context: Context
    ) -> pb.DeleteServingConfigResponse:
        """Delete a config."""

        def delete(conn: Connection) -> pb.DeleteServingConfigResponse:
            self._placements.delete(conn, request.name)
            return pb.DeleteServingConfigResponse()

        return await self._change("DeleteServingConfig", request, pb.DeleteServingConfigResponse, delete)
