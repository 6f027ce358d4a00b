"""The training loop of sequence models: batches of histories of like length, validation, early stopping, resume."""

import hashlib
import json
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aisle_trainer.domain.cost import Cost
from aisle_trainer.domain.engine import rate_share
from aisle_trainer.domain.metrics import Figure
from aisle_trainer.domain.plan import Plan, Task
from aisle_trainer.domain.report import Validation
from aisle_trainer.domain.sampling import validations_without_gain
from aisle_trainer.domain.sequences import Ints, Scores
from aisle_trainer.engines import checkpoint
from aisle_trainer.engines.memory import PeakMemory
from aisle_trainer.engines.optimizers import make_optimizer
from aisle_trainer.engines.sequence_model import SequenceModel
from aisle_trainer.engines.training import Progress
from aisle_trainer.errors import TrainingDiverged

_WINDOW = 20
_POOL = 16
"""Batches whose histories are sorted by length together: short ones are not padded to the longest, and batches stay mixed."""
_log = logging.getLogger(__name__)


def padded(histories: Sequence[Ints]) -> Tensor:
    """Item numbers 0.. -> (histories, longest) of 1.., padded with 0 behind."""
    found = np.zeros((len(histories), max(map(len, histories), default=1)), dtype=np.int64)
    for row, history in enumerate(histories):
        found[row, : len(history)] = history + 1
    return torch.from_numpy(found)


def score_with(model: SequenceModel, histories: Sequence[Ints]) -> Scores:
    """Return the model's score of every item as the next, (histories, items); no history may be empty."""
    longest = model.options.history
    cut = [history[-longest:] for history in histories]
    lengths = torch.tensor([len(history) for history in cut])
    model.eval()
    with torch.inference_mode():
        return np.array(model(padded(cut), lengths).numpy())


class HistoryBatches:
    """Which histories a step sees: a pure function of (seed, step)."""

    def __init__(self, lengths: NDArray[np.int64], size: int, seed: int) -> None:
        """Cut rows 0..n-1 into batches of `size`."""
        self._lengths, self._size, self._seed = lengths, size, seed
        self._epoch, self._batches = -1, list[NDArray[np.int64]]()
        self.per_epoch = math.ceil(len(lengths) / size)

    def batch(self, step: int) -> NDArray[np.int64]:
        """Return the rows of step `step` (first = 0)."""
        epoch, place = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            rng = np.random.default_rng([self._seed, epoch])
            rows, pool = rng.permutation(len(self._lengths)), self._size * _POOL
            found: list[NDArray[np.int64]] = []
            for start in range(0, len(rows), pool):
                part = rows[start : start + pool]
                part = part[np.argsort(self._lengths[part], kind="stable")]
                found += [part[at : at + self._size] for at in range(0, len(part), self._size)]
            self._batches, self._epoch = [found[at] for at in rng.permutation(len(found))], epoch
        return self._batches[place]


