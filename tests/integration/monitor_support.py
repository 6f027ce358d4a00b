"""Parts of the monitor's integration tests: a plan, a fake governance, and events as the other services publish them."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import grpc.aio
import nats
import pyarrow as pa
from aisle.governance.v1 import dataset_pb2, governance_service_pb2, governance_service_pb2_grpc
from aisle.pipeline.v1 import pipeline_spec_pb2 as pipeline_pb
from aisle_runtime import telemetry
from aisle_runtime.events import event_headers
from aisle_runtime.names import new_id
from aisle_runtime.nats_config import inbox_prefix
from aisle_runtime.testing.nats import NatsServer
from google.protobuf import text_format
from google.protobuf.message import Message
from nats.aio.client import Client as NatsClient

PLAN = """
governance { dataset_runs { dataset: "datasets/judgments" } dataset_runs { dataset: "datasets/orders" } }
training { tasks { kind: TASK_KIND_SEARCH_RELEVANCE dataset: "datasets/judgments" } max_steps: 10 }
registry { model: "models/shop" alias: "production" }
"""
VERSION = "models/shop/versions/1"


def plan(text: str = PLAN) -> pipeline_pb.PipelineSpec:
    return text_format.Parse(text, pipeline_pb.PipelineSpec())


@dataclass
class FakeGovernance(governance_service_pb2_grpc.GovernanceServiceServicer):
    """Holds tables by version name; a version's added rows are those of its own table."""

    tables: dict[str, pa.Table] = field(default_factory=dict)
    kind: int = dataset_pb2.DATASET_KIND_ORDERS
    address: str = ""

    async def GetDatasetVersion(self, request, context):  # type: ignore[no-untyped-def]
        if request.name not in self.tables:
            await context.abort(grpc.StatusCode.NOT_FOUND, "There is no such version.")
        columns = [dataset_pb2.Column(name=name) for name in self.tables[request.name].column_names]
        version = dataset_pb2.DatasetVersion(name=request.name, kind=self.kind, columns=columns)
        return governance_service_pb2.GetDatasetVersionResponse(dataset_version=version)

    async def ReadRows(self, request, context):  # type: ignore[no-untyped-def]
        table = self.tables[request.dataset_version].select(list(request.columns))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table.slice(0, request.sample_row_count or None), max_chunksize=500)
        data = sink.getvalue().to_pybytes()
        for start in range(0, len(data), 4096):
            yield governance_service_pb2.ReadRowsResponse(arrow_ipc_chunk=data[start : start + 4096])


@asynccontextmanager
async def fake_governance() -> AsyncIterator[FakeGovernance]:
    server, fake = grpc.aio.server(), FakeGovernance()
    governance_service_pb2_grpc.add_GovernanceServiceServicer_to_server(fake, server)
    fake.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield fake
    finally:
        await server.stop(0)


def orders(rows: int, *, quantity: int = 0, country: str = "United Kingdom") -> pa.Table:
    return pa.table(
        {
            "product_id": [f"p{row % 30}" for row in range(rows)],
            "quantity": [quantity + row % 24 for row in range(rows)],
            "country": [country] * rows,
            "order_time": pa.array([row * 3_600_000_000 for row in range(rows)], pa.timestamp("us", "UTC")),
        }
    )


class Publisher:
    """Publishes events as the other services do, inside the caller's trace."""

    def __init__(self, server: NatsServer) -> None:
        self._server = server
        self._connections: dict[str, NatsClient] = {}

    async def __call__(self, what: str, message: Message, *, event_id: str = "") -> str:
        """Publish `aisle.{what}.v1` and return once the bus has it."""
        service, subject, minted = what.partition(".")[0], f"aisle.{what}.v1", event_id or new_id("e")
        if service not in self._connections:
            password = self._server.password(service)
            self._connections[service] = await nats.connect(
                self._server.url, user=service, password=password, inbox_prefix=inbox_prefix(service)
            )
        headers = event_headers(service, minted, message.DESCRIPTOR.full_name, time.time())
        with telemetry.producer_span(subject, minted):
            telemetry.inject(headers)
            await self._connections[service].jetstream().publish(subject, message.SerializeToString(), headers=headers)
        return minted

    async def close(self) -> None:
        for connection in self._connections.values():
            await connection.close()


@contextmanager
def refused(code: grpc.StatusCode) -> Iterator[list[grpc.aio.AioRpcError]]:
    """Expect the call in the block to fail with `code`; the error is put into the list."""
    caught: list[grpc.aio.AioRpcError] = []
    try:
        yield caught
    except grpc.aio.AioRpcError as error:
        assert error.code() is code, f"{error.code()}: {error.details()}"
        caught.append(error)
        return
    raise AssertionError(f"the call should have failed with {code}")
