"""One connection to the bus after the other, for ever: each is opened, given its streams, watched and replaced.

nats-py's own reconnecting stays off. A connection that ends here is gone with everything it buffered, so that a
publish is either acknowledged or unknown, and streams and consumers are looked after on every new connection.
"""

import asyncio
import logging
import ssl
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.js import JetStreamContext, api

from aisle_runtime.nats_config import DEAD_LETTER_STREAM, STREAM, inbox_prefix
from aisle_runtime.settings import ServiceSettings

CONNECT_SECONDS = 4.0
REQUEST_SECONDS = 5.0
FIRST_DELAY_SECONDS, LAST_DELAY_SECONDS = 0.05, 1.0
PROBE_SECONDS, PROBE_TIMEOUT_SECONDS = 3.0, 6
DEDUPLICATION_SECONDS = 120.0
_DAY = 24 * 3600.0
_STREAM_DIFFERS = 10058
_log = logging.getLogger(__name__)

STREAMS = (
    api.StreamConfig(
        name=STREAM,
        subjects=["aisle.>"],
        retention=api.RetentionPolicy.LIMITS,
        storage=api.StorageType.FILE,
        discard=api.DiscardPolicy.OLD,
        max_age=7 * _DAY,
        max_bytes=1 << 30,
        duplicate_window=DEDUPLICATION_SECONDS,
    ),
    api.StreamConfig(
        name=DEAD_LETTER_STREAM,
        subjects=["dlq.>"],
        retention=api.RetentionPolicy.LIMITS,
        storage=api.StorageType.FILE,
        discard=api.DiscardPolicy.OLD,
        max_age=30 * _DAY,
        max_bytes=256 << 20,
        duplicate_window=DEDUPLICATION_SECONDS,
    ),
)
"""Events are kept a week at most; what must stay is in the services' databases."""

BusError = (OSError, nats.errors.Error, asyncio.TimeoutError)
"""What a call to the bus raises when the bus does not do what was asked."""


class Session:
    """One live connection."""

    def __init__(self, client: Client, ended: asyncio.Event, stream_created: datetime | None) -> None:
        """Wrap a connected client; `ended` is set once it is closed."""
        self.client, self.ended = client, ended
        self.jetstream: JetStreamContext = client.jetstream(timeout=REQUEST_SECONDS)
        self.stream_created = stream_created
        """Birth of the stream: acknowledgements for an earlier one mean nothing to this one."""

    @property
    def alive(self) -> bool:
        """Say whether the connection is in use."""
        return not self.ended.is_set() and self.client.is_connected

    async def answers(self, awaited: Sequence[asyncio.Future[Any]]) -> None:
        """Wait until each of `awaited` is done; raises ConnectionClosedError as soon as the connection ends."""
        every, ended = asyncio.ensure_future(asyncio.wait(awaited)), asyncio.ensure_future(self.ended.wait())
        waiting: set[asyncio.Future[Any]] = {every, ended}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if not every.done():
                raise nats.errors.ConnectionClosedError
        finally:
            every.cancel()
            ended.cancel()

    async def probe(self) -> bool:
        """Say whether the server answers."""
        try:
            await self.client.flush(timeout=PROBE_TIMEOUT_SECONDS)
        except BusError:
            return False
        return True

    async def close(self) -> None:
        """Close the connection, waiting a moment at most; may be repeated."""
        self.ended.set()
        await _close(self.client)


