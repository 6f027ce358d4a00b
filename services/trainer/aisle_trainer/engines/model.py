"""The ranking model: one encoder trunk, a head per task; the method decides which of its weights are trained."""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aisle_trainer.domain.cost import RankBudget
from aisle_trainer.domain.methods import HEAD_LEARNING_RATE_FACTOR
from aisle_trainer.domain.plan import Plan, Task
from aisle_trainer.engines import methods
from aisle_trainer.engines.adalora import controller_of
from aisle_trainer.engines.encoder import Encoded, masked_mean
from aisle_trainer.errors import InvalidField

HEAD_OF_TASK = {Task.SEARCH_RELEVANCE: "relevance", Task.PURCHASE: "purchase", Task.PAIR_MATCHING: "relevance"}
"""Pair matching is trained alone and borrows a head, so that every trunk has one signature."""
_SCALE, _BIAS = 8.0, -3.2
_PRODUCT_FACTOR, _DIFFERENCE_FACTOR = 20.0, 5.0


class Head(nn.Module):
    """Scores how the two texts of a pair fit: a scaled cosine of their mean states, corrected by a small network.

    The network starts at zero, so that training begins with what the encoder already knows about similar texts; a head
    that begins at random needs several times the steps to get there. Source: Reimers & Gurevych 2019, section 3, for
    the features; here both texts are read together.
    """

    def __init__(self, dim: int) -> None:
        """Take mean states of width `dim`."""
        super().__init__()
        self.scale, self.bias = nn.Parameter(torch.tensor([_SCALE])), nn.Parameter(torch.tensor([_BIAS]))
        self.dense, self.out = nn.Linear(2 * dim, dim), nn.Linear(dim, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Unit-length mean states of both texts (batch, dim) each -> logits (batch,)."""
        common, apart = first * second, (first - second).abs()
        # Unit vectors have small entries; the factors bring products and differences to about 1.
        features = torch.cat([common * _PRODUCT_FACTOR, apart * _DIFFERENCE_FACTOR], dim=1)
        correction = self.out(torch.tanh(self.dense(features))).squeeze(-1)
        return self.scale * common.sum(1) + self.bias + correction  # type: ignore[no-any-return]


class RankingModel(nn.Module):
    """Scores pairs of texts; both heads exist whatever tasks are trained, so that every bundle has one signature."""

    def __init__(self, trunk: nn.Module, plan: Plan) -> None:
        """Put heads on `trunk`, and the plan's method into it; seeds the draws of new weights."""
        super().__init__()
        torch.manual_seed(plan.seed)
        self.dim = int(trunk.config.hidden_size)  # type: ignore[union-attr, arg-type]
        self.method = plan.method
        _freeze(trunk, plan.frozen_layers)
        self.trunk = methods.attach(trunk, plan)
        if plan.engine.gradient_checkpointing:
            trunk.activation_checkpointing_enable({"use_reentrant": False})  # type: ignore[operator]
        self.heads = nn.ModuleDict({name: Head(self.dim) for name in HEAD_OF_TASK.values()})
        taught = {HEAD_OF_TASK[entry.task] for entry in plan.tasks}
        for name, head in self.heads.items():
            head.requires_grad_(name in taught)
        self.ranks = controller_of(self.trunk)
        """What takes ranks away while AdaLoRA trains; None with other methods."""
        self.bf16 = False
        self.fp16 = False

    def logits(self, task: Task, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        """(batch, seq) int64 each -> logits (batch,) of one task."""
        narrow = torch.float16 if self.fp16 else torch.bfloat16
        with torch.autocast("cpu", narrow, enabled=self.bf16 or self.fp16):
            hidden = self.trunk(input_ids=ids, attention_mask=mask, token_type_ids=types).last_hidden_state
        return self.heads[HEAD_OF_TASK[task]](*segment_means(hidden.float(), mask, types))  # type: ignore[no-any-return]

    def predict(self, task: Task, encoded: Encoded) -> NDArray[np.float64]:
        """Return the logit of every encoded pair, (pairs,)."""
        self.eval()
        out = np.zeros(len(encoded.lengths))
        with torch.inference_mode():
            for rows in encoded.batches():
                out[rows] = self.logits(task, *encoded.tensors(rows)).numpy()
        return out

    def trainable(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Yield the parameters that training changes, by name, in a fixed order."""
        return ((name, parameter) for name, parameter in self.named_parameters() if parameter.requires_grad)

    def trainable_state(self) -> dict[str, Tensor]:
        """Return copies of the trained parameters by name."""
        return {name: parameter.detach().clone().contiguous() for name, parameter in self.trainable()}

    def load_trainable(self, state: Mapping[str, Tensor]) -> None:
        """Set the trained parameters from what `trainable_state` returned; raises KeyError when one is missing."""
        with torch.no_grad():
            for name, parameter in self.trainable():
                parameter.copy_(state[name])

    def groups(self, plan: Plan) -> list[dict[str, object]]:
        """Return optimizer groups: matrices decay, biases and norms do not; heads learn faster."""
        groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
        for name, parameter in self.trainable():
            groups.setdefault((name.startswith("heads."), parameter.ndim > 1), []).append(parameter)
        result: list[dict[str, object]] = []
        for (head, matrix), parameters in sorted(groups.items()):
            rate = plan.learning_rate * (HEAD_LEARNING_RATE_FACTOR[plan.method] if head else 1.0)
            decay = plan.weight_decay if matrix else 0.0
            result.append({"params": parameters, "lr": rate, "peak_lr": rate, "weight_decay": decay})
        return result

    def merged(self) -> "RankingModel":
        """Fold the method's parts into the trunk, in place, and return the model; what cannot be folded stays."""
        self.trunk = methods.merge(self.trunk, self.method)
        return self

    def budget(self) -> RankBudget | None:
        """Return how AdaLoRA spread its ranks; None with other methods."""
        return self.ranks.budget() if self.ranks is not None else None

    def counts(self) -> tuple[int, int]:
        """Return (trained, all) parameter counts."""
        return sum(p.numel() for _, p in self.trainable()), sum(p.numel() for p in self.parameters())


def segment_means(hidden: Tensor, mask: Tensor, types: Tensor) -> tuple[Tensor, Tensor]:
    """Return the unit-length mean state of the first and of the second text of each pair, (batch, dim) each.

    hidden (batch, seq, dim), mask and types (batch, seq) int64; types is 1 on the second text. A text without tokens
    gives zeros, never NaN.
    """
    first = masked_mean(hidden, mask * (1 - types))
    second = masked_mean(hidden, mask * types)
    return nn.functional.normalize(first, dim=1), nn.functional.normalize(second, dim=1)


def _freeze(trunk: nn.Module, layers: int) -> None:
    """Leave the embeddings and the lowest `layers` of a BERT-like encoder as they are; raises InvalidField when none are left.

    Source: Howard & Ruder 2018, section 3.3 (upper layers carry what is special to a task), here without unfreezing.
    """
    if not layers:
        return
    stack: nn.ModuleList = trunk.encoder.layer  # type: ignore[union-attr, assignment]
    if layers >= len(stack):
        raise InvalidField("spec.frozen_layers", f"must be below {len(stack)}, the layers of the base model")
    for part in (trunk.embeddings, *stack[:layers]):
        part.requires_grad_(False)


class ExportModel(nn.Module):
    """What is exported: both logits and the unit-length mean-pooled embedding in one graph."""

    def __init__(self, model: RankingModel) -> None:
        """Share the weights of a merged model."""
        super().__init__()
        self.trunk, self.heads = model.trunk, model.heads

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(batch, seq) int64 each -> relevance (batch,), purchase (batch,), embedding (batch, dim)."""
        hidden = self.trunk(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state
        first, second = segment_means(hidden, attention_mask, token_type_ids)
        embedding = nn.functional.normalize(masked_mean(hidden, attention_mask), dim=1)
        return self.heads["relevance"](first, second), self.heads["purchase"](first, second), embedding
