"""The front hall of the tuner."""

from typing import cast

import grpc.aio
from aisle.tuner.v1 import tuner_service_pb2 as pb
from aisle.tuner.v1 import tuner_service_pb2_grpc as pb_grpc
from aisle_runtime.erasing.worker import ErasureOrders, Task
from aisle_runtime.service import Platform, Wiring, run_service

from aisle_tuner.desk import Desk
from aisle_tuner.events import GovernanceRuns, erasure_order
from aisle_tuner.servicer import TunerServicer
from aisle_tuner.settings import TunerSettings
from aisle_tuner.telemetry import SUBJECT_SUBJECT_ERASED

SERVICE = "tuner"
MIGRATIONS = "aisle_tuner.storage"


async def wire(platform: Platform) -> Wiring:
    """Put the tuner together on the runtime's adapters."""
    settings = cast(TunerSettings, platform.settings)
    desk = Desk(platform.jobs, platform.outbox)
    platform.jobs.register(desk.study_kind(settings.max_parallel_studies))
    servicer = TunerServicer(platform.db, desk, platform.requests, platform.jobs)

    def register(server: grpc.aio.Server) -> None:
        pb_grpc.add_TunerServiceServicer_to_server(servicer, server)

    names = [service.full_name for service in pb.DESCRIPTOR.services_by_name.values()]
    governance_runs = GovernanceRuns(platform.db, platform.inbox, desk)
    orders = ErasureOrders(
        service=SERVICE,
        db=platform.db,
        outbox=platform.outbox,
        inbox=platform.inbox,
        key_file=settings.subject_key_file,
        database_url=settings.effective_database_url,
        scrub=keeps_nobody,
        subject=SUBJECT_SUBJECT_ERASED,
        parse=erasure_order,
    )
    return Wiring(
        register=register,
        service_names=names,
        consumers=[governance_runs.consumer(), orders.consumer()],
        background=[orders.run],
    )


async def keeps_nobody(task: Task) -> None:
    """Do nothing: studies and trials hold settings and figures; what is left are the runtime's tables."""


def main() -> int:
    """Run the tuner until it is told to stop; returns the exit code."""
    return run_service(SERVICE, TunerSettings, MIGRATIONS, wire)
