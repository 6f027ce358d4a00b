"""Copies of a person outside governance: what the services that hold them answer, and the messages that the event bus still stores."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aisle.type.v1 import subject_pb2
from aisle_runtime.bus import Bus, Consumer, ReceivedEvent
from aisle_runtime.convert import failure_from_error, from_timestamp
from aisle_runtime.db import Database
from aisle_runtime.erasing.compaction import compact
from aisle_runtime.erasing.stores import scrub_runtime
from aisle_runtime.erasing.subjects import Subjects
from aisle_runtime.errors import Unavailable
from aisle_runtime.events import MalformedEvent
from aisle_runtime.inbox import Inbox
from sqlalchemy import Connection

from aisle_governance import convert_history, telemetry
from aisle_governance.domain.erasures import Erasure, HolderAnswer
from aisle_governance.errors import AisleError
from aisle_governance.storage import answers, ledger

BUS = "bus"
CONSUMER = "governance-subject-erasure-acknowledged"
PERSON_KEYS = ("customer_id",)
FIRST_LOOK_SECONDS, LAST_LOOK_SECONDS = 5.0, 600.0
"""While services have not acknowledged, the bus is looked through now and then; when all have, at once."""
FIRST_RETRY_SECONDS = 0.5
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Look:
    """When the bus is looked through next, for one erasure."""

    tries: int
    due: float
    before_others: bool
    """Whether some service had not acknowledged then."""


class Holders:
    """Follows what holders of copies do about erasures, and looks after the bus."""

    def __init__(
        self, db: Database, inbox: Inbox, bus: Bus, database_url: str, key: bytes, now: Callable[[], float] = time.time
    ) -> None:
        """`key` makes the keyed hashes; `now` gives seconds since the epoch."""
        self._db, self._inbox, self._bus, self._url = db, inbox, bus, database_url
        self._key, self._now = key, now
        self._looks: dict[str, _Look] = {}
        self._scrubbed: set[str] = set()
        self._uncompacted = True  # what an earlier process left cannot be known

    def consumers(self) -> list[Consumer]:
        """What to subscribe to."""
        return [Consumer(CONSUMER, telemetry.SUBJECT_ACKNOWLEDGED_BY_ANY, self.on_acknowledged)]

    async def on_acknowledged(self, event: ReceivedEvent) -> None:
        """Put a service's answer onto the receipt; only the service itself can speak for it."""
        told = event.parse(subject_pb2.SubjectErasureAcknowledged)
        holder = event.source.removeprefix("aisle/")
        if event.subject.split(".")[1] != holder or holder == BUS:
            raise MalformedEvent("A service acknowledges for itself only.")
        answer = convert_history.holder_answer(holder, told, from_timestamp(told.time).timestamp())
        erasure_id = convert_history.erasure_id(told.erasure)

        def note(conn: Connection) -> None:
            if self._inbox.first_time(conn, CONSUMER, event.id) and not answers.put_answer(conn, erasure_id, answer):
                _log.warning("an unknown erasure was acknowledged", extra={"fields": {"service": holder}})

        await self._db.write(note)

    async def tend(self) -> None:
        """Look after the bus for as long as the service runs."""
        changed = asyncio.Event()
        stop = self._db.on_commit(changed.set)
        try:
            while True:
                changed.clear()
                pause = LAST_LOOK_SECONDS
                try:
                    for erasure in await self._db.read(ledger.incomplete_erasures):
                        pause = min(pause, await self._look(erasure))
                except AisleError as error:
                    _log.warning("erasures cannot be looked after", extra={"fields": {"reason": error.reason}})
                    pause = FIRST_LOOK_SECONDS
                try:
                    async with asyncio.timeout(pause):
                        await changed.wait()
                except TimeoutError:
                    pass
        finally:
            stop()

    async def _look(self, erasure: Erasure) -> float:
        """Sweep the bus when it is time; returns the seconds until it is."""
        others = [one for one in erasure.missing if one != BUS]
        if BUS not in erasure.missing:
            return LAST_LOOK_SECONDS
        look = self._looks.get(erasure.id)
        if look is None or (look.before_others and not others):
            look = _Look(0, time.monotonic() + (FIRST_LOOK_SECONDS if others else 0.0), bool(others))
            self._looks[erasure.id] = look
        if look.due > time.monotonic():
            return look.due - time.monotonic()
        subjects = Subjects(self._key, [erasure.subject])
        first = FIRST_LOOK_SECONDS if others else FIRST_RETRY_SECONDS
        pause = min(LAST_LOOK_SECONDS, first * 2.0 ** min(look.tries, 16))
        self._looks[erasure.id] = _Look(look.tries + 1, time.monotonic() + pause, bool(others))
        try:
            await self._leftovers(erasure, subjects)
            swept = await self._bus.sweep(subjects)
        except AisleError as error:
            await self._note(erasure, {}, error)
            return pause
        counts = {"messages": swept.deleted_count}
        if others:
            if swept.deleted_count:
                await self._note(erasure, counts, _waits("The services above have not finished.", {}))
        elif swept.waiting_count:
            facts = {"messages": str(swept.waiting_count), "consumers": ", ".join(swept.waits_for)}
            await self._note(erasure, counts, _waits("Some consumers have not read all messages yet.", facts))
        else:
            await self._note(erasure, counts, None)
            self._looks.pop(erasure.id, None)
            self._scrubbed.discard(erasure.id)
        return pause

    async def _leftovers(self, erasure: Erasure, subjects: Subjects) -> None:
        """Take the person out of governance's own stored events and job records, which the jobs cannot see."""
        if erasure.id in self._scrubbed:
            return

        async def write(fn: Callable[[Connection], Mapping[str, int]]) -> None:
            if sum((await self._db.write(fn)).values()):
                self._uncompacted = True

        await scrub_runtime("governance", self._db, write, subjects, {}, PERSON_KEYS)
        if self._uncompacted:
            await asyncio.to_thread(compact, self._url)
            self._uncompacted = False
        self._scrubbed.add(erasure.id)

    async def _note(self, erasure: Erasure, counts: Mapping[str, int], error: AisleError | None) -> None:
        before = erasure.answers.get(BUS)
        total = dict(before.counts) if before is not None else {}
        for kind, count in counts.items():
            if count:
                total[kind] = total.get(kind, 0) + count
        told = None if error is None else failure_from_error(error)
        answer = HolderAnswer(
            holder=BUS,
            is_done=error is None,
            counts=total,
            failure=None if told is None else convert_history.failure_record(told),
            time=self._now(),
        )
        if before is None or (before.is_done, before.counts, before.failure) != (answer.is_done, total, answer.failure):
            await self._db.write(lambda conn: answers.put_answer(conn, erasure.id, answer))


def _waits(why: str, facts: Mapping[str, str]) -> Unavailable:
    return Unavailable(why, reason="ERASURE_WAITS", facts=facts)
