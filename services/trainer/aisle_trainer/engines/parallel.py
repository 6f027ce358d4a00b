"""Starts the processes that train together (gloo, on one machine) and ends them.

The first of them is the job's own process: it validates, writes checkpoints and reports. The others do their share of
every step and leave when it does.
"""

import contextlib
import logging
import multiprocessing
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import torch

from aisle_trainer.domain.plan import Plan, Task
from aisle_trainer.engines.base_models import BaseModel
from aisle_trainer.engines.encoder import load_trunk
from aisle_trainer.engines.model import RankingModel
from aisle_trainer.engines.replicas import ALONE, Replicas
from aisle_trainer.engines.training import Hooks, TrainingLoop, TrainingSet
from aisle_trainer.errors import ReplicaLost

ATTEMPTS = 3
_log = logging.getLogger(__name__)
_PATIENCE = timedelta(minutes=10)
"""Longest time that one process waits for the others: a validation of the first must fit into it."""
_FAREWELL_SECONDS = 10.0


@contextlib.contextmanager
def together(size: int, folder: Path, work: Callable[[Replicas], None]) -> Iterator[Replicas]:
    """Start `size` - 1 processes that run `work`, and join them as the first; yields what this process is among them.

    `work` must be picklable. Raises ReplicaLost when one of the others died; none outlives the block.
    """
    if size == 1:
        yield ALONE
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = folder / f"replicas-{uuid.uuid4().hex}"
    context = multiprocessing.get_context("spawn")
    others = [
        context.Process(target=_join_and_work, args=(rank, size, store, work), daemon=True) for rank in range(1, size)
    ]
    for process in others:
        process.start()
    try:
        _join(0, size, store)
        yield Replicas(0, size)
    except RuntimeError as error:  # what gloo raises when a connection ends
        for process in others:
            process.join(_FAREWELL_SECONDS)
        codes = [process.exitcode for process in others if process.exitcode not in (None, 0)]
        if not codes:
            raise
        raise ReplicaLost(
            f"{len(codes)} of the {size - 1} processes that helped with the training ended early.",
            next_step="Look for lack of memory: every process holds the whole model. Lower AISLE_TRAINER_PROCESSES.",
            facts={"exit_code": str(codes[0])},
        ) from error
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
        for process in others:
            process.join(_FAREWELL_SECONDS)
            if process.is_alive():
                process.kill()
                process.join()
        store.unlink(missing_ok=True)


def despite_losses(train: Callable[[int], TrainingLoop]) -> TrainingLoop:
    """Return what `train(attempt)` returns, called again (it takes up its checkpoint) when a helper died, `ATTEMPTS` times at most."""
    for attempt in range(ATTEMPTS - 1):
        try:
            return train(attempt)
        except ReplicaLost as error:
            _log.warning("a helper of the training died; it goes on from its checkpoint", extra={"fields": error.facts})
    return train(ATTEMPTS - 1)


def _join(rank: int, size: int, store: Path) -> None:
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{store}", rank=rank, world_size=size, timeout=_PATIENCE
    )


def _join_and_work(rank: int, size: int, store: Path, work: Callable[[Replicas], None]) -> None:
    _join(rank, size, store)
    try:
        work(Replicas(rank, size))
    except RuntimeError:
        sys.exit(1)  # the first process is gone, or tells more
    finally:
        torch.distributed.destroy_process_group()


@dataclass(frozen=True, slots=True)
class ReplicaWork:
    """What the other processes of a training run do."""

    plan: Plan
    base: BaseModel
    sets: dict[Task, TrainingSet]
    folder: Path
    data_digest: str
    threads: int
    bf16: bool
    fp16: bool

    def __call__(self, replicas: Replicas) -> None:
        """Train along until the first process says that it is over."""
        torch.set_num_threads(self.threads)
        model = RankingModel(load_trunk(self.base), self.plan)
        model.bf16, model.fp16 = self.bf16, self.fp16
        hooks = Hooks(validate=lambda _: {}, report=lambda _: None, stop=lambda: False)
        TrainingLoop(model, self.plan, self.sets, self.folder, self.data_digest, hooks, replicas).run()
