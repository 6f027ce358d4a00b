"""Several models on one trunk score as each does alone; they can be averaged, folded in and taken off."""

from pathlib import Path

import numpy as np
import pytest
from aisle_trainer.domain.methods import LowRank, Method, Target
from aisle_trainer.domain.plan import Plan, Task
from aisle_trainer.engines.model import RankingModel
from aisle_trainer.engines.resident import ResidentTrunk
from aisle_trainer.errors import FailedPrecondition, InvalidField, NotFound
from test_methods_training import SETS, loop, plan, trunk

TASK, PAIRS = Task.PURCHASE, SETS[Task.PURCHASE].encoded
PLANS = {
    "wide": plan(Method.LORA, learning_rate=3e-2, max_steps=4, lora_rank=3, tuning=LowRank()),
    "narrow": plan(Method.LORA, learning_rate=3e-2, max_steps=4, seed=2, tuning=LowRank(target=Target.ATTENTION)),
    "dora": plan(Method.DORA, learning_rate=3e-2, max_steps=4, seed=3, tuning=LowRank()),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RankingModel]:
    found = {}
    for name, wanted in PLANS.items():
        run = loop(tmp_path_factory.mktemp(name), wanted)
        run.run()
        found[name] = run.model
    return found


def resident(models: dict[str, RankingModel]) -> ResidentTrunk:
    (first, plan_of_first), *rest = PLANS.items()
    shelf = ResidentTrunk(trunk(), first, plan_of_first, models[first].trainable_state())
    for name, wanted in rest:
        shelf.add(name, wanted, models[name].trainable_state())
    return shelf


def test_every_model_scores_as_it_does_alone_in_any_order(models: dict[str, RankingModel]) -> None:
    shelf = resident(models)
    alone = {name: model.predict(TASK, PAIRS) for name, model in models.items()}
    for name in ("dora", "wide", "narrow", "wide"):
        assert shelf.predict(name, TASK, PAIRS) == pytest.approx(alone[name], abs=1e-5)
    assert np.abs(alone["wide"] - alone["narrow"]).max() > 0.05
    shelf.remove("dora")
    assert shelf.names == ["wide", "narrow"]
    assert shelf.predict("narrow", TASK, PAIRS) == pytest.approx(alone["narrow"], abs=1e-5)


def test_an_exported_model_is_the_bare_trunk_and_leaves_the_others(models: dict[str, RankingModel]) -> None:
    shelf = resident(models)
    exported = shelf.export("narrow")
    plain = {name for name, _ in RankingModel(trunk(), plan(Method.FULL)).named_parameters()}
    assert {name for name, _ in exported.named_parameters()} == plain
    assert exported.predict(TASK, PAIRS) == pytest.approx(models["narrow"].predict(TASK, PAIRS), abs=1e-4)
    assert shelf.predict("wide", TASK, PAIRS) == pytest.approx(models["wide"].predict(TASK, PAIRS), abs=1e-5)


def test_an_average_of_one_is_itself_and_of_two_lies_between(models: dict[str, RankingModel]) -> None:
    shelf = resident(models)
    shelf.average("same", {"wide": 1.0})
    assert shelf.predict("same", TASK, PAIRS) == pytest.approx(shelf.predict("wide", TASK, PAIRS), abs=1e-4)
    shelf.average("twice", {"wide": 0.5, "same": 0.5})
    assert shelf.predict("twice", TASK, PAIRS) == pytest.approx(shelf.predict("wide", TASK, PAIRS), abs=1e-4)
    with pytest.raises(InvalidField, match="dora"):
        shelf.average("mixed", {"wide": 0.5, "dora": 0.5})


def test_what_does_not_fit_is_refused(models: dict[str, RankingModel]) -> None:
    shelf = resident(models)
    state = models["wide"].trainable_state()
    refused: list[tuple[str, Plan, str]] = [
        ("wide", PLANS["wide"], "ADAPTER_EXISTS"),
        ("bias", plan(Method.BITFIT), "METHOD_UNSUPPORTED"),
        ("other", PLANS["narrow"], "ADAPTER_MISMATCH"),
    ]
    for name, wanted, reason in refused:
        with pytest.raises(FailedPrecondition) as caught:
            shelf.add(name, wanted, state)
        assert caught.value.reason == reason
    assert shelf.names == list(PLANS)
    shelf.add("other", PLANS["narrow"], models["narrow"].trainable_state())
    with pytest.raises(NotFound):
        shelf.predict("nobody", TASK, PAIRS)
    with pytest.raises(FailedPrecondition):
        shelf.remove("wide")


def test_nothing_of_the_base_is_changed(models: dict[str, RankingModel], tmp_path: Path) -> None:
    base = trunk()
    before = {name: values.clone() for name, values in base.named_parameters()}
    shelf = ResidentTrunk(base, "wide", PLANS["wide"], models["wide"].trainable_state())
    shelf.predict("wide", TASK, PAIRS)
    shelf.export("wide")
    after = {name.replace("base_layer.", ""): values for name, values in base.named_parameters()}
    assert all(np.array_equal(values.detach(), after[name].detach()) for name, values in before.items())
