"""Several LoRA models on one trunk that is loaded once: switched between in place, averaged, folded in for export.

What each of them keeps is what its training job trained: the adapter and its heads, a few megabytes beside the trunk.
"""

import copy
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aisle_trainer.domain.methods import Method
from aisle_trainer.domain.plan import Plan, Task
from aisle_trainer.engines import methods
from aisle_trainer.engines.encoder import Encoded
from aisle_trainer.engines.model import RankingModel
from aisle_trainer.errors import FailedPrecondition, InvalidField, NotFound

_KINDS = frozenset({Method.LORA, Method.DORA})


class ResidentTrunk:
    """One frozen trunk with any number of LoRA or DoRA models on it, by name. One thread at a time."""

    def __init__(self, trunk: nn.Module, name: str, plan: Plan, trained: Mapping[str, Tensor]) -> None:
        """Take the base encoder and its first model; `trained` is the `trainable_state` of a model of `plan`."""
        _require_low_rank(name, plan)
        self._model = RankingModel(trunk, plan)
        self._first, self._heads, self._plans = name, {name: self._model.heads}, {name: plan}
        self._load(name, trained)

    @property
    def names(self) -> list[str]:
        """Models that are here, in the order they came."""
        return list(self._heads)

    def add(self, name: str, plan: Plan, trained: Mapping[str, Tensor]) -> None:
        """Put a further model on the trunk; raises FailedPrecondition when the name is taken or the method does not fit."""
        _require_low_rank(name, plan)
        if name in self._heads:
            raise FailedPrecondition(
                "The trunk has a model of this name already.",
                reason="ADAPTER_EXISTS",
                next_step="Choose another name, or remove the old one.",
                facts={"adapter": name},
            )
        methods.add_low_rank(self._model.trunk, self._inner(name), plan)
        self._heads[name], self._plans[name] = copy.deepcopy(self._heads[self._first]), plan
        try:
            self._load(name, trained)
        except FailedPrecondition:
            self.remove(name)
            raise

    def remove(self, name: str) -> None:
        """Take a model off the trunk; the first one stays for as long as the trunk does."""
        self._known(name)
        if name == self._first:
            raise FailedPrecondition(
                "The first model holds the trunk.",
                reason="ADAPTER_IN_USE",
                next_step="Make a new trunk.",
                facts={"adapter": name},
            )
        self._model.trunk.delete_adapter(self._inner(name))  # type: ignore[operator]
        del self._heads[name], self._plans[name]

    def predict(self, name: str, task: Task, encoded: Encoded) -> NDArray[np.float64]:
        """Return one model's logits, (pairs,); switching costs no copy of the trunk."""
        self._switch(name)
        return self._model.predict(task, encoded)

    def export(self, name: str) -> RankingModel:
        """Return a copy with the model folded in, ready for the serving bundle; the trunk here stays as it is."""
        self._switch(name)
        alone = copy.deepcopy(self._model)
        return alone.merged().eval()

    def average(self, name: str, weights: Mapping[str, float]) -> None:
        """Add a model whose updates and heads are the weighted sum of others; all must be LoRA without DoRA.

        Source: Wortsman et al. 2022, section 2 (averaging fine-tuned models), applied to the updates.
        """
        for part in weights:
            self._known(part)
            if self._plans[part].method is not Method.LORA:
                raise InvalidField("weights", f"names {part}, which is not LoRA")
        if not weights or name in self._heads:
            raise InvalidField("weights" if not weights else "name", "names nothing" if not weights else "is taken")
        inner = [self._inner(part) for part in weights]
        # Stacked factors give the exact sum of the updates, at the sum of the ranks.
        self._model.trunk.add_weighted_adapter(  # type: ignore[operator]
            inner, list(weights.values()), self._inner(name), combination_type="cat"
        )
        heads = copy.deepcopy(self._heads[next(iter(weights))])
        with torch.no_grad():
            for key, parameter in heads.named_parameters():
                parts = [share * self._heads[part].get_parameter(key) for part, share in weights.items()]
                parameter.copy_(torch.stack(parts).sum(0))
        self._heads[name], self._plans[name] = heads, self._plans[next(iter(weights))]

    def _switch(self, name: str) -> None:
        self._known(name)
        self._model.trunk.set_adapter(self._inner(name))  # type: ignore[operator]
        self._model.heads = self._heads[name]

    def _known(self, name: str) -> None:
        if name not in self._heads:
            raise NotFound("The trunk has no model of this name.", reason="ADAPTER_NOT_FOUND", facts={"adapter": name})

    def _inner(self, name: str) -> str:
        return methods.ADAPTER if name == self._first else f"resident-{name}"

    def _load(self, name: str, trained: Mapping[str, Tensor]) -> None:
        """Copy a trained state into one model's parameters; raises FailedPrecondition when it does not fit its plan."""
        own = f".{self._inner(name)}"
        with torch.no_grad():
            for key, parameter in self._model.trunk.named_parameters():
                if f"{own}." in f"{key}." and "lora_" in key:
                    parameter.copy_(
                        _fitting(trained, f"trunk.{key}".replace(own, f".{methods.ADAPTER}"), parameter, name)
                    )
            for key, parameter in self._heads[name].named_parameters():
                if f"heads.{key}" in trained:
                    parameter.copy_(_fitting(trained, f"heads.{key}", parameter, name))


def _fitting(trained: Mapping[str, Tensor], key: str, parameter: Tensor, name: str) -> Tensor:
    found = trained.get(key)
    if found is None or found.shape != parameter.shape:
        raise FailedPrecondition(
            "The trained weights do not fit the plan that they came with.",
            reason="ADAPTER_MISMATCH",
            next_step="Pass the weights together with the plan of the job that trained them.",
            facts={"adapter": name, "parameter": key},
        )
    return found


def _require_low_rank(name: str, plan: Plan) -> None:
    if plan.method not in _KINDS:
        raise FailedPrecondition(
            f"A model trained with {plan.method} cannot share a trunk.",
            reason="METHOD_UNSUPPORTED",
            next_step="Train it with lora or dora.",
            facts={"adapter": name, "method": str(plan.method)},
        )
