"""Gates against differences that are known beforehand."""

import math

import numpy as np
import pytest
from aisle_registry.domain.gates import (
    BASELINE_CHAMPION,
    CANDIDATE_SYSTEM,
    DEFAULT_GATES,
    Champion,
    champion_of,
    judge,
    paired_difference,
    validate_gates,
)
from aisle_registry.domain.model import Comparator, Evaluation, Gate, GateResult, Metric, SystemScore, Task
from aisle_runtime.errors import InvalidField
from hypothesis import given
from hypothesis import strategies as st

UNITS = tuple(f"q{number}" for number in range(100))
NOISE = np.random.default_rng(7).normal(0, 0.05, len(UNITS))
BASE = np.random.default_rng(8).uniform(0.3, 0.7, len(UNITS))


def evidence(
    values: np.ndarray | list[float],
    units: tuple[str, ...] = UNITS,
    task: Task = Task.SEARCH_RELEVANCE,
    system: str = CANDIDATE_SYSTEM,
    metric: str = "ndcg@10",
    mean: float | None = None,
) -> Evaluation:
    value = float(np.mean(values)) if mean is None else mean
    figure = Metric(metric, value, value, value, len(units))
    return Evaluation(
        task, "datasets/d/versions/1", units, (SystemScore(system, (figure,), tuple(map(float, values))),)
    )


def champion(values: np.ndarray | list[float], units: tuple[str, ...] = UNITS) -> Champion:
    return champion_of((), ("models/m/versions/1", (evidence(values, units),)))


def ask(gate: Gate, candidate: Evaluation, other: Champion) -> GateResult:
    return judge([gate], [candidate], other, 1.0).results[0]


BEATS = DEFAULT_GATES[0]
NOT_WORSE = Gate("ndcg@10", Comparator.NOT_WORSE_THAN_CHAMPION, 0.02)


def test_a_clear_win_passes_with_figures_in_the_sentence() -> None:
    result = ask(BEATS, evidence(BASE + 0.05 + NOISE), champion(BASE))
    assert result.passed
    assert result.difference is not None
    assert result.difference.value == pytest.approx(0.05 + NOISE.mean())
    assert 0 < result.difference.lower < result.difference.value < result.difference.upper
    assert result.difference.sample_count == 100
    assert result.candidate_value - result.champion_value == pytest.approx(result.difference.value)
    assert f"{result.difference.lower:+.4f}" in result.explanation
    assert "100 common units" in result.explanation


def test_the_interval_agrees_with_the_normal_one() -> None:
    difference = paired_difference(BASE + NOISE, BASE, "d")
    half = 1.96 * NOISE.std() / math.sqrt(len(NOISE))
    assert difference.lower == pytest.approx(NOISE.mean() - half, abs=half * 0.1)
    assert difference.upper == pytest.approx(NOISE.mean() + half, abs=half * 0.1)
    assert paired_difference(BASE + NOISE, BASE, "d") == difference


def test_a_tie_a_small_win_inside_the_noise_and_a_loss_do_not_beat() -> None:
    for values in (BASE, BASE + 0.001 + (NOISE - NOISE.mean()), BASE - 0.05):
        result = ask(BEATS, evidence(values), champion(BASE))
        assert not result.passed
        assert "not above 0" in result.explanation


def test_not_worse_allows_as_much_as_the_threshold() -> None:
    assert ask(NOT_WORSE, evidence(BASE), champion(BASE)).passed
    assert ask(NOT_WORSE, evidence(BASE - 0.01), champion(BASE)).passed
    assert not ask(NOT_WORSE, evidence(BASE - 0.03), champion(BASE)).passed
    noisy = BASE - 0.015 + 4 * (NOISE - NOISE.mean())
    assert not ask(NOT_WORSE, evidence(noisy), champion(BASE)).passed


def test_only_common_units_count_whatever_their_order() -> None:
    order = np.random.default_rng(1).permutation(len(UNITS))
    shuffled = tuple(UNITS[index] for index in order)
    extra = tuple(f"new{number}" for number in range(50))
    candidate = evidence([*(BASE[order] + 0.02), *[0.0] * 50], shuffled + extra)
    result = ask(BEATS, candidate, champion(BASE))
    assert result.difference is not None
    assert result.difference.sample_count == 100
    assert result.difference.value == pytest.approx(0.02)


