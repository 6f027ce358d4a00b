"""Swaps and loads: calls keep the model they began with, a failed load changes nothing, the newest move wins."""

import asyncio
import gc
import hashlib
import weakref
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aisle.pipeline.v1 import pipeline_spec_pb2
from aisle.ranker.v1 import ranker_events_pb2 as events_pb
from aisle_ranker import loading as loading_module
from aisle_ranker.domain.catalog import LiveModel
from aisle_ranker.domain.loads import FailureFacts, Load, Version
from aisle_ranker.engines.bundle import empty_catalog
from aisle_ranker.errors import BundleInvalid, EngineUnavailable, GoldenMismatch, NoLiveModel, RegistryAway
from aisle_ranker.loading import Loading
from aisle_ranker.serving import Serving
from aisle_ranker.storage import serving as store
from aisle_runtime.artifacts import ArtifactStore
from aisle_runtime.db import Database
from aisle_runtime.errors import Unavailable
from aisle_runtime.outbox import Outbox
from ranker_support import ScriptedEngine, stub_model


def test_calls_under_way_keep_their_model_and_it_is_disposed_once() -> None:
    disposed: list[str] = []
    serving = Serving(lambda model: disposed.append(model.name))
    with pytest.raises(NoLiveModel), serving.use():
        raise AssertionError("nothing is live")
    one, two, three = (stub_model(name=f"models/m/versions/{number}") for number in (1, 2, 3))
    serving.swap(one)
    with serving.use() as first, serving.use() as also_first:
        serving.swap(two)
        with serving.use() as second:
            assert (first, also_first, second, serving.live) == (one, one, two, two)
            assert disposed == []
        assert disposed == [], "the live model is not disposed when nobody uses it for a moment"
    assert disposed == [one.name]
    serving.swap(three)
    assert disposed == [one.name, two.name]
    with pytest.raises(RuntimeError), serving.use():
        serving.swap(one)
        raise RuntimeError
    assert disposed == [one.name, two.name, three.name]
    assert (serving.swap_count, serving.live) == (4, one)


def test_of_two_calls_the_last_one_lets_the_model_go() -> None:
    disposed: list[str] = []
    serving = Serving(lambda model: disposed.append(model.name))
    engine = ScriptedEngine()
    memory = weakref.ref(engine)
    serving.swap(stub_model(engine, "old"))
    del engine
    first, last = serving.use(), serving.use()
    first.__enter__()
    last.__enter__()
    serving.swap(stub_model(name="new"))
    first.__exit__(None, None, None)
    assert disposed == []
    last.__exit__(None, None, None)
    assert disposed == ["old"]
    del first, last
    gc.collect()
    assert memory() is None, "a model that was disposed is not held any more"


def version(number: int, sequence: int = 0) -> Version:
    files = {"manifest.json": f"{number:064x}"}
    digest = hashlib.sha256(f"manifest.json {number:064x}\n".encode()).hexdigest()
    return Version(f"models/m/versions/{number}", digest, files, sequence or number)


@dataclass
class FakeRegistry:
    """Says where the alias points and hands out nothing."""

    points_at: Version | None = None
    away: int = 0
    """Fetches still to be answered with RegistryAway."""
    silent: int = 0
    """Questions about the alias still to be answered so."""
    fetched: list[str] = field(default_factory=list)

    async def current(self, model: str, alias: str) -> Version | None:
        if self.silent:
            self.silent -= 1
            raise RegistryAway()
        return self.points_at

    async def fetch(self, wanted: Version, paths: Iterable[str]) -> dict[str, Path]:
        if self.away:
            self.away -= 1
            raise RegistryAway()
        self.fetched.append(wanted.name)
        return {path: Path(path) for path in paths}


