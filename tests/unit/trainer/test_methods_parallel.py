"""Two processes that share every step end where one alone does; one that dies ends the job with a reason."""

import os
from pathlib import Path

import pytest
import torch
from aisle_trainer.domain.methods import Method
from aisle_trainer.engines.parallel import together
from aisle_trainer.engines.replicas import Replicas
from aisle_trainer.engines.training import TrainingLoop
from aisle_trainer.errors import ReplicaLost


class Work:
    """Trains along in the other process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, replicas: Replicas) -> None:
        joined(self.folder, replicas).run()


class Dying(Work):
    """Leaves after the first exchange."""

    def __call__(self, replicas: Replicas) -> None:
        replicas.agreed(False)
        os._exit(3)


def fresh(folder: Path) -> TrainingLoop:
    from test_methods_training import loop, plan  # not at the top: a process that only dies need not load transformers

    return loop(folder, plan(Method.ADALORA, max_steps=6, tuning=None, lora_rank=1))


def joined(folder: Path, replicas: Replicas) -> TrainingLoop:
    run = fresh(folder)
    run.replicas = run._stepper.replicas = replicas
    return run


def test_two_processes_train_what_one_trains_and_a_dead_one_is_named(tmp_path: Path) -> None:
    from test_methods_training import everything

    alone = fresh(tmp_path / "alone")
    expected = everything(alone)
    with together(2, tmp_path / "two", Work(tmp_path / "two" / "checkpoints")) as replicas:
        assert replicas.size == 2
        run = joined(tmp_path / "two" / "checkpoints", replicas)
        found = everything(run)
    assert run.losses == pytest.approx(alone.losses, rel=1e-4)
    weights = [name for name in expected if name.startswith(("trunk.", "heads."))]
    assert all(torch.allclose(found[name], expected[name], atol=1e-4) for name in weights)
    assert run.cost.rank_budget == alone.cost.rank_budget
    assert not list((tmp_path / "two").glob("replicas-*"))
    with pytest.raises(ReplicaLost) as caught:
        with together(2, tmp_path / "dead", Dying(tmp_path / "dead" / "checkpoints")) as replicas:
            joined(tmp_path / "dead" / "checkpoints", replicas).run()
    assert caught.value.facts["exit_code"] == "3"


def test_every_pair_has_one_process() -> None:
    shares = [Replicas(rank, 3).share(10).tolist() for rank in range(3)]
    assert sorted(place for share in shares for place in share) == list(range(10))
    assert len({Replicas(rank, 3).seed_of(1, 5) for rank in range(3)} | {Replicas(0, 3).seed_of(1, 6)}) == 4
