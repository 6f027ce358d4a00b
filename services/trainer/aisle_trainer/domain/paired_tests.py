"""Tests of two systems on the same units: paired bootstrap, sign flips, and Holm's correction for many of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aisle_trainer.domain.metrics import Figure, Floats, bootstrap_weights, mean_figure

FLIPS = 5_000
EXACT_UNITS = 12
"""Up to this many units all signs are tried."""


@dataclass(frozen=True, slots=True)
class Paired:
    """One system against the reference."""

    difference: Figure
    """System minus reference."""
    bootstrap_p: float
    sign_flip_p: float
    holm_p: float = 1.0


def paired_test(name: str, values: Floats, reference: Floats, seed: int) -> Paired:
    """Test the mean difference of two systems' values per unit, (units,) each, without a correction."""
    difference = values - reference
    draws = bootstrap_weights(len(difference), seed)
    means = draws @ difference / len(difference)
    below, above = ((means <= 0).sum() + 1) / (len(means) + 1), ((means >= 0).sum() + 1) / (len(means) + 1)
    return Paired(
        mean_figure(name, difference, draws), min(1.0, 2 * float(min(below, above))), sign_flip_p(difference, seed)
    )


def sign_flip_p(differences: Floats, seed: int) -> float:
    """Return the two-sided p-value of the sign-flip (Fisher randomisation) test of a mean of 0.

    Exact up to `EXACT_UNITS` units, else from `FLIPS` random signs with the observed ones counted once, so never 0.
    Source: Smucker, Allan and Carterette 2007.
    """
    count = len(differences)
    observed = abs(differences.sum()) - 1e-12
    if count <= EXACT_UNITS:
        bits = (np.arange(2**count)[:, None] >> np.arange(count)) & 1
        return float((np.abs((1 - 2 * bits) @ differences) >= observed).mean())
    rng, reached = np.random.default_rng([seed, count, 17]), 0
    for _ in range(0, FLIPS, 500):
        signs = 1 - 2 * rng.integers(0, 2, size=(500, count), dtype=np.int8)
        reached += int((np.abs(signs @ differences) >= observed).sum())
    return (reached + 1) / (FLIPS + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number, in their order. Source: Holm 1979."""
    order = np.argsort(p_values, kind="stable")
    corrected, highest = [0.0] * len(p_values), 0.0
    for place, at in enumerate(order.tolist()):
        highest = max(highest, min(1.0, p_values[at] * (len(p_values) - place)))
        corrected[at] = highest
    return corrected