@dataclass
class Room:
    """A Loading over a real database, with everything else made of stubs."""

    db: Database
    folder: Path
    registry: FakeRegistry = field(default_factory=FakeRegistry)
    broken: dict[str, Exception] = field(default_factory=dict)
    """What the smoke test raises, by version."""
    opened: list[LiveModel] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.disposed: list[str] = []
        self.outbox = Outbox("ranker")
        self.artifacts = ArtifactStore(self.folder / "artifacts")
        self.renew()

    def renew(self) -> None:
        """Start anew over the same database."""
        self.serving = Serving(lambda model: self.disposed.append(model.name))
        loader: Any = SimpleNamespace(wanted=list, open=self._open)
        self.loading = Loading(
            model="models/m",
            alias="production",
            patience_seconds=5.0,
            db=self.db,
            outbox=self.outbox,
            artifacts=self.artifacts,
            registry=self.registry,  # type: ignore[arg-type]
            loader=loader,
            smoke=SimpleNamespace(check=self._check),  # type: ignore[arg-type]
            serving=self.serving,
        )

    async def _open(self, name: str, digest: str, files: object, digests: object) -> tuple[LiveModel, object]:
        index: Any = SimpleNamespace(catalog=empty_catalog(2))
        model = replace(stub_model(ScriptedEngine(), name), search=index, recommend=index, bundle_digest=digest)
        self.opened.append(model)
        return model, None

    async def _check(self, live: LiveModel, golden: object) -> None:
        if live.name in self.broken:
            raise self.broken[live.name]

    async def add(self, wanted: Version, slip: bytes = b"") -> None:
        load = Load(f"event-{wanted.sequence}-{wanted.name[-1]}", wanted, slip)
        await self.db.write(lambda conn: store.add_load(conn, load))
        self.loading.wake()

    def news(self) -> list[events_pb.ServingStateChanged]:
        pending = self.db.read_sync(lambda conn: self.outbox.pending(conn, 100))
        return [events_pb.ServingStateChanged.FromString(entry.data) for entry in pending]

    def closed(self) -> list[int]:
        return [model.engine.closed for model in self.opened]  # type: ignore[attr-defined]

    @property
    def live(self) -> str:
        return self.serving.live.name.rpartition("/")[2] if self.serving.live else ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.loading.run())
        try:
            yield
        finally:
            assert not task.done(), task
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def idle(self) -> None:
        """Return once no load is pending and none is under way."""
        async with asyncio.timeout(10):
            while self.serving.loading or await self.db.read(store.next_load) is not None:
                await asyncio.sleep(0.005)


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    monkeypatch.setattr(loading_module, "FIRST_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(loading_module, "LAST_RETRY_SECONDS", 0.02)
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    database.migrate("aisle_ranker.storage")
    yield Room(database, tmp_path)
    database.close()


async def test_a_promotion_goes_live_and_is_told(room: Room) -> None:
    slip = pipeline_spec_pb2.RoutingSlip(pipeline_run="pipelines/p/runs/r")
    async with room.running():
        await room.add(version(1), slip.SerializeToString())
        await room.idle()
    assert (room.live, room.serving.swap_count, room.serving.last_failure) == ("1", 1, None)
    (told,) = room.news()
    assert (told.model_version, told.live, told.slip.pipeline_run) == (
        "models/m/versions/1",
        True,
        "pipelines/p/runs/r",
    )
    assert (told.state.live.model_version, told.state.swap_count) == ("models/m/versions/1", 1)
    assert (told.state.live.bundle_digest, told.state.live.engine) == (version(1).bundle_digest, "onnxruntime")
    assert not told.HasField("failure")


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (GoldenMismatch("pairs[0]", "logit 1 instead of 2"), "GOLDEN_MISMATCH"),
        (BundleInvalid("golden.json is malformed"), "BUNDLE_INVALID"),
        (ZeroDivisionError("secret"), "INTERNAL"),
    ],
)
async def test_a_failed_load_changes_nothing_and_is_told(room: Room, trouble: Exception, reason: str) -> None:
    room.broken["models/m/versions/2"] = trouble
    async with room.running():
        await room.add(version(1))
        await room.idle()
        await room.add(version(2))
        await room.idle()
        assert (room.live, room.serving.swap_count, room.disposed) == ("1", 1, [])
        failure = room.serving.last_failure
        assert failure is not None
        assert failure.reason == reason
        assert "secret" not in failure.message
        told = room.news()[-1]
        assert (told.model_version, told.live, told.failure.reason) == ("models/m/versions/2", False, reason)
        assert told.state.live.model_version == "models/m/versions/1"
        assert told.state.last_load_failure.reason == reason
        assert room.closed() == [0, 1], "the engine of the refused model is closed"
        await room.add(version(3))
        await room.idle()
    assert (room.live, room.serving.last_failure, room.disposed) == ("3", None, ["models/m/versions/1"])


async def test_a_registry_that_is_away_is_waited_for(room: Room) -> None:
    room.registry.away = 3
    async with room.running():
        await room.add(version(1))
        await room.idle()
    assert (room.live, room.registry.away) == ("1", 0)


async def test_patience_ends(room: Room) -> None:
    room.registry.away = 10_000
    room.loading.patience_seconds = 0.05
    async with room.running():
        await room.add(version(1))
        await room.idle()
    assert (room.live, room.news()[0].failure.reason) == ("", "REGISTRY_UNAVAILABLE")


async def test_the_newest_move_wins_and_only_a_waiting_run_hears_of_the_others(room: Room) -> None:
    slip = pipeline_spec_pb2.RoutingSlip(pipeline_run="pipelines/p/runs/r").SerializeToString()
    await room.add(version(1))
    await room.add(version(2), slip)
    await room.add(version(3))
    async with room.running():
        await room.idle()
    assert (room.live, room.registry.fetched) == ("3", ["models/m/versions/3"])
    assert [(told.model_version[-1], told.live, told.failure.reason) for told in room.news()] == [
        ("3", True, ""),
        ("2", False, "LOAD_SUPERSEDED"),
    ]
    assert room.serving.last_failure is None


async def test_a_newer_move_ends_the_wait_of_an_older_one(room: Room) -> None:
    async with room.running():
        room.registry.away = 10_000
        await room.add(version(1))
        while room.registry.away > 9_990:
            await asyncio.sleep(0.005)
        await room.add(version(2))
        while room.serving.loading != "models/m/versions/2":
            await asyncio.sleep(0.001)
        room.registry.away = 0
        await room.idle()
    assert (room.live, room.registry.fetched) == ("2", ["models/m/versions/2"])


