"""Loads model versions beside the live one and swaps them in; whatever goes wrong, what is live goes on answering."""

import asyncio
import logging
import time
from dataclasses import dataclass, field, replace

from aisle.pipeline.v1 import pipeline_spec_pb2
from aisle.ranker.v1 import ranker_events_pb2 as events_pb
from aisle_runtime import telemetry
from aisle_runtime.artifacts import ArtifactStore
from aisle_runtime.db import Database
from aisle_runtime.names import new_id
from aisle_runtime.outbox import Outbox
from sqlalchemy import Connection

from aisle_ranker import convert
from aisle_ranker.domain.answer import Trail
from aisle_ranker.domain.budget import Deadline
from aisle_ranker.domain.catalog import LiveModel
from aisle_ranker.domain.golden import Golden, SmokeTest
from aisle_ranker.domain.loads import FailureFacts, Load, LoadState, Version
from aisle_ranker.engines.loader import BundleLoader, now_live
from aisle_ranker.errors import AisleError, EngineUnavailable, LoadSuperseded, RegistryRefused
from aisle_ranker.fetching import Registry
from aisle_ranker.serving import Serving
from aisle_ranker.storage import serving as store
from aisle_ranker.telemetry import ATTR_MODEL_VERSION, METRIC_SWAPS, SPAN_LOAD, SUBJECT_SERVING_STATE_CHANGED

FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 0.25, 5.0
WARM_RUNS = 3
_ended = telemetry.meter().create_counter(METRIC_SWAPS, "{load}", "Loads that ended")
_log = logging.getLogger(__name__)


