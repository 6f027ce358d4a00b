"""Figures about Search over the catalogue, without the neural re-ranking: Best Buy's 48,194 products."""

import asyncio
import csv
import io
import os
import random
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cleaning import mirror
from benchmarks.figures import Row

SEED = 7
QUERIES, ROUNDS, UPSERTS = 300, 5, 50
_TESTS = Path(__file__).resolve().parents[2] / "tests"


def products() -> list[Any]:
    """The catalogue as messages."""
    from aisle.ranker.v1 import product_pb2

    archive = mirror.folder("bestbuy_catalog") / "products.tgz"
    with tarfile.open(archive) as files:
        member = next(entry for entry in files if entry.name.endswith("products.csv"))
        handle = files.extractfile(member)
        assert handle is not None
        text = io.TextIOWrapper(handle, encoding="utf-8", newline="")
        rows = [
            {name: (value or "").strip() for name, value in row.items() if name}
            for row in csv.DictReader(text, escapechar="\\")
        ]
    seen: set[str] = set()
    return [
        product_pb2.Product(
            # Some UPCs stand for two products; the row tells them apart.
            product_id=f"{row['upc']}-{number}" if row["upc"] in seen or seen.add(row["upc"]) else row["upc"],  # type: ignore[func-returns-value]
            title=row["name"][:1000],
            brand=row["manufacturer"][:200],
            description=(row["short_description"] or row["long_description"])[:2000],
            stock_count=number % 7,
        )
        for number, row in enumerate(rows)
        if row["upc"] and row["name"]
    ]


def _queries(catalog: list[Any]) -> list[str]:
    """Two or three words in a row out of titles, drawn with the seed."""
    draw = random.Random(SEED)
    found = []
    while len(found) < QUERIES:
        parts = draw.choice(catalog).title.split()
        size = draw.choice((2, 3))
        if len(parts) >= size:
            start = draw.randrange(len(parts) - size + 1)
            found.append(" ".join(parts[start : start + size]))
    return found


class _Shop:
    """A ranker in this process, with a bundle of a tiny model, filled with the catalogue; clients are other processes."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.parts = folder, {}

    async def __aenter__(self) -> "_Shop":
        for path in (_TESTS / "integration", _TESTS / "unit" / "ranker"):
            sys.path.insert(0, str(path))
        from contextlib import AsyncExitStack

        import aisle_ranker.main as front
        from aisle_ranker.catalog_search import CatalogSearch
        from aisle_ranker.settings import RankerSettings
        from aisle_runtime.client import open_channel
        from aisle_runtime.testing import running_host
        from ranker_fakes import build, fake_registry

        self.stack = AsyncExitStack()
        registry = await self.stack.enter_async_context(fake_registry())
        registry.promote(build()[0])
        config = RankerSettings.model_validate(
            {"state_dir": self.folder, "registry_address": registry.address, "catalog_dataset": ""}
        )

        def watch(*given: Any) -> CatalogSearch:
            self.parts["shop"] = CatalogSearch(*given)
            return self.parts["shop"]  # type: ignore[no-any-return]

        front.CatalogSearch = watch  # type: ignore[misc,assignment]
        host = await self.stack.enter_async_context(running_host("ranker", config, front.MIGRATIONS, front.wire))
        front.CatalogSearch = CatalogSearch  # type: ignore[misc]
        self.address = host.address
        self.channel = await self.stack.enter_async_context(open_channel(host.address))
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.stack.aclose()

    @property
    def live(self) -> Any:
        return self.parts["shop"].vectors.serving.live

    async def fill(self, catalog: list[Any]) -> None:
        from aisle.ranker.v1 import catalog_service_pb2, catalog_service_pb2_grpc

        stub = catalog_service_pb2_grpc.CatalogServiceStub(self.channel)  # type: ignore[no-untyped-call]
        for start in range(0, len(catalog), 1000):
            await stub.UpsertProducts(catalog_service_pb2.UpsertProductsRequest(products=catalog[start : start + 1000]))
        while (stats := (await stub.GetCatalogStats(catalog_service_pb2.GetCatalogStatsRequest())).stats) and (
            stats.embedded_count < stats.product_count
        ):
            await asyncio.sleep(1.0)


_CLIENT = """
import json, sys, time
from aisle.ranker.v1 import ranker_service_pb2 as pb, ranker_service_pb2_grpc as pb_grpc
from aisle_runtime.client import open_sync_channel
stub = pb_grpc.RankerServiceStub(open_sync_channel(sys.argv[1]))
seconds = []
for query in json.loads(sys.stdin.read()):
    begun = time.perf_counter()
    stub.Search(pb.SearchRequest(query=query, skip_neural=True))
    seconds.append(time.perf_counter() - begun)
