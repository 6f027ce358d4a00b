"""The one file of the runtime that knows both the shared protobuf types and the runtime's own records."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aisle.type.v1 import failure_pb2, job_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from aisle_runtime.errors import AisleError

if TYPE_CHECKING:
    from aisle_runtime.jobs import JobFailure, JobRecord

MASKED_MESSAGE = "An internal error occurred."
MASKED_NEXT_STEP = "Repeat later; if it stays, ask the operator to look up the trace id in the service's log."


def failure_from_error(error: BaseException) -> failure_pb2.Failure:
    """Say why something failed in words that a caller may read; anything but an AisleError is masked."""
    if isinstance(error, AisleError) and error.kind not in ("INTERNAL", "UNKNOWN"):
        return failure_pb2.Failure(
            reason=error.reason, message=error.message, next_step=error.next_step, facts=error.facts
        )
    return failure_pb2.Failure(reason="INTERNAL", message=MASKED_MESSAGE, next_step=MASKED_NEXT_STEP)


def failure_from_job(failure: "JobFailure") -> failure_pb2.Failure:
    """Translate the stored failure of a job."""
    return failure_pb2.Failure(
        reason=failure.reason, message=failure.message, next_step=failure.next_step, facts=failure.facts
    )


def job_status(job: "JobRecord") -> job_pb2.JobStatus:
    """Translate a job's record into the part that every long-running resource shares."""
    status = job_pb2.JobStatus(
        state=f"JOB_STATE_{job.state.value.upper()}",
        progress_ratio=job.progress_ratio,
        phase=job.phase,
        attempt_count=job.attempt_count,
        trace_id=job.trace_id,
        revision=job.revision,
    )
    if job.failure is not None:
        status.failure.CopyFrom(failure_from_job(job.failure))
    status.create_time.CopyFrom(to_timestamp(job.create_time))
    if job.start_time is not None:
        status.start_time.CopyFrom(to_timestamp(job.start_time))
    if job.end_time is not None:
        status.end_time.CopyFrom(to_timestamp(job.end_time))
    return status


def to_timestamp(value: datetime | float) -> Timestamp:
    """Translate an aware datetime, or seconds since the epoch; a naive datetime is taken as UTC."""
    stamp = Timestamp()
    if isinstance(value, datetime):
        stamp.FromDatetime(value if value.tzinfo else value.replace(tzinfo=UTC))
    else:
        stamp.FromMicroseconds(round(value * 1_000_000))
    return stamp


def from_timestamp(value: Timestamp) -> datetime:
    """Translate into an aware datetime in UTC."""
    return value.ToDatetime(tzinfo=UTC)
