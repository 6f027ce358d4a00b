"""Two processes that share every step end where one alone does; one that dies ends the job with a reason."""

import os
from pathlib import Path

import pytest
import torch
from aisle_trainer.domain.methods import Method
from aisle_trainer.engines.parallel import despite_losses, together
from aisle_trainer.engines.replicas import Replicas
from aisle_trainer.engines.training import TrainingLoop
from aisle_trainer.errors import ReplicaLost


class Work:
    """Trains along in the other process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, replicas: Replicas) -> None:
        joined(self.folder, replicas).run()


class DiesOnce(Work):
    """Leaves after the first exchange, but only the first time."""

    def __call__(self, replicas: Replicas) -> None:
        marker = self.folder.with_suffix(".died")
        if not marker.exists():
            marker.touch()
            replicas.agreed(False)
            os._exit(3)
        super().__call__(replicas)


def fresh(folder: Path) -> TrainingLoop:
    from test_methods_training import loop, plan  # not at the top: a process that only dies need not load transformers

    return loop(folder, plan(Method.ADALORA, max_steps=6, tuning=None, lora_rank=1))


def joined(folder: Path, replicas: Replicas) -> TrainingLoop:
    run = fresh(folder)
    run.replicas = run._stepper.replicas = replicas
    return run


def test_two_processes_train_what_one_trains_even_when_one_dies(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from test_methods_training import everything

    alone, folder = fresh(tmp_path / "alone"), tmp_path / "two" / "checkpoints"
    expected = everything(alone)

    def train(attempt: int) -> TrainingLoop:
        with together(2, tmp_path / "two", DiesOnce(folder)) as replicas:
            assert replicas.size == 2
            run = joined(folder, replicas)
            run.run()
        assert attempt == 1
        return run

    run = despite_losses(train)
    found = everything(run)
    assert "a helper of the training died" in caplog.text
    assert run.losses == pytest.approx(alone.losses, rel=1e-4)
    weights = [name for name in expected if name.startswith(("trunk.", "heads."))]
    assert all(torch.allclose(found[name], expected[name], atol=1e-4) for name in weights)
    assert run.cost.rank_budget == alone.cost.rank_budget
    assert not list((tmp_path / "two").glob("replicas-*"))


def test_helpers_that_always_die_end_the_job() -> None:
    tried = []

    def train(attempt: int) -> TrainingLoop:
        tried.append(attempt)
        raise ReplicaLost("It died.", facts={"exit_code": "3"})

    with pytest.raises(ReplicaLost):
        despite_losses(train)
    assert tried == [0, 1, 2]


def test_every_pair_has_one_process() -> None:
    shares = [Replicas(rank, 3).share(10).tolist() for rank in range(3)]
    assert sorted(place for share in shares for place in share) == list(range(10))
    assert len({Replicas(rank, 3).seed_of(1, 5) for rank in range(3)} | {Replicas(0, 3).seed_of(1, 6)}) == 4
