"""Plans are completed and checked; splits are stable; batches are a function of seed and step."""

import numpy as np
import pytest
from aisle.pipeline.v1 import pipeline_spec_pb2 as spec_pb
from aisle_trainer import convert
from aisle_trainer.domain import sampling, splits
from aisle_trainer.domain.engine import Engine, rate_share
from aisle_trainer.domain.plan import RECIPES, Method, Plan, Task, TaskPlan, completed
from aisle_trainer.errors import InvalidField
from aisle_trainer.training import bound

SEARCH = TaskPlan(Task.SEARCH_RELEVANCE, "datasets/judgments", 0.0)
PURCHASE = TaskPlan(Task.PURCHASE, "datasets/orders")


def test_zeros_become_the_defaults_of_the_contract() -> None:
    plan = completed(Plan(tasks=(SEARCH,)))
    assert (plan.base_model, plan.batch_size, plan.patience, plan.lora_rank) == ("all-MiniLM-L6-v2", 32, 3, 16)
    assert (plan.max_tokens, plan.eval_every_steps) == (64, plan.max_steps // 10)
    assert plan.tasks[0].weight == 1


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("spec.tasks", {"tasks": ()}),
        ("spec.tasks[1].kind", {"tasks": (SEARCH, SEARCH)}),
        ("spec.tasks[0].weight", {"tasks": (TaskPlan(Task.PURCHASE, "datasets/x", -1.0),)}),
        ("spec.learning_rate", {"learning_rate": 0.2}),
        ("spec.learning_rate", {"learning_rate": float("nan")}),
        ("spec.batch_size", {"batch_size": 4, "tasks": (SEARCH, PURCHASE)}),
        ("spec.batch_size", {"batch_size": -1}),
        ("spec.max_steps", {"max_steps": -5}),
        ("spec.max_tokens", {"max_tokens": 1000}),
        ("spec.lora_rank", {"lora_rank": 257}),
        ("spec.weight_decay", {"weight_decay": 2.0}),
        ("spec.label_noise_ratio", {"label_noise_ratio": -0.1}),
        ("spec.base_model", {"base_model": "../../etc"}),
    ],
)
def test_what_cannot_be_is_refused_with_its_path(field: str, changes: dict[str, object]) -> None:
    with pytest.raises(InvalidField) as caught:
        completed(Plan(**{"tasks": (SEARCH,), **changes}))  # type: ignore[arg-type]
    assert caught.value.field == field


def test_a_step_is_shared_between_the_tasks() -> None:
    plan = completed(Plan(tasks=(SEARCH, PURCHASE), batch_size=40))
    assert (plan.pairs_per_step(Task.SEARCH_RELEVANCE), plan.pairs_per_step(Task.PURCHASE)) == (32, 8)
    alone = completed(Plan(tasks=(SEARCH,), batch_size=40))
    assert (alone.pairs_per_step(Task.SEARCH_RELEVANCE), alone.pairs_per_step(Task.PURCHASE)) == (40, 0)


def test_a_spec_goes_to_a_plan_and_back() -> None:
    for recipe in RECIPES:
        assert completed(convert.plan_from_spec(convert.spec_from_plan(recipe.plan))) == recipe.plan
    unspecified = spec_pb.TrainingSpec(tasks=[spec_pb.TaskSpec(kind=spec_pb.TASK_KIND_PURCHASE)])
    assert convert.plan_from_spec(unspecified).method is Method.LORA
    with pytest.raises(InvalidField, match=r"spec.tasks\[0\].kind"):
        convert.plan_from_spec(spec_pb.TrainingSpec(tasks=[spec_pb.TaskSpec()]))


def test_a_run_fixes_the_versions_that_it_published() -> None:
    spec = spec_pb.TrainingSpec(
        tasks=[
            spec_pb.TaskSpec(dataset="datasets/judgments"),
            spec_pb.TaskSpec(dataset="datasets/orders/versions/2"),
            spec_pb.TaskSpec(dataset="datasets/other"),
        ]
    )
    slip = spec_pb.RoutingSlip(dataset_versions=["datasets/judgments/versions/7", "datasets/orders/versions/9"])
    found = [task.dataset for task in bound(spec, slip).tasks]
    assert found == ["datasets/judgments/versions/7", "datasets/orders/versions/2", "datasets/other"]


def test_queries_keep_their_side_of_the_split_for_ever() -> None:
    assert [splits.bucket(unit) for unit in ("a", "b", "red shoes", "")] == [0, 6, 4, 0]
    sides = [splits.search_role(f"query {number}") for number in range(2000)]
    shares = [sides.count(role) / 2000 for role in splits.Role]
    assert shares == pytest.approx([0.5, 0.1, 0.4], abs=0.03)


def test_time_windows_are_a_month_or_a_fifth() -> None:
    day = splits.DAY_US
    year = splits.time_split(0, 365 * day - 1)
    assert (year.validation_start, year.test_start, year.end) == (305 * day, 335 * day, 365 * day)
    week = splits.time_split(0, 10 * day - 1)
    assert (week.validation_start, week.test_start, week.end) == (6 * day, 8 * day, 10 * day)


def test_batches_cover_every_row_once_an_epoch_and_depend_on_seed_and_step_alone() -> None:
    lists = np.random.default_rng(0).integers(0, 9, 103)
    plan, other = (sampling.BatchPlan(lists, 24, seed=5, stream=0) for _ in range(2))
    count = len(plan._shuffled(0))
    epoch, following = ([plan.batch(first + step) for step in range(count)] for first in (0, count))
    for batches in (epoch, following):
        assert sorted(np.concatenate(batches).tolist()) == list(range(103))
        assert max(map(len, batches)) <= 24
    assert (other.batch(count + 2) == following[2]).all()
    assert any(len(a) != len(b) or (a != b).any() for a, b in zip(epoch, following, strict=True))


def test_a_batch_holds_pieces_of_lists() -> None:
    lists = np.repeat(np.arange(10), 12)
    plan = sampling.BatchPlan(lists, 24, seed=1, stream=0)
    for step in range(5):
        _, sizes = np.unique(lists[plan.batch(step)], return_counts=True)
        assert set(sizes) <= {6, 12, 18, 24}
    assert len(sampling.BatchPlan(lists, 4, seed=1, stream=0).batch(0)) == 4


def test_the_rate_warms_up_and_decays() -> None:
    shares = [rate_share(step, 100, Engine()) for step in range(100)]
    assert shares[0] == pytest.approx(0.1)
    assert max(shares) == 1
    assert shares[9:] == sorted(shares[9:], reverse=True)
    assert 0 < shares[-1] < 0.02


def test_noise_changes_the_asked_share_of_labels_and_nothing_without_it() -> None:
    labels = np.arange(10_000.0)
    assert sampling.noisy_labels(labels, 0.0, 1) is labels
    changed = sampling.noisy_labels(labels, 0.3, 1) != labels
    assert changed.mean() == pytest.approx(0.3, abs=0.02)


def test_patience_counts_validations_since_the_best() -> None:
    assert sampling.validations_without_gain([]) == 0
    assert sampling.validations_without_gain([0.5, 0.7, 0.6, 0.7]) == 2