@dataclass
class Loading:
    """Turns stored loads into live models, one at a time, the newest move of the alias first."""

    model: str
    alias: str
    patience_seconds: float
    db: Database
    outbox: Outbox
    artifacts: ArtifactStore
    registry: Registry
    loader: BundleLoader
    smoke: SmokeTest
    serving: Serving
    restored: bool = False
    """Whether the start is over: what was live before is live again, or could not be."""
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _sequence: int = 0

    async def run(self) -> None:
        """Restore what was live, then work on loads for as long as the service runs."""
        await self._restore()
        self.restored = True
        looking = asyncio.ensure_future(self._follow_alias())
        try:
            while True:
                self._wake.clear()
                load = await self._next_load()
                if load is None:
                    await self._wake.wait()
                else:
                    await self._handle(load)
        finally:
            looking.cancel()

    def wake(self) -> None:
        """Look for a new load; to be called after one was stored."""
        self._wake.set()

    async def _next_load(self) -> Load | None:
        """Return the load to work on, None when there is none; waits while the database is away."""
        while True:
            try:
                return await self.db.read(store.next_load)
            except AisleError as error:
                _log.warning("loads cannot be read yet", extra={"fields": {"reason": error.reason}})
            await asyncio.sleep(LAST_RETRY_SECONDS)

    async def _restore(self) -> None:
        """Serve again what was live last, from local files as far as they are sound, without waiting for anybody."""
        self.serving.last_failure = await self.db.read(store.last_failure)
        version = await self.db.read(store.live_version)
        if version is None:
            return
        self.serving.loading = version.name
        try:
            live = await self._prepare(version, must_answer=False)
        except Exception as error:  # noqa: BLE001 - a task root: the ranker starts without a model, and asks the registry
            self.serving.last_failure = convert.failure_facts(error)
            _log.error("the last live model cannot be restored", exc_info=error)
        else:
            self._sequence = version.sequence
            self.serving.swap(live)
        finally:
            self.serving.loading = ""

    async def _follow_alias(self) -> None:
        """Ask the registry once where the alias points, for as long as it takes; a move that was missed is made up."""
        pause = FIRST_RETRY_SECONDS
        while True:
            try:
                return await self._catch_up()
            except AisleError as error:
                _log.info("the registry cannot be asked yet", extra={"fields": {"reason": error.reason}})
            await asyncio.sleep(pause)
            pause = min(pause * 2, LAST_RETRY_SECONDS)

    async def _catch_up(self) -> None:
        version = await self.registry.current(self.model, self.alias)
        live = self.serving.live
        if version is None or (
            live is not None and (live.name, live.bundle_digest) == (version.name, version.bundle_digest)
        ):
            return
        # The registry decides, even when its history is shorter than the one remembered here.
        self._sequence = min(self._sequence, version.sequence)
        load = Load(id=new_id("start"), version=version, create_time=time.time())
        await self.db.write(lambda conn: store.add_load(conn, load))
        self.wake()

    async def _handle(self, load: Load) -> None:
        """Bring one load to its end."""
        self.serving.loading = load.version.name
        try:
            with telemetry.continue_trace(load.traceparent):
                with telemetry.span(SPAN_LOAD) as span:
                    span.set_attribute(ATTR_MODEL_VERSION, load.version.name)
                    try:
                        await self._load_patiently(load)
                    except Exception as error:  # noqa: BLE001 - a task root: the load ends, the live model goes on
                        telemetry.mark_failed(span, error)
                        if not isinstance(error, AisleError):
                            _log.exception("a load failed unexpectedly")
                        await self._refuse(load, error)
        finally:
            self.serving.loading = ""

    async def _load_patiently(self, load: Load) -> None:
        """Load and swap; while the registry, the endpoint or the disk is away, try again until patience ends."""
        end, pause = time.monotonic() + self.patience_seconds, FIRST_RETRY_SECONDS
        while True:
            if load.version.sequence < self._sequence:
                raise LoadSuperseded()
            try:
                live = self.serving.live
                if live is None or (live.name, live.bundle_digest) != (load.version.name, load.version.bundle_digest):
                    live = await self._prepare(load.version, must_answer=True)
                await self._go_live(load, live)
                return
            except RegistryRefused:
                # The erasure of a person gives a bundle other files; a version that is as it was is refused for good.
                fresh = await self.registry.version(load.version.name, load.version.sequence)
                if fresh is None or fresh.bundle_digest == load.version.bundle_digest:
                    raise
                await self.db.write(lambda conn, old=load.version, new=fresh: store.replace_version(conn, old, new))  # type: ignore[misc]
                load = replace(load, version=fresh)
                continue
            except AisleError as error:
                if error.kind != "UNAVAILABLE" or time.monotonic() + pause > end:
                    raise
                _log.warning("a load waits", extra={"fields": {"reason": error.reason}})
            newest = await self._next_load()
            if newest is not None and newest.version.sequence > load.version.sequence:
                raise LoadSuperseded()
            await asyncio.sleep(pause)
            pause = min(pause * 2, LAST_RETRY_SECONDS)

    async def _prepare(self, version: Version, *, must_answer: bool) -> LiveModel:
        """Fetch, open, test and warm a version; nothing about the live one changes.

        Unless it `must_answer`, an engine that is away does not stop a version that has been tested before.
        """
        version.check_digest()
        paths = self.loader.wanted(version.files)
        files = await self.registry.fetch(version, paths)
        digests = {path: version.files[path] for path in paths}
        live, golden = await self.loader.open(version.name, version.bundle_digest, files, digests)
        try:
            await self._test(live, golden)
        except EngineUnavailable:
            if must_answer:
                await live.engine.close()
                raise
        except BaseException:
            await live.engine.close()
            raise
        return live

    async def prepare_again(self, version: Version) -> LiveModel:
        """Load a stored version beside the live one; raises what a load may fail with. The caller closes it."""
        return await self._prepare(version, must_answer=True)

    async def _test(self, live: LiveModel, golden: Golden) -> None:
        await self.smoke.check(live, golden)
        titles = live.search.catalog.titles or live.recommend.catalog.titles
        if len(live.search.catalog):
            for title in titles[:WARM_RUNS]:
                await self.smoke.search.order(
                    live, title or "warm", skip_neural=False, deadline=Deadline(None), trail=Trail()
                )

    async def _go_live(self, load: Load, live: LiveModel) -> None:
        swapped = self.serving.live is not live
        if swapped:
            live = now_live(live)
        count = self.serving.swap_count + int(swapped)
        changed = self._news(load, convert.serving_state(live, "", None, count), live=True)

        def write(conn: Connection) -> None:
            if store.end_load(conn, load.id, LoadState.LIVE, time.time(), None):
                store.set_live(conn, load.version, live.live_time.timestamp())
                self.outbox.add(conn, SUBJECT_SERVING_STATE_CHANGED, changed, event_id=f"serving-{load.id}")

        try:
            await self.db.write(write)
        except BaseException:
            if swapped:
                await live.engine.close()
            raise
        if swapped:
            self.serving.swap(live)
        self._sequence, self.serving.last_failure = load.version.sequence, None
        self._count("live")
        _log.info("a model version is live", extra={"fields": {"model_version": live.name}})
        await self._forget_files()

    async def _refuse(self, load: Load, error: BaseException) -> None:
        """Note that a load failed, and tell it; what is live stays."""
        failure = convert.failure_facts(error)
        superseded = isinstance(error, LoadSuperseded)
        if not superseded:
            self.serving.last_failure = failure
        state = convert.serving_state(self.serving.live, "", self.serving.last_failure, self.serving.swap_count)
        changed = self._news(load, state, live=False, failure=failure)

        def write(conn: Connection) -> None:
            ended = store.end_load(conn, load.id, LoadState.FAILED, time.time(), failure)
            # Of a move that was overtaken only a pipeline run that waits for it wants to hear.
            if ended and (load.slip or not superseded):
                self.outbox.add(conn, SUBJECT_SERVING_STATE_CHANGED, changed, event_id=f"serving-{load.id}")

        self._count("superseded" if superseded else "failed")
        fields = {"model_version": load.version.name, "reason": failure.reason}
        _log.warning("a model version was not loaded", extra={"fields": fields})
        while True:
            try:
                return await self.db.write(write)
            except AisleError as trouble:
                _log.warning("a failed load cannot be noted yet", extra={"fields": {"reason": trouble.reason}})
            await asyncio.sleep(LAST_RETRY_SECONDS)

    def _news(
        self, load: Load, state: object, *, live: bool, failure: FailureFacts | None = None
    ) -> events_pb.ServingStateChanged:
        changed = events_pb.ServingStateChanged(model_version=load.version.name, live=live)
        changed.state.CopyFrom(state)  # type: ignore[arg-type]
        if failure is not None:
            changed.failure.CopyFrom(convert.failure_message(failure))
        if load.slip:
            changed.slip.CopyFrom(pipeline_spec_pb2.RoutingSlip.FromString(load.slip))
        return changed

    async def _forget_files(self) -> None:
        """Delete files that only versions before the previous one had; what fails now is made up after the next load."""
        try:
            for digest in await self.db.read(store.files_of_ended_loads):
                await asyncio.to_thread(self.artifacts.delete, digest)
            await self.db.write(store.forget_ended)
        except (AisleError, OSError) as error:
            _log.warning("old files were not deleted", exc_info=error)

    def _count(self, outcome: str) -> None:
        _ended.add(1, {"outcome": outcome})
