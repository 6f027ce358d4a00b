"""Sequence models learn an order, resume to the same bytes, and answer from ONNX what torch computed."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from aisle_trainer.domain import sequences
from aisle_trainer.domain.methods import Method
from aisle_trainer.domain.metrics import Figure
from aisle_trainer.domain.plan import Plan, Task, TaskPlan, completed
from aisle_trainer.domain.sequence_options import SequenceLoss, SequenceOptions
from aisle_trainer.domain.sequences import SequenceData
from aisle_trainer.engines import next_items
from aisle_trainer.engines.sequence_job import write_graph
from aisle_trainer.engines.sequence_model import SequenceModel
from aisle_trainer.engines.sequence_training import HistoryBatches, SequenceLoop, padded, score_with
from aisle_trainer.engines.softmax_loss import SoftmaxLoss

ITEMS = 12
OPTIONS = SequenceOptions(width=16, layers=1, heads=2, history=8, dropout=0.1, negatives=6, calibration=0.75)
PLAN = completed(
    Plan(
        tasks=(TaskPlan(Task.SEQUENCE, "datasets/o"),),
        method=Method.FULL,
        learning_rate=0.02,
        batch_size=16,
        max_steps=60,
        eval_every_steps=20,
        patience=9,
        sequence=OPTIONS,
    )
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small matrices gain nothing from more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def rounds(customers: int = 60) -> SequenceData:
    """Every item is followed by the next number, round and round."""
    rng = np.random.default_rng(0)
    found = [(rng.integers(ITEMS) + np.arange(rng.integers(4, 11))) % ITEMS for _ in range(customers)]
    return SequenceData("v", [f"p{number:02}" for number in range(ITEMS)], [""] * ITEMS, found)


class Stopped(Exception):
    """The machine went away."""


def loop(folder: Path, plan: Plan = PLAN, die_at: int = -1) -> SequenceLoop:
    data = rounds()
    histories, targets = data.held(2)
    torch.manual_seed(plan.seed)
    text = np.random.default_rng(0).normal(size=(ITEMS, 4)).astype(np.float32)

    def validate(model: SequenceModel) -> tuple[Figure, ...]:
        found = sequences.ranks(lambda part: score_with(model, part), histories, targets).among_all
        return (Figure.point("ndcg@10", float(sequences.ndcg_rows(found).mean()), len(found)),)

    def report(progress: object) -> None:
        if made.step == die_at:
            raise Stopped

    model = SequenceModel(ITEMS, plan.sequence, text)
    made = SequenceLoop(model, plan, data.training(), folder, "data", validate, report, lambda: False)
    return made


@pytest.mark.parametrize("loss", list(SequenceLoss))
def test_an_order_is_learned_with_every_loss(tmp_path: Path, loss: SequenceLoss) -> None:
    steps = 200 if loss is SequenceLoss.GBCE else PLAN.max_steps  # one yes beside many noes: slower at first
    plan = replace(PLAN, max_steps=steps, sequence=replace(OPTIONS, loss=loss))
    trained = loop(tmp_path, plan)
    histories, targets = rounds().held(1)
    before = (score_with(trained.model, histories).argmax(1) == targets).mean()
    trained.run()
    after = (score_with(trained.model, histories).argmax(1) == targets).mean()
    assert before < 0.4
    assert after > 0.75
    assert len(trained.validations) == steps / PLAN.eval_every_steps


def test_the_loss_in_blocks_is_that_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aisle_trainer.engines.softmax_loss.BLOCK", 3)
    rng = torch.Generator().manual_seed(0)
    inputs = [torch.randn(size, generator=rng, requires_grad=True) for size in ((8, 4), (9, 4), (9,))]
    targets = torch.randint(9, (8,), generator=rng)
    states, table, bias = inputs
    whole = torch.nn.functional.cross_entropy(states @ table.T + bias, targets)
    expected = torch.autograd.grad(2 * whole, inputs)
    found = SoftmaxLoss.apply(states, table, bias, targets, False)
    assert torch.allclose(found, whole, atol=1e-6)
    for one, other in zip(torch.autograd.grad(2 * found, inputs), expected, strict=True):
        assert torch.allclose(one, other, atol=1e-6)
    rough = SoftmaxLoss.apply(states, table, bias, targets, True)
    assert torch.allclose(rough, whole, rtol=0.02)
    for one, other in zip(torch.autograd.grad(2 * rough, inputs), expected, strict=True):
        assert torch.allclose(one, other, atol=0.02)


def test_a_killed_run_ends_in_the_same_weights(tmp_path: Path) -> None:
    undisturbed = loop(tmp_path / "one")
    undisturbed.run()
    with pytest.raises(Stopped):
        loop(tmp_path / "two", die_at=47).run()
    resumed = loop(tmp_path / "two")
    assert resumed.step == 40
    resumed.run()
    expected = undisturbed.model.trainable_state()
    assert all(torch.equal(expected[name], values) for name, values in resumed.model.trainable_state().items())
    assert resumed.validations == undisturbed.validations


def test_a_checkpoint_of_another_plan_is_not_taken_up(tmp_path: Path) -> None:
    loop(tmp_path).run()
    assert loop(tmp_path, replace(PLAN, learning_rate=0.01)).step == 0


def test_an_epoch_shows_each_history_once_and_depends_on_the_step_alone() -> None:
    batches = HistoryBatches(np.arange(100) % 7 + 2, 8, seed=3)
    first = np.concatenate([batches.batch(step) for step in range(batches.per_epoch)])
    assert sorted(first.tolist()) == list(range(100))
    assert np.array_equal(HistoryBatches(np.arange(100) % 7 + 2, 8, seed=3).batch(17), batches.batch(17))


def test_what_comes_after_does_not_change_what_was_expected_before() -> None:
    torch.manual_seed(0)
    model = SequenceModel(ITEMS, OPTIONS, None).eval()
    short, long = padded([np.array([1, 2])]), padded([np.array([1, 2, 5, 7])])
    with torch.inference_mode():
        assert torch.allclose(model(short, torch.tensor([2])), model(long, torch.tensor([2])), atol=1e-6)
        assert not torch.allclose(model(long, torch.tensor([4])), model(long, torch.tensor([2])), atol=1e-3)


def test_the_exported_graph_answers_like_the_model(tmp_path: Path) -> None:
    trained = loop(tmp_path / "run")
    trained.run()
    write_graph(trained.model, tmp_path / next_items.GRAPH)
    data = rounds()
    counts = np.bincount(np.concatenate(data.sequences), minlength=ITEMS)
    next_items.write_items(tmp_path / next_items.ITEMS, data.product_ids, data.titles, counts)
    (tmp_path / next_items.SETTINGS).write_text('{"max_history": 8, "without_seen": true}')
    model = next_items.NextItemModel(tmp_path, 1)
    histories = [np.array([3]), np.array([1, 2, 3]), np.arange(20) % ITEMS]
    assert np.abs(model.scores(histories) - score_with(trained.model, histories)).max() < 1e-4
    after, cold, named = model.next_items([["p03", "p04", "gone"], ["gone"]], 3, []) + model.next_items(
        [["p03", "p04"]], 3, ["p04", "p09", "gone"]
    )
    assert (after.product_ids[0], after.known) == ("p05", 2)
    assert not {"p03", "p04"} & set(after.product_ids)
    assert (cold.known, cold.scores[0]) == (0, counts.max())
    assert set(named.product_ids) == {"p04", "p09"}
