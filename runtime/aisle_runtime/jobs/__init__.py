"""Long work in child processes: stored, leased, resumed after a crash, cancelled on request."""

from typing import TYPE_CHECKING

from aisle_runtime.jobs.context import JobCancelled, JobContext
from aisle_runtime.jobs.model import JobFailure, JobKind, JobRecord, JobState

if TYPE_CHECKING:
    from aisle_runtime.jobs.runner import Jobs
    from aisle_runtime.jobs.store import StaleAttempt

__all__ = [
    "JobCancelled",
    "JobContext",
    "JobFailure",
    "JobKind",
    "JobRecord",
    "JobState",
    "Jobs",
    "StaleAttempt",
]


def __getattr__(name: str) -> object:
    """Import what needs the database only when it is asked for: child processes never do."""
    if name == "Jobs":
        from aisle_runtime.jobs.runner import Jobs

        return Jobs
    if name == "StaleAttempt":
        from aisle_runtime.jobs.store import StaleAttempt

        return StaleAttempt
    raise AttributeError(name)
