"""The front hall of the registry."""

from typing import cast

import grpc.aio
from aisle.registry.v1 import registry_service_pb2 as pb
from aisle.registry.v1 import registry_service_pb2_grpc as pb_grpc
from aisle_runtime.erasing.worker import ErasureOrders
from aisle_runtime.service import Platform, Wiring, run_service

from aisle_registry.desk import Desk
from aisle_registry.engines.upload import forget_uploads
from aisle_registry.erasing import JOB_TYPES, PERSON_KEYS, Copies
from aisle_registry.events import TrainingJobs, erasure_order
from aisle_registry.servicer import RegistryServicer
from aisle_registry.settings import RegistrySettings
from aisle_registry.telemetry import SUBJECT_SUBJECT_ERASED

SERVICE = "registry"
MIGRATIONS = "aisle_registry.storage"


async def wire(platform: Platform) -> Wiring:
    """Put the registry together on the runtime's adapters."""
    settings = cast(RegistrySettings, platform.settings)
    uploads = settings.state_dir / "uploads"
    forget_uploads(uploads)
    desk = Desk(platform.outbox)
    training_jobs = TrainingJobs(platform.db, platform.inbox, platform.jobs, desk)
    platform.jobs.register(training_jobs.import_kind(settings.import_memory_limit_bytes))
    servicer = RegistryServicer(platform.db, desk, platform.requests, platform.artifacts, uploads)
    copies = Copies(platform.db, platform.outbox, platform.artifacts, lambda: servicer.uploads_in_flight)
    orders = ErasureOrders(
        service=SERVICE,
        db=platform.db,
        outbox=platform.outbox,
        inbox=platform.inbox,
        key_file=settings.subject_key_file,
        database_url=settings.effective_database_url,
        scrub=copies.scrub,
        subject=SUBJECT_SUBJECT_ERASED,
        parse=erasure_order,
        job_types=JOB_TYPES,
        id_keys=PERSON_KEYS,
    )
    await orders.restore()

    def register(server: grpc.aio.Server) -> None:
        pb_grpc.add_RegistryServiceServicer_to_server(servicer, server)

    names = [service.full_name for service in pb.DESCRIPTOR.services_by_name.values()]
    return Wiring(
        register=register,
        service_names=names,
        consumers=[training_jobs.consumer(), orders.consumer()],
        background=[orders.run, lambda: copies.tend(lambda: orders.erased)],
    )


def main() -> int:
    """Run the registry until it is told to stop; returns the exit code."""
    return run_service(SERVICE, RegistrySettings, MIGRATIONS, wire)
