"""One durable consumer at work: pulls events, hands them over one at a time, and answers for each."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field

import grpc
import nats.errors
import nats.js.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext, api

from aisle_runtime import telemetry
from aisle_runtime.db import Database
from aisle_runtime.deadletters import DeadLetter, DeadLetters, trace_id_of
from aisle_runtime.errors import AisleError
from aisle_runtime.events import Consumer, MalformedEvent, ReceivedEvent, read_event
from aisle_runtime.nats_config import STREAM
from aisle_runtime.nats_session import BusError, Connector, Session

BATCH = 16
FETCH_SECONDS = 5.0
MAXIMUM_PARKED = 32
PATIENCE_SECONDS = 600.0
FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 0.5, 15.0
FIRST_NAK_SECONDS, LAST_NAK_SECONDS = 0.5, 30.0
ANSWER_SECONDS = 10.0
STOP_SECONDS = 2.0
TRANSIENT_KINDS = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "ABORTED"})
ACK, NAK, TERM, IN_PROGRESS = b"+ACK", b"-NAK", b"+TERM", b"+WPI"

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Delivery:
    """One message in this process's hands, until it is answered."""

    message: Msg
    stream_created: object
    since: float = field(default_factory=lambda: asyncio.get_running_loop().time())

    @property
    def count(self) -> int:
        """How often the message was delivered, this time included."""
        return self.message.metadata.num_delivered