class Connector:
    """Keeps a session open; everybody else asks it for the current one."""

    def __init__(self, service: str, settings: ServiceSettings) -> None:
        """Connect as the settings say; nothing happens before `run`."""
        self._service, self._settings = service, settings
        self._available = asyncio.Event()
        self._current: Session | None = None
        self.reason = "The event bus is not connected yet."
        """Why there is no session, "" while there is one."""

    @property
    def current(self) -> Session | None:
        """The live session, or None."""
        return self._current if self._current is not None and self._current.alive else None

    async def session(self) -> Session:
        """Wait for a live session."""
        while True:
            await self._available.wait()
            if (session := self.current) is not None:
                return session
            await asyncio.sleep(FIRST_DELAY_SECONDS)  # it just died and `run` is about to notice

    async def run(self) -> None:
        """Connect, watch, connect again; ends only by being cancelled."""
        delay = FIRST_DELAY_SECONDS
        while True:
            try:
                session = await self._open()
            except BusError as error:
                self._complain(error)
                await asyncio.sleep(delay)
                delay = min(delay * 2, LAST_DELAY_SECONDS)
                continue
            delay, self.reason, self._current = FIRST_DELAY_SECONDS, "", session
            self._available.set()
            _log.info("the event bus is connected")
            try:
                await self._watch(session)
            finally:
                self._available.clear()
                self.reason = "The connection to the event bus was lost."
                await session.close()
            _log.warning("the connection to the event bus was lost")

    async def _watch(self, session: Session) -> None:
        """Return once the connection is closed or the server stays silent."""
        while session.alive:
            try:
                await asyncio.wait_for(session.ended.wait(), PROBE_SECONDS)
            except TimeoutError:
                if not await session.probe():
                    return

    async def _open(self) -> Session:
        ended, settings, client = asyncio.Event(), self._settings, Client()
        connecting = True

        async def closed() -> None:
            ended.set()

        async def failed(error: Exception) -> None:
            if connecting:
                raise error  # ends nats-py's own series of attempts
            _report(error)

        try:
            await asyncio.wait_for(
                client.connect(
                    servers=settings.nats_url.split(","),
                    user=settings.nats_user or None,
                    password=settings.nats_password.get_secret_value() or None,
                    name=self._service,
                    inbox_prefix=inbox_prefix(self._service),
                    allow_reconnect=False,
                    connect_timeout=int(CONNECT_SECONDS) - 1,
                    ping_interval=3600,  # `_watch` probes, with a deadline
                    error_cb=failed,
                    closed_cb=closed,
                    tls=_tls(settings),
                ),
                CONNECT_SECONDS,
            )
            connecting = False
            created = await ensure_streams(client.jetstream(timeout=REQUEST_SECONDS))
        except BaseException:
            connecting = False
            await _close(client)
            raise
        return Session(client, ended, created)

    def _complain(self, error: BaseException) -> None:
        reason = "The event bus cannot be reached."
        if "uthorization" in str(error):
            reason = "The event bus refuses this service's credentials."
        elif isinstance(error, nats.js.errors.APIError):
            reason = "The event bus refuses to keep its streams."
        if reason != self.reason:
            _log.warning("%s", reason, extra={"fields": {"error": str(error) or type(error).__name__}})
        self.reason = reason


async def ensure_streams(jetstream: JetStreamContext) -> datetime | None:
    """Make the streams that are missing and return when the stream of events was made; repeating it is free.

    A stream with other limits is brought to these where the user may do that (`admin`), and left as it is otherwise.
    """
    infos = [await _ensure_stream(jetstream, config) for config in STREAMS]
    return infos[0].created


async def _ensure_stream(jetstream: JetStreamContext, config: api.StreamConfig) -> api.StreamInfo:
    try:
        return await jetstream.add_stream(config)
    except nats.js.errors.BadRequestError as error:
        if error.err_code != _STREAM_DIFFERS:
            raise
    try:
        return await jetstream.update_stream(config)
    except nats.errors.TimeoutError:  # what a missing permission looks like
        _log.warning("the stream %s has other limits than this release asks for", config.name)
    assert config.name is not None
    return await jetstream.stream_info(config.name)


def _report(error: Exception) -> None:
    """Log what the bus complains about; a forbidden subject is a mistake of ours, everything else shows elsewhere."""
    level = logging.WARNING if "ermissions" in str(error) else logging.DEBUG
    _log.log(level, "the event bus reports: %s", type(error).__name__ if isinstance(error, OSError) else error)


async def _close(client: Client) -> None:
    # A dead peer can hold up nats-py's goodbye; nothing in it is worth waiting for.
    with suppress(*BusError, AttributeError):
        await asyncio.wait_for(client.close(), 1.0)


def _tls(settings: ServiceSettings) -> ssl.SSLContext | None:
    """Trust the CA that the service trusts for its peers when the address asks for TLS."""
    if not settings.nats_url.startswith("tls://"):
        return None
    cafile = str(settings.client_ca_file) if settings.client_ca_file else None
    return ssl.create_default_context(cafile=cafile)
