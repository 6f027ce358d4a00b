"""Live collections from the first event to the import: rows wait in the database and become imports in micro-batches.

Exactly once: a record waits under the id of its event or answer, and it leaves in the transaction that adds its import. The file is
noted before it is written, so that one that a crash left without an import is swept.
"""

import asyncio
import hashlib
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from aisle.governance.v1 import user_event_pb2
from aisle_runtime.artifacts import ArtifactStore
from aisle_runtime.convert import from_timestamp
from aisle_runtime.db import Database
from aisle_runtime.names import new_id
from aisle_runtime.telemetry import span
from sqlalchemy import Connection

from aisle_governance import convert, telemetry
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.live import LiveCollection, LiveRecord, check_live, deed
from aisle_governance.domain.model import Dialect, FileFormat, Import
from aisle_governance.errors import AisleError, FailedPrecondition
from aisle_governance.storage import catalog, ledger
from aisle_governance.storage import live as store
from aisle_governance.storage.events import StoredEvent

_QUIET_SECONDS = 1.0
_OVERLAP_SECONDS = 60.0
_RETRY_SECONDS = 5.0
_log = logging.getLogger(__name__)
Sweep = Callable[[Connection, list[str]], None]
Allowed = Callable[[Connection, Collection[str]], set[str]]


