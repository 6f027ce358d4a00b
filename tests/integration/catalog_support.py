"""A ranker with a small shop whose catalogue the tests fill, and a governance that hands out one dataset."""

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pyarrow as pa
from aisle.governance.v1 import dataset_pb2, governance_events_pb2, governance_service_pb2, governance_service_pb2_grpc
from aisle.ranker.v1 import catalog_service_pb2 as pb
from aisle.ranker.v1 import catalog_service_pb2_grpc, product_pb2, ranker_service_pb2_grpc
from aisle.type.v1 import money_pb2
from aisle_ranker.main import MIGRATIONS, wire
from aisle_ranker.settings import RankerSettings
from aisle_runtime.client import ErrorDetails, error_details, open_channel
from aisle_runtime.testing import running_host
from ranker_fakes import FakeRegistry

DATASET = "datasets/products"


@dataclass
class Door:
    """Stubs of one running ranker."""

    search: Any
    catalog: Any

    async def stats(self) -> product_pb2.CatalogStats:
        return (await self.catalog.GetCatalogStats(pb.GetCatalogStatsRequest())).stats  # type: ignore[no-any-return]

    async def upsert(self, *products: product_pb2.Product, request_id: str = "") -> pb.UpsertProductsResponse:
        request = pb.UpsertProductsRequest(products=products, request_id=request_id)
        return await self.catalog.UpsertProducts(request)  # type: ignore[no-any-return]


@asynccontextmanager
async def ranker(folder: Path, registry: FakeRegistry, **more: Any) -> AsyncIterator[Door]:
    config = RankerSettings.model_validate(
        {"state_dir": folder / "state", "registry_address": registry.address, "inference_threads": 1}
        | {"catalog_dataset": "", **more}
    )
    async with running_host("ranker", config, MIGRATIONS, wire) as host, open_channel(host.address) as channel:
        yield Door(
            ranker_service_pb2_grpc.RankerServiceStub(channel), catalog_service_pb2_grpc.CatalogServiceStub(channel)
        )


def product(product_id: str, title: str, price: float | None = None, **more: Any) -> product_pb2.Product:
    made = product_pb2.Product(product_id=product_id, title=title, **more)
    if price is not None:
        units, nanos = divmod(round(price * 1e9), 10**9)
        made.price.CopyFrom(money_pb2.Money(currency_code="GBP", units=units, nanos=nanos))
    return made


async def refusal(call: Any) -> ErrorDetails:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error_details(error)
    raise AssertionError("the call was answered")


@dataclass
class FakeGovernance(governance_service_pb2_grpc.GovernanceServiceServicer):
    """Keeps versions of one dataset of products in memory."""

    address: str = ""
    kind: int = dataset_pb2.DATASET_KIND_PRODUCTS
    away: bool = False
    garble: bool = False
    tables: list[pa.Table] = field(default_factory=list)

    def publish(self, rows: list[dict[str, Any]]) -> governance_events_pb2.DatasetVersionPublished:
        self.tables.append(pa.Table.from_pylist(rows))
        return governance_events_pb2.DatasetVersionPublished(dataset_version=self._version(len(self.tables)))

    def _version(self, number: int) -> dataset_pb2.DatasetVersion:
        found = dataset_pb2.DatasetVersion(name=f"{DATASET}/versions/{number}", kind=self.kind)  # type: ignore[arg-type]
        found.columns.extend(dataset_pb2.Column(name=name) for name in self.tables[number - 1].column_names)
        found.create_time.GetCurrentTime()
        return found

    async def GetDataset(self, request, context):  # type: ignore[no-untyped-def]
        await self._answer(context)
        latest = f"{DATASET}/versions/{len(self.tables)}" if self.tables else ""
        found = dataset_pb2.Dataset(name=DATASET, kind=self.kind, latest_version=latest)  # type: ignore[arg-type]
        return governance_service_pb2.GetDatasetResponse(dataset=found)

    async def GetDatasetVersion(self, request, context):  # type: ignore[no-untyped-def]
        await self._answer(context)
        number = int(request.name.rpartition("/")[2])
        return governance_service_pb2.GetDatasetVersionResponse(dataset_version=self._version(number))

    async def ReadRows(self, request, context):  # type: ignore[no-untyped-def]
        await self._answer(context)
        table = self.tables[int(request.dataset_version.rpartition("/")[2]) - 1].select(list(request.columns))
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        data = sink.getvalue()[: 40 if self.garble else None]
        for start in range(0, len(data), 100):
            yield governance_service_pb2.ReadRowsResponse(arrow_ipc_chunk=data[start : start + 100])

    async def _answer(self, context: Any) -> None:
        if self.away:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "away")


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
