"""How many calls are worked on at once: a fixed bound, and below it one per method that follows missed deadlines.

Nothing ever queues here. A call over a bound is refused at once, which costs little and says when to repeat.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from aisle_runtime.errors import ResourceExhausted

OVERLOAD_RETRY_SECONDS = 0.25
MINIMUM_LIMIT = 4
_DECREASE = 0.85
_COMFORTABLE, _SLOW_GROWTH = 0.4, 0.1


@dataclass
class Slots:
    """A fixed bound on calls worked on at once."""

    limit: int
    used: int = 0

    @property
    def free(self) -> bool:
        """Whether one more call may begin."""
        return self.used < self.limit

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold one slot; to be entered only when one is free."""
        self.used += 1
        try:
            yield
        finally:
            self.used -= 1


@dataclass
class AdaptiveSlots:
    """A bound that shrinks while calls miss their deadlines and grows back while they do not.

    Additive increase, multiplicative decrease, one decrease per generation of calls, never below `MINIMUM_LIMIT`
    (or `maximum`, if that is less). Calls that ended shortly before their deadline make it grow ten times slower, so
    that it settles where most calls have time to spare. Calls without a deadline never shrink it.
    Source: Chiu & Jain 1989; the generation rule is TCP's (one decrease per round trip).
    """

    maximum: int
    limit: float = field(init=False)
    used: int = 0
    _last_decrease: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self.limit = float(self.maximum)

    @property
    def free(self) -> bool:
        """Whether one more call may begin."""
        return self.used < int(self.limit)

    def enter(self) -> None:
        """Take a slot; to be called only when one is free."""
        self.used += 1

    def leave(self, started: float, *, spare: float, now: float | None = None) -> None:
        """Give the slot of a call begun at `started` (seconds, monotonic) back and learn from its outcome.

        `spare` is the share of its time that the call had left at its end: 1 without a deadline, 0 or less when missed.
        """
        busy = self.used * 2 >= self.limit
        self.used -= 1
        if spare > 0:
            if busy:  # an idle method proves nothing about a higher bound
                step = 1.0 if spare > _COMFORTABLE else _SLOW_GROWTH
                self.limit = min(float(self.maximum), self.limit + step / self.limit)
        elif started > self._last_decrease:
            self._last_decrease = time.perf_counter() if now is None else now
            self.limit = max(float(min(MINIMUM_LIMIT, self.maximum)), self.limit * _DECREASE)


def too_many_calls() -> ResourceExhausted:
    """Return the refusal of a call for which there is no slot."""
    return ResourceExhausted(
        "The service works on as many calls as it can.",
        reason="TOO_MANY_CALLS",
        next_step="Repeat after the given delay.",
        retry_after_seconds=OVERLOAD_RETRY_SECONDS,
    )
