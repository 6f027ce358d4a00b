"""What shoppers saw, gathered for a moment and stored with one commit for many answers."""

import asyncio
import logging
from collections import deque

from aisle.ranker.v1 import ranker_events_pb2 as events_pb
from aisle_runtime import telemetry
from aisle_runtime.db import Database
from aisle_runtime.names import new_id
from aisle_runtime.outbox import Outbox

from aisle_ranker.errors import AisleError
from aisle_ranker.telemetry import METRIC_IMPRESSIONS_LOST, SUBJECT_IMPRESSIONS_SERVED

LARGEST_BATCH = 100
LARGEST_BATCH_BYTES = 600_000
RETRY_SECONDS = 0.5
_log = logging.getLogger(__name__)


class Impressions:
    """A bounded buffer in front of the outbox; an answer never waits for it."""

    def __init__(self, db: Database, outbox: Outbox, delay_seconds: float, buffer: int) -> None:
        """Store what came within `delay_seconds`, or `LARGEST_BATCH` answers, as one event; hold at most `buffer`."""
        self._db, self._outbox = db, outbox
        self._delay, self._bound = delay_seconds, buffer
        self._waiting: deque[tuple[events_pb.ServedAnswer, str]] = deque()
        self._arrived, self._full = asyncio.Event(), asyncio.Event()
        self._writing = asyncio.Lock()
        self._lost = telemetry.meter().create_counter(
            METRIC_IMPRESSIONS_LOST, "{answer}", "Answers whose impressions were dropped"
        )

    def __len__(self) -> int:
        """Return how many answers wait."""
        return len(self._waiting)

    def add(self, answer: events_pb.ServedAnswer) -> None:
        """Take the impressions of one answer; with a full buffer the oldest are lost and counted."""
        if len(self._waiting) >= self._bound:
            self._waiting.popleft()
            self._lost.add(1)
        self._waiting.append((answer, telemetry.current_traceparent()))
        self._arrived.set()
        if len(self._waiting) >= LARGEST_BATCH:
            self._full.set()

    async def run(self) -> None:
        """Store batches for as long as the service runs."""
        while True:
            await self._arrived.wait()
            try:
                async with asyncio.timeout(self._delay):
                    await self._full.wait()
            except TimeoutError:
                pass
            try:
                await self.flush()
            except AisleError as error:
                _log.warning("impressions cannot be stored yet", extra={"fields": {"reason": error.reason}})
                await asyncio.sleep(RETRY_SECONDS)

    async def flush(self) -> None:
        """Store everything that waits; raises what the database raises, and keeps what was not stored."""
        async with self._writing:
            self._full.clear()
            self._arrived.clear()
            while self._waiting:
                await self._store(self._cut())

    def _cut(self) -> list[tuple[events_pb.ServedAnswer, str]]:
        batch: list[tuple[events_pb.ServedAnswer, str]] = []
        size = 0
        while self._waiting and len(batch) < LARGEST_BATCH:
            size += self._waiting[0][0].ByteSize()
            if batch and size > LARGEST_BATCH_BYTES:
                break
            batch.append(self._waiting.popleft())
        return batch

    async def _store(self, batch: list[tuple[events_pb.ServedAnswer, str]]) -> None:
        event = events_pb.ImpressionsServed(answers=[answer for answer, _ in batch])
        event_id = new_id("imp")
        try:
            # The event belongs to the trace of its first answer; a batch has only one place for a trace.
            with telemetry.continue_trace(batch[0][1]):
                await self._db.write(
                    lambda conn: self._outbox.add(conn, SUBJECT_IMPRESSIONS_SERVED, event, event_id=event_id)
                )
        except BaseException:
            self._waiting.extendleft(reversed(batch))
            self._arrived.set()
            raise
