"""The door to replays; one part of the servicer."""

from typing import Any

from aisle.ranker.v1 import ranker_service_pb2_grpc as pb_grpc
from aisle.ranker.v1 import replay_pb2 as pb

from aisle_ranker.replaying import Replays

Context = Any


class ReplayServicer(pb_grpc.RankerServiceServicer):
    """Methods of `aisle.ranker.v1.RankerService` about logged requests."""

    _replays: Replays

    async def ReplayRequest(self, request: pb.ReplayRequestRequest, context: Context) -> pb.ReplayRequestResponse:
        """Answer a logged request again."""
        return await self._replays.replay(request)
