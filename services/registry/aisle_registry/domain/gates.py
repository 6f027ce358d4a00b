"""Gates of promotion: whether a candidate is proven good enough, and a sentence that says why.

Candidate and champion are compared in pairs on the units (queries or customers) that both were tested on, so that
easy and hard units cancel out. The interval of the mean difference is the percentile bootstrap over units.
Source: Efron & Tibshirani 1993, chapter 13.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from aisle_runtime.errors import InvalidField

from aisle_registry.domain.model import Comparator, Evaluation, Gate, GateResult, Metric, SystemScore, Task, Verdict

MAIN_METRIC = {Task.SEARCH_RELEVANCE: "ndcg@10", Task.PURCHASE: "recall@20"}
"""The metric whose per-unit values an evaluation carries."""
DEFAULT_GATES = (Gate("ndcg@10", Comparator.BEATS_CHAMPION, 0.0),)
BASELINE_CHAMPION = "zero_shot"
"""Stands in for the champion while the alias points nowhere."""
CANDIDATE_SYSTEM = "model"
LEAST_COMMON_UNITS = 20
RESAMPLES = 2_000
BOOTSTRAP_SEED = 20_240_501
MAXIMUM_GATES = 32
_MAXIMUM_METRIC_LENGTH = 63
_DRAWS_AT_ONCE = 2_000_000
_NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Champion:
    """What the candidate is compared with."""

    name: str
    """`models/{model}/versions/{version}`, or BASELINE_CHAMPION."""
    evaluations: tuple[Evaluation, ...]
    system: str
    """System of those evaluations that stands for the champion."""


def champion_of(candidate: Sequence[Evaluation], serving: tuple[str, Sequence[Evaluation]] | None) -> Champion:
    """Return the version that serves, given as (name, evaluations), or the candidate's own zero-shot baseline."""
    if serving is None:
        return Champion(BASELINE_CHAMPION, tuple(candidate), BASELINE_CHAMPION)
    name, evaluations = serving
    return Champion(name, tuple(evaluations), CANDIDATE_SYSTEM)


def validate_gates(gates: Sequence[Gate], field: str) -> tuple[Gate, ...]:
    """Return the gates, the default one for none; raises InvalidField with the path below `field`."""
    if len(gates) > MAXIMUM_GATES:
        raise InvalidField(field, f"holds more than {MAXIMUM_GATES} gates")
    for index, gate in enumerate(gates):
        if not gate.metric or len(gate.metric) > _MAXIMUM_METRIC_LENGTH:
            raise InvalidField(f"{field}[{index}].metric", f"needs 1 to {_MAXIMUM_METRIC_LENGTH} characters")
        if not math.isfinite(gate.threshold):
            raise InvalidField(f"{field}[{index}].threshold", "must be a finite number")
    return tuple(gates) or DEFAULT_GATES


def judge(gates: Sequence[Gate], candidate: Sequence[Evaluation], champion: Champion, now: float) -> Verdict:
    """Ask every gate; the verdict is passed when all are."""
    results = tuple(_ask(gate, candidate, champion) for gate in gates or DEFAULT_GATES)
    return Verdict(all(result.passed for result in results), champion.name, results, now)


