"""The doors of customer service; errors leave through the runtime's interceptor."""

import time
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import grpc.aio
from aisle.ranker.v1 import assist_pb2 as assist
from aisle.ranker.v1 import assist_service_pb2 as pb
from aisle.ranker.v1 import assist_service_pb2_grpc as pb_grpc
from aisle_runtime import paging, telemetry
from aisle_runtime.db import Database
from aisle_runtime.jobs import JobKind, JobRecord, Jobs
from aisle_runtime.names import new_id
from aisle_runtime.requests import RequestLog
from google.protobuf.message import Message
from sqlalchemy import Connection

from aisle_ranker import convert_assist as convert
from aisle_ranker.assisting import Assisting
from aisle_ranker.domain.assist.language import checked_language, checked_message
from aisle_ranker.engines.assist_codec import decode
from aisle_ranker.errors import AssistModelNotFound, InvalidField, KnowledgeFull, NotFound
from aisle_ranker.storage import assist as store

Context = grpc.aio.ServicerContext[Any, Any]
R = TypeVar("R", bound=Message)
TRAINING_KIND, TRAINING_TARGET = "train_assist", "aisle_ranker.assist_jobs:train"
MOST = {store.DOCUMENTS: 5_000, store.TEMPLATES: 10_000, store.EXAMPLES: 50_000}
MOST_CHARACTERS = {store.DOCUMENTS: 10_000_000, store.TEMPLATES: 10_000_000, store.EXAMPLES: 50_000_000}
LARGEST_PAGE_BYTES = 2 << 20


def training_kind(memory_mib: int) -> JobKind:
    """The job that learns; its result becomes the newest classifier in the transaction that ends it."""

    def keep(conn: Connection, job: JobRecord, result: bytes) -> None:
        store.add_model(conn, job.id, time.time(), result)

    return JobKind(TRAINING_KIND, TRAINING_TARGET, memory_limit_bytes=memory_mib << 20, niceness=10, on_succeeded=keep)


