"""The gRPC door of the registry."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from aisle.registry.v1 import registry_service_pb2 as pb
from aisle.registry.v1 import registry_service_pb2_grpc as pb_grpc
from aisle_runtime.artifacts import ArtifactStore
from aisle_runtime.convert import from_timestamp
from aisle_runtime.db import Database
from aisle_runtime.errors import InvalidField
from aisle_runtime.paging import decode_token, encode_token, page_size
from aisle_runtime.requests import RequestLog
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import Connection

from aisle_registry import convert
from aisle_registry.desk import Desk
from aisle_registry.domain import names
from aisle_registry.domain.aliases import AliasChange
from aisle_registry.domain.bundles import validate_digest, validate_submission
from aisle_registry.domain.gates import validate_gates
from aisle_registry.domain.model import ModelVersion, Submission
from aisle_registry.engines.upload import Upload
from aisle_registry.errors import UnknownAlias, UnknownArtifact
from aisle_registry.storage import history, versions

MAXIMUM_COMMENT_LENGTH = 1_000
MAXIMUM_ANSWER_BYTES = 3 * 1024**2
"""Entries of a page beyond this wait for the next page; a message may have 4 MiB."""

M = TypeVar("M", bound=Message)


class _NotAnswered(Exception):
    """No answer is stored for this request_id."""


class RegistryServicer(pb_grpc.RegistryServiceServicer):
    """Translates between the contract and the desk."""

    def __init__(
        self, db: Database, desk: Desk, requests: RequestLog, artifacts: ArtifactStore, upload_folder: Path
    ) -> None:
        """Keep uploads that have not ended in `upload_folder`, which must be in the file system of the artifacts."""
        self._db, self._desk, self._requests = db, desk, requests
        self._artifacts, self._upload_folder = artifacts, upload_folder
        self.uploads_in_flight = 0
        """Registrations whose files may be stored while no version names them yet."""

    async def RegisterModelVersion(
        self, request_iterator: AsyncIterator[pb.RegisterModelVersionRequest], context: Any
    ) -> pb.RegisterModelVersionResponse:
        """Take in a streamed bundle: all of it, verified, or nothing."""
        header = await _header(request_iterator)
        submission = validate_submission(convert.submission(header))
        if (answered := await self._answered(header)) is not None:
            return answered
        self.uploads_in_flight += 1
        try:
            return await self._take_in(header, submission, request_iterator)
        finally:
            self.uploads_in_flight -= 1

    async def _take_in(
        self,
        header: pb.RegistrationHeader,
        submission: Submission,
        request_iterator: AsyncIterator[pb.RegisterModelVersionRequest],
    ) -> pb.RegisterModelVersionResponse:
        await self._receive(submission, request_iterator)

        def register(conn: Connection) -> pb.RegisterModelVersionResponse:
            def compute() -> pb.RegisterModelVersionResponse:
                version = self._desk.register(conn, submission)
                return pb.RegisterModelVersionResponse(model_version=convert.version(version))

            return self._requests.once(conn, "RegisterModelVersion", header, pb.RegisterModelVersionResponse, compute)

        return await self._db.write(register)

    async def GetModelVersion(self, request: pb.GetModelVersionRequest, context: Any) -> pb.GetModelVersionResponse:
        """Return one version, named by number or by alias."""
        ref = names.version_or_alias(request.name, "name")

        def get(conn: Connection) -> ModelVersion:
            number = _change(conn, ref.model, ref.alias).version if ref.alias else ref.number
            return versions.get_version(conn, ref.model, number)

        return pb.GetModelVersionResponse(model_version=convert.version(await self._db.read(get)))

    async def ListModels(self, request: pb.ListModelsRequest, context: Any) -> pb.ListModelsResponse:
        """List models by id."""
        size, after = page_size(request.page_size), decode_token(request.page_token, request)
        found = await self._db.read(lambda conn: versions.list_models(conn, after, size + 1))
        sent = _fitting([convert.model(summary) for summary in found], size)
        last = found[len(sent) - 1].model if len(sent) < len(found) else ""
        return pb.ListModelsResponse(models=sent, next_page_token=encode_token(last, request))

    async def ListModelVersions(
        self, request: pb.ListModelVersionsRequest, context: Any
    ) -> pb.ListModelVersionsResponse:
        """List versions of a model, newest first, without their per-unit evidence."""
        model = names.model_id(request.model, "model")
        size, before = page_size(request.page_size), _number_token(request)
        found = await self._db.read(lambda conn: versions.list_versions(conn, model, before, size + 1))
        sent = _fitting([convert.version(version, units=False) for version in found], size)
        last = str(found[len(sent) - 1].number) if len(sent) < len(found) else ""
        return pb.ListModelVersionsResponse(model_versions=sent, next_page_token=encode_token(last, request))

    async def EvaluateGates(self, request: pb.EvaluateGatesRequest, context: Any) -> pb.EvaluateGatesResponse:
        """Judge a version and store the verdict."""
        ref = names.version_ref(request.model_version, "model_version")
        alias = names.alias_id(request.alias, "alias")
        asked = validate_gates(convert.gates(request.gates, "gates"), "gates")

        def judge(conn: Connection) -> pb.EvaluateGatesResponse:
            def compute() -> pb.EvaluateGatesResponse:
                verdict = self._desk.judge(conn, ref.model, ref.number, alias, asked).verdict
                assert verdict is not None
                return pb.EvaluateGatesResponse(verdict=convert.verdict(verdict))

            return self._requests.once(conn, "EvaluateGates", request, pb.EvaluateGatesResponse, compute)

        return await self._db.write(judge)

    async def PromoteModelVersion(
        self, request: pb.PromoteModelVersionRequest, context: Any
    ) -> pb.PromoteModelVersionResponse:
        """Point an alias at a version."""
        ref = names.version_ref(request.model_version, "model_version")
        alias, comment = names.alias_id(request.alias, "alias"), _comment(request.comment)

        def promote(conn: Connection) -> pb.PromoteModelVersionResponse:
            def compute() -> pb.PromoteModelVersionResponse:
                change, version = self._desk.promote(conn, ref.model, ref.number, alias, comment)
                return pb.PromoteModelVersionResponse(
                    change=convert.change(change), model_version=convert.version(version)
                )

            return self._requests.once(conn, "PromoteModelVersion", request, pb.PromoteModelVersionResponse, compute)

        return await self._db.write(promote)

    async def RollbackAlias(self, request: pb.RollbackAliasRequest, context: Any) -> pb.RollbackAliasResponse:
        """Point an alias at the version before the present one."""
        model, alias = names.model_id(request.model, "model"), names.alias_id(request.alias, "alias")
        comment = _comment(request.comment)

        def roll_back(conn: Connection) -> pb.RollbackAliasResponse:
            def compute() -> pb.RollbackAliasResponse:
                change = self._desk.roll_back(conn, model, alias, comment)
                return pb.RollbackAliasResponse(change=convert.change(change))

            return self._requests.once(conn, "RollbackAlias", request, pb.RollbackAliasResponse, compute)

        return await self._db.write(roll_back)

    async def GetAlias(self, request: pb.GetAliasRequest, context: Any) -> pb.GetAliasResponse:
        """Say where an alias points or pointed."""
        model, alias = names.model_id(request.model, "model"), names.alias_id(request.alias, "alias")
        time = _seconds(request.at_time) if request.HasField("at_time") else None
        found = await self._db.read(lambda conn: _change(conn, model, alias, time))
        return pb.GetAliasResponse(change=convert.change(found))

    async def GetAliasHistory(self, request: pb.GetAliasHistoryRequest, context: Any) -> pb.GetAliasHistoryResponse:
        """List every move of an alias, newest first."""
        model, alias = names.model_id(request.model, "model"), names.alias_id(request.alias, "alias")
        size, before = page_size(request.page_size), _number_token(request)

        def read(conn: Connection) -> list[AliasChange]:
            _change(conn, model, alias)
            return history.list_changes(conn, model, alias, before, size + 1)

        found = await self._db.read(read)
        sent = _fitting([convert.change(change) for change in found], size)
        last = str(found[len(sent) - 1].sequence) if len(sent) < len(found) else ""
        return pb.GetAliasHistoryResponse(changes=sent, next_page_token=encode_token(last, request))

    async def ReadArtifact(
        self, request: pb.ReadArtifactRequest, context: Any
    ) -> AsyncIterator[pb.ReadArtifactResponse]:
        """Stream a file of a version; ends with DATA_LOSS when its digest no longer fits."""
        ref = names.version_ref(request.model_version, "model_version")
        digest = validate_digest(request.sha256, "sha256")
        version = await self._db.read(lambda conn: versions.get_version(conn, ref.model, ref.number))
        if digest not in {file.sha256 for file in version.submission.files}:
            raise UnknownArtifact(version.name)
        chunks = self._artifacts.chunks(digest)
        while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
            yield pb.ReadArtifactResponse(chunk=chunk)

    async def _answered(self, header: pb.RegistrationHeader) -> pb.RegisterModelVersionResponse | None:
        """Return the answer to a repeated registration before its files are received again."""

        def missing() -> pb.RegisterModelVersionResponse:
            raise _NotAnswered

        def look(conn: Connection) -> pb.RegisterModelVersionResponse:
            return self._requests.once(conn, "RegisterModelVersion", header, pb.RegisterModelVersionResponse, missing)

        try:
            return await self._db.read(look)
        except _NotAnswered:
            return None

    async def _receive(self, submission: Submission, requests: AsyncIterator[pb.RegisterModelVersionRequest]) -> None:
        upload = await asyncio.to_thread(Upload, self._upload_folder, submission.files)
        try:
            async for request in requests:
                if request.WhichOneof("payload") != "file_chunk":
                    raise InvalidField("payload", "only the first message carries a header; a file_chunk must follow")
                await asyncio.to_thread(upload.add, request.file_chunk.file_index, request.file_chunk.data)
            await asyncio.to_thread(upload.finish, self._artifacts)
        finally:
            await asyncio.shield(asyncio.to_thread(upload.close))


async def _header(requests: AsyncIterator[pb.RegisterModelVersionRequest]) -> pb.RegistrationHeader:
    async for first in requests:
        if first.WhichOneof("payload") == "header":
            return first.header
        break
    raise InvalidField("header", "the first message must carry the header")


def _change(conn: Connection, model: str, alias: str, time: float | None = None) -> AliasChange:
    """Return the entry in force now or at `time`; raises UnknownModel, UnknownAlias."""
    versions.require_model(conn, model)
    found = history.current(conn, model, alias) if time is None else history.at_time(conn, model, alias, time)
    if found is None:
        raise UnknownAlias(model, alias, "" if time is None else "that time")
    return found


def _fitting(messages: Sequence[M], size: int) -> list[M]:
    """Return the first messages: at most `size`, and no more than an answer may hold, but at least one."""
    total, sent = 0, list[M]()
    for message in messages[:size]:
        total += message.ByteSize()
        if sent and total > MAXIMUM_ANSWER_BYTES:
            break
        sent.append(message)
    return sent


def _number_token(request: pb.ListModelVersionsRequest | pb.GetAliasHistoryRequest) -> int:
    after = decode_token(request.page_token, request)
    if after and not (after.isascii() and after.isdigit() and len(after) < 19):
        raise InvalidField("page_token", "was not made by this listing")
    return int(after or 0)


def _comment(value: str) -> str:
    if len(value) > MAXIMUM_COMMENT_LENGTH:
        raise InvalidField("comment", f"is longer than {MAXIMUM_COMMENT_LENGTH} characters")
    return value


def _seconds(value: Timestamp) -> float:
    try:
        return from_timestamp(value).timestamp()
    except (ValueError, OverflowError) as error:
        raise InvalidField("at_time", "is not a time") from error
