"""Events: stored with their state, relayed and handled once, beside bare JetStream publishes that are acknowledged."""

import asyncio
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nats
from aisle_runtime.bus import Bus
from aisle_runtime.db import Database
from aisle_runtime.events import Consumer, ReceivedEvent
from aisle_runtime.inbox import Inbox
from aisle_runtime.outbox import Outbox
from aisle_runtime.tables import RUNTIME
from aisle_runtime.testing.nats import running_nats
from google.protobuf.wrappers_pb2 import StringValue

from benchmarks.common import Contender, compare

EVENTS = 2000
PAYLOAD = StringValue(value="x" * 1000)
SUBJECT = "aisle.test.benchmark.made.v1"


async def _through_outbox(server: Any, folder: Path, batch: int) -> float:
    """Events per second from the first transaction to the last handled event, `batch` events a transaction."""
    folder.mkdir()
    db = Database(f"sqlite:///{folder / 'state.db'}")
    await db.write(lambda conn: RUNTIME.outbox.metadata.create_all(conn))
    outbox, inbox = Outbox("test"), Inbox()
    seen, done = 0, asyncio.Event()

    async def handle(event: ReceivedEvent) -> None:
        nonlocal seen
        await db.write(lambda conn: inbox.first_time(conn, "benchmark", event.id))
        seen += 1
        if seen == EVENTS:
            done.set()

    settings = server.service_settings("test", state_dir=folder)
    bus = Bus("test", settings, db)
    subject = f"aisle.test.benchmark{time.monotonic_ns()}.made.v1"
    await bus.start([Consumer(name=f"benchmark-{time.monotonic_ns()}", subject=subject, handler=handle)])
    while bus.not_ready_reason:
        await asyncio.sleep(0.01)

    def add(conn: Any) -> None:
        for _ in range(batch):
            outbox.add(conn, subject, PAYLOAD)

    begun = time.perf_counter()
    for _ in range(EVENTS // batch):
        await db.write(add)
    await done.wait()
    took = time.perf_counter() - begun
    await bus.stop()
    db.close()
    return EVENTS / took


async def _bare(server: Any, in_flight: int) -> float:
    """Acknowledged publishes per second straight to the stream that the runtime made."""
    client = await nats.connect(server.url, user="test", password=server.password("test"))
    stream = client.jetstream()
    body = PAYLOAD.SerializeToString()
    begun = time.perf_counter()
    for _ in range(EVENTS // in_flight):
        await asyncio.gather(*(stream.publish(SUBJECT, body) for _ in range(in_flight)))
    took = time.perf_counter() - begun
    await client.close()
    return EVENTS / took


def run() -> dict[str, Any]:
    """Both on one server with `sync_interval: always`."""
    with TemporaryDirectory() as folder, running_nats() as server:
        root = Path(folder)

        def aisle(batch: int) -> float:
            return asyncio.run(_through_outbox(server, root / f"{batch}-{time.monotonic_ns()}", batch))

        contenders = [
            Contender("outbox to handled, an event a transaction", lambda: aisle(1)),
            Contender("outbox to handled, 100 events a transaction", lambda: aisle(100)),
            Contender("bare publish, 64 in flight (limit)", lambda: asyncio.run(_bare(server, 64))),
        ]
        return {"events of 1 kB": compare(contenders, rounds=3)}
