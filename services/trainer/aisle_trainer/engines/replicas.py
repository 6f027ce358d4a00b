"""Several processes on one training run: each takes a share of every step's pairs; all hold the same weights."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Replicas:
    """This process among those that train together; one of one when alone. Needs torch.distributed when there are more."""

    rank: int = 0
    size: int = 1

    def share(self, count: int) -> Ints:
        """Return the places 0..count-1 that this process works through: every `size`-th from its rank on."""
        return np.arange(self.rank, count, self.size, dtype=np.int64)

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum of `values` over all processes."""
        if self.size > 1:
            torch.distributed.all_reduce(values)
        return values

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by the sum over all processes, in one exchange."""
        if self.size == 1:
            return
        found = list(parameters)
        flat = torch.cat([(p.grad if p.grad is not None else torch.zeros_like(p)).reshape(-1).float() for p in found])
        torch.distributed.all_reduce(flat)
        for parameter, part in zip(found, torch.split(flat, [p.numel() for p in found]), strict=True):
            parameter.grad = part.view_as(parameter).clone()

    def seed_of(self, seed: int, step: int) -> int:
        """Return a seed for the draws of one step that differs between processes."""
        return int(np.random.SeedSequence([seed, step, self.rank]).generate_state(1, np.uint64)[0] >> np.uint64(1))

    def agreed(self, flag: bool) -> bool:
        """Return the first process's flag in all of them."""
        if self.size == 1:
            return flag
        told = torch.tensor([int(flag)])
        torch.distributed.broadcast(told, src=0)
        return bool(told.item())


ALONE = Replicas()
