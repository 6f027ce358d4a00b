"""The training loop: batches of list pieces of all tasks, AdamW, validation, early stopping, resume."""

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aisle_trainer.domain import metrics
from aisle_trainer.domain.metrics import Figure
from aisle_trainer.domain.plan import Plan, Task
from aisle_trainer.domain.report import Validation
from aisle_trainer.domain.sampling import BatchPlan, schedule, validations_without_gain
from aisle_trainer.engines import checkpoint
from aisle_trainer.engines.encoder import Encoded
from aisle_trainer.engines.model import RankingModel
from aisle_trainer.errors import TrainingDiverged

GRADIENT_NORM = 1.0
BETAS = (0.9, 0.98)
_LOSS_WINDOW = 20


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Encoded pairs of one task with their labels 0..1, weights, and the lists they stand in."""

    encoded: Encoded
    labels: NDArray[np.float64]
    weights: NDArray[np.float64]
    lists: NDArray[np.int64]
    """Pairs of one list compete with each other: one query, or one purchase with what was not bought."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the loop asks of its surroundings."""

    validate: Callable[[RankingModel], dict[Task, tuple[Figure, ...]]]
    """Returns the figures per task; the first of each is what early stopping looks at. None means: train to the end."""
    report: Callable[["Progress"], None]
    """Is told after every few steps, validation and checkpoint."""
    stop: Callable[[], bool]
    """Says whether the job was cancelled."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where training stands."""

    step: int
    loss: float
    validations: list[Validation]
    checkpoint_step: int


class TrainingLoop:
    """One training run over a model; the same plan and data give the same weights, killed in between or not."""

    def __init__(
        self,
        model: RankingModel,
        plan: Plan,
        sets: dict[Task, TrainingSet],
        folder: Path,
        data_digest: str,
        hooks: Hooks,
    ) -> None:
        """Take up the newest checkpoint below `folder` when it belongs to the same plan, data and precision."""
        self.model, self.plan, self.sets, self.folder, self.hooks = model, plan, sets, folder, hooks
        self._digest = plan_digest(plan, data_digest, model.bf16)
        self._batches = {
            task: BatchPlan(data.lists, plan.pairs_per_step(task), plan.seed, number)
            for number, (task, data) in enumerate(sorted(sets.items()))
        }
        self.optimizer = torch.optim.AdamW(model.groups(plan), betas=BETAS, fused=True)
        restored = checkpoint.load_newest(folder, model, self.optimizer, self._digest)
        self.step = restored.step if restored else 0
        self.checkpoint_step = self.step
        self.best = restored.best if restored else {}
        facts = restored.facts if restored else {}
        self.losses: list[float] = list(facts.get("losses", []))
        self.validations = [_validation_from_json(entry) for entry in facts.get("validations", [])]
        self.finished = bool(facts.get("finished", False))

    def run(self) -> None:
        """Train to the end and leave the best weights in the model; returns early when the job was cancelled."""
        while not self.finished and not self.hooks.stop():
            self._one_step()
            last = self.step >= self.plan.max_steps
            if last or self.step % self.plan.eval_every_steps == 0:
                self._validate()
                self.finished = last or self._has_stalled()
                self._save()
            self.hooks.report(Progress(self.step, self.loss, self.validations, self.checkpoint_step))
        if self.best:
            self.model.load_trainable(self.best)

    @property
    def loss(self) -> float:
        """Mean loss of the newest steps; 0 before the first."""
        return float(np.mean(self.losses[-_LOSS_WINDOW:])) if self.losses else 0.0

    def _one_step(self) -> None:
        self.model.train()
        share = schedule(self.step, self.plan.max_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak_lr"] * share
        total = 0.0
        for task, data in sorted(self.sets.items()):
            loss = self.plan.weight(task) * self._task_loss(task, data)
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        if not math.isfinite(total):
            raise TrainingDiverged(
                f"The loss is not a number at step {self.step + 1}.",
                next_step="Use a smaller learning rate.",
                facts={"step": str(self.step + 1), "learning_rate": f"{self.plan.learning_rate:g}"},
            )
        nn.utils.clip_grad_norm_([parameter for _, parameter in self.model.trainable()], GRADIENT_NORM)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self.losses.append(total)

    def _task_loss(self, task: Task, data: TrainingSet) -> Tensor:
        """Binary cross-entropy of soft labels, weighted per pair, plus the pairwise loss inside each list."""
        rows = self._batches[task].batch(self.step)
        logits = self.model.logits(task, *data.encoded.tensors(rows))
        labels = torch.from_numpy(data.labels[rows].astype(np.float32))
        weights = torch.from_numpy(data.weights[rows].astype(np.float32))
        loss = nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
        pointwise = (loss * weights).sum() / weights.sum().clamp(min=1e-6)
        return pointwise + pairwise_loss(logits, labels, weights, torch.from_numpy(data.lists[rows]))

    def _validate(self) -> None:
        figures = self.hooks.validate(self.model)
        if not figures:  # nothing is chosen by validation: the newest weights are the ones
            self.best = self.model.trainable_state()
            return
        total = sum(self.plan.weight(task) for task in figures)
        score = sum(self.plan.weight(task) * values[0].value for task, values in figures.items()) / total
        if not self.validations or score > max(entry.score for entry in self.validations):
            self.best = self.model.trainable_state()
        self.validations.append(Validation(self.step, score, figures))

    def _has_stalled(self) -> bool:
        return validations_without_gain([entry.score for entry in self.validations]) >= self.plan.patience

    def _save(self) -> None:
        facts = {
            "plan_digest": self._digest,
            "losses": self.losses[-_LOSS_WINDOW:],
            "validations": [asdict(entry) for entry in self.validations],
            "finished": self.finished,
        }
        checkpoint.save(self.folder, self.model, self.optimizer, checkpoint.TrainingState(self.step, facts, self.best))
        self.checkpoint_step = self.step


def pairwise_loss(logits: Tensor, labels: Tensor, weights: Tensor, lists: Tensor) -> Tensor:
    """Return the logistic loss of wrongly ordered pairs inside each list, weighted by how far their labels are apart.

    All of (pairs,); labels 0..1. Without two different labels in any list the loss is 0. The pointwise loss alone
    spends itself on how easy each query is; this one sees only the order inside a query.
    Source: Burges et al. 2005 (RankNet), section 3, weighted by the difference of gains.
    """
    better = (labels.unsqueeze(1) - labels.unsqueeze(0)).clamp(min=0)
    apart = better * (lists.unsqueeze(1) == lists.unsqueeze(0)) * weights.unsqueeze(1) * weights.unsqueeze(0)
    losses = nn.functional.softplus(logits.unsqueeze(0) - logits.unsqueeze(1))
    return (apart * losses).sum() / apart.sum().clamp(min=1e-6)


def plan_digest(plan: Plan, data_digest: str, bf16: bool) -> str:
    """Return what a checkpoint must agree with before it is taken up: the plan, the data and the precision."""
    return hashlib.sha256(json.dumps([asdict(plan), data_digest, bf16], sort_keys=True).encode()).hexdigest()


def _validation_from_json(entry: dict[str, object]) -> Validation:
    tasks: dict[str, list[dict[str, object]]] = entry["tasks"]  # type: ignore[assignment]
    figures = {
        Task(task): tuple(metrics.Figure(**figure) for figure in values)  # type: ignore[arg-type]
        for task, values in tasks.items()
    }
    return Validation(int(entry["step"]), float(entry["score"]), figures)  # type: ignore[call-overload, arg-type]
