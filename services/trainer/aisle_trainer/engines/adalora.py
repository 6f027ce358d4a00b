"""AdaLoRA's budget: which ranks stay, kept whole in checkpoints.

peft decides which ranks go; its importance scores live in plain dictionaries, so a resumed job would forget them.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from aisle_trainer.domain.cost import RankBudget
from aisle_trainer.engines.methods import ADAPTER

_SCORES = ("ipt", "exp_avg_ipt", "exp_avg_unc")
_MASK = "mask"


class RankController:
    """Takes ranks away from a trunk with AdaLoRA while it trains. Source: Zhang et al. 2023, algorithm 1."""

    def __init__(self, trunk: Any) -> None:
        """Take a trunk as `methods.attach` returned it."""
        self._tuner = trunk.base_model
        self._allocator = self._tuner.rankallocator
        self._config = self._tuner.peft_config[ADAPTER]

    def penalty(self) -> Tensor:
        """Return the weighted mean distance of the factors from orthogonal ones, a scalar; peft adds it to its own losses only."""
        terms = []
        for name, factor in self._tuner.model.named_parameters():
            if f"lora_A.{ADAPTER}" in name or f"lora_B.{ADAPTER}" in name:
                gram = factor @ factor.T if "lora_A" in name else factor.T @ factor
                terms.append(torch.linalg.matrix_norm(gram - torch.eye(len(gram))))
        weight: float = self._config.orth_reg_weight
        return weight * torch.stack(terms).mean()

    def after_step(self, step: int) -> None:
        """Update importance scores and take ranks away; call after the optimizer's step `step` (first = 1), gradients still there."""
        self._tuner.update_and_allocate(step)

    def settled(self, step: int) -> bool:
        """Say whether the budget is reached after `step` steps."""
        return bool(step >= self._config.total_step - self._config.tfinal)

    def budget(self) -> RankBudget:
        """Return what remains: the singular values that are not zero."""
        layers = {
            name.partition(".lora_E")[0]: int((values != 0).sum())
            for name, values in self._tuner.model.named_parameters()
            if f"lora_E.{ADAPTER}" in name
        }
        return RankBudget(self._allocator.init_bgt, self._allocator.target_bgt, layers)

    def state(self) -> dict[str, Tensor]:
        """Return what the next step depends on beside weights and moments."""
        found = {
            f"{score}.{name}": values.clone().contiguous()
            for score in _SCORES
            for name, values in getattr(self._allocator, score).items()
        }
        for name, kept in (self._config.rank_pattern or {}).items():
            found[f"{_MASK}.{name}"] = torch.tensor(kept, dtype=torch.uint8)
        return found

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take up what `state` returned."""
        for score in _SCORES:
            setattr(self._allocator, score, _under(state, score))
        masks = _under(state, _MASK)
        self._config.rank_pattern = {name: values.bool().tolist() for name, values in masks.items()} or None


def _under(state: Mapping[str, Tensor], head: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(f"{head}."): values.clone() for name, values in state.items() if name.startswith(f"{head}.")
    }


def controller_of(trunk: nn.Module) -> RankController | None:
    """Return the controller of a trunk with AdaLoRA, None for any other."""
    tuner = getattr(trunk, "base_model", None)
    return RankController(trunk) if hasattr(tuner, "rankallocator") else None
