"""Update rules, and the scaling of losses that float16 needs."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from aisle_trainer.domain.engine import Engine, Optimizer

BETAS = (0.9, 0.98)


class DecoupledSGD(torch.optim.SGD):
    """Stochastic gradient descent with momentum whose weight decay does not pass through the momentum.

    Source: Loshchilov & Hutter 2019, algorithm 1 (SGDW).
    """

    def __init__(self, groups: list[dict[str, Any]], momentum: float) -> None:
        """Take groups with `lr` and `weight_decay`; the decay is taken out of torch's own hands."""
        moved = [{**group, "decoupled_decay": group["weight_decay"], "weight_decay": 0.0} for group in groups]
        super().__init__(moved, lr=1.0, momentum=momentum)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Shrink the weights, then follow the gradients."""
        for group in self.param_groups:
            if decay := group["decoupled_decay"]:
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        parameter.mul_(1 - group["lr"] * decay)
        return super().step(closure)


def make_optimizer(groups: list[dict[str, Any]], engine: Engine) -> torch.optim.Optimizer:
    """Return the update rule of `engine` over parameter groups."""
    if engine.optimizer is Optimizer.SGD:
        return DecoupledSGD(groups, engine.momentum)
    return torch.optim.AdamW(groups, betas=BETAS, fused=True)


class LossScaler:
    """Keeps float16 gradients from vanishing by scaling the loss; does nothing in other precisions.

    Source: Micikevicius et al. 2018, section 3.2.
    """

    def __init__(self, enabled: bool) -> None:
        """Scale only when `enabled`."""
        self._scaler = torch.amp.GradScaler("cpu", enabled=enabled, init_scale=2.0**12)
        self._scaler.scale(torch.zeros(1))  # makes the tensors that it otherwise makes at the first loss

    @property
    def scale(self) -> float:
        """What losses are multiplied by."""
        return float(self._scaler.get_scale())

    def step(self, optimizer: torch.optim.Optimizer, parameters: list[nn.Parameter], longest: float) -> None:
        """Undo the scaling, clip the gradients to the norm `longest` and update, unless a gradient overflowed."""
        self._scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(parameters, longest)
        self._scaler.step(optimizer)
        self._scaler.update()

    def state(self) -> dict[str, Any]:
        """Return JSON values that `load` takes up."""
        return dict(self._scaler.state_dict())

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        if state:
            self._scaler.load_state_dict(state)
