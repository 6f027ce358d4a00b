"""The search over its own file: what was drawn and reported before comes back after the process is gone."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from aisle_tuner.domain.space import Plan, Range
from aisle_tuner.domain.trials import TrialState, best_trial
from aisle_tuner.engines.search import OpenTrial, Search

PLAN = Plan(5, 0, (Range("learning_rate", 1e-5, 1e-1, True), Range("lora_rank", 4, 64)), seed=5)


@pytest.fixture
def searches(tmp_path: Path) -> Iterator[list[Search]]:
    """The search as each process in turn opens it; `reopen` stands for a restart."""
    opened = [Search(tmp_path, PLAN)]
    yield opened
    opened[-1].close()


def reopen(searches: list[Search], folder: Path) -> Search:
    searches[-1].close()
    searches.append(Search(folder, PLAN))
    return searches[-1]


def quality(parameters: dict[str, float]) -> float:
    return 1 - abs(math.log10(parameters["learning_rate"]) + 3) / 4


def run(search: Search, trial: OpenTrial, score: float) -> TrialState:
    search.set_first_rung(10)
    for step in range(max(10, trial.last_step + 10), 50, 10):
        trial.report(step, score)
        if trial.should_prune():
            return trial.end(TrialState.PRUNED, step)
    return trial.end(TrialState.COMPLETE, 40)


def test_a_restart_anywhere_changes_no_draw_and_no_count(searches: list[Search], tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    unbroken = Search(tmp_path / "other", PLAN)
    for _ in range(PLAN.trial_count):
        trial = unbroken.begin()
        run(unbroken, trial, quality(trial.parameters))
    expected = unbroken.trials()
    unbroken.close()
    search = searches[0]
    for number in range(1, PLAN.trial_count + 1):
        begun = search.begin()
        if number % 2:
            search = reopen(searches, tmp_path)
        again = search.unfinished()
        assert again is not None
        assert (again.number, again.parameters) == (number, begun.parameters)
        search.set_first_rung(10)
        again.report(10, quality(again.parameters))
        if number % 2 == 0:
            search = reopen(searches, tmp_path)
        resumed = search.unfinished()
        assert resumed is not None
        assert resumed.last_step == 10
        if resumed.should_prune():
            resumed.end(TrialState.PRUNED, 10)
        else:
            run(search, resumed, quality(resumed.parameters))
    assert search.unfinished() is None
    assert search.trials() == expected
    assert {trial.state for trial in expected} == {TrialState.COMPLETE, TrialState.PRUNED}
    best = best_trial(expected)
    assert best is not None
    assert best.score == max(quality(dict(trial.parameters)) for trial in expected)


def test_that_a_trial_was_pruned_is_remembered(searches: list[Search], tmp_path: Path) -> None:
    run(searches[0], searches[0].begin(), 0.9)
    worse = searches[0].begin()
    worse.attach("trainingJobs/w")
    worse.report(10, 0.1)
    assert worse.should_prune()
    again = reopen(searches, tmp_path).unfinished()
    assert again is not None
    assert again.pruned
    assert searches[-1].trials()[1].training_job == "trainingJobs/w"


def test_a_trial_without_a_score_has_failed(searches: list[Search]) -> None:
    trial = searches[0].begin()
    trial.report(10, math.nan)
    assert trial.last_step == 0
    assert trial.end(TrialState.COMPLETE, 10) is TrialState.FAILED
    assert searches[0].failures() == ["the training job ended without a validation score"]
    assert math.isnan(searches[0].trials()[0].score)


def test_a_complete_trial_has_its_best_score_and_a_repeated_step_counts_once(searches: list[Search]) -> None:
    trial = searches[0].begin()
    for step, score in ((10, 0.3), (20, 0.6), (20, 0.9), (30, 0.5)):
        trial.report(step, score)
    assert trial.end(TrialState.COMPLETE, 30) is TrialState.COMPLETE
    assert searches[0].trials()[0].score == 0.6
