"""Orders that are drawn, with the exact probability of each product at each position."""

import hashlib
from dataclasses import dataclass

import numpy as np

from aisle_ranker.domain.arrays import Floats, Ints
from aisle_ranker.domain.diversity import scaled

MOST_DRAWN = 10
"""Positions of a Plackett-Luce draw: exact probabilities need every subset of them."""

LEAST_TEMPERATURE = 0.002
"""Scores differ by at most 1, so that the smallest weight is exp(-500)."""


@dataclass(frozen=True, slots=True)
class Draw:
    """An order of n neighbours and how it came about."""

    order: Ints
    """(n,) places before."""
    probabilities: Floats
    """(n, n): of the product from place i at place k; rows and columns sum to 1."""


def generator(answer_id: str) -> np.random.Generator:
    """Return the random numbers of an answer: the same for the same id, on every machine."""
    return np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(answer_id.encode()).digest()[:16], "big")))


def epsilon_slot(count: int, epsilon: float, random: np.random.Generator) -> Draw:
    """With probability `epsilon` put one of `count` products, drawn uniformly, first; the others keep their order."""
    drawn, at = random.random() < epsilon, int(random.integers(count))
    order = np.arange(count, dtype=np.int64)
    if drawn:
        order = np.concatenate([[at], np.delete(order, at)]).astype(np.int64)
    table = np.zeros((count, count))
    table[:, 0] = epsilon / count
    table[0, 0] += 1 - epsilon
    for place in range(1, count):
        # A draw from above leaves this place alone, a draw from here or below pushes the one above down to it.
        table[place, place] = 1 - epsilon + epsilon * place / count
        table[place - 1, place] = epsilon * (count - place) / count
    return Draw(order, table)


def plackett_luce(scores: Floats, temperature: float, random: np.random.Generator) -> Draw:
    """Draw an order in which each next product is one of those left, with probability proportional to exp(score / temperature).

    scores (n,), n at most `MOST_DRAWN`, are scaled to 0..1 first.
    Source: Plackett 1975; drawn as in Gumbel's trick, probabilities by dynamic programming over subsets.
    """
    logits = scaled(scores) / temperature
    order = np.argsort(-(logits + random.gumbel(size=len(scores))), kind="stable").astype(np.int64)
    return Draw(order, _chances(np.exp(logits - logits.max())))


def _chances(weights: Floats) -> Floats:
    """Return the probability of each product at each place, (n, n)."""
    count = len(weights)
    subsets = np.arange(1 << count)
    inside = (subsets[:, None] >> np.arange(count)) & 1 == 1
    # What is left is added up, not subtracted from the whole: a difference would lose small weights.
    left = np.where(inside, 0.0, weights).sum(axis=1)
    size = inside.sum(axis=1)
    reached, table = np.zeros(1 << count), np.zeros((count, count))
    reached[0] = 1.0
    bits = 1 << np.arange(count)
    for place in range(count):
        now = subsets[size == place]
        chance = np.where(inside[now], 0.0, reached[now, None] * weights / left[now, None])
        table[:, place] = chance.sum(axis=0)
        np.add.at(reached, now[:, None] | bits, chance)
    return table
