"""A step in parts is the step as a whole; memory that runs out makes smaller parts; the optimizer's choices do what they say."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from aisle_trainer.domain.engine import Engine, Optimizer, Schedule, class_weights, completed_engine, rate_share
from aisle_trainer.domain.methods import Method
from aisle_trainer.domain.metrics import Figure
from aisle_trainer.domain.plan import Plan, Task, TaskPlan
from aisle_trainer.engines import steps
from aisle_trainer.engines.model import RankingModel
from aisle_trainer.engines.optimizers import DecoupledSGD, make_optimizer
from aisle_trainer.engines.steps import Stepper, length_buckets
from aisle_trainer.engines.training import _Objective
from aisle_trainer.errors import InvalidField, InvalidLabels, TrainingOutOfMemory
from hypothesis import given, settings
from hypothesis import strategies as st
from test_methods_training import SETS, everything, loop, plan, trunk

SEARCH = Task.SEARCH_RELEVANCE


def gradients(micro: int, wanted: Plan) -> tuple[float, dict[str, torch.Tensor]]:
    model, data, rows = RankingModel(trunk(), wanted), SETS[SEARCH], np.arange(3, 33)
    model.train()
    loss = Stepper(model, micro).backward(SEARCH, data.encoded, rows, _Objective(data, rows))
    return loss, {name: p.grad.clone() for name, p in model.trainable() if p.grad is not None}


@pytest.mark.parametrize("micro", [1, 4, 7, 29])
def test_loss_and_gradients_of_parts_are_those_of_the_whole(micro: int) -> None:
    wanted = plan(Method.FULL)
    loss, whole = gradients(0, wanted)
    parts_loss, parts = gradients(micro, wanted)
    assert parts_loss == pytest.approx(loss, rel=1e-5)
    assert whole.keys() == parts.keys() != set()
    for name, expected in whole.items():
        assert torch.allclose(parts[name], expected, rtol=1e-3, atol=1e-6), name


def test_without_the_gradients_of_the_whole_the_parts_would_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pairwise loss sees pairs of other parts; parts that only looked at themselves would give something else."""
    data, rows = SETS[SEARCH], np.arange(3, 33)
    loss, _ = gradients(0, plan(Method.FULL))
    model = RankingModel(trunk(), plan(Method.FULL))
    alone = [Stepper(model, 0).backward(SEARCH, data.encoded, r, _Objective(data, r)) for r in np.split(rows, 10)]
    assert float(np.mean(alone)) != pytest.approx(loss, rel=1e-3)


def test_recomputed_activations_change_no_gradient() -> None:
    _, kept = gradients(0, plan(Method.LORA, tuning=None))
    _, again = gradients(0, plan(Method.LORA, tuning=None, engine=Engine(gradient_checkpointing=True)))
    assert all(torch.allclose(kept[name], again[name], atol=1e-7) for name in kept)
    with pytest.raises(InvalidField, match="gradient_checkpointing"):
        plan(Method.PREFIX, engine=Engine(gradient_checkpointing=True))


