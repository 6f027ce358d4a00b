"""Following long work: a stream of states with a progress bar, resumed after the last revision when it breaks."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aisle_cli.failures import CommandFailed, from_failure
from aisle_cli.output import enum_word, plain
from aisle_cli.session import Session

if TYPE_CHECKING:
    from aisle.type.v1.job_pb2 import JobStatus

PATIENCE_SECONDS = 120.0
"""How long a broken stream is tried again before the command gives up."""
_FIRST_PAUSE_SECONDS, _LAST_PAUSE_SECONDS = 0.2, 2.0


def follow(open_stream: Callable[[int], Iterator[Any]], revision_of: Callable[[Any], int]) -> Iterator[Any]:
    """Yield every message of a Watch stream; `open_stream(after_revision)` opens it, again if the server goes away."""
    import grpc

    revision, pause, broken_since = 0, _FIRST_PAUSE_SECONDS, 0.0
    while True:
        try:
            for message in open_stream(revision):
                revision, pause, broken_since = revision_of(message), _FIRST_PAUSE_SECONDS, 0.0
                yield message
            return
        except grpc.RpcError as error:
            broken_since = broken_since or time.monotonic()
            if error.code() is not grpc.StatusCode.UNAVAILABLE or time.monotonic() - broken_since > PATIENCE_SECONDS:
                raise
            time.sleep(pause)
            pause = min(pause * 2, _LAST_PAUSE_SECONDS)


def follow_job(
    session: Session,
    what: str,
    open_stream: Callable[[int], Iterator[Any]],
    get: Callable[[Any], Any],
    status: Callable[[Any], "JobStatus"],
    words: Callable[[Any], str] = lambda resource: "",
) -> Any:
    """Follow a job to its end and return its last state; a failed or cancelled one ends the command with code 1.

    `get` takes the resource out of a stream message, `status` the JobStatus out of the resource, `words` adds to the
    phase what is shown beside the bar.
    """
    from aisle.type.v1 import job_pb2

    last: Any = None
    with ProgressBar(session, what) as bar:
        for message in follow(open_stream, lambda m: status(get(m)).revision):
            last = get(message)
            now = status(last)
            shown = " ".join(
                part for part in (now.phase or enum_word(job_pb2.JobState, now.state), words(last)) if part
            )
            bar.show(1.0 if now.state == job_pb2.JOB_STATE_SUCCEEDED else now.progress_ratio, shown)
    if last is None:
        raise CommandFailed(f"{what} sent no state.", "Repeat the command.")
    check_ended(what, status(last))
    return last


def check_ended(what: str, status: "JobStatus") -> None:
    """End the command with code 1 unless the job succeeded."""
    from aisle.type.v1 import job_pb2

    if status.state == job_pb2.JOB_STATE_FAILED:
        raise from_failure(what, status.failure)
    if status.state == job_pb2.JOB_STATE_CANCELLED:
        raise CommandFailed(f"{what} was cancelled.", reason="CANCELLED")
    if status.state != job_pb2.JOB_STATE_SUCCEEDED:
        raise CommandFailed(f"{what} goes on, but its stream has ended.", "Follow it again.")


class ProgressBar:
    """A progress bar on standard error; plain lines where that is no terminal, nothing with --json."""

    def __init__(self, session: Session, what: str) -> None:
        """Name what is being followed."""
        self._what, self._quiet = what, session.as_json
        self._live: Any = None
        self._task: Any = None
        self._last = ""

    def __enter__(self) -> "ProgressBar":
        """Open the bar."""
        if not self._quiet and sys.stderr.isatty():
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

            from aisle_cli.output import console

            text = TextColumn("{task.description}", markup=False)
            words = TextColumn("{task.fields[words]}", markup=False)
            self._live = Progress(
                text, BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), words, console=console(stderr=True)
            )
            self._live.start()
            self._task = self._live.add_task(self._what, total=1.0, words="")
        return self

    def show(self, ratio: float, words: str) -> None:
        """Show a share of the work and what is being done."""
        words = plain(words)
        if self._live is not None:
            self._live.update(self._task, completed=ratio, words=words)
        elif not self._quiet and words.split(" ")[0] != self._last:
            self._last = words.split(" ")[0]
            print(f"{self._what}: {words} ({ratio:.0%})", file=sys.stderr, flush=True)

    def __exit__(self, *_: object) -> None:
        """Close the bar."""
        if self._live is not None:
            with suppress(Exception):
                self._live.stop()
