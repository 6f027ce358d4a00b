"""Methods and engine settings on the contract: checked with their paths, filled in, written back."""

import pytest
from aisle.pipeline.v1 import pipeline_spec_pb2 as spec_pb
from aisle_trainer import convert
from aisle_trainer.domain.comparison import Judged, paired_with_first
from aisle_trainer.domain.methods import DEFAULT_LEARNING_RATE, Method
from aisle_trainer.domain.plan import RECIPES, completed
from aisle_trainer.errors import FailedPrecondition, InvalidField
from google.protobuf import text_format

TASK = 'tasks { kind: TASK_KIND_SEARCH_RELEVANCE dataset: "datasets/j" } '


def spec(text: str) -> spec_pb.TrainingSpec:
    return text_format.Parse(TASK + text, spec_pb.TrainingSpec())


def filled(text: str) -> spec_pb.TrainingSpec:
    return convert.spec_from_plan(completed(convert.plan_from_spec(spec(text))))


@pytest.mark.parametrize("method", [method for method in Method if method is not Method.FROZEN])
def test_every_method_has_defaults_and_goes_there_and_back(method: Method) -> None:
    found = filled(f"method: FINE_TUNING_METHOD_{method.upper()}")
    assert found.learning_rate == DEFAULT_LEARNING_RATE[method]
    assert (found.fine_tuning.WhichOneof("parameters") or "") in (method, "")
    plan = completed(convert.plan_from_spec(found))
    assert convert.spec_from_plan(plan) == found
    assert completed(plan) == plan


def test_parameters_decide_the_method_and_missing_ones_are_filled_in() -> None:
    found = filled("fine_tuning { adalora { orthogonality: 0.3 } } lora_rank: 8")
    assert found.method == spec_pb.FINE_TUNING_METHOD_ADALORA
    ada = found.fine_tuning.adalora
    assert (ada.initial_rank, ada.alpha, ada.orthogonality, ada.warmup_ratio, ada.settle_ratio) == (
        12,
        24,
        0.3,
        0.1,
        0.4,
    )
    assert filled("fine_tuning { prefix { } }").fine_tuning.prefix.count == 16
    assert filled("fine_tuning { bottleneck { } }").fine_tuning.bottleneck.width == 16
    assert filled("lora_rank: 4").fine_tuning.lora.alpha == 8
    engine = filled("").engine
    assert (engine.warmup_ratio, engine.gradient_norm_limit, engine.gap_limit, engine.momentum) == (0.1, 1, 0.1, 0)
    assert filled("engine { warmup_ratio: 0 optimizer: OPTIMIZER_SGD }").engine.warmup_ratio == 0
    assert filled("engine { optimizer: OPTIMIZER_SGD }").engine.momentum == 0.9


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("spec.method", "method: 99"),
        ("spec.fine_tuning.prefix", "method: FINE_TUNING_METHOD_LORA fine_tuning { prefix { } }"),
        ("spec.fine_tuning.bottleneck", "method: FINE_TUNING_METHOD_FULL fine_tuning { bottleneck { } }"),
        ("spec.fine_tuning.prefix.count", "fine_tuning { prefix { count: 129 } }"),
        ("spec.fine_tuning.prompt.count", "fine_tuning { prompt { count: -1 } }"),
        ("spec.fine_tuning.bottleneck.width", "fine_tuning { bottleneck { width: 2000 } }"),
        ("spec.fine_tuning.lora.alpha", "fine_tuning { lora { alpha: -3 } }"),
        ("spec.fine_tuning.lora.alpha", "fine_tuning { lora { alpha: nan } }"),
        ("spec.fine_tuning.lora.target", "fine_tuning { lora { target: 9 } }"),
        ("spec.fine_tuning.dora.dropout_ratio", "fine_tuning { dora { dropout_ratio: 0.95 } }"),
        ("spec.fine_tuning.adalora.initial_rank", "fine_tuning { adalora { initial_rank: 8 } } lora_rank: 8"),
        ("spec.fine_tuning.adalora.initial_rank", "fine_tuning { adalora { } } lora_rank: 256"),
        ("spec.fine_tuning.adalora.settle_ratio", "fine_tuning { adalora { warmup_ratio: 0.6 settle_ratio: 0.5 } }"),
        ("spec.fine_tuning.adalora.orthogonality", "fine_tuning { adalora { orthogonality: 11 } }"),
        ("spec.engine.optimizer", "engine { optimizer: 7 }"),
        ("spec.engine.schedule", "engine { schedule: 7 }"),
        ("spec.engine.precision", "engine { precision: 7 }"),
        ("spec.engine.momentum", "engine { momentum: 0.5 }"),
        ("spec.engine.momentum", "engine { optimizer: OPTIMIZER_SGD momentum: 1 }"),
        ("spec.engine.warmup_ratio", "engine { warmup_ratio: 0.95 }"),
        ("spec.engine.micro_batch_size", "engine { micro_batch_size: -2 }"),
        ("spec.engine.gradient_norm_limit", "engine { gradient_norm_limit: -1 }"),
        ("spec.engine.gap_limit", "engine { gap_limit: nan }"),
        (
            "spec.engine.gradient_checkpointing",
            "method: FINE_TUNING_METHOD_PREFIX engine { gradient_checkpointing: true }",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_its_path(field: str, text: str) -> None:
    with pytest.raises(InvalidField) as caught:
        filled(text)
    assert caught.value.field == field


def test_another_method_on_top_of_a_recipe_gets_its_own_parameters() -> None:
    (recipe,) = (convert.recipe(entry) for entry in RECIPES if entry.recipe_id == "search-lora")
    changed = recipe.spec
    changed.method = spec_pb.FINE_TUNING_METHOD_PREFIX
    assert completed(convert.plan_from_spec(changed)).method is Method.PREFIX


def judged(job: str, values: tuple[float, ...], data: str = "d") -> Judged:
    return Judged(job, "ndcg@10", sum(values) / 3, data, ("a", "b", "c"), values)


def test_jobs_are_held_against_the_first_on_the_same_units() -> None:
    first, second = judged("1", (0.5, 0.6, 0.7)), judged("2", (0.6, 0.7, 0.8))
    none, figure = paired_with_first([first, second])
    assert none is None
    assert figure is not None
    assert (figure.value, figure.lower, figure.upper) == pytest.approx((0.1, 0.1, 0.1))
    with pytest.raises(FailedPrecondition, match="different data"):
        paired_with_first([first, judged("3", (0.6, 0.7, 0.8), data="other")])
    unevaluated = Judged("4", "validation_score", 0.7, "v")
    assert paired_with_first([unevaluated, Judged("5", "validation_score", 0.8, "v")]) == [None, None]