class LiveCollections:
    """Takes in what flows by itself."""

    def __init__(
        self,
        db: Database,
        artifacts: ArtifactStore,
        sweep: Sweep,
        allowed: Allowed,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`sweep` deletes files that nothing refers to; `allowed` picks the customers whose rows may be kept."""
        self._db, self._artifacts, self._sweep, self._allowed, self._now = db, artifacts, sweep, allowed, now
        self._news = asyncio.Event()
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def update(self, conn: Connection, wanted: LiveCollection) -> LiveCollection:
        """Set what flows into a dataset; turning events on brings those that are stored. Raises NotFound, FailedPrecondition."""
        check_live(wanted)
        dataset = catalog.get_dataset(conn, wanted.dataset)
        if dataset.kind is not DatasetKind.USER_EVENTS:
            raise FailedPrecondition(
                "Only a dataset of user events can take live rows.",
                reason="WRONG_KIND",
                next_step="Create a dataset of the kind USER_EVENTS.",
                facts={"field": "dataset", "kind": dataset.kind.value},
            )
        before = store.find(conn, wanted.dataset) or LiveCollection(wanted.dataset)
        off = self._now() if before.user_events and not wanted.user_events else before.events_off_time
        store.put(conn, replace(wanted, events_off_time=off))
        if wanted.user_events and not before.user_events:
            # A call that began before the turning off may store events with an earlier time: rather twice, which a rule
            # drops, than never.
            for page in store.stored_events(conn, off - _OVERLAP_SECONDS):
                self._add(conn, [wanted.dataset], [_record(data, answer) for data, answer in page])
        self._news.set()
        return wanted

    def get(self, conn: Connection, dataset: str) -> tuple[LiveCollection, int]:
        """(what flows, rows that wait). Raises NotFound for the dataset."""
        catalog.get_dataset(conn, dataset)
        found = store.find(conn, dataset) or LiveCollection(dataset)
        return found, store.waiting(conn).get(dataset, store.Waiting()).row_count

    def on_events(self, conn: Connection, events: Sequence[StoredEvent]) -> None:
        """Let new user events wait wherever they are wanted."""
        wanted = [one.dataset for one in store.all_collections(conn) if one.user_events]
        if wanted:
            self._add(conn, wanted, [_record(event.data, event.answer_id) for event in events])

    def on_answers(self, conn: Connection, records: Sequence[LiveRecord]) -> None:
        """Let served answers wait wherever they are wanted."""
        wanted = [one.dataset for one in store.all_collections(conn) if one.impressions]
        if wanted:
            self._add(conn, wanted, records)

    def _add(self, conn: Connection, datasets: Sequence[str], records: Sequence[LiveRecord]) -> None:
        allowed = self._allowed(conn, {record.customer_id for record in records})
        kept = [record for record in records if record.customer_id in allowed]
        for dataset in datasets:
            store.add(conn, dataset, kept, self._now())
        self._news.set()

    async def flush(self, dataset: str) -> list[Import]:
        """Make imports of everything that waits for a dataset now. Raises NotFound."""
        collection, left = await self._db.read(lambda conn: self.get(conn, dataset))
        made: list[Import] = []
        while left > 0:
            found = await self._take(collection)
            if found is None:
                break
            made.append(found)
            left -= found.accepted_row_count
        return made

    async def _take(self, collection: LiveCollection) -> Import | None:
        """One batch; None when nothing waits."""
        from importlib import import_module

        async with self._locks[collection.dataset]:
            taken = await self._db.read(lambda conn: store.take(conn, collection.dataset, collection.batch_row_count))
            if not taken.rows:
                return None
            await asyncio.to_thread(import_module, "aisle_governance.engines.live_rows")
            from aisle_governance.engines.live_rows import live_parquet

            with span(telemetry.SPAN_LIVE_BATCH, **{telemetry.ATTR_DATASET: collection.dataset}) as current:
                batch = new_id("imp")
                data = await asyncio.to_thread(live_parquet, taken.rows, batch)
                digest = hashlib.sha256(data).hexdigest()
                await self._db.write(lambda conn: store.begin_batch(conn, batch, collection.dataset, digest))
                await asyncio.to_thread(self._artifacts.put_bytes, data)
                made = await self._db.write(lambda conn: self._finish(conn, batch, collection.dataset, taken, digest))
                current.set_attribute(telemetry.ATTR_ROWS_OUT, len(taken.rows))
            if made is None:  # an erasure took rows of it: what was written goes, the rest has its turn again
                await self._db.write(lambda conn: self._drop_batch(conn, batch, digest))
                self._news.set()
            return made

    def _finish(self, conn: Connection, batch: str, dataset: str, taken: store.Taken, digest: str) -> Import | None:
        savepoint = conn.begin_nested()
        if not store.forget(conn, taken):
            savepoint.rollback()
            return None
        savepoint.commit()
        first, last = taken.rows[0]["event_time"], taken.rows[-1]["event_time"]
        new = Import(
            id=batch,
            dataset=dataset,
            sequence=0,
            source_file=f"live rows of {first[:19]} to {last[:19]} UTC",
            # There is no source file; an erasure that finds one under this digest would delete it beside its rows.
            sha256=hashlib.sha256(f"{batch}:{digest}".encode()).hexdigest(),
            source_bytes=0,
            format=FileFormat.PARQUET,
            dialect=Dialect(),
        )
        done = replace(
            catalog.add_import(conn, new),
            accepted_row_count=len(taken.rows),
            rows_artifact=digest,
            exclusion_count=ledger.exclusion_count(conn),
        )
        catalog.finish_import(conn, done)
        store.end_batch(conn, batch)
        return done

    def _drop_batch(self, conn: Connection, batch: str, digest: str) -> None:
        store.end_batch(conn, batch)
        self._sweep(conn, [digest])

    def _sweep_open(self, conn: Connection) -> None:
        for batch, digest in store.open_batches(conn).items():
            self._drop_batch(conn, batch, digest)

    async def tend(self) -> None:
        """Make imports of what is due, as long as the service runs."""
        await self._db.write(self._sweep_open)
        self._news.set()
        while True:
            delay = await self._tend_once()
            try:
                async with asyncio.timeout(delay):
                    await self._news.wait()
                    await asyncio.sleep(_QUIET_SECONDS)  # a busy shop brings news all the time
            except TimeoutError:
                pass

    async def _tend_once(self) -> float | None:
        """Take what is due; says in how many seconds something will be, None when nothing waits."""
        self._news.clear()
        try:
            collections, waiting = await self._db.read(lambda conn: (store.all_collections(conn), store.waiting(conn)))
            delays = []
            for one in collections:
                found = waiting.get(one.dataset)
                if found is None:
                    continue
                due = found.oldest + one.batch_seconds - self._now()
                if due <= 0 or found.row_count >= one.batch_row_count:
                    await self._take(one)
                    due = 0.0
                delays.append(max(due, _QUIET_SECONDS))
            return min(delays, default=None)
        except AisleError as error:
            _log.warning("live rows cannot be taken in yet", extra={"fields": {"reason": error.reason}})
            return _RETRY_SECONDS


def _record(data: bytes, answer_id: str) -> LiveRecord:
    event = user_event_pb2.UserEvent.FromString(data)
    return deed(
        event.event_id,
        convert.event_type(event.type),
        from_timestamp(event.event_time).timestamp(),
        product_id=event.product_id,
        customer_id=event.customer_id,
        visitor_id=event.visitor_id,
        position=event.position,
        answer_id=answer_id,
    )
