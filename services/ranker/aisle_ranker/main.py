"""Front hall: puts the ranker together; the only file that names concrete parts."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import grpc.aio
from aisle.ranker.v1 import (
    assist_service_pb2,
    assist_service_pb2_grpc,
    catalog_service_pb2,
    catalog_service_pb2_grpc,
    ranker_service_pb2,
    ranker_service_pb2_grpc,
)
from aisle_runtime.erasing.worker import ErasureOrders
from aisle_runtime.service import Platform, Wiring, run_service
from aisle_runtime.tokens import Signer

from aisle_ranker.answer_log import AnswerLog
from aisle_ranker.answering import Answering
from aisle_ranker.assisting import Assisting
from aisle_ranker.catalog_search import CatalogSearch
from aisle_ranker.domain.cascade import Cascade
from aisle_ranker.domain.catalog import LiveModel
from aisle_ranker.domain.engine import EMBEDDER, RANKER
from aisle_ranker.domain.golden import SmokeTest
from aisle_ranker.domain.neural import Neural
from aisle_ranker.domain.product_search import ProductSearch
from aisle_ranker.domain.rank import Rank
from aisle_ranker.domain.recommend import Recommend
from aisle_ranker.domain.search import Search
from aisle_ranker.engines.loader import BundleLoader, EngineMaker, KserveMaker, OnnxMaker
from aisle_ranker.erasing import PERSON_KEYS, Copies
from aisle_ranker.events import EventDoor, erasure_order
from aisle_ranker.fetching import Registry
from aisle_ranker.filling import Filling
from aisle_ranker.impressions import Impressions
from aisle_ranker.loading import Loading
from aisle_ranker.placements import Placements
from aisle_ranker.product_vectors import ProductVectors
from aisle_ranker.products import Products
from aisle_ranker.replaying import Known, Replays
from aisle_ranker.servicer import RankerServicer
from aisle_ranker.servicer_assist import AssistServicer, training_kind
from aisle_ranker.servicer_catalog import CatalogServicer
from aisle_ranker.serving import Serving
from aisle_ranker.settings import RankerSettings
from aisle_ranker.shoppers import Shoppers, belongs_to
from aisle_ranker.telemetry import SUBJECT_SUBJECT_ERASED

MIGRATIONS = "aisle_ranker.storage"
SERVICE_NAME = ranker_service_pb2.DESCRIPTOR.services_by_name["RankerService"].full_name
ASSIST_NAME = assist_service_pb2.DESCRIPTOR.services_by_name["AssistService"].full_name
CATALOG_SERVICE_NAME = catalog_service_pb2.DESCRIPTOR.services_by_name["CatalogService"].full_name
RECALL_THREADS = 2
T = TypeVar("T")


async def wire(platform: Platform) -> Wiring:
    """Build the ranker on the runtime's parts."""
    settings = platform.settings
    assert isinstance(settings, RankerSettings)
    recall = ThreadPoolExecutor(RECALL_THREADS, thread_name_prefix="recall")
    inference = ThreadPoolExecutor(settings.inference_workers, thread_name_prefix="inference")
    loop = asyncio.get_running_loop()
    closing: set[asyncio.Future[None]] = set()

    def offload(work: Callable[[], T]) -> Awaitable[T]:
        return loop.run_in_executor(recall, work)

    def dispose(model: LiveModel) -> None:
        task = asyncio.ensure_future(model.engine.close())
        closing.add(task)
        task.add_done_callback(closing.discard)

    cascade = Cascade(Neural(settings.neural_batch_size))
    search, recommend, rank = Search(cascade, offload), Recommend(cascade, offload), Rank(cascade, offload)
    serving = Serving(dispose)
    shoppers = Shoppers(platform.db, settings.shopper_memory, settings.shopper_retention_days * 86_400)
    await shoppers.restore()
    impressions = Impressions(
        platform.db, platform.outbox, settings.impression_delay_ms / 1000, settings.impression_buffer
    )
    loading = Loading(
        model=settings.model,
        alias=settings.alias,
        patience_seconds=settings.load_patience_seconds,
        db=platform.db,
        outbox=platform.outbox,
        artifacts=platform.artifacts,
        registry=Registry(platform.clients.channel(settings.registry_address), platform.artifacts),
        loader=BundleLoader(_engines(settings, inference)),
        smoke=SmokeTest(search, recommend, settings.precision),
        serving=serving,
    )
    placements = Placements(platform.db, settings.serving_config, settings.serving_config_refresh_seconds)
    await placements.restore()
    log = AnswerLog(platform.db, settings.request_log_hours * 3600, settings.request_log_size)
    signer = Signer.from_file(settings.signing_key_file or settings.state_dir / "signing.key")
    answering = Answering(
        serving=serving,
        signer=signer,
        impressions=impressions,
        serving_config=settings.serving_config,
        reserve_seconds=settings.deadline_reserve_ms / 1000,
        page_memory=settings.page_memory,
        placements=placements,
        log=log,
        offload=offload,
    )
    copies = Copies(platform.db, platform.artifacts, loading.registry, loading, shoppers, impressions, log)
    orders = _erasures(platform, copies)
    await orders.restore()
    shop = await _shop(platform, settings, serving, ProductSearch(cascade, offload))

    def doors(answering: Answering, serving: Serving, shoppers: Known) -> RankerServicer:
        return RankerServicer(answering, serving, shoppers, search, recommend, rank, orders.is_erased, shop.search)

    servicer = doors(answering, serving, shoppers)
    servicer.keep(
        platform.db,
        platform.requests,
        placements,
        Replays(
            platform.db, log, answering, serving, placements, signer, doors, loading.prepare_again, orders.is_erased
        ),
    )
    reserve = settings.deadline_reserve_ms / 1000
    assisting = Assisting(platform.db, serving, cascade.neural, offload, settings.assist_min_support, reserve)
    platform.jobs.register(training_kind(settings.assist_training_memory_mib))
    assist_servicer = AssistServicer(assisting, platform.db, platform.requests, platform.jobs)
    door = EventDoor(platform.db, platform.inbox, loading, shoppers, copies, orders, shop.filling)

    def register(server: grpc.aio.Server) -> None:
        ranker_service_pb2_grpc.add_RankerServiceServicer_to_server(servicer, server)
        assist_service_pb2_grpc.add_AssistServiceServicer_to_server(assist_servicer, server)
        catalog_service_pb2_grpc.add_CatalogServiceServicer_to_server(shop.servicer, server)

    async def ready() -> str:
        return "" if loading.restored else "The last live model is being loaded."

    async def close() -> None:
        if serving.live is not None:
            await serving.live.engine.close()
        await asyncio.gather(*closing)
        for pool in (recall, inference):
            pool.shutdown(wait=False, cancel_futures=True)

    return Wiring(
        register=register,
        service_names=[SERVICE_NAME, ASSIST_NAME, CATALOG_SERVICE_NAME],
        consumers=[*door.consumers(), orders.consumer()],
        background=[
            loading.run,
            impressions.run,
            shoppers.run,
            orders.run,
            placements.run,
            log.run,
            *shop.background,
        ],
        on_stop=[assisting.close, impressions.flush, log.flush, close],
        ready=ready,
    )


