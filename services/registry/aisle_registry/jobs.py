"""Entry points of the registry's child processes."""

from typing import TYPE_CHECKING

from aisle.trainer.v1 import trainer_events_pb2 as trainer_events_pb
from aisle_runtime import telemetry as tracing
from aisle_runtime.artifacts import ArtifactStore
from aisle_runtime.client import open_sync_channel, token_from_file
from aisle_runtime.errors import NotFound

from aisle_registry import telemetry
from aisle_registry.convert import submission_of_job
from aisle_registry.engines.inspection import inspect_files
from aisle_registry.engines.trainer_files import TrainerFiles
from aisle_registry.settings import RegistrySettings

if TYPE_CHECKING:
    from aisle_runtime.jobs import JobContext


def import_bundle(context: "JobContext") -> bytes:
    """Bring the bundle of a finished training job into the artifact store, verified and safe to load.

    The payload is a serialized TrainingJobSucceeded. May be repeated: files that are stored are not read again.
    """
    settings = RegistrySettings()
    event = trainer_events_pb.TrainingJobSucceeded.FromString(context.payload)
    files = submission_of_job(event).files
    store = ArtifactStore(settings.state_dir / "artifacts")
    channel = open_sync_channel(
        settings.trainer_address,
        token=token_from_file(settings.client_token_file),
        ca_file=settings.client_ca_file or "",
    )
    with tracing.span(telemetry.SPAN_IMPORT, **{telemetry.ATTR_FILE_COUNT: len(files)}), channel:
        trainer = TrainerFiles(channel, settings.trainer_patience_seconds)

        def told(ratio: float) -> None:
            context.progress(0.9 * ratio, "read")

        changed = False
        try:
            trainer.fetch(event.training_job.name, files, store, told)
        except NotFound:
            # The erasure of a person gives a job's files new digests; the trainer says which.
            artifacts = trainer.artifacts(event.training_job.name)
            changed = bool(artifacts) and artifacts != list(event.training_job.artifacts)
            if not changed:
                raise
            del event.training_job.artifacts[:]
            event.training_job.artifacts.extend(artifacts)
            files = submission_of_job(event).files
            trainer.fetch(event.training_job.name, files, store, told)
        context.progress(0.9, "check")
        inspect_files(store, files, "training_job.artifacts")
    return event.SerializeToString() if changed else b""
