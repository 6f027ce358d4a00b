"""What governance refuses, in words for callers: kind, reason, facts and the next step."""

from collections.abc import Sequence

from aisle_runtime.errors import (
    AisleError,
    AlreadyExists,
    DataLoss,
    FailedPrecondition,
    FieldViolation,
    InvalidArgument,
    InvalidField,
    NotFound,
    Unavailable,
)

__all__ = [
    "AisleError",
    "AlreadyExists",
    "ArmRefused",
    "ColumnMissing",
    "ContractBroken",
    "DataLoss",
    "EventRefused",
    "FailedPrecondition",
    "FieldViolation",
    "InvalidArgument",
    "InvalidField",
    "NotFound",
    "QualityGateStopped",
    "SourceProblem",
    "TrainerAway",
    "shorten",
]

_SHOWN_COLUMNS = 20


def shorten(text: str, limit: int = 60) -> str:
    """`text` in one printable line of at most `limit` characters."""
    line = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[: limit + 1])
    return line if len(line) <= limit else line[: limit - 1] + "…"


class SourceProblem(AisleError):
    """A file cannot be taken in at all; nothing of it is kept."""

    kind, reason = "INVALID_ARGUMENT", "SOURCE_UNREADABLE"

    def __init__(
        self, reason: str, message: str, *, next_step: str = "", row: int | None = None, column: str | None = None
    ) -> None:
        """Say what is wrong; `row` is a line (header = 1), or a row number for Parquet."""
        facts = {} if row is None else {"row": str(row)}
        if column is not None:
            facts["column"] = shorten(column)
        super().__init__(message, next_step=next_step, facts=facts, reason=reason)


class ColumnMissing(SourceProblem):
    """The source has no column that the mapping or the kind asks for."""

    def __init__(self, source: str, canonical: str, header: Sequence[str]) -> None:
        """Name the column that was looked for and the columns that are there."""
        shown = ", ".join(shorten(name, 40) for name in header[:_SHOWN_COLUMNS])
        more = "" if len(header) <= _SHOWN_COLUMNS else f" and {len(header) - _SHOWN_COLUMNS} more"
        super().__init__(
            "COLUMN_MISSING",
            f"The file has no column {shorten(source)!r}, which feeds {canonical!r}; it has: {shown}{more}.",
            next_step=f"Map {canonical!r} to one of the file's columns, or check the delimiter.",
            row=1,
            column=source,
        )


class ContractBroken(InvalidArgument):
    """A contract document cannot be read or speaks of something that does not exist."""

    reason = "CONTRACT_INVALID"


class QualityGateStopped(FailedPrecondition):
    """An error-severity check does not hold, so nothing is published."""

    reason = "QUALITY_GATE_FAILED"


class EventRefused(InvalidArgument):
    """One user event cannot be taken in; the others can."""

    reason = "EVENT_INVALID"


class ArmRefused(FailedPrecondition):
    """The trainer does not train an arm of a study; the arm fails, the study goes on."""

    reason = "ARM_REFUSED"


class TrainerAway(Unavailable):
    """The trainer stayed out of reach; the work is taken up again later."""

    reason = "TRAINER_UNAVAILABLE"

    def __init__(self) -> None:
        """Take nothing; there is nothing to tell but the fact."""
        super().__init__(
            "The trainer stayed out of reach.",
            next_step="Start the trainer; the work goes on by itself for a while, then start it anew.",
            retry_after_seconds=5,
        )
