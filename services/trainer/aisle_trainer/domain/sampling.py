"""Which pairs an optimizer step sees: a pure function of (seed, step), so that a resumed job needs no more than its step."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
LIST_PIECE = 6
"""Rows of one list that meet in a batch: more compare more pairs, fewer show more lists in a step."""


@dataclass(slots=True)
class BatchPlan:
    """Batches over rows 0..n-1, reshuffled in every epoch; each holds several pieces of lists.

    Rows of one list meet in a batch because what is learned is which of them stands above which. An epoch shows each
    row once.
    """

    lists: Ints
    """List (query, or the choice that a customer had) of each row."""
    batch_size: int
    seed: int
    stream: int
    """Keeps the draws of several tasks apart."""
    piece: int = LIST_PIECE
    """Rows of one list in a batch, at most."""
    _epoch: int = field(default=-1, init=False)
    _batches: list[Ints] = field(default_factory=list, init=False)

    def batch(self, step: int) -> Ints:
        """Return the rows of optimizer step `step` (first = 0)."""
        # All epochs have as many batches, since each list is cut into as many pieces.
        per_epoch = len(self._batches) or len(self._shuffled(0))
        epoch, position = divmod(step, per_epoch)
        if epoch != self._epoch:
            self._batches, self._epoch = self._shuffled(epoch), epoch
        return self._batches[position]

    def _shuffled(self, epoch: int) -> list[Ints]:
        rng = np.random.default_rng([self.seed, self.stream, epoch])
        mixed = rng.permutation(len(self.lists)).astype(np.int64)
        rows = mixed[np.argsort(self.lists[mixed], kind="stable")]
        starts = np.flatnonzero(np.diff(self.lists[rows], prepend=self.lists[rows[0]] - 1))
        size = min(self.piece, self.batch_size)
        pieces = [part[at : at + size] for part in np.split(rows, starts[1:]) for at in range(0, len(part), size)]
        per_batch = max(1, self.batch_size // size)
        order = rng.permutation(len(pieces))
        return [
            np.concatenate([pieces[number] for number in order[at : at + per_batch]])
            for at in range(0, len(order), per_batch)
        ]


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
