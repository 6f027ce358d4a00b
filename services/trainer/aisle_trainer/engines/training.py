"""The training loop: batches of list pieces of all tasks, optimizer steps, validation, early stopping, resume."""

import hashlib
import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aisle_trainer.domain import metrics
from aisle_trainer.domain.cost import Cost, Gap
from aisle_trainer.domain.engine import MOST_CLASSES, class_weights, rate_share
from aisle_trainer.domain.metrics import Figure
from aisle_trainer.domain.plan import Plan, Task
from aisle_trainer.domain.report import Validation
from aisle_trainer.domain.sampling import BatchPlan, validations_without_gain
from aisle_trainer.engines import checkpoint
from aisle_trainer.engines.encoder import Encoded
from aisle_trainer.engines.memory import PeakMemory
from aisle_trainer.engines.model import RankingModel
from aisle_trainer.engines.optimizers import LossScaler, make_optimizer
from aisle_trainer.engines.replicas import ALONE, Replicas
from aisle_trainer.engines.steps import Stepper, is_out_of_memory
from aisle_trainer.errors import InvalidLabels, TrainingDiverged, TrainingOutOfMemory

LOSS_FIGURE = "log_loss"
"""Name under which a task's validation tells its loss, for the alarm on the gap to training."""
_LOSS_WINDOW = 20
_log = logging.getLogger(__name__)


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
        replicas: Replicas = ALONE,
    ) -> None:
        """Take up the newest checkpoint below `folder` when it belongs to the same plan, data and precision.

        With several replicas each calls this with the same arguments; the first one validates and writes.
        """
        self.model, self.plan, self.folder, self.hooks, self.replicas = model, plan, folder, hooks, replicas
        self.sets = (
            {task: _balanced(task, data) for task, data in sets.items()} if plan.engine.balance_classes else sets
        )
        self._digest = plan_digest(plan, data_digest, model.bf16)
        self._batches = {
            task: BatchPlan(data.lists, plan.pairs_per_step(task), plan.seed, number)
            for number, (task, data) in enumerate(sorted(sets.items()))
        }
        self.optimizer = make_optimizer(model.groups(plan), plan.engine)
        self.scaler = LossScaler(model.fp16)
        restored = checkpoint.load_newest(folder, model, self.optimizer, self._digest)
        self.step = restored.step if restored else 0
        self.checkpoint_step = self.step
        self.best = restored.best if restored else {}
        facts = restored.facts if restored else {}
        self.losses: list[float] = list(facts.get("losses", []))
        self.validations = [_validation_from_json(entry) for entry in facts.get("validations", [])]
        self.finished = bool(facts.get("finished", False))
        self.scaler.load(facts.get("scaler", {}))
        self._ran_out = int(facts.get("out_of_memory_count", 0))
        self._stepper = Stepper(model, int(facts.get("micro_batch_size", plan.engine.micro_batch_size)), replicas)
        self._gaps = [Gap(Task(entry.pop("task")), **entry) for entry in facts.get("gaps", [])]
        self._recent: dict[Task, list[float]] = {task: [] for task in sets}
        self._cpu = self._wall = 0.0
        self._pairs = 0
        self._memory = PeakMemory()

    def run(self) -> None:
        """Train to the end and leave the best weights in the model; returns early when the job was cancelled."""
        first = self.replicas.rank == 0
        while not self.finished and not self.replicas.agreed(self.hooks.stop()):
            self._timed_step()
            last = self.step >= self.plan.max_steps
            if last or self.step % self.plan.eval_every_steps == 0:
                self._memory.look()
                if first:
                    self._validate()
                self.finished = self.replicas.agreed(last or self._has_stalled())
                if first:
                    self._save()
            if first:
                self.hooks.report(Progress(self.step, self.loss, self.validations, self.checkpoint_step))
        if self.best:
            self.model.load_trainable(self.best)

    @property
    def loss(self) -> float:
        """Mean loss of the newest steps; 0 before the first."""
        return float(np.mean(self.losses[-_LOSS_WINDOW:])) if self.losses else 0.0

    @property
    def cost(self) -> Cost:
        """What training took so far; times and pairs are those of this attempt."""
        self._memory.look()
        trainable, parameters = self.model.counts()
        heads = sum(values.numel() for name, values in self.model.trainable() if name.startswith("heads."))
        return Cost(
            trainable=trainable,
            parameters=parameters,
            trunk_trainable=trainable - heads,
            peak_memory_bytes=self._memory.peak_bytes,
            step_cpu_seconds=self._cpu,
            step_seconds=self._wall,
            pairs=self._pairs,
            micro_batch_size=self._stepper.micro_batch_size or self.plan.batch_size,
            out_of_memory_count=self._ran_out,
            trained_bytes=sum(v.numel() * v.element_size() for _, v in self.model.trainable()),
            gaps=list(self._gaps),
            rank_budget=self.model.budget(),
        )

    def _timed_step(self) -> None:
        cpu, wall = time.process_time(), time.monotonic()
        self._one_step()
        self._cpu += time.process_time() - cpu
        self._wall += time.monotonic() - wall

    def _one_step(self) -> None:
        self.model.train()
        share = rate_share(self.step, self.plan.max_steps, self.plan.engine)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak_lr"] * share
        if self.replicas.size > 1:
            torch.manual_seed(self.replicas.seed_of(self.plan.seed, self.step))
        total = self._backward_within_memory()
        if not math.isfinite(total):
            raise TrainingDiverged(
                f"The loss is not a number at step {self.step + 1}.",
                next_step="Use a smaller learning rate.",
                facts={"step": str(self.step + 1), "learning_rate": f"{self.plan.learning_rate:g}"},
            )
        parameters = [parameter for _, parameter in self.model.trainable()]
        self.replicas.sum_gradients(parameters)
        self.scaler.step(self.optimizer, parameters, self.plan.engine.gradient_norm)
        self.step += 1
        if self.model.ranks is not None:
            self.model.ranks.after_step(self.step)
        self.optimizer.zero_grad(set_to_none=True)
        self.losses.append(total)

    def _backward_within_memory(self) -> float:
        """Compute the gradients of a step; when memory runs out, do so again in parts of half the size."""
        before = torch.get_rng_state()
        while True:
            try:
                return self._backward()
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                size = self._stepper.micro_batch_size or self.plan.batch_size
                if size == 1 or self.replicas.size > 1:
                    raise _too_large(self.plan, self.step, size) from error
            self.optimizer.zero_grad(set_to_none=True)
            torch.set_rng_state(before)
            self._stepper.micro_batch_size, self._ran_out = size // 2, self._ran_out + 1
            told = {"step": self.step + 1, "micro_batch_size": size // 2}
            _log.warning("memory ran out; the step goes on in smaller parts", extra={"fields": told})

    def _backward(self) -> float:
        total, pointwise = 0.0, {}
        for task, data in sorted(self.sets.items()):
            rows, weight = self._batches[task].batch(self.step), self.plan.weight(task)
            objective = _Objective(data, rows)
            total += weight * self._stepper.backward(task, data.encoded, rows, objective, weight * self.scaler.scale)
            pointwise[task] = objective.pointwise
            self._pairs += len(rows)
        if self.model.ranks is not None and self.replicas.rank == 0:
            penalty = self.model.ranks.penalty()
            (penalty * self.scaler.scale).backward()  # type: ignore[no-untyped-call]
        for task, value in pointwise.items():
            self._recent[task].append(value)
        return total

    def _validate(self) -> None:
        figures = self.hooks.validate(self.model)
        if not figures:  # nothing is chosen by validation: the newest weights are the ones
            self.best = self.model.trainable_state()
            return
        total = sum(self.plan.weight(task) for task in figures)
        score = sum(self.plan.weight(task) * values[0].value for task, values in figures.items()) / total
        counted = self._counted()
        if self._counts(self.step) and (not counted or score > max(counted)):
            self.best = self.model.trainable_state()
        self.validations.append(Validation(self.step, score, figures))
        self._look_for_gaps(figures)

    def _counts(self, step: int) -> bool:
        """Say whether the weights after `step` may be kept: not while AdaLoRA is above its budget, unless training ends."""
        ranks = self.model.ranks
        return ranks is None or ranks.settled(step) or step >= self.plan.max_steps

    def _counted(self) -> list[float]:
        return [entry.score for entry in self.validations if self._counts(entry.step)]

    def _has_stalled(self) -> bool:
        return validations_without_gain(self._counted()) >= self.plan.patience

    def _look_for_gaps(self, figures: dict[Task, tuple[Figure, ...]]) -> None:
        """Raise the alarm where the loss on validation data is far above the mean loss of the steps since the last look."""
        limit = self.plan.engine.gap_limit
        for task, values in figures.items():
            told = next((figure.value for figure in values if figure.name == LOSS_FIGURE), None)
            recent, self._recent[task] = self._recent.get(task, []), []
            if told is None or not recent:
                continue
            gap = Gap(task, self.step, float(np.mean(recent)), told, limit)
            if gap.width > limit:
                self._gaps.append(gap)
                _log.warning("validation loss is far above training loss", extra={"fields": {"step": self.step}})

    def _save(self) -> None:
        facts = {
            "plan_digest": self._digest,
            "losses": self.losses[-_LOSS_WINDOW:],
            "validations": [asdict(entry) for entry in self.validations],
            "finished": self.finished,
            "scaler": self.scaler.state(),
            "micro_batch_size": self._stepper.micro_batch_size,
            "out_of_memory_count": self._ran_out,
            "gaps": [asdict(gap) for gap in self._gaps],
        }
        checkpoint.save(self.folder, self.model, self.optimizer, checkpoint.TrainingState(self.step, facts, self.best))
        self.checkpoint_step = self.step


class _Objective:
    """The loss of one step's pairs: cross-entropy of soft labels, weighted per pair, plus the pairwise loss inside lists."""

    def __init__(self, data: TrainingSet, rows: NDArray[np.int64]) -> None:
        self._labels = torch.from_numpy(data.labels[rows].astype(np.float32))
        self._weights = torch.from_numpy(data.weights[rows].astype(np.float32))
        self._lists = torch.from_numpy(data.lists[rows])
        self.pointwise = 0.0
        """Mean cross-entropy of the pairs, unweighted; known once the loss was computed."""

    def __call__(self, logits: Tensor) -> Tensor:
        """(pairs,) -> scalar."""
        losses = nn.functional.binary_cross_entropy_with_logits(logits, self._labels, reduction="none")
        self.pointwise = float(losses.detach().mean())
        mean = (losses * self._weights).sum() / self._weights.sum().clamp(min=1e-6)
        return mean + pairwise_loss(logits, self._labels, self._weights, self._lists)


def _balanced(task: Task, data: TrainingSet) -> TrainingSet:
    """Return `data` with weights that give each label value the same total beside the weights it came with."""
    balance = class_weights(data.labels)
    if balance is None:
        raise InvalidLabels(
            f"The labels of {task} have more than {MOST_CLASSES} different values, so there are no classes to balance.",
            next_step="Leave spec.engine.balance_classes out, or import whole grades.",
            facts={"task": str(task)},
        )
    weights = data.weights * balance
    return replace(data, weights=weights / weights.mean())


def _too_large(plan: Plan, step: int, size: int) -> TrainingOutOfMemory:
    return TrainingOutOfMemory(
        f"Memory ran out at step {step + 1}, with {size} pair{'s' if size > 1 else ''} at a time.",
        next_step="Lower spec.max_tokens or spec.engine.micro_batch_size, set spec.engine.gradient_checkpointing, choose a "
        "method that trains fewer parameters, or raise AISLE_TRAINER_JOB_MEMORY_LIMIT_BYTES.",
        facts={
            "step": str(step + 1),
            "micro_batch_size": str(size),
            "max_tokens": str(plan.max_tokens),
            "method": str(plan.method),
        },
    )


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
