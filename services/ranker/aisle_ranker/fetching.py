"""The registry as the ranker sees it: where the alias points, and the files of a version."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import grpc
import grpc.aio
from aisle.registry.v1 import model_version_pb2
from aisle.registry.v1 import registry_service_pb2 as pb
from aisle.registry.v1 import registry_service_pb2_grpc as pb_grpc
from aisle_runtime.artifacts import ArtifactStore
from aisle_runtime.client import error_details

from aisle_ranker import convert
from aisle_ranker.domain.loads import Version
from aisle_ranker.errors import AisleError, DataLoss, RegistryAway, RegistryRefused

CALL_SECONDS = 5.0
FILE_SECONDS = 120.0
_TRANSIENT = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.CANCELLED,
}


class Registry:
    """Asks the registry, and brings files into the artifact store."""

    def __init__(self, channel: grpc.aio.Channel, artifacts: ArtifactStore) -> None:
        """Use `channel`."""
        self._stub, self._artifacts = pb_grpc.RegistryServiceStub(channel), artifacts

    async def current(self, model: str, alias: str) -> Version | None:
        """Return the version that the alias points at, None when there is none; raises RegistryAway, RegistryRefused."""
        try:
            answer = await self._stub.GetAlias(pb.GetAliasRequest(model=model, alias=alias), timeout=CALL_SECONDS)
            change = answer.change
            request = pb.GetModelVersionRequest(name=change.model_version)
            version: model_version_pb2.ModelVersion = (
                await self._stub.GetModelVersion(request, timeout=CALL_SECONDS)
            ).model_version
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise _translated(error) from error
        return convert.version(version, change.sequence)

    async def version(self, name: str, sequence: int) -> Version | None:
        """Return a version as the registry has it now, None when it has none; raises RegistryAway, RegistryRefused."""
        try:
            answer = await self._stub.GetModelVersion(pb.GetModelVersionRequest(name=name), timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise _translated(error) from error
        return convert.version(answer.model_version, sequence)

    async def fetch(self, version: Version, paths: Iterable[str]) -> dict[str, Path]:
        """Return the verified files of a version by name; what the store lacks, or holds damaged, is pulled.

        Raises DataLoss (ARTIFACT_DIGEST_MISMATCH), RegistryAway, RegistryRefused.
        """
        return {path: await self._file(version.name, version.files[path]) for path in paths}

    async def _file(self, name: str, sha256: str) -> Path:
        if self._artifacts.exists(sha256):
            try:
                return await asyncio.to_thread(self._artifacts.path, sha256)
            except DataLoss:
                pass  # pulled again below, which repairs it
        await self._pull(name, sha256)
        return await asyncio.to_thread(self._artifacts.path, sha256)

    async def _pull(self, name: str, sha256: str) -> None:
        request = pb.ReadArtifactRequest(model_version=name, sha256=sha256)
        writing = self._artifacts.writer(expected_sha256=sha256)
        writer = await asyncio.to_thread(writing.__enter__)
        try:
            async for part in self._stub.ReadArtifact(request, timeout=FILE_SECONDS):
                await asyncio.to_thread(writer.write, part.chunk)
        except BaseException as error:
            # The store drops what was written; the error itself goes on below.
            await asyncio.to_thread(writing.__exit__, type(error), error, error.__traceback__)
            if isinstance(error, grpc.aio.AioRpcError):
                raise _translated(error) from error
            raise
        await asyncio.to_thread(writing.__exit__, None, None, None)


def _translated(error: grpc.aio.AioRpcError) -> AisleError:
    if error.code() in _TRANSIENT:
        return RegistryAway()
    details = error_details(error)
    if error.code() is grpc.StatusCode.DATA_LOSS:
        return DataLoss(details.message, reason=details.reason or "DATA_LOSS", next_step=details.next_step)
    return RegistryRefused(details.reason or error.code().name)