def test_too_few_common_units_fail_with_the_count() -> None:
    result = ask(BEATS, evidence(BASE + 0.5), champion(BASE[:19], UNITS[:19]))
    assert not result.passed
    assert "19 test units in common, fewer than the 20" in result.explanation
    assert ask(BEATS, evidence(BASE + 0.5), champion(BASE[:20], UNITS[:20])).passed


@pytest.mark.parametrize("side", ["candidate", "champion"])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_value_that_is_no_number_fails(side: str, bad: float) -> None:
    values = BASE.copy()
    values[3] = bad
    better, worse = (values, BASE) if side == "candidate" else (BASE + 0.5, values)
    result = ask(BEATS, evidence(better), champion(worse))
    assert not result.passed
    assert f"the {side}" in result.explanation
    assert "not a number" in result.explanation


def test_missing_scores_fail() -> None:
    no_task = judge([BEATS], [], champion(BASE), 1.0)
    assert not no_task.passed
    assert "the candidate has no per-unit score" in no_task.results[0].explanation
    no_champion = ask(BEATS, evidence(BASE), champion_of((), ("models/m/versions/1", ())))
    assert "models/m/versions/1 has no per-unit score" in no_champion.explanation
    other_metric = ask(Gate("mrr", Comparator.BEATS_CHAMPION, 0.0), evidence(BASE + 0.5), champion(BASE))
    assert not other_metric.passed
    assert "only ndcg@10" in other_metric.explanation


def test_zero_shot_stands_in_while_the_alias_points_nowhere() -> None:
    model, zero = evidence(BASE + 0.05), evidence(BASE, system=BASELINE_CHAMPION)
    both = Evaluation(model.task, "", UNITS, model.systems + zero.systems)
    verdict = judge((), [both], champion_of([both], None), 5.0)
    assert verdict.passed
    assert verdict.champion == BASELINE_CHAMPION
    assert verdict.create_time == 5.0
    alone = judge((), [model], champion_of([model], None), 5.0)
    assert not alone.passed


def test_absolute_gates_look_at_the_candidate_alone() -> None:
    gate = Gate("auc", Comparator.ABSOLUTE, 0.7, Task.PURCHASE)
    for mean, passes in ((0.7, True), (0.71, True), (0.69, False), (math.nan, False)):
        candidate = evidence([], task=Task.PURCHASE, metric="auc", mean=mean)
        result = ask(gate, candidate, champion(BASE))
        assert result.passed is passes
        assert math.isnan(result.champion_value)
    assert "no such score" in ask(Gate("mrr", Comparator.ABSOLUTE, 0.1), evidence(BASE), champion(BASE)).explanation


def test_every_gate_must_pass() -> None:
    good, bad = Gate("ndcg@10", Comparator.ABSOLUTE, 0.1), Gate("ndcg@10", Comparator.ABSOLUTE, 0.99)
    assert judge([good], [evidence(BASE)], champion(BASE), 1.0).passed
    assert not judge([good, bad], [evidence(BASE)], champion(BASE), 1.0).passed


@given(st.lists(st.floats(-1, 1), min_size=20, max_size=60), st.floats(0.01, 0.5))
def test_a_constant_gain_always_passes_and_its_mirror_never(values: list[float], gain: float) -> None:
    base, units = np.array(values), UNITS[: len(values)]
    assert ask(BEATS, evidence(base + gain, units), champion(base, units)).passed
    assert not ask(BEATS, evidence(base - gain, units), champion(base, units)).passed


def test_illegal_gates_are_named() -> None:
    assert validate_gates((), "gates") == DEFAULT_GATES
    for gate, field in (
        (Gate("", Comparator.ABSOLUTE, 0.0), "gates[0].metric"),
        (Gate("m", Comparator.ABSOLUTE, math.nan), "gates[0].threshold"),
    ):
        with pytest.raises(InvalidField) as caught:
            validate_gates([gate], "gates")
        assert caught.value.field == field
