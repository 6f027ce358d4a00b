"""Policies, intervals, alerts on figures, edges of traces, and the rules of a plan."""

from dataclasses import replace

import pytest
from aisle_monitor.domain.alerts import Alert, AlertKind, Policy, check_policy, choose
from aisle_monitor.domain.engagement import (
    ClickCounts,
    ServingFigures,
    click_through_alert,
    latency_alert,
    wilson_interval,
)
from aisle_monitor.domain.plans import (
    DatasetRun,
    Gate,
    ParameterRange,
    Plan,
    Registry,
    Task,
    Training,
    Tuning,
    check_plan,
)
from aisle_monitor.domain.traces import Edge, SpanRecord, edges
from aisle_monitor.errors import InvalidPlan
from aisle_runtime.errors import InvalidField
from scipy.stats import norm

ALERT = Alert("k", AlertKind.DATA_DRIFT, "datasets/orders", "It moved.", name="alerts/a")
POLICY = Policy("policies/p", AlertKind.DATA_DRIFT, "datasets/orders", "pipelines/shop", cooldown_seconds=60)


def test_a_policy_answers_its_kind_and_subject_only() -> None:
    assert POLICY.answers(ALERT, 0)
    assert replace(POLICY, subject="").answers(ALERT, 0)
    assert not replace(POLICY, subject="datasets/other").answers(ALERT, 0)
    assert not replace(POLICY, alert_kind=AlertKind.LATENCY).answers(ALERT, 0)


def test_a_policy_rests_for_its_cooldown() -> None:
    used = replace(POLICY, last_run_time=1000.0)
    assert not used.answers(ALERT, 1059.9)
    assert used.answers(ALERT, 1060.0)


