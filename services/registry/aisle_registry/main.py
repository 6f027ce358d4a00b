"""The front hall of the registry."""

from typing import cast

import grpc.aio
from aisle.registry.v1 import registry_service_pb2 as pb
from aisle.registry.v1 import registry_service_pb2_grpc as pb_grpc
from aisle_runtime.service import Platform, Wiring, run_service

from aisle_registry.desk import Desk
from aisle_registry.engines.upload import forget_uploads
from aisle_registry.events import TrainingJobs
from aisle_registry.servicer import RegistryServicer
from aisle_registry.settings import RegistrySettings

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

    def register(server: grpc.aio.Server) -> None:
        pb_grpc.add_RegistryServiceServicer_to_server(servicer, server)

    names = [service.full_name for service in pb.DESCRIPTOR.services_by_name.values()]
    return Wiring(register=register, service_names=names, consumers=[training_jobs.consumer()])


def main() -> int:
    """Run the registry until it is told to stop; returns the exit code."""
    return run_service(SERVICE, RegistrySettings, MIGRATIONS, wire)
