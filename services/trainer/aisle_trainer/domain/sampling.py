"""Which pairs an optimizer step sees: a pure function of (seed, step), so that a resumed job needs no more than its step."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
BATCHES_PER_BUCKET = 16
"""Batches that are sorted by length together: more means less padding and less mixing."""


@dataclass(slots=True)
class BatchPlan:
    """Length-bucketed batches over rows 0..n-1, reshuffled in every epoch."""

    lengths: Ints
    """Tokens of each row."""
    batch_size: int
    seed: int
    stream: int
    """Keeps the draws of several tasks apart."""
    _epoch: int = field(default=-1, init=False)
    _batches: list[Ints] = field(default_factory=list, init=False)

    def batch(self, step: int) -> Ints:
        """Return the rows of optimizer step `step` (first = 0)."""
        per_epoch = max(1, -(-len(self.lengths) // self.batch_size))
        epoch, position = divmod(step, per_epoch)
        if epoch != self._epoch:
            self._batches, self._epoch = self._shuffled(epoch), epoch
        return self._batches[position]

    def _shuffled(self, epoch: int) -> list[Ints]:
        rng = np.random.default_rng([self.seed, self.stream, epoch])
        rows = rng.permutation(len(self.lengths)).astype(np.int64)
        batches: list[Ints] = []
        span = self.batch_size * BATCHES_PER_BUCKET
        for start in range(0, len(rows), span):
            bucket = rows[start : start + span]
            bucket = bucket[np.argsort(self.lengths[bucket], kind="stable")]
            batches += [bucket[i : i + self.batch_size] for i in range(0, len(bucket), self.batch_size)]
        return [batches[i] for i in rng.permutation(len(batches))]


def schedule(step: int, max_steps: int, warmup_share: float = 0.1) -> float:
    """Return the share of the peak learning rate at `step` (first = 0): linear warm-up, then linear decay to 0."""
    warmup = max(1, round(max_steps * warmup_share))
    if step < warmup:
        return (step + 1) / warmup
    return max(0.0, (max_steps - step) / max(1, max_steps - warmup + 1))


def noisy_labels(labels: NDArray[np.float64], ratio: float, seed: int) -> NDArray[np.float64]:
    """Replace a share of the labels by labels drawn from all of them; 0 returns them unchanged."""
    if ratio <= 0:
        return labels
    rng = np.random.default_rng([seed, 7])
    changed = rng.random(len(labels)) < ratio
    return np.where(changed, rng.choice(labels, size=len(labels)), labels)


def validations_without_gain(scores: list[float]) -> int:
    """Return how many of the newest validations brought no better score than the best before them."""
    if not scores:
        return 0
    return len(scores) - 1 - int(np.argmax(scores))
