"""Errors that the whole of Aisle speaks: plain Python with a kind, a reason, facts and the next step.

The server's interceptor turns them into a gRPC status; nothing else needs to know gRPC.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field of a request that does not fit."""

    field: str
    """Path of the field inside the request, for example `spec.training.tasks[0].dataset`."""
    description: str
    """What is wrong with it, in words for the caller."""


class AisleError(Exception):
    """An expected failure whose text may be shown to a caller.

    `kind` is the name of a canonical gRPC code; `reason` is UPPER_SNAKE_CASE, at most 63 characters, and stable
    across releases. Texts, facts and violations must hold no path, SQL, token or stack trace.
    """

    kind: ClassVar[str] = "INTERNAL"
    reason: str = "INTERNAL"

    def __init__(
        self,
        message: str,
        *,
        next_step: str = "",
        facts: Mapping[str, str] | None = None,
        violations: Sequence[FieldViolation] = (),
        retry_after_seconds: float | None = None,
        reason: str | None = None,
    ) -> None:
        """Keep what is wrong (`message`) and what to do next (`next_step`), each one sentence for people."""
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.facts: dict[str, str] = dict(facts or {})
        self.violations: tuple[FieldViolation, ...] = tuple(violations)
        self.retry_after_seconds = retry_after_seconds
        if reason is not None:
            self.reason = reason


class InvalidArgument(AisleError):
    """The request can never work as it is."""

    kind, reason = "INVALID_ARGUMENT", "INVALID_ARGUMENT"


class InvalidField(InvalidArgument):
    """One field of the request is wrong; `field` is its path."""

    reason = "INVALID_FIELD"

    def __init__(
        self,
        field: str,
        problem: str,
        *,
        next_step: str = "",
        facts: Mapping[str, str] | None = None,
        reason: str | None = None,
    ) -> None:
        """Say which field and what is wrong with it."""
        super().__init__(
            f"{field}: {problem}",
            next_step=next_step,
            facts={"field": field, **(facts or {})},
            violations=(FieldViolation(field, problem),),
            reason=reason,
        )
        self.field = field


class NotFound(AisleError):
    """The named thing does not exist, or the caller may not know that it does."""

    kind, reason = "NOT_FOUND", "NOT_FOUND"


class AlreadyExists(AisleError):
    """The name is taken by something else."""

    kind, reason = "ALREADY_EXISTS", "ALREADY_EXISTS"


class FailedPrecondition(AisleError):
    """The request is fine but the system's state does not allow it; repeating it alone will not help."""

    kind, reason = "FAILED_PRECONDITION", "FAILED_PRECONDITION"


class Aborted(AisleError):
    """Someone else changed the thing meanwhile; read it again and repeat."""

    kind, reason = "ABORTED", "CONFLICT"


class DataLoss(AisleError):
    """Stored bytes are not what was stored; a digest does not match."""

    kind, reason = "DATA_LOSS", "DATA_LOSS"


class ResourceExhausted(AisleError):
    """A limit is reached; repeat after `retry_after_seconds`."""

    kind, reason = "RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED"


class Unavailable(AisleError):
    """A part is away for now; repeat after `retry_after_seconds`."""

    kind, reason = "UNAVAILABLE", "UNAVAILABLE"


class PermissionDenied(AisleError):
    """The caller is known but may not do this."""

    kind, reason = "PERMISSION_DENIED", "PERMISSION_DENIED"


class Unauthenticated(AisleError):
    """The caller is not known."""

    kind, reason = "UNAUTHENTICATED", "UNAUTHENTICATED"


class DeadlineExceeded(AisleError):
    """The caller's time ran out before the work was done."""

    kind, reason = "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"


class OutOfRange(AisleError):
    """A position lies past the end of what exists."""

    kind, reason = "OUT_OF_RANGE", "OUT_OF_RANGE"


class Unimplemented(AisleError):
    """The operation is not available with this configuration."""

    kind, reason = "UNIMPLEMENTED", "UNIMPLEMENTED"