class AssistServicer(pb_grpc.AssistServiceServicer):
    """AssistService over the rules."""

    def __init__(self, assisting: Assisting, db: Database, requests: RequestLog, jobs: Jobs) -> None:
        """Ask the given parts."""
        self._assisting, self._db, self._requests, self._jobs = assisting, db, requests, jobs

    async def Assist(self, request: pb.AssistRequest, context: Context) -> AsyncIterator[pb.AssistResponse]:
        """Understand and answer a message."""
        message = checked_message(request.message)
        language = checked_language(request.language, "language")
        found = await self._assisting.answer(message, language, context.time_remaining())
        yield pb.AssistResponse(understanding=convert.understanding(found.understanding))
        for part in found.reply.parts:
            yield pb.AssistResponse(text=part)
        outcome = convert.outcome(
            found.reply, found.degradations, found.training_id, found.model_version, telemetry.current_trace_id()
        )
        yield pb.AssistResponse(outcome=outcome)

    async def UpsertSupportDocuments(
        self, request: pb.UpsertSupportDocumentsRequest, context: Context
    ) -> pb.UpsertSupportDocumentsResponse:
        """Store documents."""
        entries = convert.documents(request.support_documents)
        return await self._put(store.DOCUMENTS, request, pb.UpsertSupportDocumentsResponse, entries)

    async def ListSupportDocuments(
        self, request: pb.ListSupportDocumentsRequest, context: Context
    ) -> pb.ListSupportDocumentsResponse:
        """List documents by id."""
        found, token, total = await self._page(store.DOCUMENTS, request, convert.document_message)
        return pb.ListSupportDocumentsResponse(support_documents=found, next_page_token=token, total_count=total)

    async def DeleteSupportDocuments(
        self, request: pb.DeleteSupportDocumentsRequest, context: Context
    ) -> pb.DeleteSupportDocumentsResponse:
        """Delete documents."""
        ids = convert.ids(request.document_ids, "document_ids")
        return await self._remove(store.DOCUMENTS, request, pb.DeleteSupportDocumentsResponse, ids)

    async def UpsertAnswerTemplates(
        self, request: pb.UpsertAnswerTemplatesRequest, context: Context
    ) -> pb.UpsertAnswerTemplatesResponse:
        """Store templates."""
        entries = convert.templates(request.answer_templates)
        return await self._put(store.TEMPLATES, request, pb.UpsertAnswerTemplatesResponse, entries)

    async def ListAnswerTemplates(
        self, request: pb.ListAnswerTemplatesRequest, context: Context
    ) -> pb.ListAnswerTemplatesResponse:
        """List templates by id."""
        found, token, total = await self._page(store.TEMPLATES, request, convert.template_message)
        return pb.ListAnswerTemplatesResponse(answer_templates=found, next_page_token=token, total_count=total)

    async def DeleteAnswerTemplates(
        self, request: pb.DeleteAnswerTemplatesRequest, context: Context
    ) -> pb.DeleteAnswerTemplatesResponse:
        """Delete templates."""
        ids = convert.ids(request.template_ids, "template_ids")
        return await self._remove(store.TEMPLATES, request, pb.DeleteAnswerTemplatesResponse, ids)

    async def UpsertLabelledMessages(
        self, request: pb.UpsertLabelledMessagesRequest, context: Context
    ) -> pb.UpsertLabelledMessagesResponse:
        """Store labelled messages."""
        entries = convert.examples(request.labelled_messages)
        return await self._put(store.EXAMPLES, request, pb.UpsertLabelledMessagesResponse, entries)

    async def ListLabelledMessages(
        self, request: pb.ListLabelledMessagesRequest, context: Context
    ) -> pb.ListLabelledMessagesResponse:
        """List labelled messages by id."""
        found, token, total = await self._page(store.EXAMPLES, request, convert.example_message)
        return pb.ListLabelledMessagesResponse(labelled_messages=found, next_page_token=token, total_count=total)

    async def DeleteLabelledMessages(
        self, request: pb.DeleteLabelledMessagesRequest, context: Context
    ) -> pb.DeleteLabelledMessagesResponse:
        """Delete labelled messages."""
        ids = convert.ids(request.message_ids, "message_ids")
        return await self._remove(store.EXAMPLES, request, pb.DeleteLabelledMessagesResponse, ids)

    async def TrainAssist(self, request: pb.TrainAssistRequest, context: Context) -> pb.TrainAssistResponse:
        """Queue a training."""

        def start(conn: Connection) -> pb.TrainAssistResponse:
            job = self._jobs.submit(conn, TRAINING_KIND, new_id("ast"), b"")
            return pb.TrainAssistResponse(assist_training=convert.training(job, None))

        return await self._change(request, pb.TrainAssistResponse, start)

    async def GetAssistTraining(
        self, request: pb.GetAssistTrainingRequest, context: Context
    ) -> pb.GetAssistTrainingResponse:
        """Return a training."""
        return pb.GetAssistTrainingResponse(assist_training=await self._training(request.name))

    async def ListAssistTrainings(
        self, request: pb.ListAssistTrainingsRequest, context: Context
    ) -> pb.ListAssistTrainingsResponse:
        """List trainings, newest first."""
        size, before = paging.page_size(request.page_size), paging.decode_token(request.page_token, request)

        def read(conn: Connection) -> tuple[list[assist.AssistTraining], str]:
            jobs = self._jobs.list(conn, TRAINING_KIND, size + 1, before)
            last = jobs[size - 1].id if len(jobs) > size else ""
            return [convert.training(job, _made(conn, job.id)) for job in jobs[:size]], last

        found, last = await self._db.read(read)
        token = paging.encode_token(last, request)
        return pb.ListAssistTrainingsResponse(assist_trainings=found, next_page_token=token)

    async def CancelAssistTraining(
        self, request: pb.CancelAssistTrainingRequest, context: Context
    ) -> pb.CancelAssistTrainingResponse:
        """End a training."""
        await self._training(request.name)
        await self._jobs.cancel(convert.training_id(request.name))
        return pb.CancelAssistTrainingResponse(assist_training=await self._training(request.name))

    async def WatchAssistTraining(
        self, request: pb.WatchAssistTrainingRequest, context: Context
    ) -> AsyncIterator[pb.WatchAssistTrainingResponse]:
        """Stream a training until it ends."""
        if request.after_revision < 0:
            raise InvalidField("after_revision", "must not be negative")
        await self._training(request.name)
        async for job in self._jobs.watch(convert.training_id(request.name), request.after_revision):
            made = await self._db.read(lambda conn, job=job: _made(conn, job.id))  # type: ignore[misc]
            yield pb.WatchAssistTrainingResponse(assist_training=convert.training(job, made))

    async def GetAssistModel(self, request: pb.GetAssistModelRequest, context: Context) -> pb.GetAssistModelResponse:
        """Return the classifier that answers."""
        stored = await self._db.read(store.newest_model)
        if stored is None:
            raise AssistModelNotFound()
        return pb.GetAssistModelResponse(assist_model=_message(stored))

    async def _training(self, name: str) -> assist.AssistTraining:
        training_id = convert.training_id(name)

        def read(conn: Connection) -> assist.AssistTraining:
            job = self._jobs.get(conn, training_id)
            if job is None or job.kind != TRAINING_KIND:
                raise NotFound("There is no such training.", reason="ASSIST_TRAINING_NOT_FOUND", next_step="List them.")
            return convert.training(job, _made(conn, job.id))

        return await self._db.read(read)

    async def _change(self, request: Message, response_type: type[R], compute: Callable[[Connection], R]) -> R:
        method = request.DESCRIPTOR.name.removesuffix("Request")
        return await self._db.write(
            lambda conn: self._requests.once(conn, method, request, response_type, lambda: compute(conn))
        )

    async def _put(self, kind: str, request: Message, response_type: type[R], entries: Any) -> R:
        field = request.DESCRIPTOR.fields[0].name

        def put(conn: Connection) -> R:
            created, updated = store.put(conn, kind, entries, time.time())
            count, characters = store.totals(conn, kind)
            if count > MOST[kind]:
                raise KnowledgeFull(field, field.replace("_", " "), MOST[kind])
            if characters > MOST_CHARACTERS[kind]:
                raise KnowledgeFull(field, "characters", MOST_CHARACTERS[kind])
            counts = {"created_count": created, "updated_count": updated}
            return response_type(**counts)

        return await self._change(request, response_type, put)

    async def _remove(self, kind: str, request: Message, response_type: type[R], ids: list[str]) -> R:
        return await self._change(
            request, response_type, lambda conn: response_type(deleted_count=store.remove(conn, kind, ids))
        )

    async def _page(self, kind: str, request: Any, message: Callable[[Any, float], Any]) -> tuple[list[Any], str, int]:
        size, after = paging.page_size(request.page_size), paging.decode_token(request.page_token, request)

        def read(conn: Connection) -> tuple[list[Any], bool, int]:
            stored = store.page(conn, kind, after, size + 1)
            found: list[Any] = []
            room = LARGEST_PAGE_BYTES
            for entry, update_time in stored[:size]:
                made = message(entry, update_time)
                room -= made.ByteSize()
                if found and room < 0:
                    break
                found.append((entry.id, made))
            return found, len(found) < len(stored), store.totals(conn, kind)[0]

        found, more, total = await self._db.read(read)
        token = paging.encode_token(found[-1][0], request) if more else ""
        return [made for _, made in found], token, total


def _made(conn: Connection, training_id: str) -> assist.AssistModel | None:
    stored = store.find_model(conn, training_id)
    return None if stored is None else _message(stored)


def _message(stored: tuple[str, float, bytes]) -> assist.AssistModel:
    training_id, create_time, data = stored
    return convert.model(training_id, create_time, decode(data).values())
