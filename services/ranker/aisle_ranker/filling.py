"""Fills the catalogue from governance: dataset versions are read in the background and swapped in whole."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import grpc
import grpc.aio
import pyarrow as pa
from aisle.governance.v1 import dataset_pb2
from aisle.governance.v1 import governance_service_pb2 as pb
from aisle.governance.v1 import governance_service_pb2_grpc as pb_grpc
from aisle_runtime import telemetry
from aisle_runtime.convert import from_timestamp

from aisle_ranker import convert_catalog
from aisle_ranker.domain.product import Product
from aisle_ranker.errors import AisleError, CatalogUnreadable, GovernanceAway
from aisle_ranker.products import Products
from aisle_ranker.storage import products as store
from aisle_ranker.telemetry import ATTR_DATASET_VERSION, SPAN_FILL

CALL_SECONDS, READ_SECONDS = 5.0, 600.0
FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 0.25, 5.0
MOST_BYTES = 2 * 1024**3
_TRANSIENT = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.CANCELLED,
}
_log = logging.getLogger(__name__)


@dataclass
class Filling:
    """Takes in the newest version of one dataset; older ones are passed over."""

    dataset: str
    """`datasets/{dataset}`; "" takes nothing in."""
    channel: grpc.aio.Channel
    products: Products
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _traceparent: str = ""

    def takes(self, version: str) -> bool:
        """Say whether a published version is of the dataset."""
        return bool(self.dataset) and version.startswith(f"{self.dataset}/versions/")

    async def want(self, version: str, traceparent: str = "") -> None:
        """Store that a version is to be taken in, unless a newer one is wanted already. May be repeated."""
        if number(version) > number(self.products.state.get(store.WANTED, "")):
            await self.products.note(**{store.WANTED: version, store.FAILURE: ""})
            self._traceparent = traceparent
            self._wake.set()

    async def run(self) -> None:
        """Ask once for the newest version, then take in what is wanted for as long as the service runs."""
        if not self.dataset:
            return
        await self._patiently(self._catch_up)
        while True:
            self._wake.clear()
            state = self.products.state
            wanted = state.get(store.WANTED, "")
            if wanted and wanted != state.get(store.LOADED) and not state.get(store.FAILURE):
                await self._patiently(lambda version=wanted: self._fill(version))  # type: ignore[misc]
            else:
                await self._wake.wait()

    async def _patiently(self, work: Callable[[], Awaitable[None]]) -> None:
        """Repeat while governance or the database is away; anything else ends the attempt and is noted."""
        pause = FIRST_RETRY_SECONDS
        while True:
            try:
                return await work()
            except AisleError as error:
                if error.kind != "UNAVAILABLE":
                    _log.warning("a dataset version was not taken in", extra={"fields": {"reason": error.reason}})
                    return await self.products.note(**{store.FAILURE: error.reason})
                _log.info("the catalogue's dataset waits", extra={"fields": {"reason": error.reason}})
            except Exception:  # noqa: BLE001 - a task root: the catalogue stays as it is
                _log.exception("a dataset version was not taken in")
                return await self.products.note(**{store.FAILURE: "INTERNAL"})
            await asyncio.sleep(pause)
            pause = min(pause * 2, LAST_RETRY_SECONDS)

    async def _catch_up(self) -> None:
        """Make up for a version that was published while nobody listened."""
        stub = pb_grpc.GovernanceServiceStub(self.channel)
        try:
            answer = await stub.GetDataset(pb.GetDatasetRequest(name=self.dataset), timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            if error.code() in _TRANSIENT:
                raise GovernanceAway() from error
            return  # no such dataset: the catalogue comes by calls, or later
        found: dataset_pb2.Dataset = answer.dataset
        if found.kind == dataset_pb2.DATASET_KIND_PRODUCTS and found.latest_version:
            await self.want(found.latest_version)

    async def _fill(self, version: str) -> None:
        with telemetry.continue_trace(self._traceparent):
            with telemetry.span(SPAN_FILL) as span:
                span.set_attribute(ATTR_DATASET_VERSION, version)
                described, data = await self._read(version)
                if described.kind != dataset_pb2.DATASET_KIND_PRODUCTS:
                    raise CatalogUnreadable("its rows are not products")
                found, skipped = await asyncio.to_thread(_products, data)
                published = from_timestamp(described.create_time).timestamp()
                await self.products.replace_dataset(found, version, published, skipped)

    async def _read(self, version: str) -> tuple[dataset_pb2.DatasetVersion, bytes]:
        """Return a version and its rows as an Arrow stream; raises GovernanceAway, CatalogUnreadable."""
        stub = pb_grpc.GovernanceServiceStub(self.channel)
        data = bytearray()
        try:
            answer = await stub.GetDatasetVersion(pb.GetDatasetVersionRequest(name=version), timeout=CALL_SECONDS)
            described: dataset_pb2.DatasetVersion = answer.dataset_version
            there = {column.name for column in described.columns}
            columns = [name for name in convert_catalog.COLUMNS if name in there]
            request = pb.ReadRowsRequest(dataset_version=version, columns=columns)
            async for part in stub.ReadRows(request, timeout=READ_SECONDS):
                data += part.arrow_ipc_chunk
                if len(data) > MOST_BYTES:
                    raise CatalogUnreadable("it is larger than 2 GiB")
        except grpc.aio.AioRpcError as error:
            if error.code() in _TRANSIENT:
                raise GovernanceAway() from error
            raise CatalogUnreadable("governance does not hand out its rows") from error
        return described, bytes(data)


def number(version: str) -> int:
    """Return the number of a dataset version, 0 for none."""
    text = version.rpartition("/")[2]
    return int(text) if text.isdecimal() else int(text[1:]) if text[1:].isdecimal() else 0


def _products(data: bytes) -> tuple[list[Product], int]:
    found: list[Product] = []
    skipped = 0
    seen: set[str] = set()
    try:
        with pa.ipc.open_stream(data) as reader:
            for batch in reader:
                made, left_out = convert_catalog.products_of_rows(batch.to_pylist())
                fresh = [product for product in made if product.product_id not in seen]
                seen.update(product.product_id for product in fresh)
                skipped += left_out + len(made) - len(fresh)
                found += fresh
    except (pa.ArrowException, OSError) as error:
        raise CatalogUnreadable("its rows are no whole Arrow stream") from error
    return found, skipped
