"""A killed run goes on bit for bit; damaged checkpoints are passed over; no file needs pickle."""

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from aisle_trainer.domain.metrics import Figure
from aisle_trainer.domain.plan import Method, Plan, Task, TaskPlan, completed
from aisle_trainer.engines.encoder import Encoded, masked_mean
from aisle_trainer.engines.model import Head, RankingModel, segment_means
from aisle_trainer.engines.training import Hooks, TrainingLoop, TrainingSet, pairwise_loss
from aisle_trainer.errors import TrainingDiverged
from torch import nn

torch.set_num_threads(1)
PLAN = completed(
    Plan(
        tasks=(TaskPlan(Task.SEARCH_RELEVANCE, "datasets/j"), TaskPlan(Task.PURCHASE, "datasets/o")),
        method=Method.FULL,
        learning_rate=1e-2,
        batch_size=10,
        max_steps=12,
        eval_every_steps=3,
        patience=9,
        weight_decay=0.1,
    )
)


class Trunk(nn.Module):
    """The smallest thing that looks like an encoder; its dropout makes the random state matter."""

    def __init__(self) -> None:
        super().__init__()
        self.config = SimpleNamespace(hidden_size=8)
        self.words, self.dense, self.drop = nn.Embedding(50, 8), nn.Linear(8, 8), nn.Dropout(0.2)

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor
    ) -> SimpleNamespace:
        hidden = self.drop(torch.tanh(self.dense(self.words(input_ids))))
        return SimpleNamespace(last_hidden_state=hidden + token_type_ids.unsqueeze(-1) * 0.1)


def training_set(seed: int) -> TrainingSet:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(4, 12, 60).astype(np.int64)
    ids = [rng.integers(1, 50, length).tolist() for length in lengths]
    types = [[0] * 2 + [1] * (length - 2) for length in lengths]
    return TrainingSet(Encoded(ids, types, lengths), rng.random(60), np.ones(60), np.arange(60) // 5)


def loop(folder: Path, plan: Plan = PLAN, stop_after: int | None = None, data: str = "d") -> TrainingLoop:
    torch.manual_seed(0)
    model = RankingModel(Trunk(), plan)
    steps: list[int] = []
    hooks = Hooks(
        validate=lambda m: {Task.SEARCH_RELEVANCE: (Figure.point("ndcg@10", m.heads["relevance"].bias.item(), 1),)},
        report=lambda progress: steps.append(progress.step),
        stop=lambda: stop_after is not None and len(steps) >= stop_after,
    )
    sets = {Task.SEARCH_RELEVANCE: training_set(1), Task.PURCHASE: training_set(2)}
    return TrainingLoop(model, plan, sets, folder, data, hooks)


def final_state(run: TrainingLoop) -> dict[str, torch.Tensor]:
    run.run()
    assert run.finished
    return run.model.trainable_state() | {
        f"moment {n}": run.optimizer.state[p]["exp_avg"] for n, p in run.model.trainable()
    }


def test_a_run_stopped_anywhere_ends_in_the_same_bits(tmp_path: Path) -> None:
    whole = final_state(loop(tmp_path / "whole"))
    loop(tmp_path / "cut", stop_after=5).run()
    resumed = loop(tmp_path / "cut")
    assert (resumed.step, resumed.checkpoint_step) == (3, 3)
    again = final_state(resumed)
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    finished = loop(tmp_path / "cut")
    assert finished.finished
    assert [entry.step for entry in finished.validations] == [3, 6, 9, 12]


def test_another_plan_or_other_data_starts_afresh(tmp_path: Path) -> None:
    loop(tmp_path, stop_after=4).run()
    assert loop(tmp_path, replace(PLAN, seed=1)).step == 0
    assert loop(tmp_path, data="other").step == 0
    assert loop(tmp_path).step == 3


@pytest.mark.parametrize("file", ["weights.safetensors", "optimizer.safetensors", "best.safetensors", "state.json"])
def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path, file: str) -> None:
    loop(tmp_path, stop_after=4).run()
    (place,) = tmp_path.glob("step-*")
    assert {path.suffix for path in place.iterdir()} == {".safetensors", ".json"}
    data = bytearray((place / file).read_bytes())
    data[len(data) // 2] ^= 255
    (place / file).write_bytes(data)
    assert loop(tmp_path).step == 0


def test_the_last_whole_checkpoint_stays_when_a_save_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop(tmp_path, stop_after=4).run()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("aisle_trainer.engines.checkpoint.save_file", full)
    with pytest.raises(OSError, match="No space"):
        loop(tmp_path).run()
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000003"]
    monkeypatch.undo()
    assert loop(tmp_path).step == 3


def test_training_learns_and_keeps_the_best_weights(tmp_path: Path) -> None:
    run = loop(tmp_path, replace(PLAN, max_steps=60, eval_every_steps=20))
    run.run()
    assert run.losses[-1] < run.losses[0]
    best = max(run.validations, key=lambda entry: entry.score)
    assert run.model.heads["relevance"].bias.item() == pytest.approx(best.score)


def test_a_loss_that_is_no_number_ends_the_job(tmp_path: Path) -> None:
    run = loop(tmp_path)
    run.sets[Task.PURCHASE].labels[:] = np.nan
    with pytest.raises(TrainingDiverged, match="step 1") as caught:
        run.run()
    assert "learning rate" in caught.value.next_step


def test_early_stopping(tmp_path: Path) -> None:
    run = loop(tmp_path, replace(PLAN, patience=1))
    run.hooks = replace(run.hooks, validate=lambda _: {Task.PURCHASE: (Figure.point("auc", 0.5, 1),)})
    run.run()
    assert [entry.step for entry in run.validations] == [3, 6]


def test_padding_counts_for_nothing_and_an_empty_text_is_zero() -> None:
    hidden = torch.tensor([[[1.0, 0.0], [3.0, 0.0], [99.0, 99.0]]])
    mask = torch.tensor([[1, 1, 0]])
    assert torch.equal(masked_mean(hidden, mask), torch.tensor([[2.0, 0.0]]))
    assert torch.equal(masked_mean(hidden, mask * 0), torch.zeros(1, 2))
    first, second = segment_means(hidden, mask, torch.zeros_like(mask))
    assert torch.equal(first, torch.tensor([[1.0, 0.0]]))
    assert torch.equal(second, torch.zeros(1, 2))


def test_a_new_head_is_a_scaled_cosine() -> None:
    first = nn.functional.normalize(torch.randn(4, 8), dim=1)
    logits = Head(8)(first, first)
    assert torch.allclose(logits, torch.full((4,), 8.0 - 3.2), atol=1e-5)


def test_the_pairwise_loss_compares_inside_lists_only() -> None:
    labels, weights = torch.tensor([1.0, 0.0, 0.5]), torch.ones(3)
    wrong = torch.tensor([-1.0, 1.0, 0.0])
    alone = pairwise_loss(wrong, labels, weights, torch.tensor([0, 1, 2]))
    assert alone == 0
    together = pairwise_loss(wrong, labels, weights, torch.tensor([0, 0, 0]))
    expected = (1.0 * math.log1p(math.exp(2)) + 0.5 * 2 * math.log1p(math.exp(1))) / 2.0
    assert float(together) == pytest.approx(expected, rel=1e-5)
    assert pairwise_loss(-wrong, labels, weights, torch.tensor([0, 0, 0])) < together
    muted = pairwise_loss(wrong, labels, torch.tensor([1.0, 0.0, 1.0]), torch.tensor([0, 0, 0]))
    assert float(muted) == pytest.approx(math.log1p(math.exp(1)), rel=1e-5)
