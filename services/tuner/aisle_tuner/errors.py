"""Errors that only the tuner raises."""

from collections.abc import Sequence

from aisle_runtime.errors import FailedPrecondition, FieldViolation, InvalidArgument, NotFound, Unavailable


class InvalidStudy(InvalidArgument):
    """What is to be searched breaks at least one rule; every broken field is named at once."""

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


class UnknownStudy(NotFound):
    """No study has this name."""

    reason = "STUDY_NOT_FOUND"

    def __init__(self, name: str) -> None:
        """Take the study's full name."""
        super().__init__(
            f"There is no study {name}.",
            next_step="List the studies and use one of those names.",
            facts={"study": name},
        )


class StudyEnded(FailedPrecondition):
    """The study cannot be stopped any more."""

    reason = "STUDY_ENDED"

    def __init__(self, name: str) -> None:
        """Take the study's full name."""
        super().__init__(f"{name} has ended.", next_step="Look at its result.", facts={"study": name})


class NoTrialCompleted(FailedPrecondition):
    """The study has ended without a trial whose score could be used."""

    reason = "NO_TRIAL_COMPLETED"

    def __init__(self, tried: int, last_failure: str) -> None:
        """Say how many trials were begun and why the last one that failed did."""
        super().__init__(
            f"None of {tried} trials ended with a score"
            + (f"; the last failure: {last_failure}" if last_failure else "."),
            next_step="Look at the training jobs of the trials, correct the spec and start a new study.",
            facts={"trial_count": str(tried)},
        )


class TrialRefused(FailedPrecondition):
    """The trainer does not take the trial's training job; the trial fails, the study goes on."""

    reason = "TRIAL_REFUSED"


class TrainerAway(Unavailable):
    """The trainer stayed out of reach; the study is taken up again later."""

    reason = "TRAINER_UNAVAILABLE"

    def __init__(self) -> None:
        """Take nothing; there is nothing to tell but the fact."""
        super().__init__(
            "The trainer stayed out of reach.",
            next_step="Start the trainer; the study goes on by itself for a while, then start a new one.",
            retry_after_seconds=5,
        )
