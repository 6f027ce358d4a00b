"""What a job's function sees of the world."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from aisle_runtime.jobs.frames import PROGRESS, Frame

PROGRESS_INTERVAL_SECONDS = 0.1


class JobCancelled(Exception):
    """Ends the function of a job that somebody asked to end."""


class JobContext:
    """Given to the job's function, in the child process.

    Telemetry is set up there and the job's span is current; the service's settings are in the environment.
    """

    def __init__(
        self,
        job_id: str,
        payload: bytes,
        workdir: Path,
        attempt: int = 1,
        fencing_token: int = 1,
        send: Callable[[Frame], None] = lambda frame: None,
        cancel_event: threading.Event | None = None,
    ) -> None:
        """Make a context; a test of a job's function needs the first three arguments only."""
        self.job_id = job_id
        """Id of the job."""
        self.payload = payload
        """What was submitted."""
        self.workdir = workdir
        """Folder kept between attempts; the names `payload`, `job.json` and `log*` in it belong to the runtime."""
        self.attempt = attempt
        """1 for the first attempt."""
        self.fencing_token = fencing_token
        """Grows with every attempt; hand it to other stores so that they can refuse an older one."""
        self.cancel_seen = False
        """Whether the function has learnt that it should end."""
        self._send, self._cancel = send, cancel_event or threading.Event()
        self._last_progress = float("-inf")

    def progress(self, ratio: float, phase: str, detail: bytes = b"") -> None:
        """Report the share of work done (0 to 1), what is being done, and a detail for the kind's `on_progress`.

        Cheap: without a detail at most ten reports a second are passed on, with one all are.
        """
        now = time.monotonic()
        if not detail and now - self._last_progress < PROGRESS_INTERVAL_SECONDS:
            return
        self._last_progress = now
        self._send(Frame(PROGRESS, {"ratio": min(max(float(ratio), 0.0), 1.0), "phase": phase[:200]}, detail))

    def save(self, name: str, data: bytes) -> Path:
        """Write `data` into the file `name` of the work folder, all of it or nothing, and return its path.

        The process may be killed at any instant; what a later attempt is to find is written like this.
        """
        path = self.workdir / name
        temporary = path.with_name(f".{path.name}.new")
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        return temporary.replace(path)

    @property
    def cancelled(self) -> bool:
        """Say whether the job should end; a function that returns after it saw True is cancelled, not succeeded.

        After a request to cancel there are five seconds before the process is killed.
        """
        self.cancel_seen = self.cancel_seen or self._cancel.is_set()
        return self.cancel_seen

    def raise_if_cancelled(self) -> None:
        """Raise JobCancelled when the job should end."""
        if self.cancelled:
            raise JobCancelled
