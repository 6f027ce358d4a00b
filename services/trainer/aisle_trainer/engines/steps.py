"""How the pairs of an optimizer step pass through the model: in buckets of like length, and in parts that fit into memory.

Whatever the parts, loss and gradients are those of the whole step: losses that compare pairs with each other see all
their logits at once. Source of the two passes: Gao et al. 2021 (GradCache), section 3.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aisle_trainer.domain.plan import Task
from aisle_trainer.engines.encoder import Encoded
from aisle_trainer.engines.model import RankingModel
from aisle_trainer.engines.replicas import ALONE, Replicas

Ints = NDArray[np.int64]
BUCKET_COST = 128
"""What one more pass through the model costs, in tokens: it adds up all gradients once more. Measured on MiniLM."""
_LENGTH_STEP = 4
"""Lengths are rounded up to this before buckets are cut."""


@dataclass(slots=True)
class Stepper:
    """Runs forward and backward passes over pairs of one task."""

    model: RankingModel
    micro_batch_size: int
    """Pairs that may pass through at once; 0 means any number."""
    replicas: Replicas = ALONE

    def backward(
        self, task: Task, encoded: Encoded, rows: Ints, loss_of: Callable[[Tensor], Tensor], scale: float = 1.0
    ) -> float:
        """Add the gradients of `scale` x loss_of(logits of `rows`) to the parameters; returns the unscaled loss.

        `loss_of` takes logits (rows,) in the order of `rows`; with several replicas each works through its share.
        """
        mine = self.replicas.share(len(rows))
        parts = _parts(mine, encoded.lengths[rows], self.micro_batch_size)
        if len(parts) == 1:
            own = self._logits(task, encoded, rows, parts[0])
            logits = self._everyones(len(rows), parts[0], own)
            loss = loss_of(logits)
            (loss * scale).backward()  # type: ignore[no-untyped-call]
            return float(loss.detach())
        return self._in_parts(task, encoded, rows, parts, loss_of, scale)

    def _in_parts(
        self,
        task: Task,
        encoded: Encoded,
        rows: Ints,
        parts: list[Ints],
        loss_of: Callable[[Tensor], Tensor],
        scale: float,
    ) -> float:
        """Compute all logits without keeping activations, then go through the parts again with what each logit wants."""
        states, found = [], []
        with torch.no_grad():
            for part in parts:
                states.append(torch.get_rng_state())
                found.append(self._logits(task, encoded, rows, part))
        after = torch.get_rng_state()
        wanted = torch.cat(found) if found else torch.zeros(0)
        wanted.requires_grad_()
        places = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
        loss = loss_of(self._everyones(len(rows), places, wanted))
        (loss * scale).backward()  # type: ignore[no-untyped-call]
        if wanted.grad is not None:
            for part, state, gradient in zip(
                parts, states, torch.split(wanted.grad, [len(p) for p in parts]), strict=True
            ):
                torch.set_rng_state(state)  # the same dropout as in the first pass
                logits = self._logits(task, encoded, rows, part)
                torch.autograd.backward(logits, gradient)
        torch.set_rng_state(after)
        return float(loss.detach())

    def _logits(self, task: Task, encoded: Encoded, rows: Ints, part: Ints) -> Tensor:
        """Return logits of `rows[part]`, (part,), passed through in buckets of like length."""
        buckets = length_buckets(encoded.lengths[rows[part]], BUCKET_COST)
        found = [self.model.logits(task, *encoded.tensors(rows[part[bucket]])) for bucket in buckets]
        if len(found) == 1:
            return found[0]
        back = np.argsort(np.concatenate(buckets), kind="stable")
        return torch.cat(found)[torch.from_numpy(back)]

    def _everyones(self, count: int, places: Ints, own: Tensor) -> Tensor:
        """Return logits (count,): our own, with their graph, at `places`, and those of the other replicas."""
        if self.replicas.size == 1 and len(places) == count:
            back = np.argsort(places, kind="stable")
            return own if (back == np.arange(count)).all() else own[torch.from_numpy(back)]
        at = torch.from_numpy(places)
        others = torch.zeros(count).index_copy(0, at, own.detach())
        return self.replicas.sum(others).index_copy(0, at, own)


def length_buckets(lengths: Ints, cost: int) -> list[Ints]:
    """Return rows 0..n-1 in buckets such that padded tokens plus `cost` per bucket are fewest; one where nothing is gained."""
    rounded = -(-lengths // _LENGTH_STEP) * _LENGTH_STEP
    values, counts = np.unique(rounded, return_counts=True)
    if len(values) == 1:
        return [np.arange(len(lengths), dtype=np.int64)]
    below = np.concatenate([[0], np.cumsum(counts)])
    best, cut = np.zeros(len(values) + 1), np.zeros(len(values) + 1, dtype=np.int64)
    for end in range(1, len(values) + 1):
        totals = best[:end] + (below[end] - below[:end]) * values[end - 1] + cost
        cut[end] = int(totals.argmin())
        best[end] = totals[cut[end]]
    order, buckets, end = np.argsort(rounded, kind="stable").astype(np.int64), [], len(values)
    while end:
        buckets.append(np.sort(order[below[cut[end]] : below[end]]))
        end = int(cut[end])
    return buckets[::-1]


def _parts(mine: Ints, lengths: Ints, size: int) -> list[Ints]:
    """Cut the places `mine` into parts of at most `size`, pairs of like length together; size 0 cuts nothing."""
    if not size or len(mine) <= size:
        return [mine]
    order = mine[np.argsort(lengths[mine], kind="stable")]
    return [order[at : at + size] for at in range(0, len(order), size)]


_MEMORY_WORDS = ("can't allocate memory", "not enough memory", "out of memory", "std::bad_alloc")


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error means that memory ran out; torch's processor allocator raises a plain RuntimeError."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in _MEMORY_WORDS)
