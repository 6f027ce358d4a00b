"""Publishes what the outbox holds: at least once, in order, for ever."""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress

import nats.errors
import nats.js.errors
from nats.js import api

from aisle_runtime.db import Database
from aisle_runtime.errors import AisleError
from aisle_runtime.nats_session import REQUEST_SECONDS, BusError, Connector, Session, ensure_streams
from aisle_runtime.outbox import Outbox, PendingEvent

WINDOW_EVENTS = 128
WINDOW_BYTES = 4 << 20
LOOK_SECONDS = 0.02
FIRST_DELAY_SECONDS, LAST_DELAY_SECONDS = 0.1, 5.0
_log = logging.getLogger(__name__)


class Relay:
    """Moves events from the outbox to the bus.

    A window of events is in flight at once on one connection, which keeps their order; only when the bus refuses one
    event of a window and takes a later one do these two change places. An answer that does not come in five seconds
    means "unknown": the event is published again with the same message id, and the bus or the consumers' inboxes
    absorb the repetition.
    """

    def __init__(self, db: Database, outbox: Outbox, connector: Connector) -> None:
        """Read from `outbox` in `db` and publish over the sessions of `connector`."""
        self._db, self._outbox, self._connector = db, outbox, connector
        self._wake = asyncio.Event()
        self.reason = ""
        """Why events are not going out although the bus is connected, "" when they are."""

    async def run(self) -> None:
        """Publish whenever something was committed; ends only by being cancelled."""
        remove = self._db.on_commit(self._wake.set)
        delay = FIRST_DELAY_SECONDS
        try:
            while True:
                session = await self._connector.session()
                self._wake.clear()
                began = time.monotonic()
                outcome = await self._round(session)
                if outcome is None:
                    await self._wake.wait()
                    # Most commits bring no event; in a rush of them one look per moment is enough.
                    await asyncio.sleep(max(0.0, began + LOOK_SECONDS - time.monotonic()))
                elif outcome:
                    delay, self.reason = FIRST_DELAY_SECONDS, ""
                else:
                    await asyncio.sleep(delay)
                    delay = min(delay * 2, LAST_DELAY_SECONDS)
        finally:
            remove()

    async def drain(self) -> None:
        """Publish what is there now and return; gives up when the bus does not take it."""
        session = self._connector.current
        while session is not None and await self._round(session):
            pass

    async def _round(self, session: Session) -> bool | None:
        """Publish one window: True when all of it went out, False when not, None when there was nothing."""
        try:
            window = _cut(await self._db.read(lambda conn: self._outbox.pending(conn, WINDOW_EVENTS)))
            if not window:
                return None
            published = await self._publish(session, window)
            failed = [event.id for event in window if event.id not in published]
            await self._db.write(lambda conn: self._outbox.mark(conn, sorted(published), failed))
        except AisleError as error:  # the database is away; what is published will be published again
            _log.warning("the outbox cannot be read or marked", extra={"fields": {"reason": error.reason}})
            return False
        return not failed

    async def _publish(self, session: Session, window: Sequence[PendingEvent]) -> set[int]:
        """Publish `window` and return the row ids that the bus acknowledged."""
        answers: dict[int, asyncio.Future[api.PubAck]] = {}
        problem: BaseException | None = None
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                for event in window:
                    answers[event.id] = await session.jetstream.publish_async(
                        event.subject, event.data, headers=event.headers
                    )
                await session.answers(list(answers.values()))
        except BusError as error:
            problem = error
        published = set()
        for row, answer in answers.items():
            if not answer.done() or answer.cancelled():
                answer.cancel()
            elif (refusal := answer.exception()) is None:
                published.add(row)
            else:
                problem = refusal
        if problem is not None:
            await self._failed(session, problem)
        return published

    async def _failed(self, session: Session, error: BaseException) -> None:
        reason = "The event bus does not answer."
        if isinstance(error, nats.js.errors.APIError):
            reason = "The event bus refuses events."
        if reason != self.reason and session.alive:
            _log.warning("%s", reason, extra={"fields": {"error": str(error) or type(error).__name__}})
        self.reason = reason
        if isinstance(error, nats.js.errors.NoStreamResponseError | nats.errors.NoRespondersError):
            with suppress(*BusError):
                await ensure_streams(session.jetstream)


def _cut(events: list[PendingEvent]) -> list[PendingEvent]:
    """Return the first events, at least one, that stay within the window's bytes."""
    total = 0
    for index, event in enumerate(events):
        total += len(event.data)
        if total > WINDOW_BYTES and index:
            return events[:index]
    return events
