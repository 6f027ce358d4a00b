"""Front hall: puts the trainer together; the only file that names concrete parts."""

import grpc.aio
from aisle.trainer.v1 import trainer_service_pb2, trainer_service_pb2_grpc
from aisle_runtime.erasing.worker import ErasureOrders
from aisle_runtime.service import Platform, Wiring, run_service

from aisle_trainer.erasing import JOB_TYPES, PERSON_KEYS, Copies
from aisle_trainer.evaluating import Evaluating
from aisle_trainer.events import EventDoor, erasure_order
from aisle_trainer.next_scoring import NextScoring
from aisle_trainer.pair_scoring import PairScoring
from aisle_trainer.servicer import TrainerServicer
from aisle_trainer.settings import TrainerSettings
from aisle_trainer.telemetry import SUBJECT_SUBJECT_ERASED
from aisle_trainer.training import Training

MIGRATIONS = "aisle_trainer.storage"
SERVICE_NAME = trainer_service_pb2.DESCRIPTOR.services_by_name["TrainerService"].full_name


async def wire(platform: Platform) -> Wiring:
    """Build the trainer on the runtime's parts."""
    settings = platform.settings
    assert isinstance(settings, TrainerSettings)
    training = Training(settings, platform.jobs, platform.outbox)
    platform.jobs.register(training.job_kind())
    evaluating = Evaluating(settings, platform.jobs, platform.outbox, training)
    platform.jobs.register(evaluating.job_kind())
    pairs = PairScoring(platform.artifacts, settings.state_dir / "matchers", settings.effective_threads)
    following = NextScoring(platform.artifacts, settings.state_dir / "sequence_models", settings.effective_threads)
    servicer = TrainerServicer(
        platform.db,
        platform.requests,
        platform.jobs,
        platform.artifacts,
        training,
        pair_scoring=pairs,
        evaluating=evaluating,
        next_scoring=following,
    )
    door = EventDoor(platform.db, platform.inbox, training)
    copies = Copies(platform.db, platform.artifacts, settings.state_dir)
    orders = ErasureOrders(
        service="trainer",
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

    def register(server: grpc.aio.Server) -> None:
        trainer_service_pb2_grpc.add_TrainerServiceServicer_to_server(servicer, server)

    return Wiring(
        register=register,
        service_names=[SERVICE_NAME],
        consumers=[*door.consumers(), orders.consumer()],
        background=[orders.run],
    )


def main() -> int:
    """Run the trainer until it is told to stop; returns the exit code."""
    return run_service("trainer", TrainerSettings, MIGRATIONS, wire)
