"""`up`, `down` and `status`: each takes its options and returns an exit code."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aisle_launcher.child import Child, ChildState
from aisle_launcher.errors import AlreadyRunning, LauncherError, Misconfigured
from aisle_launcher.files import LogFile
from aisle_launcher.platform import READY_SECONDS, LocalPlatform
from aisle_launcher.state import DEFAULT_STATE_DIR, StateFolder
from aisle_launcher.status import PlatformStatus, ProcessStatus, platform_status
from aisle_launcher.table import Commands

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_RUNNING, EXIT_UNAVAILABLE, EXIT_INTERRUPTED = 0, 1, 2, 3, 5, 130
_POLL_SECONDS = 0.05
_END_SECONDS = 30.0
_ROW = "{name:<11} {state:<11} {address:<21} {pid:>8} {after:>8}"

Say = Callable[[str], None]


def _say(line: str) -> None:
    print(line, flush=True)


@dataclass(frozen=True, slots=True)
class UpOptions:
    """Options of `up`."""

    state_dir: Path = DEFAULT_STATE_DIR
    detach: bool = False
    ports: Mapping[str, int] = field(default_factory=dict)
    commands_file: Path | None = None
    """JSON object: process name -> command line, or null to leave the process to the user."""
    ready_seconds: float = READY_SECONDS


def up(options: UpOptions, say: Say = _say) -> int:
    """Run the platform until SIGINT or SIGTERM, or start it in the background; see the README for the exit codes."""
    try:
        commands = _read_commands(options.commands_file)
        if options.detach:
            return _detach(options, say)
        return asyncio.run(_Up(options, commands, say).run())
    except LauncherError as error:
        return _tell(error, say)


def down(state_dir: Path = DEFAULT_STATE_DIR, say: Say = _say) -> int:
    """End the platform of a state folder; nothing running is fine."""
    state = StateFolder(state_dir)
    if not state.is_locked():
        say(f"Aisle is not running in {state.root}.")
        return EXIT_OK
    pid = state.owner_pid()
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            if pid:
                os.kill(pid, number)
        if _wait_until(lambda: not state.is_locked(), _END_SECONDS):
            say("Aisle has stopped.")
            return EXIT_OK
    say(f"Process {pid} could not be stopped; it may belong to another user.")
    return EXIT_FAILED


def status(state_dir: Path = DEFAULT_STATE_DIR, *, as_json: bool = False, say: Say = _say) -> int:
    """Print what runs; 0 when everything is ready, 5 otherwise."""
    found = platform_status(state_dir)
    if as_json:
        say(json.dumps(found.as_json()))
    elif not found.running:
        say(f"Aisle is not running in {found.state_dir}. Start it with `aisle up`.")
    else:
        for line in _table(found):
            say(line)
    return EXIT_OK if found.ready else EXIT_UNAVAILABLE


class _Up:
    """One run of `up` in the foreground."""

    def __init__(self, options: UpOptions, commands: Commands, say: Say) -> None:
        self._options, self._say = options, say
        self._commands = commands
        self._begun = time.monotonic()
        self._last: dict[str, tuple[ChildState, int]] = {}
        self._stopping = False
        self._platform: LocalPlatform

    async def run(self) -> int:
        options, received = self._options, asyncio.Event()
        self._platform = platform = LocalPlatform(
            options.state_dir, ports=options.ports, commands=self._commands, on_change=self._changed
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, received.set)
        try:
            platform.start()
            self._say(_ROW.format(name="process", state="state", address="address", pid="pid", after="after"))
            announcing = asyncio.create_task(self._announce())
            await received.wait()
            announcing.cancel()
            self._stopping = True
            self._say("Stopping.")
        finally:
            await platform.stop()
        self._say("Every process has ended.")
        return EXIT_OK

    async def _announce(self) -> None:
        try:
            await self._platform.until_ready(timeout=self._options.ready_seconds)
            self._say(f"Aisle is ready after {time.monotonic() - self._begun:.1f} s. Ctrl-C ends it.")
        except LauncherError as error:
            _tell(error, self._say)
            self._say("Going on trying.")
            await self._platform.until_ready(timeout=float("inf"))
            self._say("Aisle is ready.")

    def _changed(self, child: Child) -> None:
        """Print what is new: readiness, deaths and restarts, but not every reason on the way."""
        now = (child.state, child.restarts)
        if self._stopping:
            return
        if self._last.get(child.spec.name) == now or child.state in (ChildState.STARTING, ChildState.STOPPED):
            return
        self._last[child.spec.name] = now
        after = f"{time.monotonic() - self._begun:.1f} s"
        row = _ROW.format(
            name=child.spec.name, state=child.state, address=child.spec.address, pid=child.pid or "", after=after
        )
        self._say(f"{row}  {child.reason}".rstrip())
        if child.state is ChildState.CRASH_LOOP:
            self._say(f"{'':<11} see {child.log.path}: {' / '.join(child.log.tail(1))[:300]}")


def _detach(options: UpOptions, say: Say) -> int:
    state = StateFolder(options.state_dir)
    state.prepare()
    # Only to answer at once; the process in the background takes the lock itself.
    state.lock()
    state.unlock()
    command = [sys.executable, "-m", "aisle_launcher", "up", "--state-dir", str(state.root)]
    command += [f"--port={name}={port}" for name, port in options.ports.items()]
    if options.commands_file is not None:
        command += ["--commands", str(options.commands_file.absolute())]
    log = state.log("launcher")
    log.keep_bounded()
    descriptor = log.open()
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=descriptor, stderr=descriptor, start_new_session=True
        )
    finally:
        os.close(descriptor)
    ready = _wait_until(
        lambda: process.poll() is not None or platform_status(options.state_dir).ready, options.ready_seconds
    )
    if process.returncode is not None:
        say("Aisle did not start: " + " ".join(log.tail(2)))
        return process.returncode or EXIT_FAILED
    # The process goes on in the background, so that nobody waits for it here.
    process.returncode = 0
    return _report_detached(options, log, ready, say)


def _report_detached(options: UpOptions, log: LogFile, ready: bool, say: Say) -> int:
    found = platform_status(options.state_dir)
    for line in _table(found):
        say(line)
    if ready:
        say("Aisle is ready in the background. Stop it with `aisle down`.")
        return EXIT_OK
    say(f"Not everything is ready after {options.ready_seconds:.0f} s; it goes on trying. Logs: {log.path.parent}")
    return EXIT_UNAVAILABLE


def _table(found: PlatformStatus) -> list[str]:
    lines = [f"Aisle runs in {found.state_dir} (process {found.pid}).", _row_header()]
    return lines + [_row(process) for process in found.processes]


_STATUS_ROW = "{:<11} {:<11} {:<21} {:>8} {:>9} {:>9} {:>10}  {}"


def _row_header() -> str:
    return _STATUS_ROW.format("process", "state", "address", "pid", "restarts", "memory", "up", "").rstrip()


def _row(process: ProcessStatus) -> str:
    memory = f"{(process.rss_bytes + process.jobs_rss_bytes) / 2**20:.0f} MiB"
    up_for = f"{process.uptime_seconds:.0f} s"
    return _STATUS_ROW.format(
        process.name,
        process.state,
        process.address,
        process.pid or "",
        process.restarts,
        memory,
        up_for,
        process.reason,
    ).rstrip()


def _read_commands(path: Path | None) -> Commands:
    if path is None:
        return {}
    step = 'Write it like {"trainer": ["python", "-m", "aisle_trainer"], "monitor": null}.'
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Misconfigured(f"The commands file {path} cannot be read: {error}.", step) from error
    if not isinstance(content, dict) or not all(_is_command(value) for value in content.values()):
        raise Misconfigured(f"The commands file {path} does not map names to command lines.", step)
    return content


def _is_command(value: object) -> bool:
    if value is None:
        return True
    return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(part, str) for part in value)


def _wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _tell(error: LauncherError, say: Say) -> int:
    say(str(error))
    if error.next_step:
        say(error.next_step)
    if isinstance(error, AlreadyRunning):
        return EXIT_RUNNING
    return EXIT_USAGE if isinstance(error, Misconfigured) else EXIT_UNAVAILABLE
