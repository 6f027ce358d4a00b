"""Frozen layers stay as they are, the others are trained; what cannot be is refused with its field."""

from dataclasses import replace

import pytest
import torch
from aisle_trainer.domain.plan import Method, Plan, Task, TaskPlan, completed
from aisle_trainer.engines.model import RankingModel
from aisle_trainer.errors import InvalidField
from torch import Tensor
from transformers import BertConfig, BertModel

PLAN = completed(
    Plan(tasks=(TaskPlan(Task.SEARCH_RELEVANCE, "datasets/j"),), method=Method.FULL, learning_rate=0.1, frozen_layers=2)
)


def trunk() -> BertModel:
    torch.manual_seed(0)
    config = BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=3, num_attention_heads=2, intermediate_size=16)
    return BertModel(config, add_pooling_layer=False)


def changed(model: RankingModel) -> set[str]:
    """Names of the trunk's parameters that one step of SGD moved."""
    before: dict[str, Tensor] = {name: value.detach().clone() for name, value in model.named_parameters()}
    ids = torch.randint(1, 30, (6, 10))
    logits = model.logits(Task.SEARCH_RELEVANCE, ids, torch.ones_like(ids), (torch.arange(10) > 4).long().expand(6, 10))
    logits.sum().backward()
    torch.optim.SGD([value for _, value in model.trainable()], lr=1.0).step()
    return {
        name for name, value in model.named_parameters() if name.startswith("trunk") and (value != before[name]).any()
    }


def test_only_layers_above_the_frozen_ones_are_trained() -> None:
    moved = changed(RankingModel(trunk(), PLAN))
    assert moved and all(name.startswith("trunk.encoder.layer.2.") for name in moved)


def test_without_frozen_layers_all_are_trained() -> None:
    moved = changed(RankingModel(trunk(), replace(PLAN, frozen_layers=0)))
    assert {name.split(".")[1] for name in moved} == {"embeddings", "encoder"}
    assert any(name.startswith("trunk.encoder.layer.0.") for name in moved)


def test_freezing_all_layers_is_refused() -> None:
    with pytest.raises(InvalidField, match="frozen_layers: must be below 3"):
        RankingModel(trunk(), replace(PLAN, frozen_layers=3))


@pytest.mark.parametrize(("method", "layers"), [(Method.LORA, 1), (Method.FULL, -1), (Method.FULL, 64)])
def test_the_field_has_limits(method: Method, layers: int) -> None:
    with pytest.raises(InvalidField, match="frozen_layers"):
        completed(replace(PLAN, method=method, frozen_layers=layers))
