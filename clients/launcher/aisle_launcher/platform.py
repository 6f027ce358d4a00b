"""The whole platform on this machine, for the command line, the demo and tests.

```python
async with LocalPlatform(Path("state")) as platform:
    channel = open_channel(platform.addresses["ranker"])
    await platform.kill("trainer")          # it comes back at the same address
    await platform.until_ready("trainer")
```
"""

import asyncio
import json
import signal
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from aisle_launcher.child import Child, ChildState
from aisle_launcher.errors import Misconfigured, NotReady
from aisle_launcher.files import write_private
from aisle_launcher.state import DEFAULT_STATE_DIR, StateFolder
from aisle_launcher.supervisor import OnChange, Supervisor
from aisle_launcher.table import NAMES, NATS, SERVICES, Commands, process_table

READY_SECONDS = 60.0


class LocalPlatform:
    """NATS and the six services as child processes; all of them end with the block, or with this process.

    The children die when the thread that runs the event loop ends, so use it from a loop that lives long enough.
    """

    def __init__(
        self,
        state_dir: Path = DEFAULT_STATE_DIR,
        *,
        ports: Mapping[str, int] | None = None,
        commands: Commands | None = None,
        environment: Mapping[str, str] | None = None,
        ready_seconds: float = READY_SECONDS,
        on_change: OnChange | None = None,
    ) -> None:
        """Describe the platform; nothing is started yet.

        `ports` fixes ports by process name, the others are free ones and stay the same in this state folder;
        `commands` replaces command lines by process name (None leaves a process out); `environment` is added to the
        environment of every process; `on_change` hears of every change of a process.
        """
        self.state = StateFolder(state_dir)
        self._ports, self._commands = dict(ports or {}), dict(commands or {})
        self._environment = dict(environment or {})
        self._ready_seconds, self._on_change = ready_seconds, on_change
        self._supervisor: Supervisor | None = None
        self.addresses: dict[str, str] = {}
        """host:port of each service."""
        self.nats_url = ""
        """Address of the event bus."""

    async def __aenter__(self) -> "LocalPlatform":
        """Start everything and wait until all processes are ready.

        Raises AlreadyRunning, Misconfigured, or NotReady with the names and reasons of those that are not.
        """
        try:
            self.start()
            await self.until_ready()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every process."""
        await self.stop()

    def start(self) -> None:
        """Take the state folder and start every process, without waiting for readiness.

        Raises AlreadyRunning or Misconfigured.
        """
        for name in (*self._ports, *self._commands):
            if name not in NAMES:
                raise Misconfigured(f"There is no process `{name}`.", f"The processes are {', '.join(NAMES)}.")
        self.state.prepare()
        self.state.lock()
        ports = self.state.ports(NAMES, self._ports)
        table = process_table(self.state, ports, commands=self._commands, environment=self._environment)
        self.addresses = {name: f"127.0.0.1:{ports[name]}" for name in SERVICES}
        self.nats_url = f"nats://127.0.0.1:{ports[NATS]}"
        endpoints = {"services": self.addresses, "nats_url": self.nats_url}
        write_private(self.state.endpoints_file, json.dumps(endpoints, indent=2) + "\n")
        self._supervisor = Supervisor(self.state, table, self._on_change)
        self._supervisor.start()

    async def stop(self) -> None:
        """End every process and give the state folder up; may be repeated."""
        if self._supervisor is not None:
            await self._supervisor.stop()
            self._supervisor = None
            self.state.endpoints_file.unlink(missing_ok=True)
            self.state.status_file.unlink(missing_ok=True)
        self.state.unlock()

    async def until_ready(self, *names: str, timeout: float | None = None) -> None:
        """Return once the named processes (all by default) are ready; raise NotReady after `timeout` seconds."""
        seconds = self._ready_seconds if timeout is None else timeout
        try:
            async with asyncio.timeout(seconds):
                await self._running.until_ready(names)
        except TimeoutError:
            raise NotReady(self._why_not_ready(seconds), f"See the logs in {self.state.root / 'logs'}.") from None

    @property
    def children(self) -> Mapping[str, Child]:
        """The supervised processes by name."""
        return self._running.children

    @property
    def restarts(self) -> dict[str, int]:
        """How often each process was started again after it had died."""
        return {name: child.restarts for name, child in self.children.items()}

    def pid(self, name: str) -> int:
        """Process id; 0 while the process does not run."""
        return self.children[name].pid

    async def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Send a signal that ends a process and return once it has died; it is started again at once."""
        await self.children[name].kill(number)

    async def hold(self, name: str) -> None:
        """End a process and leave it down until `release`."""
        await self.children[name].hold()

    async def release(self, name: str) -> None:
        """Start a held process again, or let a paused one go on; `until_ready` waits for it."""
        self.children[name].release()

    async def pause(self, name: str) -> None:
        """Stop a process's clock (SIGSTOP): it keeps its sockets and answers nothing; `release` lets it go on."""
        self.children[name].pause()

    async def stop_nats(self) -> None:
        """End the event bus and leave it down."""
        await self.hold(NATS)

    async def pause_nats(self) -> None:
        """Stop the event bus's clock."""
        await self.pause(NATS)

    async def start_nats(self) -> None:
        """Start the event bus again after `stop_nats`, or let it go on after `pause_nats`, and wait until it answers."""
        await self.release(NATS)
        await self.until_ready(NATS)

    def nats_password(self, user: str = "admin") -> str:
        """Return the bus password of a service, or of `admin` who may do everything there."""
        return self.state.credentials(())[user]

    @property
    def _running(self) -> Supervisor:
        if self._supervisor is None:
            raise NotReady("The platform is not running.")
        return self._supervisor

    def _why_not_ready(self, seconds: float) -> str:
        late = [c for c in self.children.values() if c.state is not ChildState.READY]
        parts = [f"{child.spec.name} ({child.state}: {child.reason})" for child in late]
        return f"Not ready after {seconds:.0f} s: {'; '.join(parts)}."
