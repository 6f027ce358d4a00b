"""Errors that only the monitor raises."""

from collections.abc import Sequence

from aisle_runtime.errors import AlreadyExists, FailedPrecondition, FieldViolation, InvalidArgument, NotFound


class InvalidPlan(InvalidArgument):
    """A pipeline's plan breaks at least one rule; every broken field is named at once."""

    reason = "INVALID_FIELD"

    def __init__(self, violations: Sequence[FieldViolation]) -> None:
        """Take all violations; the first one leads the message."""
        first = violations[0]
        more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
        super().__init__(
            f"{first.field}: {first.description}{more}",
            next_step="Correct the named fields and repeat.",
            facts={"field": first.field},
            violations=violations,
        )


class UnknownResource(NotFound):
    """Nothing is stored under the name."""

    def __init__(self, what: str, name: str, next_step: str = "List what exists and use one of those names.") -> None:
        """Name the thing, for example `pipeline` and `pipelines/x`."""
        super().__init__(
            f"There is no {what} {name}.",
            next_step=next_step,
            facts={"name": name},
            reason=f"{what.upper().replace(' ', '_')}_NOT_FOUND",
        )


class DefinitionTaken(AlreadyExists):
    """The id belongs to something with another definition."""

    def __init__(self, what: str, name: str) -> None:
        """Name the thing, for example `pipeline` and `pipelines/x`."""
        super().__init__(
            f"The {what} {name} exists with another definition.",
            next_step="Use another id, or the stored definition.",
            facts={"name": name},
            reason=f"{what.upper()}_EXISTS",
        )


class DriftReportFailed(FailedPrecondition):
    """The two versions could not be compared; reason, message and next step are those of the job that tried."""
