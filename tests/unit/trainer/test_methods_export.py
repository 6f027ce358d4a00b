"""Methods that cannot be folded into the trunk are exported with their parts, and the graph computes what the model does."""

from pathlib import Path

import numpy as np
import pytest
import torch
from aisle_trainer.domain.methods import UNMERGEABLE, Method
from aisle_trainer.domain.plan import Task
from aisle_trainer.engines.export import HEADS, OnnxModel, fill, require_parity, skeleton
from aisle_trainer.engines.model import ExportModel, RankingModel
from aisle_trainer.errors import ExportParityFailed
from test_methods_training import SETS, loop, plan, trunk


@pytest.mark.parametrize("method", sorted(UNMERGEABLE - {Method.PROMPT}))  # prompt: test_trainer_methods.py
def test_the_graph_of_a_method_scores_as_the_model_does(tmp_path: Path, method: Method) -> None:
    run = loop(tmp_path / "run", plan(method, learning_rate=5e-2, max_steps=6))
    run.run()
    model, encoded = run.model.merged().eval(), SETS[Task.PURCHASE].encoded
    wrapper = ExportModel(model).eval()
    bones = skeleton(wrapper, f"tiny|{method}", tmp_path / "cache")
    assert any("prompt_encoder" in name or ".up." in name for name, _ in bones.weights.values())
    fill(bones, dict(wrapper.named_parameters()), HEADS, tmp_path / "ranker.onnx")
    found = OnnxModel(tmp_path / "ranker.onnx", 1).run(encoded, "purchase")
    expected = model.predict(Task.PURCHASE, encoded)
    assert require_parity("ranker", expected, found) < 1e-4
    # The parts of the method are in there: the graph is not that of the trunk it began with.
    untrained = RankingModel(trunk(), plan(method)).predict(Task.PURCHASE, encoded)
    with pytest.raises(ExportParityFailed):
        require_parity("ranker", untrained, found)
    # A cached graph takes the weights of another model of the same shape.
    other = RankingModel(trunk(), plan(method, seed=5)).eval()
    with torch.no_grad():
        for _, parameter in other.trainable():
            parameter.add_(0.05 * torch.randn_like(parameter))
    again = skeleton(ExportModel(other), f"tiny|{method}", tmp_path / "cache")
    fill(again, dict(ExportModel(other).named_parameters()), HEADS, tmp_path / "other.onnx")
    scores = OnnxModel(tmp_path / "other.onnx", 1).run(encoded, "purchase")
    assert np.abs(scores - other.predict(Task.PURCHASE, encoded)).max() < 1e-4
