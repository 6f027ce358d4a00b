"""The caller's remaining time, and what a piece of work will cost as learned from the ones before."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

LEARNING_RATE, DEVIATION_RATE = 0.2, 0.25
RELAXATION = 0.98
CAUTION = 2.0
"""Deviations added to the mean; a prediction that is too low costs an answer, one too high only some quality."""


class Deadline:
    """Counts down from the moment it is made."""

    def __init__(
        self, remaining: float | None, reserve: float = 0.0, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        """Take the caller's `remaining` seconds (None = unlimited) and keep `reserve` of them for sending the answer."""
        self._clock = clock
        self._end = math.inf if remaining is None else clock() + remaining - reserve

    def left(self) -> float:
        """Return the seconds that may still be spent; below 0 when late, infinite without a deadline."""
        return self._end - self._clock()

    def allows(self, seconds: float) -> bool:
        """Say whether work of this length ends in time."""
        return seconds <= self.left()


@dataclass(slots=True)
class CostModel:
    """Seconds per unit of work (one padded token), with the backlog of work that is under way.

    Source of the estimator: Jacobson 1988 (mean and mean deviation, as TCP estimates its round trip).
    """

    workers: int = 1
    """Pieces of work done at the same time; 0 means unknown, then the backlog is not added."""
    mean: float = 0.0
    deviation: float = 0.0
    backlog: int = 0
    """Units under way."""
    _seen: bool = field(default=False)

    def predict(self, units: int) -> float:
        """Return the seconds until a piece of `units` begun now is done; 0 before anything was learned."""
        ahead = self.backlog / self.workers if self.workers else 0.0
        return (ahead + units) * (self.mean + CAUTION * self.deviation)

    def learn(self, units: int, seconds: float) -> None:
        """Take in what a piece of `units` took, waiting left out."""
        if units <= 0:
            return
        sample = seconds / units
        if not self._seen:
            self.mean, self.deviation, self._seen = sample, sample / 4, True
            return
        # One stall must not shut the stage out for long, so a sample counts as at most four times the mean.
        sample = min(sample, 4 * self.mean) if self.mean else sample
        self.deviation += DEVIATION_RATE * (abs(sample - self.mean) - self.deviation)
        self.mean += LEARNING_RATE * (sample - self.mean)

    def relax(self) -> None:
        """Believe a little less in a high cost; to be called when work was skipped, so that it is tried again."""
        self.mean *= RELAXATION
        self.deviation *= RELAXATION
