"""A ranker of its own for each test, beside a registry that hands out bundles; and what tests ask of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import nats
import pytest
from aisle.ranker.v1 import ranker_events_pb2, ranking_pb2
from aisle.ranker.v1 import ranker_service_pb2 as pb
from aisle.ranker.v1 import ranker_service_pb2_grpc as pb_grpc
from aisle.type.v1 import context_pb2
from aisle_ranker.main import MIGRATIONS, wire
from aisle_ranker.settings import RankerSettings
from aisle_runtime.client import ErrorDetails, error_details, open_channel
from aisle_runtime.testing import running_host
from aisle_runtime.testing.nats import NatsServer, nats_server  # noqa: F401
from ranker_fakes import (
    MODEL,
    Bundle,
    FakeRegistry,
    Reference,
    build,
    fake_registry,
)

Stub = pb_grpc.RankerServiceStub
ONE, TWO, THREE = (f"{MODEL}/versions/{number}" for number in (1, 2, 3))
QUERY = "large wooden desk"
WAIT_SECONDS = 20.0


@pytest.fixture
async def registry() -> AsyncIterator[FakeRegistry]:
    async with fake_registry() as fake:
        yield fake


@pytest.fixture(scope="module")
def first() -> tuple[Bundle, Reference]:
    return build()


@pytest.fixture(scope="module")
def second() -> tuple[Bundle, Reference]:
    return build(seed=7)


@asynccontextmanager
async def ranker(folder: Path, registry: FakeRegistry, **more: Any) -> AsyncIterator[Stub]:
    config = RankerSettings.model_validate(
        {"state_dir": folder / "state", "registry_address": registry.address, "inference_threads": 1, **more}
    )
    async with running_host("ranker", config, MIGRATIONS, wire) as host, open_channel(host.address) as channel:
        yield Stub(channel)


async def state(stub: Stub) -> ranking_pb2.ServingState:
    return (await stub.GetServingState(pb.GetServingStateRequest())).state


async def until(stub: Stub, condition: Callable[[ranking_pb2.ServingState], bool]) -> ranking_pb2.ServingState:
    async with asyncio.timeout(WAIT_SECONDS):
        while not condition(found := await state(stub)):
            await asyncio.sleep(0.02)
    return found


async def live(stub: Stub, version: str) -> ranking_pb2.ServingState:
    return await until(stub, lambda found: found.live.model_version == version and not found.loading_model_version)


async def refusal(call: Any) -> ErrorDetails:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return error_details(caught.value)


def ids(answer: Any) -> list[str]:
    return [result.product_id for result in answer.results]


def expected(reference: Reference, query: str = QUERY, top: int = 24) -> list[str]:
    return [reference.shop.product_id(row) for row in reference.search(query, top)]


def components(result: ranking_pb2.RankingResult) -> dict[str, ranking_pb2.ScoreComponent]:
    return {part.source: part for part in result.components}


def customer(name: str) -> context_pb2.ShopperContext:
    return context_pb2.ShopperContext(customer_id=name)


class Listener:
    """The ranker's events as they come."""

    def __init__(self, connection: Any, subscription: Any) -> None:
        self.connection, self._subscription = connection, subscription

    @classmethod
    async def open(cls, server: NatsServer) -> "Listener":
        connection = await nats.connect(server.url, user="admin", password=server.password("admin"))
        subscription = await connection.subscribe("aisle.ranker.>")
        await connection.flush()
        return cls(connection, subscription)

    async def serving(self) -> ranker_events_pb2.ServingStateChanged:
        return await self._next("aisle.ranker.serving_state.changed.v1", ranker_events_pb2.ServingStateChanged)

    async def served(self, count: int) -> list[ranker_events_pb2.ServedAnswer]:
        answers: list[ranker_events_pb2.ServedAnswer] = []
        while len(answers) < count:
            event = await self._next("aisle.ranker.impressions.served.v1", ranker_events_pb2.ImpressionsServed)
            answers += event.answers
        return answers

    async def _next(self, subject: str, kind: Any) -> Any:
        while True:
            message = await self._subscription.next_msg(timeout=WAIT_SECONDS)
            if message.subject == subject:
                return kind.FromString(message.data)
