"""What a job is: plain records, known to services and to the runner alike."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

CRASHED, OUT_OF_MEMORY, CANCELLED = "JOB_CRASHED", "JOB_OUT_OF_MEMORY", "JOB_CANCELLED"


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_final(self) -> bool:
        """Say whether the job has ended."""
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True, slots=True)
class JobFailure:
    """Why a job ended badly, in words that a caller may read."""

    reason: str
    """UPPER_SNAKE_CASE, stable across releases."""
    message: str
    """One sentence: what is wrong."""
    next_step: str = ""
    """One sentence: what to do, "" when nothing can be done."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Facts behind the reason."""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One job as stored; times are seconds since the epoch."""

    id: str
    kind: str
    state: JobState
    payload: bytes
    result: bytes
    """What the job's function returned, b"" before that."""
    failure: JobFailure | None
    """Set when `state` is FAILED."""
    progress_ratio: float
    """Share of the work done, 0 to 1."""
    phase: str
    """What is being done now, in words for people."""
    detail: bytes
    """The newest detail that the job's function gave with its progress."""
    attempt_count: int
    """How often a child process has taken the job up."""
    fencing_token: int
    """Token of the newest attempt; it grows with each, and the store refuses what an older one brings."""
    cancel_requested: bool
    """Whether somebody asked for the end of the job."""
    trace_id: str
    """Trace to which the job belongs, 32 hex digits."""
    traceparent: str
    """Trace context in which the job was submitted."""
    revision: int
    """Grows by one with every stored change."""
    create_time: float
    start_time: float | None
    end_time: float | None


@dataclass(frozen=True)
class JobKind:
    """A kind of job: which function does it, how many at once, and what its outcomes change.

    The callbacks run inside the transaction that stores the job's change, in the job's trace: domain writes and
    `outbox.add` belong there. They may be called again when a transaction is repeated.
    """

    kind: str
    """Name of the kind, unique in the service."""
    target: str
    """`package.module:function`; the function takes a JobContext and returns bytes, in a child process."""
    max_parallel: int = 1
    """How many of this kind run at once."""
    memory_limit_bytes: int = 0
    """Memory that the child and its children may hold together; 0 means no limit. A job above it fails for good."""
    max_attempts: int = 5
    """Attempts that may crash before the job fails with JOB_CRASHED. A crash is an end of the child without an answer
    or with an unexpected exception; the end of the service itself does not count, the job is simply taken up again.
    A failure of kind UNAVAILABLE is tried four times as often, then stands."""
    retry_delay_seconds: float = 1.0
    """Pause after the first crash; it doubles with each, up to 30 s."""
    keep_workdir: bool = False
    """Whether the work folder stays after success."""
    niceness: int = 0
    """Added to the child's niceness, 0 to 19."""
    on_progress: Callable[["Connection", JobRecord, bytes], None] | None = None
    """Called with every detail given to `JobContext.progress`, and with b"" for progress without one."""
    on_succeeded: Callable[["Connection", JobRecord, bytes], None] | None = None
    """Called with the function's result. When it raises, the job fails instead."""
    on_failed: Callable[["Connection", JobRecord, JobFailure], None] | None = None
    """Called when the job failed for good, and when it was cancelled: then `record.state` is CANCELLED and the reason
    is JOB_CANCELLED."""
