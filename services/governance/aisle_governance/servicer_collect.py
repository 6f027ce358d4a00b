"""The door for calls about sources, suggestions and live collections: convert, ask, convert."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from aisle.governance.v1 import collect_pb2, governance_service_pb2_grpc
from aisle_runtime.db import Database
from aisle_runtime.jobs import Jobs
from aisle_runtime.requests import RequestLog
from google.protobuf.message import Message
from sqlalchemy import Connection

from aisle_governance import convert, convert_collect
from aisle_governance.importing import Imports
from aisle_governance.live import LiveCollections
from aisle_governance.sourcing import Sourcing
from aisle_governance.suggesting import Suggestions

Context = Any
R = TypeVar("R", bound=Message)


@dataclass(frozen=True, slots=True)
class CollectRules:
    """What the door asks."""

    sourcing: Sourcing
    live: LiveCollections
    suggestions: Suggestions


class CollectServicer(governance_service_pb2_grpc.GovernanceServiceServicer):
    """Methods of `aisle.governance.v1.GovernanceService` about data that comes by itself or from elsewhere."""

    _db: Database
    _jobs: Jobs
    _requests: RequestLog
    _imports: Imports
    _collect: CollectRules

    async def ImportSource(
        self, request: collect_pb2.ImportSourceRequest, context: Context
    ) -> collect_pb2.ImportSourceResponse:
        """Queue an import of what a place or database of the operator holds."""
        named = await self._collect.sourcing.named(request)

        def start(conn: Connection) -> collect_pb2.ImportSourceResponse:
            found = self._imports.start_named(conn, named)
            message = convert.import_message(found, self._jobs.get(conn, found.id))
            return collect_pb2.ImportSourceResponse(**{"import": message})

        return await self._mutate("ImportSource", request, collect_pb2.ImportSourceResponse, start)

    async def _mutate(self, method: str, request: Any, kind: type[R], compute: Callable[[Connection], R]) -> R:
        convert.request_id(request.request_id)
        return await self._db.write(
            lambda conn: self._requests.once(conn, method, request, kind, lambda: compute(conn))
        )

    async def ListImportSources(
        self, request: collect_pb2.ListImportSourcesRequest, context: Context
    ) -> collect_pb2.ListImportSourcesResponse:
        """List places and connections."""
        return await self._collect.sourcing.listed()

    async def SuggestMapping(
        self, request_iterator: AsyncIterator[collect_pb2.SuggestMappingRequest], context: Context
    ) -> collect_pb2.SuggestMappingResponse:
        """Suggest a mapping for a file or its beginning."""
        return await self._collect.suggestions.suggest(request_iterator)

    async def UpdateLiveCollection(
        self, request: collect_pb2.UpdateLiveCollectionRequest, context: Context
    ) -> collect_pb2.UpdateLiveCollectionResponse:
        """Set what flows into a dataset."""
        wanted = convert_collect.live(request, convert.dataset_id(request.dataset, "dataset"))

        def update(conn: Connection) -> collect_pb2.UpdateLiveCollectionResponse:
            self._collect.live.update(conn, wanted)
            found, waiting = self._collect.live.get(conn, wanted.dataset)
            return collect_pb2.UpdateLiveCollectionResponse(
                live_collection=convert_collect.live_message(found, waiting)
            )

        return await self._mutate("UpdateLiveCollection", request, collect_pb2.UpdateLiveCollectionResponse, update)

    async def GetLiveCollection(
        self, request: collect_pb2.GetLiveCollectionRequest, context: Context
    ) -> collect_pb2.GetLiveCollectionResponse:
        """Say what flows into a dataset."""
        dataset = convert.dataset_id(request.dataset, "dataset")
        found, waiting = await self._db.read(lambda conn: self._collect.live.get(conn, dataset))
        return collect_pb2.GetLiveCollectionResponse(live_collection=convert_collect.live_message(found, waiting))

    async def FlushLiveCollection(
        self, request: collect_pb2.FlushLiveCollectionRequest, context: Context
    ) -> collect_pb2.FlushLiveCollectionResponse:
        """Make imports of what waits."""
        made = await self._collect.live.flush(convert.dataset_id(request.dataset, "dataset"))
        return collect_pb2.FlushLiveCollectionResponse(
            row_count=sum(one.accepted_row_count for one in made),
            imports=[f"datasets/{one.dataset}/imports/{one.id}" for one in made],
        )
