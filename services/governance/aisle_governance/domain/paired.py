"""Paired comparisons of two systems on the same units, and many of them at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
RESAMPLES, FLIPS = 2_000, 9_999
ALPHA = 0.05
_LOW, _HIGH = 2.5, 97.5
_CELLS = 4_000_000


@dataclass(frozen=True, slots=True)
class Lift:
    """A mean (difference) over units with its 95 % interval."""

    value: float
    lower: float
    upper: float
    unit_count: int

    @property
    def reach(self) -> float:
        """The interval's largest distance from 0."""
        return max(abs(self.lower), abs(self.upper))


def mean_lift(values: Floats, seed: int) -> Lift:
    """Mean of per-unit values (unit,), percentile bootstrap over units.

    One seed gives the same draws for the same number of units. Source: Efron & Tibshirani 1993, section 13.
    """
    count = len(values)
    if not count:
        return Lift(0.0, 0.0, 0.0, 0)
    rng = np.random.default_rng([seed, count])
    means = np.empty(RESAMPLES)
    step = max(1, _CELLS // count)
    for start in range(0, RESAMPLES, step):
        rows = min(step, RESAMPLES - start)
        means[start : start + rows] = values[rng.integers(0, count, (rows, count))].mean(axis=1)
    value = float(values.mean())
    lower, upper = np.percentile(means, [_LOW, _HIGH])
    return Lift(value, min(float(lower), value), max(float(upper), value), count)


def sign_flip_p(differences: Floats, seed: int) -> float:
    """Two-sided p of "the sign of each difference is chance", by random flips; never 0, 1 when nothing differs.

    Source: Smucker, Allan & Carterette 2007, section 3.3 (randomization test).
    """
    told = differences[differences != 0]
    if not len(told):
        return 1.0
    rng = np.random.default_rng([seed, len(told), 1])
    seen, reached = abs(float(told.sum())) - 1e-12, 0
    step = max(1, _CELLS // len(told))
    for start in range(0, FLIPS, step):
        rows = min(step, FLIPS - start)
        signs = rng.integers(0, 2, (rows, len(told)), dtype=np.int8) * 2 - 1
        reached += int((np.abs(signs @ told) >= seen).sum())
    return (reached + 1) / (FLIPS + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values in the order given: below 0.05 for any true null with a chance of at most 5 % over all together.

    Source: Holm 1979.
    """
    count, adjusted, floor = len(p_values), [1.0] * len(p_values), 0.0
    for place, index in enumerate(sorted(range(count), key=lambda one: p_values[one])):
        floor = max(floor, min(1.0, (count - place) * p_values[index]))
        adjusted[index] = floor
    return adjusted
