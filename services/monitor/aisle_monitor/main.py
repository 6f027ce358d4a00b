"""Front hall: puts the monitor together; the only file that names concrete parts."""

import asyncio

import grpc.aio
from aisle.monitor.v1 import monitor_service_pb2, monitor_service_pb2_grpc
from aisle_runtime.erasing.worker import ErasureOrders
from aisle_runtime.service import Platform, Wiring, run_service
from aisle_runtime.tokens import Signer, load_key

from aisle_monitor import collector
from aisle_monitor.alerting import Alerting
from aisle_monitor.drift import DriftReports
from aisle_monitor.engines.span_store import SpanStore
from aisle_monitor.erasing import PERSON_KEYS, Copies
from aisle_monitor.events import EventDoor, erasure_order
from aisle_monitor.feed import Feed
from aisle_monitor.rounds import Rounds
from aisle_monitor.servicer import MonitorServicer
from aisle_monitor.settings import MonitorSettings
from aisle_monitor.telemetry import SUBJECT_SUBJECT_ERASED
from aisle_monitor.watchman import Watchman

MIGRATIONS = "aisle_monitor.storage"
SERVICE_NAME = monitor_service_pb2.DESCRIPTOR.services_by_name["MonitorService"].full_name


async def wire(platform: Platform) -> Wiring:
    """Build the monitor on the runtime's parts."""
    settings = platform.settings
    assert isinstance(settings, MonitorSettings)
    spans = SpanStore(
        settings.state_dir / "telemetry.db",
        max_spans=settings.span_retention_count,
        max_age_seconds=settings.span_retention_days * 86_400,
        queue_spans=settings.span_queue_limit,
    )
    rounds = Rounds(platform.outbox)
    alerting = Alerting(platform.outbox, rounds)
    drift = DriftReports(settings, platform.db, platform.requests, platform.jobs, alerting)
    feed = Feed()
    platform.db.on_commit(feed.wake)
    servicer = MonitorServicer(platform.db, platform.requests, rounds, drift, spans, feed)
    key = load_key(settings.signing_key_file or settings.state_dir / "signing.key")
    # Governance let each event in while its token was valid; an event that waited on the bus must count all the same.
    signer = Signer(key, now=lambda: 0.0)
    door = EventDoor(platform.db, platform.inbox, rounds, alerting, drift, signer)

    orders = ErasureOrders(
        service="monitor",
        db=platform.db,
        outbox=platform.outbox,
        inbox=platform.inbox,
        key_file=settings.subject_key_file,
        database_url=settings.effective_database_url,
        scrub=Copies(platform.db, settings.state_dir / "telemetry.db").scrub,
        subject=SUBJECT_SUBJECT_ERASED,
        parse=erasure_order,
        id_keys=PERSON_KEYS,
    )

    def register(server: grpc.aio.Server) -> None:
        monitor_service_pb2_grpc.add_MonitorServiceServicer_to_server(servicer, server)
        collector.register(server, spans)

    async def close_spans() -> None:
        await asyncio.to_thread(spans.close)

    return Wiring(
        register=register,
        service_names=[SERVICE_NAME, *collector.SERVICE_NAMES],
        consumers=[*door.consumers(), orders.consumer()],
        background=[Watchman(settings, platform.db, alerting).run, orders.run],
        on_stop=[close_spans],
    )


def main() -> int:
    """Run the monitor until it is told to stop; returns the exit code."""
    return run_service("monitor", MonitorSettings, MIGRATIONS, wire)
