"""Trials of a study and the best of them."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class TrialState(StrEnum):
    """Where a trial stands."""

    RUNNING = "running"
    COMPLETE = "complete"
    PRUNED = "pruned"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Trial:
    """One try."""

    number: int
    """Counts up from 1."""
    state: TrialState = TrialState.RUNNING
    parameters: Mapping[str, float] = field(default_factory=dict)
    """Drawn values by field."""
    score: float = math.nan
    """Best validation score of a complete trial, newest of any other; NaN while there is none."""
    training_job: str = ""
    """`trainingJobs/{job}`, empty until the trainer has accepted it."""
    step_count: int = 0
    """Optimizer steps done."""


def best_trial(trials: Iterable[Trial]) -> Trial | None:
    """Return the complete trial with the highest score, the earliest of equals; None while none is complete."""
    complete = (trial for trial in trials if trial.state is TrialState.COMPLETE)
    return max(complete, key=lambda trial: (trial.score, -trial.number), default=None)
