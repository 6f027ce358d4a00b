"""Reads the files of a training job from the trainer; blocking, for the import's own process."""

import random
import time
from collections.abc import Callable, Iterator, Sequence

import grpc
from aisle.trainer.v1 import trainer_service_pb2 as pb
from aisle.trainer.v1 import trainer_service_pb2_grpc as pb_grpc
from aisle.trainer.v1 import training_job_pb2
from aisle_runtime.artifacts import ArtifactStore
from aisle_runtime.client import error_details
from aisle_runtime.errors import DataLoss, NotFound

from aisle_registry.domain.model import BundleFile
from aisle_registry.errors import ArtifactMismatch, TrainerAway

SILENCE_SECONDS = 120.0
"""One file's stream may take this long before it is begun again; what is stored stays."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 10.0
_AWAY = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
)


class TrainerFiles:
    """The trainer's ReadArtifact, repeated while the trainer is away."""

    def __init__(self, channel: grpc.Channel, patience_seconds: float) -> None:
        """Go on trying for `patience_seconds` after the last byte that arrived."""
        self._stub = pb_grpc.TrainerServiceStub(channel)
        self._patience = patience_seconds
        self._heard = time.monotonic()

    def fetch(
        self, training_job: str, files: Sequence[BundleFile], store: ArtifactStore, told: Callable[[float], None]
    ) -> None:
        """Bring every file into `store`; files that are there already are not read again.

        `told` receives the share of bytes done, 0 to 1, after each file. Raises TrainerAway when patience ends,
        NotFound (ARTIFACT_NOT_FOUND) when the trainer no longer has a file, DataLoss (ARTIFACT_DIGEST_MISMATCH).
        """
        self._heard = time.monotonic()
        total, done = sum(file.size_bytes for file in files), 0
        for file in files:
            if not _intact(store, file.sha256):
                self._fetch_one(training_job, file, store)
            done += file.size_bytes
            told(done / total)

    def artifacts(self, training_job: str) -> list[training_job_pb2.Artifact]:
        """Return the files that the job has now; empty when the trainer does not say."""
        try:
            answer = self._stub.GetTrainingJob(pb.GetTrainingJobRequest(name=training_job), timeout=SILENCE_SECONDS)
        except grpc.RpcError:
            return []
        return list(answer.training_job.artifacts)

    def _fetch_one(self, training_job: str, file: BundleFile, store: ArtifactStore) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                store.put_stream(self._read(training_job, file), file.sha256)
                return
            except grpc.RpcError as error:
                if error.code() not in _AWAY:
                    raise _refused(error, file) from None
            if time.monotonic() - self._heard > self._patience:
                raise TrainerAway(training_job)
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _read(self, training_job: str, file: BundleFile) -> Iterator[bytes]:
        request = pb.ReadArtifactRequest(training_job=training_job, sha256=file.sha256)
        received = 0
        for answer in self._stub.ReadArtifact(request, timeout=SILENCE_SECONDS):
            self._heard = time.monotonic()
            received += len(answer.chunk)
            if received > file.size_bytes:
                raise ArtifactMismatch(file.path, "has more bytes than announced")
            yield answer.chunk


def _intact(store: ArtifactStore, sha256: str) -> bool:
    try:
        store.path(sha256)
    except (NotFound, DataLoss):
        return False
    return True


def _refused(error: grpc.RpcError, file: BundleFile) -> Exception:
    details = error_details(error)
    facts = {"path": file.path}
    if details.code is grpc.StatusCode.DATA_LOSS:
        return DataLoss(
            f"The trainer's copy of {file.path} is damaged.",
            reason="ARTIFACT_DIGEST_MISMATCH",
            next_step="Train again.",
            facts=facts,
        )
    return NotFound(
        f"The trainer does not hand out {file.path}.",
        reason="ARTIFACT_NOT_FOUND",
        next_step="Train again.",
        facts={**facts, "trainer_reason": details.reason or details.code.name},
    )