print(json.dumps(seconds))
"""


async def _over_grpc(shop: _Shop, queries: list[str]) -> tuple[float, list[float]]:
    """CPU seconds of this process per request, and the client's wall seconds of each."""
    import json

    begun = time.process_time()
    client = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _CLIENT, shop.address, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    told, _ = await client.communicate(json.dumps(queries).encode())
    return (time.process_time() - begun) / len(queries), json.loads(told)


async def _in_process(shop: _Shop, queries: list[str]) -> float:
    """CPU seconds per call of the same rules, without gRPC, tracing, logging, tokens and impressions."""
    from aisle.ranker.v1 import ranker_service_pb2 as pb
    from aisle_ranker.domain.answer import Trail
    from aisle_ranker.domain.budget import Deadline

    catalog = shop.parts["shop"]
    begun = time.process_time()
    for query in queries:
        make = catalog.order(pb.SearchRequest(query=query, skip_neural=True))
        ordering = await make(shop.live, Deadline(None), Trail())
        ordering.results(0, 24)
    return (time.process_time() - begun) / len(queries)


async def _cost() -> Row:
    catalog = products()
    queries = _queries(catalog)
    with tempfile.TemporaryDirectory() as folder:
        async with _Shop(Path(folder)) as shop:
            await shop.fill(catalog)
            await _over_grpc(shop, queries[:50])
            ratios, ours, bare, walls = [], [], [], []
            for _ in range(ROUNDS):
                cpu, wall = await _over_grpc(shop, queries)
                own = await _in_process(shop, queries)
                ratios.append(cpu / own)
                ours.append(cpu * 1000)
                bare.append(own * 1000)
                walls += wall
    return Row(
        value=float(np.median(ratios)),
        lower=min(ratios),
        upper=max(ratios),
        unit="x CPU of the calls in process",
        protocol=f"{len(catalog):,} products, {QUERIES} queries of 2 or 3 title words, one client in another process, "
        f"no neural re-ranking, tiny embedder, {ROUNDS} rounds in turn, lowest and highest as interval",
        target="1.5, p99 25 ms alone",
        baselines={
            "CPU ms per request": float(np.median(ours)),
            "CPU ms in process": float(np.median(bare)),
            "p50 ms": float(np.quantile(walls, 0.5)) * 1000,
            "p99 ms": float(np.quantile(walls, 0.99)) * 1000,
            "load average": os.getloadavg()[0],
        },
        seed=SEED,
    )


async def _visible() -> Row:
    from aisle.ranker.v1 import catalog_service_pb2, catalog_service_pb2_grpc, product_pb2, ranker_service_pb2_grpc
    from aisle.ranker.v1 import ranker_service_pb2 as pb

    catalog = products()
    with tempfile.TemporaryDirectory() as folder:
        async with _Shop(Path(folder)) as shop:
            await shop.fill(catalog)
            writer = catalog_service_pb2_grpc.CatalogServiceStub(shop.channel)  # type: ignore[no-untyped-call]
            reader = ranker_service_pb2_grpc.RankerServiceStub(shop.channel)  # type: ignore[no-untyped-call]
            seconds = []
            for number in range(UPSERTS):
                new = product_pb2.Product(product_id=f"new-{number}", title=f"zyxwv{number} kettle")
                begun = time.perf_counter()
                await writer.UpsertProducts(catalog_service_pb2.UpsertProductsRequest(products=[new]))
                request = pb.SearchRequest(query=f"zyxwv{number}", order_by="price", skip_spelling=True)
                while not (await reader.Search(request)).results:
                    await asyncio.sleep(0.001)
                seconds.append(time.perf_counter() - begun)
    return Row(
        value=float(np.median(seconds)) * 1000,
        lower=float(np.quantile(seconds, 0.025)) * 1000,
        upper=float(np.quantile(seconds, 0.975)) * 1000,
        unit="ms from the call until a search shows the product",
        protocol=f"{len(catalog):,} products, {UPSERTS} upserts of one product each, stored durably, quantiles as interval",
        target="seconds",
        baselines={"p99 ms": float(np.quantile(seconds, 0.99)) * 1000, "load average": os.getloadavg()[0]},
        seed=SEED,
    )


def rows() -> dict[str, Any]:
    return {
        "search_cost_over_grpc": lambda: asyncio.run(_cost()),
        "upsert_until_visible": lambda: asyncio.run(_visible()),
    }
