"""Every fine-tuning method trains what it should, goes on bit for bit after a kill, and is folded in or exported."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from aisle_trainer.domain.engine import Engine, Optimizer, Precision, Schedule
from aisle_trainer.domain.methods import UNMERGEABLE, AdaptiveLowRank, Bottleneck, LowRank, Method, VirtualTokens
from aisle_trainer.domain.metrics import Figure
from aisle_trainer.domain.plan import Plan, Task, TaskPlan, completed
from aisle_trainer.engines.encoder import Encoded
from aisle_trainer.engines.model import RankingModel
from aisle_trainer.engines.training import Hooks, TrainingLoop, TrainingSet
from aisle_trainer.errors import MethodUnsupported
from torch import nn
from transformers import BertConfig, BertModel

torch.set_num_threads(1)
STEPS = 12
TRAINED = [method for method in Method if method is not Method.FROZEN]
DROPOUT = {
    Method.LORA: LowRank(dropout=0.2),
    Method.DORA: LowRank(dropout=0.2),
    Method.ADALORA: AdaptiveLowRank(dropout=0.2, initial_rank=4),
    Method.BOTTLENECK: Bottleneck(width=3, dropout=0.2),
    Method.PREFIX: VirtualTokens(3),
    Method.PROMPT: VirtualTokens(3),
}
"""Dropout makes the random state matter."""


def trunk() -> BertModel:
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=60,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=32,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    return BertModel(config, add_pooling_layer=False)


def plan(method: Method, **more: object) -> Plan:
    values = {
        "learning_rate": 2e-3,
        "batch_size": 12,
        "max_steps": STEPS,
        "eval_every_steps": 3,
        "patience": 9,
        "lora_rank": 2,
        "weight_decay": 0.1,
        "tuning": DROPOUT.get(method),
        **more,
    }
    tasks = (TaskPlan(Task.SEARCH_RELEVANCE, "datasets/j"), TaskPlan(Task.PURCHASE, "datasets/o"))
    return completed(Plan(**{"tasks": tasks, "method": method, **values}))  # type: ignore[arg-type]


def training_set(seed: int, pairs: int = 48) -> TrainingSet:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(4, 20, pairs).astype(np.int64)
    ids = [rng.integers(1, 60, length).tolist() for length in lengths]
    types = [[0] * 2 + [1] * (length - 2) for length in lengths]
    return TrainingSet(Encoded(ids, types, lengths), rng.random(pairs), np.ones(pairs), np.arange(pairs) // 4)


SETS = {Task.SEARCH_RELEVANCE: training_set(1), Task.PURCHASE: training_set(2)}


def loop(folder: Path, wanted: Plan, stop_after: int | None = None, sets: object = None) -> TrainingLoop:
    model = RankingModel(trunk(), wanted)
    model.fp16 = wanted.engine.precision is Precision.FLOAT16
    seen: list[int] = []

    def validate(now: RankingModel) -> dict[Task, tuple[Figure, ...]]:
        return {Task.SEARCH_RELEVANCE: (Figure.point("ndcg@10", now.heads["relevance"].bias.item(), 1),)}

    hooks = Hooks(
        validate=validate,
        report=lambda progress: seen.append(progress.step),
        stop=lambda: stop_after is not None and len(seen) >= stop_after,
    )
    return TrainingLoop(model, wanted, sets or SETS, folder, "data", hooks)  # type: ignore[arg-type]


def everything(run: TrainingLoop) -> dict[str, torch.Tensor]:
    """Weights, moments and what else the optimizer knows at the end of a run."""
    run.run()
    assert run.finished
    found = dict(run.model.trainable_state())
    for name, parameter in run.model.trainable():
        found |= {f"{key} {name}": v for key, v in run.optimizer.state[parameter].items() if torch.is_tensor(v)}
    if run.model.ranks is not None:
        found |= {f"rank {name}": values for name, values in run.model.ranks.state().items()}
    return found


@pytest.mark.parametrize("method", TRAINED)
def test_a_run_killed_at_any_step_ends_in_the_same_bits(tmp_path: Path, method: Method) -> None:
    whole = everything(loop(tmp_path / "whole", plan(method)))
    for step in (2, 7):
        folder = tmp_path / f"cut-{step}"
        loop(folder, plan(method), stop_after=step).run()
        resumed = loop(folder, plan(method))
        assert resumed.step == step // 3 * 3
        again = everything(resumed)
        assert whole.keys() == again.keys()
        assert all(torch.equal(whole[name], again[name]) for name in whole), (method, step)


@pytest.mark.parametrize("method", TRAINED)
def test_a_method_changes_what_it_trains_and_nothing_else(tmp_path: Path, method: Method) -> None:
    run = loop(tmp_path, plan(method))
    before = {name: values.detach().clone() for name, values in run.model.named_parameters()}
    run.run()
    trained = {name for name, _ in run.model.trainable()}
    changed = {name for name, values in run.model.named_parameters() if not torch.equal(values, before[name])}
    assert changed <= trained
    inside = {name for name in trained if name.startswith("trunk.")}
    assert changed & inside
    names = {
        Method.BITFIT: ("bias",),
        Method.BOTTLENECK: ("down.", "up."),
        Method.PREFIX: ("prompt_encoder",),
        Method.PROMPT: ("prompt_encoder",),
        Method.IA3: ("ia3_l",),
        Method.LORA: ("lora_A", "lora_B"),
        Method.DORA: ("lora_A", "lora_B", "magnitude"),
        Method.ADALORA: ("lora_A", "lora_B", "lora_E"),
        Method.FULL: ("",),
    }[method]
    assert all(any(part in name for part in names) for name in inside)
    cost = run.cost
    assert cost.trunk_trainable == sum(before[name].numel() for name in inside)
    assert cost.trainable == sum(before[name].numel() for name in trained)
    assert cost.parameters == sum(values.numel() for values in before.values())
    assert (cost.trunk_trainable < 0.45 * cost.parameters) is (method is not Method.FULL)
    assert cost.peak_memory_bytes > 1 << 20
    assert cost.pairs > 0 < cost.step_cpu_seconds


@pytest.mark.parametrize("method", TRAINED)
def test_folding_in_changes_no_score(tmp_path: Path, method: Method) -> None:
    run = loop(tmp_path, plan(method, learning_rate=5e-2))
    run.run()
    encoded = SETS[Task.SEARCH_RELEVANCE].encoded
    before = run.model.predict(Task.SEARCH_RELEVANCE, encoded)
    untrained = RankingModel(trunk(), plan(method)).predict(Task.SEARCH_RELEVANCE, encoded)
    assert np.abs(before - untrained).max() > 0.05
    merged = run.model.merged()
    assert np.abs(before - merged.predict(Task.SEARCH_RELEVANCE, encoded)).max() < 1e-4
    plain = {name for name, _ in RankingModel(trunk(), plan(Method.FULL)).named_parameters()}
    assert ({name for name, _ in merged.named_parameters()} == plain) is (method not in UNMERGEABLE)


def test_adalora_ends_within_its_budget_and_says_where(tmp_path: Path) -> None:
    run = loop(tmp_path, plan(Method.ADALORA, max_steps=30))
    assert (run.cost.rank_budget.initial_total, run.cost.rank_budget.target_total) == (24, 12)  # type: ignore[union-attr]
    run.run()
    budget = run.cost.rank_budget
    assert budget is not None
    assert sum(budget.layers.values()) == 12
    assert set(budget.layers.values()) != {2}
    assert "encoder.layer.0.attention.self.query" in budget.layers
    kept = [entry.step for entry in run.validations if run._counts(entry.step)]
    assert kept == [step for step in range(3, 31, 3) if step >= 18]


def test_tokens_beside_the_input_keep_the_padding_out_and_the_segments_in() -> None:
    for method in (Method.PREFIX, Method.PROMPT):
        model = RankingModel(trunk(), plan(method)).eval()
        ids, types = torch.randint(5, 50, (2, 7)), torch.tensor([[0, 0, 0, 1, 1, 1, 1]] * 2)
        mask = torch.ones_like(ids)
        with torch.inference_mode():
            alone = model.logits(Task.PURCHASE, ids, mask, types)
            wide = [torch.nn.functional.pad(part, (0, 5)) for part in (ids, mask, types)]
            assert torch.allclose(alone, model.logits(Task.PURCHASE, *wide), atol=1e-5)
            hidden = model.trunk(input_ids=ids, attention_mask=mask, token_type_ids=types).last_hidden_state
            other = model.trunk(input_ids=ids, attention_mask=mask, token_type_ids=1 - types).last_hidden_state
        assert hidden.shape == (2, 7, 16)
        assert (hidden - other).abs().max() > 1e-4


class Strange(nn.Module):
    """A trunk without a layer of a known name."""

    def __init__(self) -> None:
        super().__init__()
        self.config = type("Config", (), {"hidden_size": 4, "model_type": "strange", "to_dict": lambda self: {}})()
        self.mix = nn.Linear(4, 4)


@pytest.mark.parametrize("method", [Method.LORA, Method.BOTTLENECK, Method.IA3])
def test_a_trunk_without_a_place_for_the_method_is_refused(method: Method) -> None:
    with pytest.raises(MethodUnsupported) as caught:
        RankingModel(Strange(), plan(method))
    assert "full" in caught.value.next_step


@pytest.mark.parametrize(
    "engine",
    [
        Engine(optimizer=Optimizer.SGD, schedule=Schedule.COSINE),
        Engine(precision=Precision.FLOAT16, schedule=Schedule.CONSTANT),
        Engine(micro_batch_size=3, gradient_checkpointing=True),
    ],
    ids=lambda engine: f"{engine.optimizer}-{engine.precision}-{engine.micro_batch_size}",
)
def test_every_way_of_stepping_goes_on_bit_for_bit(tmp_path: Path, engine: Engine) -> None:
    wanted = plan(Method.LORA, engine=engine)
    whole = everything(loop(tmp_path / "whole", wanted))
    assert any("momentum_buffer" in name for name in whole) is (engine.optimizer is Optimizer.SGD)
    loop(tmp_path / "cut", wanted, stop_after=7).run()
    again = everything(loop(tmp_path / "cut", wanted))
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_only_the_heads_of_the_plans_tasks_are_trained() -> None:
    alone = replace(plan(Method.LORA), tasks=(TaskPlan(Task.PURCHASE, "datasets/o"),))
    names = {name.split(".")[1] for name, _ in RankingModel(trunk(), alone).trainable() if name.startswith("heads.")}
    assert names == {"purchase"}
