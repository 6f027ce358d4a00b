"""The projection of news onto a run: order, repetition, and what ends a run."""

import itertools
import random

from aisle_monitor.domain.runs import (
    FailureNote,
    Run,
    RunState,
    StageNews,
    plan_stages,
    project,
    stage_statuses,
    with_summary,
)
from hypothesis import given
from hypothesis import strategies as st

OK, BUSY, REJECTED, FAILED = RunState.SUCCEEDED, RunState.RUNNING, RunState.REJECTED, RunState.FAILED


def new_run(tuned: bool = False) -> Run:
    return Run("pipelines/p/runs/r", tuned=tuned, create_time=100.0, slip=b"start")


def news(stage: str, outcome: RunState, time: float, summary: str = "") -> StageNews:
    failure = FailureNote("BROKE", "It broke.") if outcome is FAILED else None
    return StageNews(stage, outcome, time, f"{stage}s/1", summary or f"{stage} {outcome}", failure)


def whole_run(tuned: bool) -> list[StageNews]:
    stages = plan_stages(new_run(tuned))
    items = [news(stage, OK, 101.0 + index) for index, stage in enumerate(stages)]
    items.insert(-2, news("registry", BUSY, items[-2].time - 0.5))
    items.insert(-1, news("serving", BUSY, items[-1].time - 0.5))
    return items


def apply(run: Run, items: list[StageNews]) -> Run:
    for item in items:
        run = project(run, item, f"{item.stage}-{item.outcome}".encode())
    return run


def meaning(run: Run) -> tuple[object, ...]:
    return run.state, run.failure, run.end_time, run.slip, stage_statuses(run)


def test_a_new_run_is_in_governance() -> None:
    [status] = stage_statuses(new_run())
    assert (status.stage, status.state, status.start_time, status.end_time) == ("governance", BUSY, 100.0, None)


def test_each_stage_begins_with_the_event_that_ended_the_one_before() -> None:
    run = apply(new_run(), [news("governance", OK, 110.0)])
    governance, training = stage_statuses(run)
    assert (governance.state, governance.start_time, governance.end_time) == (OK, 100.0, 110.0)
    assert (training.stage, training.state, training.start_time) == ("training", BUSY, 110.0)


def test_a_tuned_plan_goes_through_tuning() -> None:
    run = apply(new_run(tuned=True), [news("governance", OK, 110.0)])
    assert [status.stage for status in stage_statuses(run)] == ["governance", "tuning"]


def test_a_live_model_ends_the_run_well() -> None:
    run = apply(new_run(), whole_run(tuned=False))
    assert run.state is OK
    assert run.end_time == 104.0
    assert [status.state for status in stage_statuses(run)] == [OK] * 4


def test_a_refused_candidate_ends_the_run_without_failure() -> None:
    run = apply(new_run(), [*whole_run(False)[:2], news("registry", REJECTED, 120.0)])
    assert (run.state, run.failure, run.end_time) == (REJECTED, None, 120.0)
    assert stage_statuses(run)[-1].stage == "registry"


def test_a_failed_stage_fails_the_run_and_begins_no_further_stage() -> None:
    run = apply(new_run(), [news("governance", OK, 110.0), news("training", FAILED, 120.0)])
    assert run.state is FAILED
    assert run.failure is not None and run.failure.reason == "BROKE"
    assert [status.stage for status in stage_statuses(run)] == ["governance", "training"]


@given(st.booleans(), st.randoms(use_true_random=False), st.integers(0, 4))
def test_any_order_with_repetitions_gives_the_same_run(tuned: bool, shuffle: random.Random, cut: int) -> None:
    items = whole_run(tuned)[: len(whole_run(tuned)) - cut]
    expected = meaning(apply(new_run(tuned), items))
    mixed = items + shuffle.sample(items, shuffle.randint(0, len(items)))
    shuffle.shuffle(mixed)
    assert meaning(apply(new_run(tuned), mixed)) == expected


@given(st.randoms(use_true_random=False), st.sampled_from([REJECTED, FAILED]))
def test_any_order_gives_the_same_bad_end(shuffle: random.Random, end: RunState) -> None:
    items = [*whole_run(False)[:2], news("registry", BUSY, 119.0), news("registry", end, 120.0)]
    expected = meaning(apply(new_run(), items))
    mixed = items * 2
    shuffle.shuffle(mixed)
    assert meaning(apply(new_run(), mixed)) == expected


@given(
    st.lists(st.builds(news, st.sampled_from(plan_stages(new_run(True))), st.sampled_from(RunState), st.floats(0, 9)))
)
def test_an_ended_run_never_changes_its_state_and_the_revision_only_grows(items: list[StageNews]) -> None:
    runs = [new_run(True)]
    for item in items:
        runs.append(project(runs[-1], item, b"s"))
    for before, after in itertools.pairwise(runs):
        assert after is before or after.revision == before.revision + 1
        if before.ended:
            assert (after.state, after.failure, after.end_time) == (before.state, before.failure, before.end_time)
        done = {status.stage for status in stage_statuses(before) if status.state is OK}
        assert done <= {status.stage for status in stage_statuses(after) if status.state is OK}


def test_a_repeated_event_changes_nothing_at_all() -> None:
    run = apply(new_run(), [news("governance", OK, 110.0)])
    assert project(run, news("governance", OK, 110.0), b"again") is run


def test_a_stage_whose_news_is_late_counts_as_succeeded_and_is_filled_in_later() -> None:
    run = apply(new_run(), [news("training", OK, 120.0)])
    assert [(status.stage, status.state) for status in stage_statuses(run)] == [
        ("governance", OK),
        ("training", OK),
        ("registry", BUSY),
    ]
    run = apply(run, [news("governance", OK, 110.0, "two versions")])
    assert stage_statuses(run)[0].summary == "two versions"
    assert run.slip == b"training-succeeded"


def test_a_failure_of_an_earlier_stage_cannot_pull_a_run_back() -> None:
    run = apply(new_run(), [news("training", OK, 120.0)])
    assert project(run, news("governance", FAILED, 130.0)) is run


def test_tuning_news_is_left_aside_in_a_plan_without_tuning() -> None:
    run = new_run()
    assert project(run, news("tuning", OK, 110.0)) is run


def test_other_words_for_a_stage_are_a_change_once() -> None:
    run = apply(new_run(), [news("governance", OK, 110.0)])
    changed = with_summary(run, "governance", "orders with 10 rows")
    assert changed.revision == run.revision + 1
    assert with_summary(changed, "governance", "orders with 10 rows") is changed
    assert with_summary(run, "serving", "x") is run
