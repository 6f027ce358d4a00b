"""The event bus of a service: publishes its outbox and feeds its consumers, over NATS JetStream.

The bus may be absent, stop or lose everything: the service works on, events wait in the outbox, and everything heals
by itself when the bus is back.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from google.protobuf.message import Message
from sqlalchemy import Connection

from aisle_runtime import telemetry
from aisle_runtime.consuming import ConsumerRunner
from aisle_runtime.db import Database
from aisle_runtime.deadletters import DeadLetter, DeadLetters
from aisle_runtime.errors import AisleError, InvalidField, Unavailable
from aisle_runtime.events import Consumer, MalformedEvent, ReceivedEvent, event_headers
from aisle_runtime.inbox import Inbox
from aisle_runtime.names import new_id, resource_id
from aisle_runtime.nats_session import REQUEST_SECONDS, BusError, Connector
from aisle_runtime.outbox import Outbox
from aisle_runtime.relay import Relay
from aisle_runtime.settings import ServiceSettings

if TYPE_CHECKING:
    from aisle_runtime.erasing.stream import Swept
    from aisle_runtime.erasing.subjects import Subjects

__all__ = ["Bus", "Consumer", "DeadLetter", "DeadLetters", "MalformedEvent", "ReceivedEvent"]

DRAIN_SECONDS = 1.0
UPKEEP_SECONDS = 3600.0
RESTART_SECONDS = 1.0
STOP_SECONDS = 4.0
_log = logging.getLogger(__name__)


class Bus:
    """Everything between the service's database and the event bus."""

    def __init__(self, service: str, settings: ServiceSettings, db: Database) -> None:
        """Prepare for the bus that the settings name; with an empty `nats_url` events only gather in the outbox."""
        self._service, self._settings, self._db = service, settings, db
        self._outbox, self._inbox = Outbox(service), Inbox()
        self.dead_letters = DeadLetters(service, self._outbox)
        """Events that this service's consumers gave up on."""
        self._runners: dict[str, ConsumerRunner] = {}
        self._consumers: dict[str, Consumer] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._connection: asyncio.Task[None] | None = None
        self._connector: Connector | None = None
        self._relay: Relay | None = None

    @property
    def not_ready_reason(self) -> str:
        """Say why events do not flow, "" when they do or when the service runs without a bus."""
        if self._connector is None or self._relay is None:
            return ""
        return self._connector.reason or self._relay.reason

    async def start(self, consumers: Sequence[Consumer] = ()) -> None:
        """Begin to connect, publish and consume; returns at once, whether the bus is there or not.

        Raises ValueError when two consumers share a name or a name does not begin with the service's.
        """
        for consumer in consumers:
            self._add(consumer)
        if not self._settings.nats_url:
            _log.warning("the service runs without an event bus")
            return
        self._connector = Connector(self._service, self._settings)
        self._relay = Relay(self._db, self._outbox, self._connector)
        self._connection = asyncio.create_task(_forever(self._connector.run), name="bus-connection")
        self._spawn("relay", self._relay.run)
        self._spawn("upkeep", self._upkeep)
        for name, consumer in self._consumers.items():
            runner = ConsumerRunner(self._service, consumer, self._db, self.dead_letters, self._connector)
            self._runners[name] = runner
            self._spawn(name, runner.run)

    async def stop(self) -> None:
        """Stop consuming, publish what the outbox still holds if that is quick, and disconnect; may be repeated."""
        for runner in self._runners.values():
            runner.halt()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*(runner.stop() for runner in self._runners.values()), return_exceptions=True)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
        self._tasks.clear()
        self._runners.clear()
        if self._relay is not None:
            await asyncio.wait({asyncio.ensure_future(self._last_drain(self._relay))}, timeout=DRAIN_SECONDS * 2)
        if self._connection is not None:
            self._connection.cancel()
            await asyncio.gather(self._connection, return_exceptions=True)
        self._connection = self._connector = self._relay = None

    async def publish(self, subject: str, message: Message, *, event_id: str | None = None) -> str:
        """Publish one event now, past the outbox, and return its id once the bus has it on disk.

        For events that no stored change depends on. Raises Unavailable (BUS_UNAVAILABLE) when the bus is away, and
        (BUS_TIMEOUT) when its answer did not come within five seconds: the event may be out then, and repeating it
        with the same `event_id` is safe.
        """
        session = self._connector.current if self._connector is not None else None
        if session is None:
            raise Unavailable("The event bus is away.", reason="BUS_UNAVAILABLE", retry_after_seconds=1)
        minted = event_id or new_id("e")
        headers = event_headers(self._service, minted, message.DESCRIPTOR.full_name, time.time())
        with telemetry.producer_span(subject, minted):
            telemetry.inject(headers)
            try:
                await session.jetstream.publish(
                    subject, message.SerializeToString(), timeout=REQUEST_SECONDS, headers=headers
                )
            except TimeoutError:
                raise Unavailable(
                    "The event bus did not answer in time.", reason="BUS_TIMEOUT", retry_after_seconds=1
                ) from None
            except BusError:
                raise Unavailable(
                    "The event bus did not take the event.", reason="BUS_UNAVAILABLE", retry_after_seconds=1
                ) from None
        return minted

    async def sweep(self, subjects: "Subjects") -> "Swept":
        """Overwrite the messages of the bus that name one of the people, as far as every consumer is past them.

        Only for a user of the bus that may erase. Raises Unavailable (BUS_UNAVAILABLE), FailedPrecondition (BUS_REFUSES_ERASURE).
        A service without a bus has nothing to sweep.
        """
        from aisle_runtime.erasing.stream import Swept, sweep_streams

        if not self._settings.nats_url:
            return Swept(0, 0, (), 0)
        session = self._connector.current if self._connector is not None else None
        if session is None:
            raise Unavailable("The event bus is away.", reason="BUS_UNAVAILABLE", retry_after_seconds=1)
        return await sweep_streams(session, subjects)

    async def replay(self, letter_id: int) -> None:
        """Hand one dead letter to its consumer again; marks it replayed when the handler succeeds.

        The event keeps its id, so a handler that uses the inbox has its effect once however often this is called.
        Raises NotFound, FailedPrecondition (not a readable event), and whatever the handler raises.
        """
        letter = await self._db.read(lambda conn: self.dead_letters.get(conn, letter_id))
        consumer = self._consumers.get(letter.consumer)
        if consumer is None:
            raise InvalidField("consumer", "is not a consumer of this service")
        event = letter.event()
        with telemetry.consumer_span(event.subject, consumer.name, event.id, event.traceparent):
            await consumer.handler(event)
        await self._db.write(lambda conn: self.dead_letters.mark_replayed(conn, letter_id))

    async def replay_all(self, consumer: str = "") -> tuple[int, int]:
        """Replay every waiting dead letter of one consumer, or of all; returns how many succeeded and failed."""
        done = failed = after = 0
        while letters := await self._db.read(self._waiting(consumer, after)):
            for letter in letters:
                after = letter.id
                try:
                    await self.replay(letter.id)
                    done += 1
                except Exception as error:  # noqa: BLE001 - a door: the letter stays, the next one has its turn
                    failed += 1
                    reason = error.reason if isinstance(error, AisleError) else type(error).__name__
                    _log.warning("a replay failed", extra={"fields": {"event_id": letter.event_id, "reason": reason}})
        return done, failed

    def _waiting(self, consumer: str, after: int) -> Callable[[Connection], list[DeadLetter]]:
        return lambda conn: self.dead_letters.list(conn, consumer, after=after)

    def _add(self, consumer: Consumer) -> None:
        resource_id(consumer.name, "consumer.name")
        if consumer.name in self._consumers or not consumer.name.startswith(f"{self._service}-"):
            raise ValueError(f"a consumer of {self._service} needs a name of its own that begins with {self._service}-")
        self._consumers[consumer.name] = consumer

    def _spawn(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self._tasks.append(asyncio.create_task(_forever(work), name=f"bus-{name}"))

    async def _last_drain(self, relay: Relay) -> None:
        try:
            await asyncio.wait_for(relay.drain(), DRAIN_SECONDS)
        except TimeoutError:
            _log.info("events stay in the outbox until the next start")

    async def _upkeep(self) -> None:
        """Forget, once an hour, what nobody can ask for any more."""
        while True:
            try:
                while await self._db.write(self._outbox.forget_old):
                    pass
                await self._db.write(self._inbox.forget_old)
            except AisleError as error:
                _log.warning("old events were not forgotten", extra={"fields": {"reason": error.reason}})
            await asyncio.sleep(UPKEEP_SECONDS)


async def _forever(work: Callable[[], Awaitable[None]]) -> None:
    """Run `work` and begin it again when it crashes: the bus heals, whatever happened to it."""
    while True:
        try:
            return await work()
        except Exception:  # noqa: BLE001 - a task root
            _log.exception("a part of the event bus crashed and starts again")
        await asyncio.sleep(RESTART_SECONDS)