def paired_difference(candidate: npt.NDArray[np.float64], champion: npt.NDArray[np.float64], name: str) -> Metric:
    """Return the mean of candidate - champion, both (units,), with its 95 % percentile bootstrap interval.

    Seeded: the same values give the same interval.
    """
    differences = candidate - champion
    count = len(differences)
    random = np.random.default_rng(BOOTSTRAP_SEED)
    means = np.empty(RESAMPLES)
    batch = max(1, _DRAWS_AT_ONCE // count)
    for start in range(0, RESAMPLES, batch):
        rows = min(batch, RESAMPLES - start)
        means[start : start + rows] = differences[random.integers(0, count, (rows, count))].mean(axis=1)
    lower, upper = np.percentile(means, (2.5, 97.5))
    return Metric(name, float(differences.mean()), float(lower), float(upper), count)


def _ask(gate: Gate, candidate: Sequence[Evaluation], champion: Champion) -> GateResult:
    if gate.comparator is Comparator.ABSOLUTE:
        return _ask_absolute(gate, candidate)
    own, others = _evaluation(candidate, gate.task), _evaluation(champion.evaluations, gate.task)
    if gate.metric != MAIN_METRIC[gate.task]:
        return _failed(gate, f"only {MAIN_METRIC[gate.task]} has the per-unit values that a comparison in pairs needs")
    for who, evaluation, system in (
        ("the candidate", own, CANDIDATE_SYSTEM),
        (f"the champion {champion.name}", others, champion.system),
    ):
        if evaluation is None or (score := evaluation.system(system)) is None or not score.unit_values:
            return _failed(gate, f"{who} has no per-unit score")
        if not all(map(math.isfinite, score.unit_values)):
            return _failed(gate, f"the per-unit scores of {who} hold a value that is not a number")
    assert own is not None and others is not None
    return _compare(gate, own, others, champion)


def _ask_absolute(gate: Gate, candidate: Sequence[Evaluation]) -> GateResult:
    evaluation = _evaluation(candidate, gate.task)
    score = evaluation.system(CANDIDATE_SYSTEM) if evaluation else None
    metric = score.metric(gate.metric) if score else None
    if metric is None:
        return _failed(gate, "the candidate has no such score")
    if not math.isfinite(metric.value):
        return _failed(gate, "the candidate's score is not a number")
    passed = metric.value >= gate.threshold
    words = "reaches" if passed else "does not reach"
    text = f"{_title(gate)} of the candidate is {metric.value:.4f}, which {words} the bound {gate.threshold:g}."
    return GateResult(gate, passed, metric.value, _NAN, text)


def _compare(gate: Gate, own: Evaluation, others: Evaluation, champion: Champion) -> GateResult:
    ours, theirs = _by_unit(own, CANDIDATE_SYSTEM), _by_unit(others, champion.system)
    common = [unit for unit in own.unit_ids if unit in theirs]
    if len(common) < LEAST_COMMON_UNITS:
        return _failed(
            gate,
            f"candidate and champion {champion.name} have {len(common)} test units in common, "
            f"fewer than the {LEAST_COMMON_UNITS} that a comparison needs",
        )
    ours_values = np.array([ours[unit] for unit in common])
    theirs_values = np.array([theirs[unit] for unit in common])
    difference = paired_difference(ours_values, theirs_values, f"{gate.metric}:{champion.name}")
    ours_mean, theirs_mean = float(ours_values.mean()), float(theirs_values.mean())
    if gate.comparator is Comparator.BEATS_CHAMPION:
        passed = difference.lower > gate.threshold
        bound = f"its lower end {difference.lower:+.4f} is {'' if passed else 'not '}above {gate.threshold:g}"
    else:
        passed = -difference.lower < gate.threshold
        bound = f"the most that may have been lost, {-difference.lower:.4f}, is {'' if passed else 'not '}below {gate.threshold:g}"
    text = (
        f"{_title(gate)} is {ours_mean:.4f} against {theirs_mean:.4f} of {champion.name} on {len(common)} common units: "
        f"difference {difference.value:+.4f}, 95 % interval {difference.lower:+.4f} to {difference.upper:+.4f}; {bound}."
    )
    return GateResult(gate, passed, ours_mean, theirs_mean, text, difference)


def _by_unit(evaluation: Evaluation, system: str) -> dict[str, float]:
    score: SystemScore | None = evaluation.system(system)
    return dict(zip(evaluation.unit_ids, score.unit_values, strict=True)) if score else {}


def _evaluation(evaluations: Sequence[Evaluation], task: Task) -> Evaluation | None:
    return next((evaluation for evaluation in evaluations if evaluation.task is task), None)


def _failed(gate: Gate, why: str) -> GateResult:
    return GateResult(gate, False, _NAN, _NAN, f"{_title(gate)} could not be judged: {why}.")


def _title(gate: Gate) -> str:
    return f"{gate.metric} on {gate.task.value.replace('_', ' ')}"
