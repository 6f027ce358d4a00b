"""Long work in child processes: stored, leased, resumed after a crash, cancelled on request."""

from aisle_runtime.jobs.context import JobCancelled, JobContext
from aisle_runtime.jobs.model import JobFailure, JobKind, JobRecord, JobState
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
