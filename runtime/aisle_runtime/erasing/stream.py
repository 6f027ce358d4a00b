"""Takes messages that name a person out of the bus's streams: overwritten in place, once every consumer is past them.

A message that some consumer has still to read is waited for, so that no event of other people in it is lost. Only a user who may read
and delete single messages can do this (`BusUser.may_erase`); services may not.
"""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import nats.errors
import nats.js.errors
from nats.js import api

from aisle_runtime.erasing.stores import scrubbed_event
from aisle_runtime.erasing.subjects import Subjects
from aisle_runtime.errors import FailedPrecondition, Unavailable
from aisle_runtime.events import CE_TYPE
from aisle_runtime.nats_config import DEAD_LETTER_STREAM, STREAM
from aisle_runtime.nats_session import REQUEST_SECONDS, BusError, Session

_NO_MESSAGE = 10037


@dataclass(frozen=True, slots=True)
class Swept:
    """What one pass over the streams did."""

    deleted_count: int
    waiting_count: int
    """Messages that name a person and that some consumer has not read."""
    waits_for: tuple[str, ...]
    """Those consumers."""
    last_sequence: int
    """Everything up to here was looked at."""


async def sweep_streams(session: Session, subjects: Subjects) -> Swept:
    """Look at every message of both streams; may be repeated.

    Raises Unavailable (BUS_UNAVAILABLE) when the bus goes away, FailedPrecondition (BUS_REFUSES_ERASURE) when it does not let
    this user read or delete messages.
    """
    try:
        consumers = await _consumers(session)
        deleted, waiting, blockers, last = 0, 0, set[str](), 0
        async for sequence, subject in _theirs(session, STREAM, subjects):
            behind = {info.name for info in consumers if _must_still_read(info, subject, sequence)}
            if behind:
                waiting += 1
                blockers |= behind
            else:
                deleted += await _delete(session, STREAM, sequence)
            last = sequence
        async for sequence, _ in _theirs(session, DEAD_LETTER_STREAM, subjects):
            deleted += await _delete(session, DEAD_LETTER_STREAM, sequence)
    except nats.js.errors.APIError as error:
        raise Unavailable("The event bus does not do what was asked.", reason="BUS_UNAVAILABLE") from error
    except BusError as error:
        raise Unavailable("The event bus is away.", reason="BUS_UNAVAILABLE", retry_after_seconds=1) from error
    return Swept(deleted, waiting, tuple(sorted(blockers)), last)


async def _consumers(session: Session) -> list[api.ConsumerInfo]:
    """All durable consumers; the request is also how a missing permission shows."""
    found: list[api.ConsumerInfo] = []
    while True:
        try:
            page = await session.jetstream.consumers_info(STREAM, offset=len(found))
        except (nats.errors.TimeoutError, TimeoutError) as error:
            if not await session.probe():
                raise
            raise FailedPrecondition(
                "The event bus does not let governance look for erased people among its messages.",
                reason="BUS_REFUSES_ERASURE",
                next_step="Give its user the right to read and delete single messages and to list consumers.",
            ) from error
        found += page
        if not page or len(page) < 256:
            return found


async def _theirs(session: Session, stream: str, subjects: Subjects) -> AsyncIterator[tuple[int, str]]:
    """(sequence, subject) of the messages that name one of the people."""
    sequence = 1
    while True:
        found = await _next(session, stream, sequence)
        if found is None:
            return
        sequence, subject, headers, data = found
        if _names(headers, data, subjects):
            yield sequence, subject
        sequence += 1


async def _next(session: Session, stream: str, sequence: int) -> tuple[int, str, Mapping[str, str], bytes] | None:
    try:
        message = await session.jetstream.get_msg(stream, seq=sequence, subject=">", next=True)
    except nats.js.errors.NotFoundError:
        return None
    assert message.seq is not None and message.subject is not None
    return message.seq, message.subject, message.headers or {}, message.data or b""


def _names(headers: Mapping[str, str], data: bytes, subjects: Subjects) -> bool:
    kind = next((value for name, value in headers.items() if name.lower() == CE_TYPE), "")
    return scrubbed_event(kind, data, subjects)[0] > 0


def _must_still_read(info: api.ConsumerInfo, subject: str, sequence: int) -> bool:
    wanted = info.config.filter_subject or ">"
    if not matches(wanted, subject):
        return False
    if not info.num_pending and not info.num_ack_pending:
        return False
    return info.ack_floor is None or info.ack_floor.stream_seq < sequence


def matches(pattern: str, subject: str) -> bool:
    """Whether a bus subject fits a pattern with `*` (one word) and `>` (all that follow)."""
    wanted, words = pattern.split("."), subject.split(".")
    for index, part in enumerate(wanted):
        if part == ">":
            return len(words) > index
        if index >= len(words) or part not in ("*", words[index]):
            return False
    return len(wanted) == len(words)


async def _delete(session: Session, stream: str, sequence: int) -> int:
    """Overwrite one message; 0 when somebody, or age, was faster."""
    request = json.dumps({"seq": sequence, "no_erase": False}).encode()
    answer = await session.client.request(f"$JS.API.STREAM.MSG.DELETE.{stream}", request, timeout=REQUEST_SECONDS)
    told: dict[str, Any] = json.loads(answer.data)
    error = told.get("error")
    if error and error.get("err_code") not in (_NO_MESSAGE, 10043, 10057):
        raise Unavailable("The event bus did not delete a message.", reason="BUS_UNAVAILABLE")
    return 0 if error else 1
