"""The front hall of every service: puts the adapters together, serves, and leaves in good order.

A service's `main.py` is a call of `run_service` with its settings, its migrations and a `wire` function that builds
the rules on the given `Platform` and says what to register.
"""

import asyncio
import contextlib
import logging
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import grpc.aio
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from aisle_runtime import logging as json_logging
from aisle_runtime import telemetry
from aisle_runtime.client import Clients, token_from_file
from aisle_runtime.db import Database
from aisle_runtime.errors import AisleError
from aisle_runtime.requests import RequestLog
from aisle_runtime.server import AddressInUse, ConfigurationError, Server
from aisle_runtime.settings import ServiceSettings

if TYPE_CHECKING:
    from aisle_runtime.artifacts import ArtifactStore
    from aisle_runtime.bus import Bus, Consumer
    from aisle_runtime.inbox import Inbox
    from aisle_runtime.jobs import Jobs
    from aisle_runtime.outbox import Outbox

EXIT_OK, EXIT_CRASHED, EXIT_ADDRESS_IN_USE, EXIT_CONFIGURATION = 0, 1, 69, 78
_READY_POLL_SECONDS, _READY_RECHECK_SECONDS = 0.1, 1.0
_EXIT_SPARE_SECONDS = 3.0
_log = logging.getLogger(__name__)


@dataclass
class Platform:
    """What the runtime gives to a service."""

    service: str
    """Name of the service, for example `trainer`."""
    settings: ServiceSettings
    """The service's settings as given to `run_service`."""
    db: Database
    """The migrated database."""
    outbox: "Outbox"
    """Takes events into a transaction."""
    inbox: "Inbox"
    """Tells whether an event's effect is stored already."""
    requests: RequestLog
    """Makes mutations safe to repeat."""
    bus: "Bus"
    """The event bus; consumers named in the Wiring are started by the runtime."""
    jobs: "Jobs"
    """Runs long work in child processes."""
    artifacts: "ArtifactStore"
    """Content-addressed files in `state_dir`/artifacts."""
    clients: Clients
    """Channels to other services."""


@dataclass
class Wiring:
    """What a service asks of the runtime."""

    register: Callable[[grpc.aio.Server], None]
    """Adds the servicers to the server."""
    service_names: list[str]
    """Full names of the registered gRPC services, for health and reflection."""
    consumers: list["Consumer"] = field(default_factory=list)
    """Event handlers, started once the bus is connected."""
    background: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    """Tasks that run as long as the service; one that raises ends the service."""
    on_stop: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    """Called in order after the last RPC has ended."""
    ready: Callable[[], Awaitable[str]] | None = None
    """Says why the service cannot work yet, "" when it can; asked about once a second."""


Wire = Callable[[Platform], Awaitable[Wiring]]
SettingsSource = ServiceSettings | Callable[[], ServiceSettings]


class Host:
    """One running service inside this process; `start`, then `stop`."""

    def __init__(self, service: str, settings: ServiceSettings, migrations_package: str, wire: Wire) -> None:
        """Remember the parts; nothing is opened yet."""
        self.service, self.settings = service, settings
        self._package, self._wire = migrations_package, wire
        self.failed: asyncio.Event = asyncio.Event()
        """Set when a background task of the service has crashed."""
        self._tasks: list[asyncio.Task[None]] = []
        self._bus_was_ready = False
        self._cleanup = contextlib.AsyncExitStack()
        self.platform: Platform
        self.server: Server
        self._wiring: Wiring

    @property
    def address(self) -> str:
        """host:port on which the service serves."""
        return self.server.address

    async def start(self) -> str:
        """Open everything, serve and return host:port; whatever was opened is closed again when this raises."""
        try:
            return await self._start()
        except BaseException:
            await self._close()
            raise

    async def _start(self) -> str:
        settings = self.settings
        settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.server = Server(self.service, settings)
        db = _open_database(settings)
        self._cleanup.callback(db.close)
        db.migrate(self._package)
        self.platform = assemble(self.service, settings, db)
        self._cleanup.push_async_callback(self.platform.clients.close)
        self._wiring = await self._wire(self.platform)
        self._wiring.register(self.server.grpc)
        address = await self.server.start(self._wiring.service_names)
        self._cleanup.push_async_callback(self.platform.bus.stop)
        await self.platform.bus.start(self._wiring.consumers)
        self._cleanup.push_async_callback(self.platform.jobs.stop)
        await self.platform.jobs.start()
        for work in self._wiring.background:
            self._spawn(work())
        self._spawn(self._watch_readiness())
        _log.info("serving", extra={"fields": {"address": address}})
        return address

    async def stop(self) -> None:
        """Drain the server, then close everything in reverse order of its opening."""
        _log.info("draining", extra={"fields": {"calls_in_flight": self.server.door.busy}})
        await self.server.drain()
        for hook in self._wiring.on_stop:
            await hook()
        await self._close()
        _log.info("stopped")

    async def not_ready_reason(self) -> str:
        """Say why the service is not ready, "" when it is.

        The bus counts until it has been there once: a bus that goes away later delays events, but must not take a
        service that answers from its own state out of its clients' reach.
        """
        if reason := self.platform.bus.not_ready_reason:
            if not self._bus_was_ready:
                return reason
        else:
            self._bus_was_ready = True
        if self._wiring.ready is None:
            return ""
        try:
            return str(await self._wiring.ready())
        except AisleError as error:
            return error.message

    async def _watch_readiness(self) -> None:
        while True:
            reason, before = await self.not_ready_reason(), self.server.health.reason
            self.server.health.set(reason)
            if reason != before:
                _log.info("readiness changed", extra={"fields": {"ready": not reason, "reason": reason}})
            await asyncio.sleep(_READY_POLL_SECONDS if reason else _READY_RECHECK_SECONDS)

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.append(task)
        task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.critical("a background task crashed; the service ends", exc_info=error)
            self.failed.set()

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._cleanup.aclose()