async def test_a_version_that_is_live_already_is_not_loaded_again(room: Room) -> None:
    async with room.running():
        await room.add(version(1, 1))
        await room.idle()
        await room.add(version(1, 2))
        await room.idle()
    assert (len(room.opened), room.serving.swap_count, room.closed()) == (1, 1, [0])
    assert [told.live for told in room.news()] == [True, True]


async def test_a_start_serves_what_was_live_and_makes_up_for_a_missed_move(room: Room) -> None:
    async with room.running():
        await room.add(version(1))
        await room.idle()
    room.renew()
    room.registry.points_at = version(2)
    room.registry.silent = 2
    room.broken["models/m/versions/1"] = EngineUnavailable()
    async with room.running():
        async with asyncio.timeout(10):
            while room.live != "2":
                await asyncio.sleep(0.005)
        await room.idle()
    assert [model.name[-1] for model in room.opened] == ["1", "1", "2"], "an engine that is away stops no restart"
    assert (room.serving.swap_count, room.serving.last_failure) == (2, None)


async def test_a_start_that_cannot_restore_says_why(room: Room) -> None:
    async with room.running():
        await room.add(version(1))
        await room.idle()
    room.renew()
    room.broken["models/m/versions/1"] = GoldenMismatch("pairs[0]", "logit 1 instead of 2")
    async with room.running():
        while not room.loading.restored:
            await asyncio.sleep(0.005)
        assert (room.live, room.serving.loading) == ("", "")
        assert room.serving.last_failure == FailureFacts(
            "GOLDEN_MISMATCH",
            "The loaded model fails its smoke test at pairs[0]: logit 1 instead of 2.",
            "Check that the engine serves this very model version; otherwise train and register it again.",
            {"example": "pairs[0]"},
        )
    assert room.closed() == [0, 1]


async def test_a_failure_is_remembered_over_a_restart(room: Room) -> None:
    room.broken["models/m/versions/2"] = BundleInvalid("it has no file ranker.onnx")
    async with room.running():
        for number in (1, 2):
            await room.add(version(number))
            await room.idle()
    room.renew()
    async with room.running():
        while not room.loading.restored:
            await asyncio.sleep(0.005)
        failure = room.serving.last_failure
    assert (room.live, failure.reason if failure else "") == ("1", "BUNDLE_INVALID")


async def test_a_database_that_is_away_delays_loads_and_ends_nothing(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, write, trouble = room.db.read, room.db.write, {"read": 0, "write": 0}

    async def flaky_read(fn: Any) -> Any:
        if trouble["read"]:
            trouble["read"] -= 1
            raise Unavailable("The service's database cannot be reached.")
        return await read(fn)

    async def flaky_write(fn: Any) -> Any:
        if trouble["write"]:
            trouble["write"] -= 1
            raise Unavailable("The service's database cannot be reached.")
        return await write(fn)

    async with room.running():
        await room.add(version(1))
        await room.idle()
        monkeypatch.setattr(room.db, "read", flaky_read)
        monkeypatch.setattr(room.db, "write", flaky_write)
        load = Load("event-2", version(2))
        await write(lambda conn: store.add_load(conn, load))
        trouble.update(read=3, write=2)
        room.loading.wake()
        while room.live != "2":
            await asyncio.sleep(0.005)
        assert trouble == {"read": 0, "write": 0}
        monkeypatch.undo()
        await room.idle()
    assert room.closed() == [0, 1, 1, 0], "models that could not be noted are closed"
    assert [told.live for told in room.news()] == [True, True]


async def test_files_of_forgotten_versions_are_deleted(room: Room) -> None:
    digests = {number: room.artifacts.put_bytes(f"{number}".encode()) for number in (1, 2, 3, 4)}
    room.broken["models/m/versions/3"] = BundleInvalid("no")

    def of(number: int) -> Version:
        digest = hashlib.sha256(f"f {digests[number]}\n".encode()).hexdigest()
        return Version(f"models/m/versions/{number}", digest, {"f": digests[number]}, number)

    async with room.running():
        for number in (1, 2, 3):
            await room.add(of(number))
            await room.idle()
        assert [room.artifacts.exists(digests[number]) for number in (1, 2, 3)] == [True, True, True]
        await room.add(of(4))
        await room.idle()
    kept = [number for number, digest in digests.items() if room.artifacts.exists(digest)]
    assert kept == [2, 4], "the live version and the one before it"


async def test_files_that_cannot_be_deleted_do_not_make_a_load_fail(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_digest: str) -> bool:
        raise PermissionError("not yours")

    monkeypatch.setattr(room.artifacts, "delete", refuse)
    async with room.running():
        for number in (1, 2, 3, 4):
            await room.add(version(number))
            await room.idle()
    assert (room.live, room.serving.last_failure) == ("4", None)
