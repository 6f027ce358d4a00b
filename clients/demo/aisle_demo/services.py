"""The six services as the demo calls them: public contracts only, every lifecycle call in one trace."""

import hashlib
import secrets
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import grpc
from aisle.governance.v1 import dataset_pb2, governance_service_pb2, governance_service_pb2_grpc
from aisle.monitor.v1 import monitor_service_pb2_grpc
from aisle.ranker.v1 import ranker_service_pb2_grpc
from aisle.registry.v1 import registry_service_pb2_grpc
from aisle.trainer.v1 import trainer_service_pb2_grpc
from aisle.tuner.v1 import tuner_service_pb2_grpc
from aisle.type.v1 import job_pb2
from aisle_runtime.client import open_channel

from aisle_demo.shop import SourceFile

CHUNK_BYTES = 1 << 20
CALL_SECONDS = 30.0
UPLOAD_SECONDS = 300.0
DONE = (job_pb2.JOB_STATE_SUCCEEDED, job_pb2.JOB_STATE_FAILED, job_pb2.JOB_STATE_CANCELLED)


class DemoFailed(Exception):
    """Something did not work; the text says what and what to look at."""


class Services:
    """Stubs of the six services over channels that live as long as this object."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._channels = {name: open_channel(address) for name, address in addresses.items()}
        self.trace_id = secrets.token_hex(16)
        self.governance = governance_service_pb2_grpc.GovernanceServiceStub(self._channels["governance"])
        self.trainer = trainer_service_pb2_grpc.TrainerServiceStub(self._channels["trainer"])
        self.tuner = tuner_service_pb2_grpc.TunerServiceStub(self._channels["tuner"])
        self.registry = registry_service_pb2_grpc.RegistryServiceStub(self._channels["registry"])
        self.ranker = ranker_service_pb2_grpc.RankerServiceStub(self._channels["ranker"])
        self.monitor = monitor_service_pb2_grpc.MonitorServiceStub(self._channels["monitor"])
        self._parent = secrets.token_hex(8)

    @property
    def trace(self) -> tuple[tuple[str, str], ...]:
        """Metadata that puts a call into the lifecycle's trace."""
        return (("traceparent", f"00-{self.trace_id}-{self._parent}-01"),)

    async def close(self) -> None:
        """Close every channel."""
        for channel in self._channels.values():
            await channel.close()

    async def upload(self, dataset: str, source: SourceFile) -> dataset_pb2.Import:
        """Stream a file into a dataset, wait until its import ends, and return it; raise DemoFailed when it failed."""
        call = self.governance.UploadRows(_upload(dataset, source), timeout=UPLOAD_SECONDS, metadata=self.trace)
        answer = await call
        name = getattr(answer, "import").name
        last: dataset_pb2.Import | None = None
        request = governance_service_pb2.WatchImportRequest(name=name)
        async for message in self.governance.WatchImport(request, timeout=UPLOAD_SECONDS, metadata=self.trace):
            last = getattr(message, "import")
        if last is None or last.status.state != job_pb2.JOB_STATE_SUCCEEDED:
            failure = last.status.failure if last is not None else None
            raise DemoFailed(f"{source.path.name} was not imported: {failure.message if failure else 'no answer'}")
        return last


async def _upload(dataset: str, source: SourceFile) -> AsyncIterator[governance_service_pb2.UploadRowsRequest]:
    header = governance_service_pb2.UploadHeader(
        dataset=dataset,
        source_file=source.path.name,
        format=dataset_pb2.FILE_FORMAT_CSV,
        sha256=_sha256(source.path),
        request_id=new_request_id(),
    )
    if source.delimiter != ",":
        header.dialect.delimiter = source.delimiter
    yield governance_service_pb2.UploadRowsRequest(header=header)
    with source.path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield governance_service_pb2.UploadRowsRequest(chunk=chunk)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def new_request_id() -> str:
    """A fresh id that makes one mutation safe to repeat."""
    return uuid.uuid4().hex


def failure_text(error: grpc.aio.AioRpcError) -> str:
    """A failed call in one line."""
    return f"{error.code().name}: {error.details()}"