class SequenceLoop:
    """One training run; the same plan and data give the same weights, killed in between or not."""

    def __init__(
        self,
        model: SequenceModel,
        plan: Plan,
        training: Sequence[Ints],
        folder: Path,
        data_digest: str,
        validate: Callable[[SequenceModel], tuple[Figure, ...]],
        report: Callable[[Progress], None],
        stop: Callable[[], bool],
    ) -> None:
        """Take up the newest checkpoint below `folder` when it belongs to the same plan and data."""
        self.model, self.plan, self._folder = model, plan, folder
        self._validate_with, self._report, self._stop = validate, report, stop
        longest = model.options.history + 1
        self._training = [history[-longest:] for history in training if len(history) > 1]
        lengths = np.array([len(history) for history in self._training], dtype=np.int64)
        self._batches = HistoryBatches(lengths, plan.batch_size, plan.seed)
        group = {
            "params": [parameter for _, parameter in model.trainable()],
            "lr": plan.learning_rate,
            "weight_decay": plan.weight_decay,
        }
        self.optimizer = make_optimizer([group], plan.engine)
        self._digest = hashlib.sha256(json.dumps([asdict(plan), data_digest], sort_keys=True).encode()).hexdigest()
        torch.manual_seed(plan.seed)
        restored = checkpoint.load_newest(folder, model, self.optimizer, self._digest)
        facts = restored.facts if restored else {}
        self.step = self.checkpoint_step = restored.step if restored else 0
        self.best = restored.best if restored else {}
        self.losses: list[float] = list(facts.get("losses", []))
        self.validations = [
            Validation(one["step"], one["score"], {Task.SEQUENCE: tuple(Figure(**figure) for figure in one["figures"])})
            for one in facts.get("validations", [])
        ]
        self.finished = bool(facts.get("finished", False))
        self._cpu = self._wall = 0.0
        self._places = 0
        self._memory = PeakMemory()

    @property
    def loss(self) -> float:
        """Mean loss of the newest steps; 0 before the first."""
        return float(np.mean(self.losses[-_WINDOW:])) if self.losses else 0.0

    @property
    def cost(self) -> Cost:
        """What training took so far; times and places with a target are those of this attempt."""
        self._memory.look()
        count = sum(parameter.numel() for _, parameter in self.model.trainable())
        return Cost(
            trainable=count,
            parameters=count,
            trunk_trainable=count,
            peak_memory_bytes=self._memory.peak_bytes,
            step_cpu_seconds=self._cpu,
            step_seconds=self._wall,
            pairs=self._places,
            micro_batch_size=self.plan.batch_size,
            trained_bytes=4 * count,
        )

    def run(self) -> None:
        """Train to the end and leave the best weights in the model; returns early when the job was cancelled."""
        while not self.finished and not self._stop():
            cpu, wall = time.process_time(), time.monotonic()
            self._one_step()
            self._cpu += time.process_time() - cpu
            self._wall += time.monotonic() - wall
            last = self.step >= self.plan.max_steps
            if last or self.step % self.plan.eval_every_steps == 0:
                self._memory.look()
                self._validate()
                stalled = validations_without_gain([one.score for one in self.validations]) >= self.plan.patience
                self.finished = last or stalled
                self._save()
            self._report(Progress(self.step, self.loss, self.validations, self.checkpoint_step))
        if self.best:
            self.model.load_trainable(self.best)

    def _one_step(self) -> None:
        self.model.train()
        share = rate_share(self.step, self.plan.max_steps, self.plan.engine)
        for group in self.optimizer.param_groups:
            group["lr"] = self.plan.learning_rate * share
        found = [self._training[row] for row in self._batches.batch(self.step)]
        loss = self.model.loss(padded([one[:-1] for one in found]), padded([one[1:] for one in found]))
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingDiverged(
                f"The loss is not a number at step {self.step + 1}.",
                next_step="Use a smaller learning rate.",
                facts={"step": str(self.step + 1), "learning_rate": f"{self.plan.learning_rate:g}"},
            )
        loss.backward()  # type: ignore[no-untyped-call]
        parameters = [parameter for _, parameter in self.model.trainable()]
        nn.utils.clip_grad_norm_(parameters, self.plan.engine.gradient_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self.losses.append(value)
        self._places += sum(len(one) - 1 for one in found)

    def _validate(self) -> None:
        figures = self._validate_with(self.model)
        score = figures[0].value
        if not self.validations or score > max(one.score for one in self.validations):
            self.best = self.model.trainable_state()
        self.validations.append(Validation(self.step, score, {Task.SEQUENCE: figures}))

    def _save(self) -> None:
        facts = {
            "plan_digest": self._digest,
            "losses": self.losses[-_WINDOW:],
            "finished": self.finished,
            "validations": [
                {
                    "step": one.step,
                    "score": one.score,
                    "figures": [asdict(figure) for figure in one.tasks[Task.SEQUENCE]],
                }
                for one in self.validations
            ],
        }
        state = checkpoint.TrainingState(self.step, facts, self.best)
        checkpoint.save(self._folder, self.model, self.optimizer, state)
        self.checkpoint_step = self.step
