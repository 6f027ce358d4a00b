"""The door for events about models: which versions and columns each was trained on."""

from collections.abc import Callable, Iterable

from aisle.pipeline.v1 import pipeline_spec_pb2
from aisle.registry.v1 import registry_events_pb2
from aisle.trainer.v1 import trainer_events_pb2
from aisle_runtime.bus import Consumer, ReceivedEvent
from aisle_runtime.db import Database
from aisle_runtime.inbox import Inbox
from sqlalchemy import Connection

from aisle_governance import convert, telemetry
from aisle_governance.storage import model_uses

TRAINED_CONSUMER = "governance-training-job-succeeded"
REGISTERED_CONSUMER = "governance-model-version-registered"


class ModelDoor:
    """Keeps the projection that answers who was trained on a column."""

    def __init__(self, db: Database, inbox: Inbox) -> None:
        """Use these."""
        self._db, self._inbox = db, inbox

    def consumers(self) -> list[Consumer]:
        """What to subscribe to."""
        return [
            Consumer(TRAINED_CONSUMER, telemetry.SUBJECT_TRAINING_JOB_SUCCEEDED, self.on_trained),
            Consumer(REGISTERED_CONSUMER, telemetry.SUBJECT_MODEL_VERSION_REGISTERED, self.on_registered),
        ]

    async def on_trained(self, event: ReceivedEvent) -> None:
        """A training job has ended well and says what it has read."""
        job = event.parse(trainer_events_pb2.TrainingJobSucceeded).training_job
        inputs = [
            model_uses.TrainingInput(
                dataset,
                number,
                pipeline_spec_pb2.TaskKind.Name(one.task).removeprefix("TASK_KIND_"),
                tuple(one.columns),
            )
            for one in job.inputs
            for dataset, number in _numbers([one.dataset_version])
        ]
        await self._note(TRAINED_CONSUMER, event.id, lambda conn: model_uses.put_training(conn, job.name, inputs))

    async def on_registered(self, event: ReceivedEvent) -> None:
        """A model version exists and names the versions that it was trained on."""
        version = event.parse(registry_events_pb2.ModelVersionRegistered).model_version
        numbers = list(_numbers(version.dataset_versions))
        await self._note(
            REGISTERED_CONSUMER,
            event.id,
            lambda conn: model_uses.put_model(conn, version.name, version.training_job, numbers),
        )

    async def _note(self, consumer: str, event_id: str, store: Callable[[Connection], None]) -> None:
        def note(conn: Connection) -> None:
            if self._inbox.first_time(conn, consumer, event_id):
                store(conn)

        await self._db.write(note)


def _numbers(names: Iterable[str]) -> Iterable[tuple[str, int]]:
    for name in names:
        dataset, number = convert.version_number(name, "dataset_versions")
        if number is not None:
            yield dataset, number
