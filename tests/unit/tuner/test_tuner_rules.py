"""What may be searched, which trial is best, and what a trial's training spec looks like."""

import math

import pytest
from aisle.pipeline.v1 import pipeline_spec_pb2 as pipeline_pb
from aisle_tuner import convert
from aisle_tuner.domain.space import SEARCHABLE, Plan, Range, validate_plan
from aisle_tuner.domain.trials import Trial, TrialState, best_trial
from aisle_tuner.errors import InvalidStudy

LEARNING_RATE = Range("learning_rate", 1e-5, 1e-2, True)
BASE = pipeline_pb.TrainingSpec(
    tasks=[
        pipeline_pb.TaskSpec(kind=pipeline_pb.TASK_KIND_SEARCH_RELEVANCE, dataset="datasets/judgments"),
        pipeline_pb.TaskSpec(kind=pipeline_pb.TASK_KIND_PURCHASE, dataset="datasets/orders/versions/2"),
    ],
    max_steps=400,
    eval_every_steps=40,
    seed=3,
)


def violations(plan: Plan, task_count: int = 1) -> dict[str, str]:
    with pytest.raises(InvalidStudy) as caught:
        validate_plan(plan, task_count)
    return {entry.field: entry.description for entry in caught.value.violations}


def test_every_searchable_field_is_a_field_of_the_training_spec() -> None:
    assert set(SEARCHABLE) <= set(pipeline_pb.TrainingSpec.DESCRIPTOR.fields_by_name)


def test_legal_plans_pass() -> None:
    ranges = (
        LEARNING_RATE,
        Range("lora_rank", 4, 64, True),
        Range("batch_size", 8, 8),
        Range("weight_decay", 0, 1),
    )
    assert validate_plan(Plan(1000, 0, ranges, 2**64 - 1), 2).ranges == ranges


@pytest.mark.parametrize(
    ("entry", "end"),
    [
        (Range("learning_rate", 0.0, 0.01), "low"),
        (Range("learning_rate", 0.001, 0.2), "high"),
        (Range("learning_rate", 0.01, 0.001), "low"),
        (Range("learning_rate", 0.0, 0.01, True), "low"),
        (Range("learning_rate", -1.0, 0.01, True), "low"),
        (Range("learning_rate", math.nan, 0.01), "low"),
        (Range("learning_rate", 0.001, math.inf), "high"),
        (Range("weight_decay", 0.0, 0.1, True), "low"),
        (Range("weight_decay", -0.1, 0.1), "low"),
        (Range("lora_rank", 1.5, 8), "low"),
        (Range("lora_rank", 0, 8), "low"),
        (Range("lora_rank", 8, 257), "high"),
        (Range("batch_size", 8, 1025), "high"),
    ],
)
def test_illegal_bounds_are_named(entry: Range, end: str) -> None:
    assert f"stage.parameters[1].{end}" in violations(Plan(4, 0, (Range("batch_size", 8, 16), entry)))


def test_everything_wrong_is_named_at_once() -> None:
    found = violations(Plan(0, -1, (Range("seed", 1, 2), LEARNING_RATE, LEARNING_RATE)), task_count=0)
    assert set(found) == {
        "stage.trial_count",
        "stage.max_steps",
        "stage.parameters[0].field",
        "stage.parameters[2].field",
        "base_spec.tasks",
    }
    assert "stage.parameters" in violations(Plan(1001, 0, ()))


def test_a_log_scale_from_not_a_number_is_refused() -> None:
    assert "stage.parameters[0].low" in violations(Plan(4, 0, (Range("learning_rate", math.nan, 0.01, True),)))


def test_the_best_trial_is_complete_and_the_earliest_of_equals() -> None:
    trials = [
        Trial(1, TrialState.FAILED),
        Trial(2, TrialState.COMPLETE, score=0.5),
        Trial(3, TrialState.COMPLETE, score=0.7),
        Trial(4, TrialState.PRUNED, score=0.9),
        Trial(5, TrialState.COMPLETE, score=0.7),
        Trial(6, TrialState.RUNNING, score=0.95),
    ]
    best = best_trial(trials)
    assert best is not None
    assert best.number == 3
    assert best_trial([trials[0], trials[3]]) is None


def test_a_trial_trains_the_drawn_values_and_exports_nothing() -> None:
    plan = Plan(4, 100, (LEARNING_RATE, Range("lora_rank", 4, 64)))
    spec = convert.trial_spec(BASE, plan, {"learning_rate": 0.003, "lora_rank": 16.0})
    assert (spec.learning_rate, spec.lora_rank, spec.max_steps, spec.skip_export) == (0.003, 16, 100, True)
    assert spec.eval_every_steps == 40
    assert spec.seed == 3
    assert not BASE.skip_export
    best = convert.tuned(BASE, {"learning_rate": 0.003})
    assert (best.max_steps, best.skip_export) == (400, False)


def test_a_short_trial_is_validated_often_enough_to_be_pruned() -> None:
    assert convert.trial_spec(BASE, Plan(4, 50, (LEARNING_RATE,)), {}).eval_every_steps == 10


def test_tasks_are_bound_to_the_versions_that_governance_made() -> None:
    bound = convert.bound(BASE, ["datasets/judgments/versions/7", "datasets/orders/versions/9"])
    assert [task.dataset for task in bound.tasks] == ["datasets/judgments/versions/7", "datasets/orders/versions/2"]


def test_trials_travel_whole() -> None:
    trials = [
        Trial(1, TrialState.COMPLETE, {"learning_rate": 0.1}, 0.5, "trainingJobs/a", 10),
        Trial(2, TrialState.PRUNED, {"learning_rate": 0.2}, 0.25, "trainingJobs/b", 5),
    ]
    assert convert.trials_from_bytes(convert.trials_bytes(trials)) == trials
    running = convert.trials_from_bytes(convert.trials_bytes([Trial(3)]))[0]
    assert running.state is TrialState.RUNNING
    assert math.isnan(running.score)
