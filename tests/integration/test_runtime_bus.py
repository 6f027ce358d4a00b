"""Outbox, relay, consumers and dead letters over a real NATS server that is killed, stopped and misused."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import nats.errors
import pytest
from aisle_runtime import telemetry
from aisle_runtime.bus import Bus, Consumer, ReceivedEvent
from aisle_runtime.db import Database
from aisle_runtime.errors import InvalidArgument, Unavailable
from aisle_runtime.events import event_headers
from aisle_runtime.inbox import Inbox
from aisle_runtime.nats_config import BusUser, inbox_prefix
from aisle_runtime.nats_session import ensure_streams
from aisle_runtime.outbox import Outbox
from aisle_runtime.settings import ServiceSettings
from aisle_runtime.tables import RUNTIME
from aisle_runtime.testing.nats import NatsServer, running_nats
from google.protobuf.wrappers_pb2 import StringValue
from nats.aio.client import Client
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from sqlalchemy import Connection, Integer, Table, Text, insert, select
from sqlalchemy.schema import Column

SUBJECT = "aisle.demo.{}.made.v1"
EFFECTS = Table("effects", RUNTIME.outbox.metadata, Column("number", Integer, primary_key=True), Column("what", Text))
KIND = StringValue.DESCRIPTOR.full_name


@pytest.fixture(scope="module")
def quiet_server() -> Iterator[NatsServer]:
    with running_nats() as server:
        yield server


@pytest.fixture
def server() -> Iterator[NatsServer]:
    with running_nats() as server:
        yield server


class Demo:
    """A service of tables, an outbox and one consumer that notes each event once."""

    def __init__(self, settings: ServiceSettings, db: Database, name: str) -> None:
        self.db, self.outbox, self.inbox = db, Outbox("demo"), Inbox()
        self.bus = Bus("demo", settings, db)
        self.subject = SUBJECT.format(name)
        self.consumer = Consumer(f"demo-{name}", self.subject, self.note, max_deliveries=3, ack_wait_seconds=2)
        self.deliveries: dict[str, int] = {}
        self.trouble: Callable[[str], Awaitable[None]] | None = None
        self.changed = asyncio.Condition()

    async def note(self, event: ReceivedEvent) -> None:
        what = event.parse(StringValue).value
        self.deliveries[what] = self.deliveries.get(what, 0) + 1
        async with self.changed:
            self.changed.notify_all()
        if self.trouble is not None:
            await self.trouble(what)

        def write(conn: Connection) -> None:
            if self.inbox.first_time(conn, self.consumer.name, event.id):
                conn.execute(insert(EFFECTS).values(what=what))

        await self.db.write(write)
        async with self.changed:
            self.changed.notify_all()

    async def tell(self, *what: str) -> None:
        await self.db.write(
            lambda conn: [self.outbox.add(conn, self.subject, StringValue(value=each)) for each in what]
        )

    async def effects(self) -> list[str]:
        return list(
            await self.db.read(lambda conn: conn.scalars(select(EFFECTS.c.what).order_by(EFFECTS.c.number)).all())
        )

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(20):
            async with self.changed:
                while not await condition():
                    await self.changed.wait()

    async def until_effects(self, count: int) -> list[str]:
        async def enough() -> bool:
            return len(await self.effects()) >= count

        await self.until(enough)
        return await self.effects()

    async def until_dead(self, count: int) -> None:
        async def enough() -> bool:
            return await self.db.read(self.bus.dead_letters.count) >= count

        await self.until(enough)

    async def until_ready(self) -> None:
        async with asyncio.timeout(20):
            while self.bus.not_ready_reason:
                await asyncio.sleep(0.02)


@asynccontextmanager
async def demo(
    folder: Path, server: NatsServer, name: str, *, consume: bool = True, url: str = ""
) -> AsyncIterator[Demo]:
    db = Database(url or f"sqlite:///{folder / 'state.db'}")
    await db.write(lambda conn: EFFECTS.metadata.create_all(conn))
    made = Demo(server.service_settings("demo", state_dir=folder), db, name)
    loop_wake = asyncio.get_running_loop()

    async def notify() -> None:
        async with made.changed:
            made.changed.notify_all()

    remove = db.on_commit(lambda: tasks.add(loop_wake.create_task(notify())))
    tasks: set[asyncio.Task[None]] = set()
    await made.bus.start([made.consumer] if consume else [])
    try:
        yield made
    finally:
        remove()
        await made.bus.stop()
        await asyncio.gather(*tasks)
        db.close()


@asynccontextmanager
async def connected(server: NatsServer, user: str) -> AsyncIterator[Client]:
    client = await nats.connect(
        server.url, user=user, password=server.password(user), allow_reconnect=False, inbox_prefix=inbox_prefix(user)
    )
    try:
        yield client
    finally:
        await client.close()


async def test_each_event_has_its_effect_once_in_order_and_in_one_trace(
    tmp_path: Path, server: NatsServer, database_url: str
) -> None:
    exporter = InMemorySpanExporter()
    telemetry.setup("demo", exporter=exporter)
    async with demo(tmp_path, server, "once", url=database_url) as running:
        names = [f"once {number}" for number in range(300)]
        with telemetry.span("demo.ask"):
            trace_id = telemetry.current_trace_id()
            await running.tell(*names[:200])
            await running.tell(*names[200:])
        assert await running.until_effects(300) == names
        # The relay dies between the bus's answer and its own note: everything goes out again.
        assert await running.db.write(lambda conn: running.outbox.publish_again(conn, 0.0)) == 300
        # After the bus has forgotten its message ids, the consumer's inbox is what is left.
        async with connected(server, "demo") as client:
            oldest = select(RUNTIME.outbox).order_by(RUNTIME.outbox.c.id).limit(5)
            for row in await running.db.read(lambda conn: conn.execute(oldest).all()):
                headers = event_headers("demo", row.event_id, KIND, row.create_time)
                del headers["Nats-Msg-Id"]
                await client.jetstream().publish(running.subject, row.data, headers=headers)
        await running.tell("last")
        assert await running.until_effects(301) == [*names, "last"]
        assert [running.deliveries[name] for name in names[:5]] == [2] * 5
        assert running.deliveries[names[5]] == 1
    spans = {span.kind: span for span in exporter.get_finished_spans() if span.context.trace_id == int(trace_id, 16)}
    assert {SpanKind.PRODUCER, SpanKind.CONSUMER} <= set(spans)
    consumed, produced = (
        spans[SpanKind.CONSUMER],
        [s for s in exporter.get_finished_spans() if s.kind is SpanKind.PRODUCER],
    )
    assert consumed.parent is not None
    assert consumed.parent.span_id in {span.context.span_id for span in produced}


async def test_two_relays_over_one_database_lose_and_double_nothing(
    tmp_path: Path, server: NatsServer, database_url: str
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    async with (
        demo(tmp_path / "one", server, "twins", url=database_url) as one,
        demo(tmp_path / "two", server, "twins", url=database_url) as two,
    ):
        names = [f"{who} {number}" for number in range(60) for who in ("one", "two")]
        await asyncio.gather(*((one, two)[what.startswith("two")].tell(what) for what in names))
        async with asyncio.timeout(30):
            while len(await one.effects()) < len(names) or await one.db.read(one.outbox.pending_count):
                await asyncio.sleep(0.02)
        assert sorted(await one.effects()) == sorted(names)
        async with connected(server, "admin") as client:
            stored = await client.jetstream().stream_info("AISLE", subjects_filter=one.subject)
        assert stored.state.subjects == {one.subject: len(names)}, "the bus knows what two relays published at once"


async def test_poison_goes_to_the_dead_letters_while_the_rest_flows(
    tmp_path: Path, quiet_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aisle_runtime.consuming.FIRST_NAK_SECONDS", 0.05)

    async def trouble(what: str) -> None:
        if what == "raises":
            raise RuntimeError("secret")
        if what == "invalid":
            raise InvalidArgument("The thing has no colour.", reason="COLOUR_MISSING")

    async with demo(tmp_path, quiet_server, "poison") as running, connected(quiet_server, "demo") as client:
        running.trouble = trouble
        jetstream = client.jetstream()
        with telemetry.span("demo.ask"):
            trace_id = telemetry.current_trace_id()
            await running.tell("raises", "invalid")
        await running.until_dead(1)  # by then the stream exists
        bare = event_headers("demo", "bare", KIND, 0.0)
        del bare["ce-type"]
        await jetstream.publish(running.subject, b"no headers at all")
        await jetstream.publish(running.subject, b"no type", headers=bare)
        await jetstream.publish(running.subject, b"\xff", headers=event_headers("demo", "rubbish", KIND, 0.0))
        await running.tell("good 1", "good 2")
        await running.until_effects(2)
        await running.until_dead(5)
        assert {"good 1", "good 2"} <= set(await running.effects())
        letters = await running.db.read(lambda conn: running.bus.dead_letters.list(conn))
        found = {letter.reason.partition(":")[0]: letter for letter in letters}
        assert len(letters) == 5
        assert set(found) == {"HANDLER_FAILED", "COLOUR_MISSING", "MALFORMED_EVENT"}
        assert (found["HANDLER_FAILED"].delivery_count, running.deliveries["raises"]) == (3, 3)
        assert found["HANDLER_FAILED"].reason == "HANDLER_FAILED: RuntimeError"
        assert (found["COLOUR_MISSING"].delivery_count, found["COLOUR_MISSING"].trace_id) == (1, trace_id)
        assert {letter.data for letter in letters if letter.reason.startswith("MALF")} == {
            b"no headers at all", b"no type", b"\xff",
        }  # fmt: skip
        await _check_dead_letter_stream(quiet_server, trace_id)
        await _check_replay(running)


async def _check_dead_letter_stream(server: NatsServer, trace_id: str) -> None:
    async with connected(server, "admin") as admin:
        subscription = await admin.jetstream().pull_subscribe("dlq.demo.demo-poison", stream="AISLE_DLQ")
        told = await subscription.fetch(5, timeout=5)
        headers = [message.headers or {} for message in told]
        assert {header["aisle-consumer"] for header in headers} == {"demo-poison"}
        invalid = next(header for header in headers if header["aisle-reason"].startswith("COLOUR_MISSING"))
        assert (invalid["aisle-trace-id"], invalid["aisle-delivery-count"]) == (trace_id, "1")
        assert (invalid["aisle-original-subject"], invalid["ce-type"]) == (SUBJECT.format("poison"), KIND)


async def _check_replay(running: Demo) -> None:
    """What can be replayed is, once; what never was an event stays."""
    assert await running.bus.replay_all() == (0, 5)
    running.trouble = None
    assert await running.bus.replay_all() == (2, 3)
    assert await running.bus.replay_all() == (0, 3)
    every = await running.db.read(lambda conn: running.bus.dead_letters.list(conn, replayed=True))
    for letter in every:
        if letter.replayed_at is not None:
            await running.bus.replay(letter.id)
    assert sorted(await running.effects()) == ["good 1", "good 2", "invalid", "raises"]


async def test_what_is_away_is_waited_for_without_counting(
    tmp_path: Path, quiet_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aisle_runtime.consuming.FIRST_RETRY_SECONDS", 0.02)

    async def trouble(what: str) -> None:
        if what == "needs a peer" and running.deliveries[what] < 6:
            raise Unavailable("The peer is away.")

    async with demo(tmp_path, quiet_server, "away") as running:
        running.trouble = trouble
        await running.tell("needs a peer", "needs nothing")
        effects = await running.until_effects(2)
        assert effects == ["needs nothing", "needs a peer"]
        assert running.deliveries["needs a peer"] == 6
        assert await running.db.read(running.bus.dead_letters.count) == 0


async def test_an_event_that_ends_its_consumer_every_time_becomes_a_dead_letter(
    tmp_path: Path, quiet_server: NatsServer
) -> None:
    async with (
        demo(tmp_path, quiet_server, "ends", consume=False) as running,
        connected(quiet_server, "demo") as client,
    ):
        await running.until_ready()
        await running.tell("deadly")
        from nats.js import api

        await client.jetstream().add_consumer(
            "AISLE",
            api.ConsumerConfig(
                name="demo-ends", durable_name="demo-ends", filter_subject=running.subject, ack_wait=0.05, max_deliver=-1,
                ack_policy=api.AckPolicy.EXPLICIT,
            ),
        )  # fmt: skip
        subscription = await client.jetstream().pull_subscribe_bind("demo-ends", "AISLE")
        deadly = []
        while len(deadly) < 3:  # taken and never answered, as by a process that was killed
            messages = await subscription.fetch(100, timeout=5)
            deadly += [message for message in messages if b"deadly" in message.data]
    async with demo(tmp_path, quiet_server, "ends") as running:
        await running.until_dead(1)
        letters = await running.db.read(lambda conn: running.bus.dead_letters.list(conn))
        mine = [letter for letter in letters if b"deadly" in letter.data]
        assert mine[0].reason.startswith("DELIVERIES_EXHAUSTED")
        assert "deadly" not in running.deliveries


async def test_a_killed_server_loses_nothing_and_everything_heals(tmp_path: Path, server: NatsServer) -> None:
    async with demo(tmp_path, server, "heals") as running:
        names = [f"event {number}" for number in range(60)]
        for start in range(0, 60, 20):
            await running.tell(*names[start : start + 10])
            server.kill()
            await running.tell(*names[start + 10 : start + 20])
            server.start()
            await running.until_effects(start + 20)
        assert await running.effects() == names
        await running.until_ready()
        assert await running.db.read(running.outbox.pending_count) == 0


async def test_a_paused_server_means_unknown_and_a_server_without_memory_is_filled_again(
    tmp_path: Path, server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aisle_runtime.relay.REQUEST_SECONDS", 0.3)
    async with demo(tmp_path, server, "paused") as running:
        await running.until_ready()
        await running.tell("before")
        await running.until_effects(1)
        server.pause()
        await running.tell("during")
        async with asyncio.timeout(10):
            while not running.bus.not_ready_reason:
                await asyncio.sleep(0.02)
        with pytest.raises(Unavailable) as caught:
            monkeypatch.setattr("aisle_runtime.bus.REQUEST_SECONDS", 0.2)
            await running.bus.publish(running.subject, StringValue(value="now"), event_id="now")
        assert caught.value.reason == "BUS_TIMEOUT"
        server.resume()
        await running.until_effects(3)
        assert sorted(await running.effects()) == ["before", "during", "now"]
        server.stop()
        for path in sorted((server.folder / "store").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        server.start()
        await running.tell("after")
        await running.until_effects(4)
        assert await running.db.write(lambda conn: running.outbox.publish_again(conn, 0.0)) == 3
        await running.tell("last")
        assert sorted(await running.until_effects(5)) == ["after", "before", "during", "last", "now"]


async def test_a_service_starts_without_its_bus(tmp_path: Path, server: NatsServer) -> None:
    server.stop()
    async with demo(tmp_path, server, "late") as running:
        await running.tell("early")
        async with asyncio.timeout(10):
            while "reached" not in running.bus.not_ready_reason:
                await asyncio.sleep(0.02)
        server.start()
        assert await running.until_effects(1) == ["early"]
        assert running.bus.not_ready_reason == ""


async def test_a_service_may_run_without_a_bus(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path / 'state.db'}")
    bus = Bus("demo", ServiceSettings(nats_url=""), db)
    await bus.start([])
    assert bus.not_ready_reason == ""
    with pytest.raises(Unavailable):
        await bus.publish("aisle.demo.x", StringValue())
    await bus.stop()
    db.close()


def permission_matrix() -> list[tuple[str, str, bool]]:
    """Who may publish what; requests of the JetStream API are publishes too."""
    return [
        ("demo", "aisle.demo.thing.made.v1", True),
        ("demo", "dlq.demo.demo-once", True),
        ("demo", "$JS.API.CONSUMER.MSG.NEXT.AISLE.demo-mine", True),
        ("demo", "aisle.other.thing.made.v1", False),
        ("demo", "dlq.other.x", False),
        ("demo", "$JS.API.STREAM.PURGE.AISLE", False),
        ("demo", "$JS.API.STREAM.DELETE.AISLE", False),
        ("demo", "$JS.API.STREAM.UPDATE.AISLE", False),
        ("demo", "$JS.API.STREAM.MSG.DELETE.AISLE", False),
        ("demo", "$JS.API.STREAM.MSG.GET.AISLE", False),
        ("demo", "$JS.API.STREAM.CREATE.MINE", False),
        ("demo", "$JS.API.CONSUMER.DELETE.AISLE.demo-mine", False),
        ("demo", "$JS.API.CONSUMER.MSG.NEXT.AISLE.other-its", False),
        ("demo", "$JS.ACK.AISLE.other-its.1.1.1.1.1", False),
        ("demo", "$SYS.REQ.SERVER.PING", False),
        ("demo", "anything", False),
        ("other", "aisle.demo.thing.made.v1", False),
        ("admin", "$JS.API.STREAM.UPDATE.AISLE", True),
        ("eraser", "$JS.API.STREAM.MSG.GET.AISLE", True),
        ("eraser", "$JS.API.STREAM.MSG.DELETE.AISLE_DLQ", True),
        ("eraser", "$JS.API.CONSUMER.LIST.AISLE", True),
        ("eraser", "$JS.API.STREAM.PURGE.AISLE", False),
        ("eraser", "$JS.API.STREAM.DELETE.AISLE", False),
        ("eraser", "$JS.API.CONSUMER.DELETE.AISLE.demo-mine", False),
        ("eraser", "aisle.demo.thing.made.v1", False),
    ]


async def test_everybody_may_do_their_own_and_nothing_else() -> None:
    users = (
        BusUser("demo", "demo's", ("demo-mine",)),
        BusUser("other", "other's", ("other-its",)),
        BusUser("eraser", "eraser's", ("eraser-its",), may_erase=True),
    )
    with running_nats(users) as server:
        refused: list[str] = []

        async def remember(error: Exception) -> None:
            refused.append(str(error).lower())

        for user, subject, allowed in permission_matrix():
            refused.clear()
            client = await nats.connect(
                server.url, user=user, password=server.password(user), error_cb=remember, allow_reconnect=False
            )
            await client.publish(subject, b"")
            await client.flush()  # the first ping may overtake the message, the second cannot
            await client.flush()
            await client.close()
            assert (not refused) is allowed, (user, subject, refused)
        for user, password in ((None, None), ("demo", "wrong"), ("demo", "other's"), ("nobody", "demo's")):
            client = Client()
            with pytest.raises(nats.errors.Error, match=r"(?i)authorization"):
                await client.connect(server.url, user=user, password=password, error_cb=remember, allow_reconnect=False)
            await client.close()
        async with connected(server, "demo") as client:
            await ensure_streams(client.jetstream())
        async with connected(server, "other") as client:
            await ensure_streams(client.jetstream())
