"""The event door of the tuner: a governed pipeline run that asks for a search gets a study."""

from aisle.governance.v1 import governance_events_pb2 as governance_pb
from aisle.type.v1 import subject_pb2
from aisle_runtime.convert import failure_from_error
from aisle_runtime.db import Database
from aisle_runtime.errors import AisleError
from aisle_runtime.events import Consumer, ReceivedEvent
from aisle_runtime.inbox import Inbox
from sqlalchemy import Connection

from aisle_tuner import convert
from aisle_tuner.desk import Desk

CONSUMER = "tuner-governance-runs"
SUBJECT_GOVERNANCE_RUN_COMPLETED = "aisle.governance.run.completed.v1"


class GovernanceRuns:
    """Begins the studies that pipelines ask for."""

    def __init__(self, db: Database, inbox: Inbox, desk: Desk) -> None:
        """Begin studies at `desk`."""
        self._db, self._inbox, self._desk = db, inbox, desk

    def consumer(self) -> Consumer:
        """Return the reader of completed governance runs."""
        return Consumer(CONSUMER, SUBJECT_GOVERNANCE_RUN_COMPLETED, self.completed)

    async def completed(self, received: ReceivedEvent) -> None:
        """Begin a study over the versions that governance made; runs without a tuning stage are left alone."""
        event = received.parse(governance_pb.GovernanceRunCompleted)
        if event.slip.pipeline_run and event.slip.spec.HasField("tuning"):
            await self._db.write(lambda conn: self._begin(conn, received.id, event))

    def _begin(self, conn: Connection, event_id: str, event: governance_pb.GovernanceRunCompleted) -> None:
        if not self._inbox.first_time(conn, CONSUMER, event_id):
            return
        spec = event.slip.spec
        try:
            convert.plan(spec.tuning, spec.training, "slip.spec.tuning")
        except AisleError as error:
            self._desk.refuse(conn, event.slip, failure_from_error(error))
            return
        base_spec = convert.bound(spec.training, event.slip.dataset_versions)
        self._desk.begin(conn, spec.tuning, base_spec, event.slip)


def erasure_order(event: ReceivedEvent) -> subject_pb2.SubjectErasureOrder:
    """Read the order out of SubjectErased."""
    return event.parse(governance_pb.SubjectErased).order
