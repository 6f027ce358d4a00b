"""The NATS door: starts the training stage of a pipeline run when the stage before it is done."""

from aisle.governance.v1 import governance_events_pb2 as governance_pb
from aisle.pipeline.v1 import pipeline_spec_pb2 as spec_pb
from aisle.tuner.v1 import tuner_events_pb2 as tuner_pb
from aisle.type.v1 import subject_pb2
from aisle_runtime.bus import Consumer, ReceivedEvent
from aisle_runtime.db import Database
from aisle_runtime.inbox import Inbox
from sqlalchemy import Connection

from aisle_trainer.training import Training

GOVERNED = "trainer-governance-run-completed"
TUNED = "trainer-study-completed"


class EventDoor:
    """Everything that the trainer does because of an event."""

    def __init__(self, db: Database, inbox: Inbox, training: Training) -> None:
        """Act through the given parts."""
        self._db, self._inbox, self._training = db, inbox, training

    def consumers(self) -> list[Consumer]:
        """Return one durable consumer per subject."""
        return [
            Consumer(name=GOVERNED, subject="aisle.governance.run.completed.v1", handler=self._governed),
            Consumer(name=TUNED, subject="aisle.tuner.study.completed.v1", handler=self._tuned),
        ]

    async def _governed(self, event: ReceivedEvent) -> None:
        """Train unless the tuner comes first."""
        message = event.parse(governance_pb.GovernanceRunCompleted)
        if message.HasField("slip") and not message.slip.spec.HasField("tuning"):
            await self._start(GOVERNED, event.id, message.slip)

    async def _tuned(self, event: ReceivedEvent) -> None:
        """Train with the spec that the study found."""
        message = event.parse(tuner_pb.StudyCompleted)
        if message.HasField("slip"):
            await self._start(TUNED, event.id, message.slip)

    async def _start(self, consumer: str, event_id: str, slip: spec_pb.RoutingSlip) -> None:
        def write(conn: Connection) -> None:
            if self._inbox.first_time(conn, consumer, event_id):
                self._training.accept_stage(conn, slip)

        await self._db.write(write)


def erasure_order(event: ReceivedEvent) -> subject_pb2.SubjectErasureOrder:
    """Read the order out of SubjectErased."""
    return event.parse(governance_pb.SubjectErased).order