@given(st.lists(st.integers(2, 512), min_size=1, max_size=80))
@settings(deadline=None)
def test_buckets_hold_every_row_once_and_never_cost_more_than_one(found: list[int]) -> None:
    lengths = np.array(found, dtype=np.int64)
    buckets = length_buckets(lengths, steps.BUCKET_COST)
    assert sorted(np.concatenate(buckets).tolist()) == list(range(len(found)))

    def cost(groups: list[np.ndarray]) -> int:
        return sum(len(g) * int(-(-lengths[g].max() // 4) * 4) + steps.BUCKET_COST for g in groups)

    assert cost(buckets) <= cost([np.arange(len(found))])
    order = np.argsort(lengths, kind="stable")
    assert (
        cost(buckets)
        <= min(cost(list(np.split(order, [cut]))) for cut in range(1, max(2, len(found))) if cut < len(found))
        if len(found) > 1
        else True
    )


def fail_above(run: object, pairs: int, error: Exception, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let every pass of more than `pairs` pairs with gradients fail."""
    model, seen = run.model, []  # type: ignore[attr-defined]
    real = model.logits

    def logits(task: Task, ids: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        if model.training:
            seen.append(len(ids))
            if len(ids) > pairs:
                raise error
        return real(task, ids, *rest)  # type: ignore[no-any-return]

    monkeypatch.setattr(model, "logits", logits)
    return seen


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 7 bytes")]
)
def test_memory_that_runs_out_makes_smaller_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(steps, "BUCKET_COST", 10**6)
    whole = everything(loop(tmp_path / "whole", plan(Method.FULL)))
    run = loop(tmp_path / "short", plan(Method.FULL))
    fail_above(run, 3, error, monkeypatch)
    found = everything(run)
    cost = run.cost
    assert (cost.out_of_memory_count, cost.micro_batch_size) == (2, 3)
    weights = [name for name in whole if name.startswith("trunk.") and "." in name and whole[name].ndim]
    assert all(torch.allclose(whole[name], found[name], atol=2e-4) for name in weights)
    resumed = loop(tmp_path / "short", plan(Method.FULL))
    assert (resumed.cost.out_of_memory_count, resumed.cost.micro_batch_size) == (2, 3)


def test_memory_that_never_suffices_ends_the_job_with_what_to_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = loop(tmp_path, plan(Method.FULL))
    seen = fail_above(run, 0, MemoryError(), monkeypatch)
    with pytest.raises(TrainingOutOfMemory) as caught:
        run.run()
    assert seen[-1] == 1
    for setting in ("max_tokens", "gradient_checkpointing", "AISLE_TRAINER_JOB_MEMORY_LIMIT_BYTES"):
        assert setting in caught.value.next_step
    assert caught.value.facts["step"] == "1"


def test_other_errors_are_not_taken_for_lack_of_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = loop(tmp_path, plan(Method.FULL))
    fail_above(run, 0, RuntimeError("mat1 and mat2 shapes cannot be multiplied"), monkeypatch)
    with pytest.raises(RuntimeError, match="shapes"):
        run.run()
    assert run.cost.out_of_memory_count == 0


def test_courses_of_the_learning_rate() -> None:
    shares = {kind: [rate_share(s, 100, Engine(schedule=kind)) for s in range(100)] for kind in Schedule}
    assert all(found[:10] == pytest.approx([(s + 1) / 10 for s in range(10)]) for found in shares.values())
    assert set(shares[Schedule.CONSTANT][10:]) == {1.0}
    assert shares[Schedule.COSINE][55] == pytest.approx(0.5, abs=0.02)
    assert all(0 <= found[99] < 0.02 for kind, found in shares.items() if kind is not Schedule.CONSTANT)
    assert rate_share(0, 100, Engine(warmup=0.0)) > 0.98


def test_sgd_shrinks_weights_apart_from_the_momentum() -> None:
    weight = torch.nn.Parameter(torch.tensor([2.0]))
    group = {"params": [weight], "lr": 0.1, "weight_decay": 0.5, "peak_lr": 0.1}
    optimizer = make_optimizer([group], completed_engine(Engine(optimizer=Optimizer.SGD)))
    assert isinstance(optimizer, DecoupledSGD)
    expected, moment = 2.0, 0.0
    for gradient in (1.0, -3.0, 0.5):
        weight.grad = torch.tensor([gradient])
        optimizer.step()
        moment = 0.9 * moment + gradient
        expected = expected * (1 - 0.1 * 0.5) - 0.1 * moment
    assert weight.item() == pytest.approx(expected)
    assert optimizer.state[weight]["momentum_buffer"].item() == pytest.approx(moment)


def test_balanced_classes_weigh_the_same_and_labels_of_governance_count() -> None:
    labels = np.array([0.0] * 8 + [1.0] * 2)
    weights = class_weights(labels)
    assert weights is not None
    assert weights[labels == 0].sum() == pytest.approx(weights[labels == 1].sum())
    assert weights.mean() == pytest.approx(1)
    assert class_weights(np.arange(30.0)) is None


def test_balance_is_multiplied_with_label_weights(tmp_path: Path) -> None:
    data = replace(SETS[SEARCH], labels=np.array([0.0] * 40 + [1.0] * 8), weights=np.array([1.0, 3.0] * 24))
    alone = replace(plan(Method.FULL), tasks=(TaskPlan(SEARCH, "datasets/j"),))
    plain = loop(tmp_path / "a", alone, sets={SEARCH: data})
    balanced = loop(tmp_path / "b", replace(alone, engine=Engine(balance_classes=True)), sets={SEARCH: data})
    assert (plain.sets[SEARCH].weights == data.weights).all()
    found = balanced.sets[SEARCH].weights
    assert found[1] == pytest.approx(3 * found[0])
    assert found[40] == pytest.approx(5 * found[0])
    with pytest.raises(InvalidLabels, match="20 different"):
        loop(tmp_path / "c", replace(alone, engine=Engine(balance_classes=True)))


def test_the_alarm_goes_off_when_validation_lags_behind_training(tmp_path: Path) -> None:
    def with_loss(value: float, folder: str, limit: float = 0.1) -> list[float]:
        run = loop(tmp_path / folder, plan(Method.FULL, engine=Engine(gap_limit=limit)))
        figures = (Figure.point("ndcg@10", 0.5, 1), Figure.point("log_loss", value, 1))
        run.hooks = replace(run.hooks, validate=lambda _: {SEARCH: figures})
        run.run()
        return [gap.width for gap in run.cost.gaps]

    assert with_loss(0.1, "fits") == []
    wide = with_loss(3.0, "overfits")
    assert len(wide) == 4
    assert all(width == pytest.approx(3.0 - math.log(2), abs=0.6) for width in wide)
    assert with_loss(3.0, "tolerant", limit=9.0) == []
    resumed = loop(tmp_path / "overfits", plan(Method.FULL, engine=Engine(gap_limit=0.1)))
    assert [gap.width for gap in resumed.cost.gaps] == wide