class ConsumerRunner:
    """Runs one Consumer over one session after the other."""

    def __init__(
        self, service: str, consumer: Consumer, db: Database, letters: DeadLetters, connector: Connector
    ) -> None:
        """Read as `consumer` says; dead letters go into `db`."""
        self.consumer, self._service, self._db, self._letters = consumer, service, db, letters
        self._connector, self._stopping = connector, False
        self._held: set[Delivery] = set()
        self._parked: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(MAXIMUM_PARKED)
        self._working: asyncio.Task[None] | None = None
        self._lag = telemetry.meter().create_gauge(telemetry.METRIC_LAG, "{event}", "Events that wait for the consumer")
        self._buried = telemetry.meter().create_counter(telemetry.METRIC_DEAD_LETTERS, "{event}", "Events given up")

    async def run(self) -> None:
        """Consume until cancelled; whatever the bus does, try again."""
        heart = asyncio.ensure_future(self._heartbeat())
        try:
            while not self._stopping:
                session = await self._connector.session()
                try:
                    await self._pull(session, await self._subscribe(session))
                except BusError as error:
                    if session.alive and not self._stopping:
                        _log.warning(
                            "the consumer %s starts anew",
                            self.consumer.name,
                            extra={"fields": {"error": str(error) or type(error).__name__}},
                        )
                        await asyncio.sleep(FIRST_NAK_SECONDS)
        finally:
            heart.cancel()

    def halt(self) -> None:
        """Take no further event; `run` may be cancelled from now on."""
        self._stopping = True

    async def stop(self) -> None:
        """Let the handler at work end, give back what waits, and return after two seconds at most."""
        for task in self._parked:
            task.cancel()
        if self._working is not None and not self._working.done():
            await asyncio.wait({self._working}, timeout=STOP_SECONDS)
            self._working.cancel()
        for delivery in list(self._held):
            await self._answer(delivery, NAK, wait=False)

    async def _subscribe(self, session: Session) -> JetStreamContext.PullSubscription:
        consumer = self.consumer
        await session.jetstream.add_consumer(
            STREAM,
            api.ConsumerConfig(
                name=consumer.name,
                durable_name=consumer.name,
                filter_subject=consumer.subject,
                ack_policy=api.AckPolicy.EXPLICIT,
                deliver_policy=api.DeliverPolicy.ALL,
                ack_wait=consumer.ack_wait_seconds,
                # The bus would drop an event silently at its limit; here it becomes a dead letter with a reason.
                max_deliver=-1,
                max_ack_pending=BATCH * 4 + MAXIMUM_PARKED,
            ),
        )
        return await session.jetstream.pull_subscribe_bind(consumer=consumer.name, stream=STREAM)

    async def _pull(self, session: Session, subscription: JetStreamContext.PullSubscription) -> None:
        attributes = {"messaging.consumer.group.name": self.consumer.name}
        while session.alive and not self._stopping:
            async with self._room:  # not while too many events wait for something that is away
                pass
            try:
                messages = await subscription.fetch(BATCH, timeout=FETCH_SECONDS)
            except nats.errors.TimeoutError:
                self._lag.set(0, attributes)
                continue
            deliveries = [Delivery(message, session.stream_created) for message in messages]
            self._held.update(deliveries)
            for delivery in deliveries:
                self._lag.set(delivery.message.metadata.num_pending, attributes)
                # A task of its own: a stop waits for the handler instead of cutting it off.
                self._working = asyncio.ensure_future(self._process(delivery))
                await asyncio.shield(self._working)

    async def _process(self, delivery: Delivery) -> None:
        message = delivery.message
        try:
            event = read_event(message.subject, message.headers or {}, message.data, delivery.count)
        except MalformedEvent as malformed:
            return await self._bury(delivery, _fallback_id(message), malformed)
        if delivery.count > self.consumer.max_deliveries:
            problem = AisleError("The consumer ended every time before it was done.", reason="DELIVERIES_EXHAUSTED")
            return await self._bury(delivery, event.id, problem)
        error = await self._attempt(event)
        if error is not None and _transient(error):
            await self._room.acquire()
            task = asyncio.ensure_future(self._retry(delivery, event))
            self._parked.add(task)
            task.add_done_callback(self._unpark)
            return None
        return await self._settle(delivery, event, error)

    def _unpark(self, task: asyncio.Task[None]) -> None:
        self._parked.discard(task)
        self._room.release()

    async def _retry(self, delivery: Delivery, event: ReceivedEvent) -> None:
        """Repeat the handler while what it needs is away; other events go on meanwhile."""
        delay, loop = FIRST_RETRY_SECONDS, asyncio.get_running_loop()
        while True:
            await asyncio.sleep(delay)
            error = await self._attempt(event)
            if error is None or not _transient(error) or loop.time() - delivery.since > PATIENCE_SECONDS:
                return await self._settle(delivery, event, error)
            delay = min(delay * 2, LAST_RETRY_SECONDS)

    async def _attempt(self, event: ReceivedEvent) -> Exception | None:
        """Run the handler in the producer's trace and return what it raised."""
        try:
            with telemetry.consumer_span(
                event.subject,
                self.consumer.name,
                event.id,
                event.traceparent,
                **{telemetry.ATTR_DELIVERY_COUNT: event.delivery_count},
            ):
                await self.consumer.handler(event)
        except Exception as error:  # noqa: BLE001 - the door for events: each failure is answered for
            known = _known(error)
            _log.warning(
                "an event was not handled",
                exc_info=None if known is not None else error,
                extra={
                    "fields": {
                        "consumer": self.consumer.name,
                        "event_id": event.id,
                        "delivery_count": event.delivery_count,
                        "trace_id": telemetry.trace_id_of(event.traceparent),
                        "reason": known.reason if known is not None else type(error).__name__,
                    }
                },
            )
            return known or error
        return None

    async def _settle(self, delivery: Delivery, event: ReceivedEvent, error: Exception | None) -> None:
        if error is None:
            await self._answer(delivery, ACK)
        elif getattr(error, "kind", "") == "INVALID_ARGUMENT" or delivery.count >= self.consumer.max_deliveries:
            await self._bury(delivery, event.id, error)
        else:
            delay = min(FIRST_NAK_SECONDS * 2 ** (delivery.count - 1), LAST_NAK_SECONDS)
            await self._answer(delivery, b'%s {"delay": %d}' % (NAK, int(delay * 1e9)))

    async def _bury(self, delivery: Delivery, event_id: str, error: Exception) -> None:
        """Store the dead letter, then take the event from the consumer; without the first not the second."""
        message, headers = delivery.message, dict(delivery.message.headers or {})
        letter = DeadLetter(
            consumer=self.consumer.name,
            event_id=event_id,
            subject=message.subject,
            data=message.data,
            headers=headers,
            reason=_reason(error),
            delivery_count=delivery.count,
            trace_id=trace_id_of(headers),
        )
        try:
            await self._db.write(lambda conn: self._letters.record(conn, letter))
        except AisleError:
            return await self._answer(delivery, b'%s {"delay": %d}' % (NAK, int(LAST_NAK_SECONDS * 1e9)))
        self._buried.add(1, {"messaging.consumer.group.name": self.consumer.name})
        _log.error(
            "an event became a dead letter",
            extra={"fields": {"consumer": letter.consumer, "event_id": event_id, "reason": letter.reason,
                              "delivery_count": letter.delivery_count, "trace_id": letter.trace_id}},
        )  # fmt: skip
        return await self._answer(delivery, TERM)

    async def _answer(self, delivery: Delivery, answer: bytes, *, wait: bool = True) -> None:
        """Send the answer over the session of now, which may be another than the one that brought the event.

        One that is lost costs a second delivery, which the inbox absorbs.
        """
        self._held.discard(delivery)
        with suppress(*BusError):
            session = self._connector.current
            if session is None and wait:
                session = await asyncio.wait_for(self._connector.session(), ANSWER_SECONDS)
            if session is not None and session.stream_created == delivery.stream_created:
                await session.client.publish(delivery.message.reply, answer)

    async def _heartbeat(self) -> None:
        """Tell the bus that held events are worked on, so that it delivers them to nobody else."""
        pause = self.consumer.ack_wait_seconds / 3
        while True:
            await asyncio.sleep(pause)
            if (session := self._connector.current) is None:
                continue
            with suppress(*BusError):
                for delivery in list(self._held):
                    if session.stream_created == delivery.stream_created:
                        await session.client.publish(delivery.message.reply, IN_PROGRESS)


def _known(error: Exception) -> AisleError | None:
    """Return the failure as an AisleError when it was expected by somebody, a peer included."""
    if isinstance(error, AisleError):
        return error
    if isinstance(error, grpc.RpcError):
        from aisle_runtime.status import public_error

        return public_error(error)
    return None


def _transient(error: Exception) -> bool:
    return isinstance(error, AisleError) and error.kind in TRANSIENT_KINDS


def _reason(error: Exception) -> str:
    return (
        f"{error.reason}: {error.message}"
        if isinstance(error, AisleError)
        else f"HANDLER_FAILED: {type(error).__name__}"
    )


def _fallback_id(message: Msg) -> str:
    """Name a message that carries no usable event id, alike in each of its deliveries."""
    metadata = message.metadata
    return f"unidentified-{int(metadata.timestamp.timestamp() * 1000)}-{metadata.sequence.stream}"
