"""The event door of the registry: finished training jobs come in, their bundles are read by a job of their own."""

from aisle.governance.v1 import governance_events_pb2
from aisle.trainer.v1 import trainer_events_pb2 as trainer_events_pb
from aisle.type.v1 import failure_pb2, subject_pb2
from aisle_runtime.convert import failure_from_error, failure_from_job
from aisle_runtime.db import Database
from aisle_runtime.errors import AisleError
from aisle_runtime.events import Consumer, ReceivedEvent
from aisle_runtime.inbox import Inbox
from aisle_runtime.jobs import JobFailure, JobKind, JobRecord, Jobs
from aisle_runtime.names import new_id
from sqlalchemy import Connection

from aisle_registry.desk import Desk, check_job

CONSUMER = "registry-training-jobs"
SUBJECT_TRAINING_JOB_SUCCEEDED = "aisle.trainer.training_job.succeeded.v1"
IMPORT = "import"


class TrainingJobs:
    """Takes in what pipelines have trained."""

    def __init__(self, db: Database, inbox: Inbox, jobs: Jobs, desk: Desk) -> None:
        """Submit imports to `jobs`, where `import_kind` must be registered."""
        self._db, self._inbox, self._jobs, self._desk = db, inbox, jobs, desk

    def consumer(self) -> Consumer:
        """Return the reader of finished training jobs."""
        return Consumer(CONSUMER, SUBJECT_TRAINING_JOB_SUCCEEDED, self.succeeded)

    def import_kind(self, memory_limit_bytes: int) -> JobKind:
        """Return how bundles are read; what an import brings is registered in the transaction that ends its job."""
        return JobKind(
            kind=IMPORT,
            target="aisle_registry.jobs:import_bundle",
            memory_limit_bytes=memory_limit_bytes,
            on_succeeded=self._imported,
            on_failed=self._failed,
        )

    async def succeeded(self, received: ReceivedEvent) -> None:
        """Start the import of a pipeline's bundle; jobs of callers and jobs without a bundle are left alone."""
        event = received.parse(trainer_events_pb.TrainingJobSucceeded)
        if not event.slip.pipeline_run or not event.training_job.artifacts:
            return
        await self._db.write(lambda conn: self._start(conn, received.id, event))

    def _start(self, conn: Connection, event_id: str, event: trainer_events_pb.TrainingJobSucceeded) -> None:
        if not self._inbox.first_time(conn, CONSUMER, event_id):
            return
        try:
            check_job(event)
        except AisleError as error:
            self._desk.fail(conn, event, failure_from_error(error))
            return
        self._jobs.submit(conn, IMPORT, new_id(IMPORT), event.SerializeToString())

    def _imported(self, conn: Connection, job: JobRecord, result: bytes) -> None:
        # The result is the event with the files that the trainer has by now; empty when they are those that it told of.
        self._desk.take_in(conn, trainer_events_pb.TrainingJobSucceeded.FromString(result or job.payload))

    def _failed(self, conn: Connection, job: JobRecord, failure: JobFailure) -> None:
        told: failure_pb2.Failure = failure_from_job(failure)
        self._desk.fail(conn, trainer_events_pb.TrainingJobSucceeded.FromString(job.payload), told)


def erasure_order(event: ReceivedEvent) -> subject_pb2.SubjectErasureOrder:
    """Read the order out of SubjectErased."""
    return event.parse(governance_events_pb2.SubjectErased).order