def test_two_policies_do_not_start_the_same_pipeline_for_one_alert() -> None:
    others = [replace(POLICY, name="policies/z"), replace(POLICY, name="policies/q", pipeline="pipelines/other")]
    assert [policy.name for policy in choose([*others, POLICY], ALERT, 0)] == ["policies/p", "policies/q"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"pipeline": "shop"}, "policy.pipeline"),
        ({"subject": "datasets/a/versions/1"}, "policy.subject"),
        ({"cooldown_seconds": -1}, "policy.cooldown_seconds"),
        ({"cooldown_seconds": 31_536_001}, "policy.cooldown_seconds"),
    ],
)
def test_a_policy_names_what_is_wrong_with_it(change: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        check_policy(replace(POLICY, **change))  # type: ignore[arg-type]
    assert caught.value.field == field


@pytest.mark.parametrize(("hits", "trials"), [(0, 10), (3, 10), (10, 10), (57, 1234)])
def test_the_wilson_interval_equals_its_formula(hits: int, trials: int) -> None:
    z, share = norm.ppf(0.975), hits / trials
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * (share * (1 - share) / trials + z * z / (4 * trials * trials)) ** 0.5
    interval = wilson_interval(hits, trials)
    assert (interval.ratio, interval.lower, interval.upper) == pytest.approx(
        (share, middle - half, middle + half), abs=1e-9
    )


def test_without_trials_nothing_is_known() -> None:
    interval = wilson_interval(0, 0)
    assert (interval.ratio, interval.lower, interval.upper) == (0, 0, 1)


def counts(version: str, clicks: int, impressions: int = 5000) -> ClickCounts:
    return ClickCounts(f"models/m/versions/{version}", impressions, clicks)


def test_click_through_alerts_only_when_the_intervals_part() -> None:
    alert = click_through_alert(counts("2", 100), counts("1", 250), 500)
    assert alert is not None and alert.subject == "models/m"
    assert click_through_alert(counts("2", 230), counts("1", 250), 500) is None
    assert click_through_alert(counts("2", 400), counts("1", 250), 500) is None
    assert click_through_alert(counts("2", 0, impressions=499), counts("1", 250), 500) is None


def test_latency_alerts_above_the_bound_on_enough_answers() -> None:
    def figures(p99: float) -> ServingFigures:
        return ServingFigures("models/m/versions/1", "", 500, 5000, 0, 0, 10.0, p99, 0.0)

    alert = latency_alert(figures(1500.0), 1000.0, 100, "k")
    assert alert is not None and (alert.value, alert.threshold) == (1500.0, 1000.0)
    assert latency_alert(figures(1000.0), 1000.0, 100, "k") is None
    assert latency_alert(figures(1500.0), 1000.0, 501, "k") is None


def span(number: int, parent: int, service: str, kind: str, name: str = "x", **attributes: str) -> SpanRecord:
    above = f"{parent:016x}" if parent else ""
    keys = {key.replace("__", "."): value for key, value in attributes.items()}
    return SpanRecord("a" * 32, f"{number:016x}", above, service, name, kind, number, 1, attributes=keys)


def test_edges_are_the_steps_between_services() -> None:
    subject = "aisle.registry.model_version.promoted.v1"
    spans = [
        span(1, 0, "cli", "internal"),
        span(2, 1, "cli", "client", "aisle.registry.v1.RegistryService/Promote"),
        span(3, 2, "registry", "server", "aisle.registry.v1.RegistryService/Promote"),
        span(4, 3, "registry", "producer", f"publish {subject}"),
        span(5, 4, "ranker", "consumer", f"process {subject}", messaging__destination__name=subject),
        span(6, 4, "monitor", "consumer", f"process {subject}"),
        span(7, 5, "ranker", "client", "aisle.ranker.v1.RankerService/Rank"),
        span(8, 7, "ranker", "server", "aisle.ranker.v1.RankerService/Rank"),
        span(9, 99, "tuner", "server", "lost parent"),
    ]
    expected = [
        Edge("cli", "registry", "rpc", "aisle.registry.v1.RegistryService/Promote", 1),
        Edge("registry", "monitor", "event", subject, 1),
        Edge("registry", "ranker", "event", subject, 1),
    ]
    assert edges(spans) == expected
    assert edges(reversed(spans)) == expected
    assert edges(spans + spans) == expected


GOOD = Plan(
    dataset_runs=(DatasetRun("datasets/orders"), DatasetRun("datasets/judgments", ("drop_exact_duplicates",))),
    training=Training(tasks=(Task(1, "datasets/judgments"), Task(2, "datasets/orders/versions/3", 0.5))),
    registry=Registry("models/shop", "production", (Gate("ndcg@10", 2),)),
    tuning=Tuning(4, 10, (ParameterRange("learning_rate", 1e-5, 1e-3, True), ParameterRange("lora_rank", 4, 32))),
)


def test_a_good_plan_passes() -> None:
    check_plan(GOOD)
    check_plan(replace(GOOD, tuning=None))


def broken(plan: Plan) -> set[str]:
    with pytest.raises(InvalidPlan) as caught:
        check_plan(plan)
    return {violation.field for violation in caught.value.violations}


def test_an_empty_plan_names_every_required_part() -> None:
    assert broken(Plan(None, None, None)) == {"spec.governance.dataset_runs", "spec.training", "spec.registry"}


def test_every_broken_field_is_named_at_once() -> None:
    training = Training(
        tasks=(Task(0, "orders"), Task(1, "datasets/a", float("nan")), Task(1, "datasets/a", -1)),
        learning_rate=0.2,
        batch_size=-1,
        max_tokens=7,
        lora_rank=257,
        weight_decay=1.5,
        label_noise_ratio=float("inf"),
        skip_export=True,
    )
    runs = (DatasetRun("datasets/a"), DatasetRun("datasets/a"), DatasetRun("a/b", ("Rule 1",)))
    tuning = Tuning(
        0,
        -1,
        (ParameterRange("seed", 0, 1), ParameterRange("batch_size", 8, 4), ParameterRange("lora_rank", 0, 4, True)),
    )
    registry = Registry("shop", "", (Gate("", 0, float("nan")),))
    assert broken(Plan(runs, training, registry, tuning)) == {
        "spec.governance.dataset_runs[1].dataset",
        "spec.governance.dataset_runs[2].dataset",
        "spec.governance.dataset_runs[2].disabled_rules[0]",
        "spec.training.tasks",
        "spec.training.tasks[0].kind",
        "spec.training.tasks[0].dataset",
        "spec.training.tasks[1].weight",
        "spec.training.tasks[2].kind",
        "spec.training.tasks[2].weight",
        "spec.training.learning_rate",
        "spec.training.batch_size",
        "spec.training.max_tokens",
        "spec.training.lora_rank",
        "spec.training.weight_decay",
        "spec.training.label_noise_ratio",
        "spec.training.skip_export",
        "spec.tuning.trial_count",
        "spec.tuning.max_steps",
        "spec.tuning.parameters[0].field",
        "spec.tuning.parameters[1].high",
        "spec.tuning.parameters[2].low",
        "spec.registry.model",
        "spec.registry.alias",
        "spec.registry.gates[0].metric",
        "spec.registry.gates[0].comparator",
        "spec.registry.gates[0].threshold",
    }