@dataclass(frozen=True, slots=True)
class _Shop:
    """What keeps the catalogue and searches it."""

    search: CatalogSearch
    servicer: CatalogServicer
    filling: Filling
    background: Sequence[Callable[[], Awaitable[None]]]


async def _shop(platform: Platform, settings: RankerSettings, serving: Serving, search: ProductSearch) -> _Shop:
    products = Products(platform.db)
    vectors = ProductVectors(serving, Neural(settings.neural_batch_size))
    products.on_change = serving.on_swap = vectors.wake
    await products.restore()
    filling = Filling(settings.catalog_dataset, platform.clients.channel(settings.governance_address), products)
    return _Shop(
        search=CatalogSearch(products, vectors, search),
        servicer=CatalogServicer(products, vectors, serving, platform.requests),
        filling=filling,
        background=[filling.run, lambda: vectors.run(products)],
    )


def _erasures(platform: Platform, copies: Copies) -> ErasureOrders:
    return ErasureOrders(
        service="ranker",
        db=platform.db,
        outbox=platform.outbox,
        inbox=platform.inbox,
        key_file=platform.settings.subject_key_file,
        database_url=platform.settings.effective_database_url,
        scrub=copies.scrub,
        subject=SUBJECT_SUBJECT_ERASED,
        parse=erasure_order,
        id_keys=PERSON_KEYS,
        on_ordered=lambda subjects: copies.shoppers.forget(belongs_to(subjects)),
    )


def _engines(settings: RankerSettings, inference: ThreadPoolExecutor) -> EngineMaker:
    if settings.inference_backend == "kserve":
        names = {RANKER: settings.kserve_ranker_model, EMBEDDER: settings.kserve_embedder_model}
        return KserveMaker(settings.kserve_address, names, settings.kserve_timeout_ms / 1000)
    workers = settings.inference_workers
    threads = settings.inference_threads or max(1, (os.cpu_count() or 1) // workers)
    return OnnxMaker(inference, workers, threads, settings.precision)


def main() -> int:
    """Run the ranker until it is told to stop; returns the exit code."""
    return run_service("ranker", RankerSettings, MIGRATIONS, wire)
