"""One attempt at a job: a child process, its progress, its outcome, its limits and its end."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Coroutine, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from aisle_runtime.jobs import frames
from aisle_runtime.jobs.frames import Frame
from aisle_runtime.jobs.model import OUT_OF_MEMORY, JobFailure, JobKind, JobRecord

CANCEL_GRACE_SECONDS = 5.0
EXIT_GRACE_SECONDS = 5.0
LOG_GRACE_SECONDS = 0.5
FLUSH_SECONDS = 0.1
MEMORY_LOOK_SECONDS = 0.25
LOG_BYTES = 1 << 20
QUEUE_FRAMES = 256
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ChildOrder:
    """What the child is told in `job.json`."""

    service: str
    job_id: str
    kind: str
    target: str
    attempt: int
    fencing_token: int
    traceparent: str
    otlp_endpoint: str
    trace_sample_ratio: float
    log_level: str
    memory_limit_bytes: int
    niceness: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended."""

    kind: str
    """One of the final frame kinds."""
    result: bytes = b""
    failure: JobFailure | None = None
    transient: bool = False
    """Whether a failure may pass by itself."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """For the log: exit code of a crash."""


class Attempt:
    """Runs one attempt in `folder`; `start`, then `next_progress` until None, then `outcome`; `kill` at any time."""

    def __init__(
        self, job: JobRecord, kind: JobKind, order: ChildOrder, folder: Path, environment: Mapping[str, str]
    ) -> None:
        """Prepare an attempt at `job`; nothing happens before `start`."""
        self.job, self._kind, self._order, self._folder = job, kind, order, folder
        self._environment = environment
        self.traceparent = job.traceparent
        """Trace context of the child's span once it has told, of the job's submission before."""
        self._process: asyncio.subprocess.Process | None = None
        self._frames: asyncio.Queue[Frame | None] = asyncio.Queue(QUEUE_FRAMES)
        self._final: Frame | None = None
        self._ended = False
        self._tasks: list[asyncio.Task[None]] = []
        self._pipe: asyncio.ReadTransport | None = None
        self._last_flush = float("-inf")
        self._over_memory = self._cancelling = self._cancel_wanted = False
        self._log_task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the child; raises OSError when that is impossible, for example because the disk is full."""
        await asyncio.to_thread(self._write_order)
        reading, writing = os.pipe2(os.O_CLOEXEC)
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "aisle_runtime.jobs.child", str(writing), str(os.getpid()), str(self._folder),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=[writing],
                start_new_session=True,
                env=self._environment,
            )  # fmt: skip
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        reader = asyncio.StreamReader()
        self._pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb", buffering=0)
        )
        self._spawn(self._read_frames(reader))
        self._log_task = self._spawn(self._keep_log())
        if self._kind.memory_limit_bytes:
            self._spawn(self._watch_memory())
        if self._cancel_wanted:
            self.cancel()

    async def next_progress(self) -> list[Frame] | None:
        """Return the progress since the last call, waiting for some; None when there will be no more.

        What comes within a tenth of a second comes together, so that a talkative job costs few transactions.
        """
        if self._ended:
            return None
        found = [await self._frames.get()]
        if found[0] is not None and found[0].kind == frames.PROGRESS:
            await asyncio.sleep(max(0.0, self._last_flush + FLUSH_SECONDS - time.monotonic()))
        while not self._frames.empty():
            found.append(self._frames.get_nowait())
        self._last_flush = time.monotonic()
        self._ended = None in found
        return [frame for frame in found if frame is not None]

    async def outcome(self) -> Outcome:
        """Return how the attempt ended; waits for the end of a child that did not say."""
        assert self._process is not None
        if self._final is None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), EXIT_GRACE_SECONDS)
        code = self._process.returncode
        if self._over_memory:
            return Outcome(frames.FAILED, failure=_out_of_memory(self._kind.memory_limit_bytes))
        if self._final is not None:
            return self._read_final(self._final, code)
        return Outcome(frames.CANCELLED if self._cancelling else frames.CRASHED, facts={"exit_code": code})

    def _read_final(self, final: Frame, code: int | None) -> Outcome:
        told = final.fields
        if final.kind == frames.FAILED:
            failure = JobFailure(told["reason"], told["message"], told["next_step"], told["facts"])
            return Outcome(frames.FAILED, failure=failure, transient=bool(told["transient"]))
        if final.kind == frames.CRASHED and self._cancelling:
            return Outcome(frames.CANCELLED)
        return Outcome(final.kind, result=final.body, facts={"exit_code": code, **told})

    def cancel(self) -> None:
        """Ask the child to end and kill it after five seconds; may be repeated."""
        if self._cancelling or self._process is None:
            self._cancel_wanted = True
            return
        self._cancelling = True
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        self._spawn(self._kill_after_grace())

    async def close(self) -> None:
        """Wait a moment for the child's own end, then kill what is left of it and free everything; may be repeated."""
        if self._process is not None and self._final is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), EXIT_GRACE_SECONDS)
        await self.kill()

    async def kill(self) -> None:
        """Kill the child with everything that it started and free everything; may be repeated."""
        if self._process is not None:
            _kill_group(self._process.pid)
            await self._process.wait()
        if self._log_task is not None:
            await asyncio.wait({self._log_task}, timeout=LOG_GRACE_SECONDS)
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._pipe is not None:
            self._pipe.close()
        self._end_progress()

    def _end_progress(self) -> None:
        """Let `next_progress` come to its end, even when nobody fills the queue any more."""
        if self._frames.full():
            self._frames.get_nowait()
        self._frames.put_nowait(None)

    def _write_order(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, data in (("payload", self.job.payload), ("job.json", json.dumps(asdict(self._order)).encode())):
            temporary = self._folder / f"{name}.new"
            descriptor = os.open(temporary, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            temporary.replace(self._folder / name)

    async def _read_frames(self, reader: asyncio.StreamReader) -> None:
        try:
            while (frame := await frames.read(reader)) is not None:
                if frame.kind == frames.STARTED:
                    self.traceparent = frame.fields.get("traceparent") or self.traceparent
                elif frame.kind in frames.FINAL:
                    self._final = frame
                    break
                else:
                    await self._frames.put(frame)
        except ValueError:
            _log.warning("a job wrote nonsense into its pipe", extra={"fields": {"job": self.job.id}})
            _kill_group(self._process.pid if self._process else 0)
        await self._frames.put(None)

    async def _keep_log(self) -> None:
        """Copy the child's output into `log`, of which the newest one to two MiB are kept."""
        assert self._process is not None
        assert self._process.stdout is not None
        path = self._folder / "log"
        while data := await self._process.stdout.read(64 << 10):
            with contextlib.suppress(OSError):  # a full disk must not block the child
                await asyncio.to_thread(_append, path, data)

    async def _watch_memory(self) -> None:
        assert self._process is not None
        limit = self._kind.memory_limit_bytes
        while True:
            await asyncio.sleep(MEMORY_LOOK_SECONDS)
            if _resident_bytes(self._process.pid) > limit:
                self._over_memory = True
                _kill_group(self._process.pid)
                return

    async def _kill_after_grace(self) -> None:
        await asyncio.sleep(CANCEL_GRACE_SECONDS)
        assert self._process is not None
        if self._process.returncode is None:
            _kill_group(self._process.pid)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.append(task)
        return task


def _out_of_memory(limit: int) -> JobFailure:
    return JobFailure(
        OUT_OF_MEMORY,
        "The job needed more memory than it may have.",
        "Ask for less at once, or raise the memory limit of the service.",
        {"limit_bytes": str(limit)},
    )


def _append(path: Path, data: bytes) -> None:
    if path.exists() and path.stat().st_size + len(data) > LOG_BYTES:
        path.replace(path.with_name("log.1"))
    descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "ab") as file:
        file.write(data)


def _resident_bytes(pid: int) -> int:
    """Return the resident memory of a process and its descendants."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0
    total = 0
    for member in family:
        with contextlib.suppress(psutil.Error):
            total += int(member.memory_info().rss)
    return total


def _kill_group(pid: int) -> None:
    """Kill the process group that the child leads."""
    if pid > 1:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
