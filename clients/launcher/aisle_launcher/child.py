"""One process that is kept alive: started, probed, restarted with growing pauses, and ended for good."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from aisle_launcher.files import LogFile
from aisle_launcher.table import ProcessSpec

_GUARD = Path(__file__).with_name("guard.py")
_STARTING_POLL_SECONDS, _READY_POLL_SECONDS = 0.1, 2.0
_KILL_SECONDS = 5.0


class ChildState(StrEnum):
    """Where a process stands."""

    STARTING = "starting"
    READY = "ready"
    NOT_READY = "not ready"
    """Runs and was ready before."""
    RESTARTING = "restarting"
    """Has died; its next start is near."""
    CRASH_LOOP = "crash loop"
    """Dies soon after every start; further tries come slowly."""
    HELD = "held"
    """Stopped by request until it is released."""
    STOPPED = "stopped"


class Backoff:
    """The pause before the next start: short at first, doubled while the process keeps dying young."""

    FIRST_SECONDS, LAST_SECONDS = 0.1, 10.0
    YOUNG_SECONDS = 10.0
    """A process that lived longer than this starts the row anew."""
    LOOP_DEATHS = 5
    """Deaths in a row after which it counts as a crash loop."""

    def __init__(self) -> None:
        """Begin without deaths."""
        self.deaths = 0

    def after(self, lifetime_seconds: float) -> float:
        """Count a death and return the pause in seconds."""
        self.deaths = self.deaths + 1 if lifetime_seconds < self.YOUNG_SECONDS else 1
        return float(min(self.FIRST_SECONDS * 2 ** (self.deaths - 1), self.LAST_SECONDS))

    @property
    def looping(self) -> bool:
        """Say whether the process dies again and again."""
        return self.deaths >= self.LOOP_DEATHS


class Child:
    """Supervises one process; every change is told to `on_change`."""

    def __init__(self, spec: ProcessSpec, log: LogFile, on_change: Callable[["Child"], None]) -> None:
        """Nothing is started before `start`."""
        self.spec, self.log = spec, log
        self.state = ChildState.STOPPED
        self.reason = ""
        """Why it is not ready, in words; "" when it is."""
        self.restarts = 0
        """How often it was started again after it had died."""
        self.paused = False
        self.started_at = time.monotonic()
        self._on_change = on_change
        self._backoff = Backoff()
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._died = asyncio.Event()
        self._wanted = asyncio.Event()
        self._stopping = asyncio.Event()

    @property
    def pid(self) -> int:
        """Process id; 0 while it does not run."""
        return self._process.pid if self._process is not None and self._process.returncode is None else 0

    def start(self) -> None:
        """Start the process and keep it alive from now on."""
        self._wanted.set()
        self._task = asyncio.create_task(self._supervise(), name=f"supervise {self.spec.name}")

    async def stop(self) -> None:
        """End the process for good: SIGTERM, a while to leave, then SIGKILL; may be repeated."""
        self._stopping.set()
        self._wanted.set()
        await self._end_process()
        if self._task is not None:
            await self._task
        self._set(ChildState.STOPPED)

    async def hold(self) -> None:
        """End the process and leave it down until `release`."""
        self._wanted.clear()
        await self._end_process()
        self._set(ChildState.HELD, "held")

    def release(self) -> None:
        """Start a held process again, or let a paused one go on."""
        self.resume()
        self._wanted.set()

    def pause(self) -> None:
        """Stop the process's clock (SIGSTOP): it keeps its sockets and answers nothing."""
        self.paused = True
        self.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused process go on."""
        if self.paused:
            self.paused = False
            self.send(signal.SIGCONT)

    async def kill(self, number: int) -> None:
        """Send a signal that ends the process and return once it has died; it is then started again."""
        died = self._died
        if self.send(number):
            await died.wait()

    def send(self, number: int) -> bool:
        """Send a signal to the process; False when it does not run."""
        if not self.pid:
            return False
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)
        return True

    async def _end_process(self) -> None:
        died = self._died
        self.resume()
        if not self.send(signal.SIGTERM):
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self.spec.stop_seconds):
                await died.wait()
                return
        self.send(signal.SIGKILL)
        with suppress(TimeoutError):
            async with asyncio.timeout(_KILL_SECONDS):
                await died.wait()

    async def _supervise(self) -> None:
        while not self._stopping.is_set():
            if not self._wanted.is_set():
                self._set(ChildState.HELD, "held")
                await self._wanted.wait()
            if self._stopping.is_set():
                return
            outcome = await self._live_once()
            if self._stopping.is_set() or not self._wanted.is_set():
                continue
            self.restarts += 1
            pause = self._backoff.after(time.monotonic() - self.started_at)
            state = ChildState.CRASH_LOOP if self._backoff.looping else ChildState.RESTARTING
            self._set(state, f"{outcome}; started again in {pause:.1f} s")
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()

    async def _live_once(self) -> str:
        """Run the process until it dies and say how it died."""
        self._died = asyncio.Event()
        self.started_at = time.monotonic()
        self.paused = False
        try:
            self._process = process = await self._spawn()
        except OSError as error:
            self._died.set()
            return f"could not be started ({error.strerror})"
        self._set(ChildState.STARTING, "starting")
        if self._stopping.is_set() or not self._wanted.is_set():
            process.terminate()
        watching = asyncio.create_task(self._watch_readiness())
        try:
            code = await process.wait()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        # What the process left behind in its own group goes with it.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        self._died.set()
        return _describe_end(code)

    async def _spawn(self) -> asyncio.subprocess.Process:
        descriptor = self.log.open()
        try:
            return await asyncio.create_subprocess_exec(
                # A group of its own: Ctrl-C in the terminal reaches the launcher alone, which then ends everything.
                *(sys.executable, "-I", "-S", str(_GUARD), str(os.getpid())),
                *self.spec.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                env=dict(self.spec.environment),
                start_new_session=True,
            )
        finally:
            os.close(descriptor)

    async def _watch_readiness(self) -> None:
        while True:
            reason = await self.spec.probe(self.spec.address)
            if not reason:
                self._set(ChildState.READY)
            elif self.state in (ChildState.READY, ChildState.NOT_READY):
                self._set(ChildState.NOT_READY, reason)
            else:
                self._set(ChildState.STARTING, reason)
            await asyncio.sleep(_READY_POLL_SECONDS if self.state is ChildState.READY else _STARTING_POLL_SECONDS)

    def _set(self, state: ChildState, reason: str = "") -> None:
        if (state, reason) != (self.state, self.reason):
            self.state, self.reason = state, reason
            self._on_change(self)


def _describe_end(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