def _open_database(settings: ServiceSettings) -> Database:
    try:
        return Database(settings.effective_database_url)
    except ImportError as error:
        problem = "needs the PostgreSQL driver: pip install 'aisle[postgres]'"
        raise ConfigurationError(f"setting database_url: {problem}") from error
    except (SQLAlchemyError, ValueError) as error:  # the text of neither may be shown: the URL holds a password
        form = "postgresql+psycopg://user:password@host/database or sqlite:////path/to/file"
        raise ConfigurationError(f"setting database_url: is no URL of a known database; write {form}") from error


def assemble(service: str, settings: ServiceSettings, db: Database) -> Platform:
    """Build the runtime's adapters over an open database; nothing is connected or started."""
    from aisle_runtime.artifacts import ArtifactStore
    from aisle_runtime.bus import Bus
    from aisle_runtime.inbox import Inbox
    from aisle_runtime.jobs import Jobs
    from aisle_runtime.outbox import Outbox

    return Platform(
        service=service,
        settings=settings,
        db=db,
        outbox=Outbox(service),
        inbox=Inbox(),
        requests=RequestLog(),
        bus=Bus(service, settings, db),
        jobs=Jobs(service, settings, db),
        artifacts=ArtifactStore(settings.state_dir / "artifacts"),
        clients=Clients(token=token_from_file(settings.client_token_file), ca_file=settings.client_ca_file or ""),
    )


def run_service(service: str, settings: SettingsSource, migrations_package: str, wire: Wire) -> int:
    """Run a service until SIGTERM or SIGINT and return its exit code.

    `settings` may be the settings class itself, so that a mistake in the environment is told in one line. Exit codes:
    0 ended as asked, 1 a background task crashed, 69 the address is taken, 78 the configuration does not allow to
    start.
    """
    os.umask(0o077)
    json_logging.setup(service)
    try:
        loaded = settings if isinstance(settings, ServiceSettings) else settings()
        json_logging.setup(service, loaded.log_level)
        telemetry.setup(service, loaded.otlp_endpoint, loaded.trace_sample_ratio)
        return asyncio.run(_run(Host(service, loaded, migrations_package, wire)))
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_context=False, include_input=False):
            _log.error("setting %s: %s", ".".join(map(str, problem["loc"])), problem["msg"])
        return EXIT_CONFIGURATION
    except ConfigurationError as error:
        _log.error("%s", error)
        return EXIT_CONFIGURATION
    except AddressInUse as error:
        _log.error("%s", error)
        return EXIT_ADDRESS_IN_USE
    except Exception:  # noqa: BLE001 - the task root: log the reason as JSON and give the supervisor an exit code
        _log.critical("the service could not start or crashed", exc_info=True)
        return EXIT_CRASHED
    finally:
        telemetry.shutdown()


async def _run(host: Host) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await host.start()
    waiting = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(host.failed.wait())]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    _force_exit_after(host.settings.lame_duck_seconds + host.settings.drain_grace_seconds + _EXIT_SPARE_SECONDS)
    await host.stop()
    return EXIT_CRASHED if host.failed.is_set() else EXIT_OK


def _force_exit_after(seconds: float) -> None:
    """End the process when an orderly end, threads included, takes longer than `seconds`; committed state is safe."""
    timer = threading.Timer(seconds, os._exit, (EXIT_CRASHED,))
    timer.daemon = True
    timer.start()
