"""One data ROI study from its first reference to its last arm; may begin again at any point."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import grpc
import pandas as pd
from aisle.pipeline.v1 import pipeline_spec_pb2 as pipeline_pb
from aisle_runtime.jobs import JobContext
from aisle_runtime.telemetry import span

from aisle_governance import telemetry
from aisle_governance.domain.cleaning import Cleaning
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.model import QualityReport
from aisle_governance.domain.paired import Lift, mean_lift
from aisle_governance.domain.roi import MAIN_METRIC, Arm, Change, Reference, Verdict, arm_rules, judged
from aisle_governance.engines import roi_arms, roi_fast, roi_rows
from aisle_governance.engines.governor import GovernedDataset, govern
from aisle_governance.engines.roi_trainer import ArmJobs
from aisle_governance.engines.roi_values import Comparison, UnitValues, averaged, compare
from aisle_governance.errors import AisleError

NEW_SEEDS = 1_000
"""The arm that changes nothing but the seeds takes those of the reference plus so many."""
UNKNOWN_NOISE = 1.0
"""Noise floor while nothing is known of the noise: no lift of these metrics is larger, so no rule is called anything."""
_TASKS = {
    DatasetKind.JUDGMENTS: pipeline_pb.TASK_KIND_SEARCH_RELEVANCE,
    DatasetKind.ORDERS: pipeline_pb.TASK_KIND_PURCHASE,
}


@dataclass(frozen=True, slots=True)
class Question:
    """What an evaluator is asked."""

    kind: DatasetKind
    label: str
    """Unique in the study."""
    reference: pd.DataFrame
    arm: pd.DataFrame
    reference_values: UnitValues | None
    """What was said of the reference; None while it is the reference that is asked about."""
    seeds: tuple[int, ...]


class Evaluate(Protocol):
    """Trains on an arm's rows and scores it unit by unit."""

    def __call__(self, question: Question) -> UnitValues:
        """Return the scores, averaged over the seeds. Raises FailedPrecondition or what passes by itself."""
        ...


class FastEvaluator:
    """Light rankers in this process."""

    def __call__(self, question: Question) -> UnitValues:
        """Return the scores."""
        judge = roi_fast.search_values if question.kind is DatasetKind.JUDGMENTS else roi_fast.purchase_values
        return judge(question.reference, question.arm, question.seeds)


class TrainerEvaluator:
    """Training jobs at the trainer, which reads each arm as a version that exists as long as the job needs it."""

    def __init__(
        self,
        channel: grpc.Channel,
        root: Path,
        patience_seconds: float,
        payload: dict[str, Any],
        context: JobContext,
    ) -> None:
        """Train as `payload["training"]` (a serialized TrainingSpec) says; the rows to be read lie below `root`."""
        self._root, self._study, self._context = root, payload["study"], context
        self._spec = pipeline_pb.TrainingSpec.FromString(bytes.fromhex(payload["training"]))
        self._jobs = ArmJobs(channel, patience_seconds, self._say, context.raise_if_cancelled)
        self._ratio, self._phase = 0.0, ""

    def _say(self, share: float) -> None:
        self._context.progress(self._ratio, f"{self._phase}: train, {share:.0%} done")

    def at(self, ratio: float, phase: str) -> None:
        """Note how far the study is and what it does."""
        self._ratio, self._phase = ratio, phase

    def __call__(self, question: Question) -> UnitValues:
        """Return the scores."""
        version = roi_arms.publish_arm(self._root, self._study, question.label, question.kind, _composed(question))
        found = []
        for seed in question.seeds:
            spec = pipeline_pb.TrainingSpec()
            spec.CopyFrom(self._spec)
            spec.seed, spec.skip_export, spec.evaluate_unexported, spec.folds = seed, True, True, 0
            spec.tasks.add(kind=_TASKS[question.kind], dataset=version.name)
            found.append(self._jobs.values(spec, f"{self._study}-{question.label}-{seed}"[:64]))
        roi_arms.drop_arm(self._root, self._study, question.label)
        return averaged(found)


def _composed(question: Question) -> pd.DataFrame:
    if question.reference_values is None:
        return question.reference
    if question.kind is DatasetKind.ORDERS:
        return roi_rows.composed_orders(question.reference, question.arm)
    return roi_rows.composed_judgments(question.reference, question.arm, set(question.reference_values.units))


@dataclass(frozen=True, slots=True)
class _Governed:
    """A dataset governed one way."""

    frame: pd.DataFrame
    content_hash: str
    report: QualityReport


class StudyRun:
    """Runs the arms of a study one after the other; finished ones are found in the work folder."""

    def __init__(
        self,
        payload: dict[str, Any],
        context: JobContext,
        prepare: Callable[[dict[str, Any]], GovernedDataset],
        evaluate: Evaluate,
    ) -> None:
        """`payload` is what `RoiStudies.start` has submitted; `prepare` reads the part of a run's payload about one dataset."""
        self._payload, self._context, self._prepare, self._evaluate = payload, context, prepare, evaluate
        self._arms = [Arm.from_json(one) for one in payload["arms"]]
        self._references: dict[str, Reference] = {}
        self._done = 0

    def run(self) -> dict[str, Any]:
        """Return references and arms as plain data. Raises what makes a whole dataset unmeasurable."""
        for number, part in enumerate(self._payload["datasets"]):
            self._dataset(number, part)
        floors = {name: one.noise_floor for name, one in self._references.items()}
        self._arms = judged(self._arms, floors)
        return self._state()

    def _state(self) -> dict[str, Any]:
        return {
            "references": [one.to_json() for one in self._references.values()],
            "arms": [one.to_json() for one in self._arms],
        }

    def _dataset(self, number: int, part: dict[str, Any]) -> None:
        mine = [place for place, arm in enumerate(self._arms) if arm.dataset == part["run"]["dataset"]]
        self._tell(f"{part['run']['dataset']}: reference")
        reference = self._govern(part, part["run"]["disabled_rules"], Cleaning.from_json(part["run"]["cleaning"]))
        kind, seeds = DatasetKind(part["run"]["kind"]), tuple(self._payload["seeds"])
        ask = Question(kind, f"{number}r", reference.frame, reference.frame, None, seeds)
        values = self._values(f"reference-{number}.json", ask)
        seed = int(self._payload["seed"]) % 2**63
        self._references[part["run"]["dataset"]] = Reference(
            dataset=part["run"]["dataset"],
            metric=MAIN_METRIC[kind],
            score=mean_lift(values.main, seed),
            row_count=len(reference.frame),
            split=values.split,
        )
        for place in mine:
            self._context.raise_if_cancelled()
            self._tell(f"{part['run']['dataset']}: {self._arms[place].rule or 'other seeds'}")
            self._arms[place] = self._arm(place, part, reference, values)
            self._done += 1
            self._tell("arm done", store=True)

    def _tell(self, phase: str, store: bool = False) -> None:
        ratio = self._done / max(len(self._arms), 1)
        if isinstance(self._evaluate, TrainerEvaluator):
            self._evaluate.at(ratio, phase)
        self._context.progress(ratio, phase, json.dumps(self._state()).encode() if store else b"")

    def _arm(self, place: int, part: dict[str, Any], reference: _Governed, values: UnitValues) -> Arm:
        """Measure one arm, or read what an earlier attempt has measured."""
        name = f"arm-{place}.json"
        path = self._context.workdir / name
        if path.exists():
            arm = Arm.from_json(json.loads(path.read_text()))
        else:
            begun = time.monotonic()
            with span(telemetry.SPAN_WEIGH_ARM, **{telemetry.ATTR_DATASET: part["run"]["dataset"]}) as current:
                current.set_attribute(telemetry.ATTR_RULE, self._arms[place].rule)
                arm = self._measured(place, self._arms[place], part, reference, values)
            arm = replace(arm, done=True, elapsed_seconds=time.monotonic() - begun)
            self._context.save(name, json.dumps(arm.to_json()).encode())
        if arm.change is Change.SEEDS_ONLY:
            floor = UNKNOWN_NOISE if arm.lift is None else arm.lift.reach
            self._references[arm.dataset] = replace(self._references[arm.dataset], noise_floor=floor)
        return arm

    def _measured(self, place: int, arm: Arm, part: dict[str, Any], reference: _Governed, values: UnitValues) -> Arm:
        run, kind = part["run"], DatasetKind(part["run"]["kind"])
        disabled, cleaning = arm_rules(
            arm, run["disabled_rules"], Cleaning.from_json(run["cleaning"]), Cleaning.from_json(part["candidates"])
        )
        seeds = tuple(self._payload["seeds"])
        governed = reference
        try:
            if arm.change is Change.SEEDS_ONLY:
                seeds = tuple(seed + NEW_SEEDS for seed in seeds)
            else:
                governed = self._govern(part, disabled, cleaning)
                arm = _with_cost(arm, governed.report if arm.change is Change.ADDED else reference.report)
                if governed.content_hash == reference.content_hash:
                    none = Lift(0.0, 0.0, 0.0, len(values.units))
                    return replace(arm, verdict=Verdict.INERT, lift=none)
            ask = Question(kind, str(place), reference.frame, governed.frame, values, seeds)
            found = self._evaluate(ask)
            with_rule, without_rule = (values, found) if arm.change is Change.LEFT_OUT else (found, values)
            told = compare(with_rule, without_rule, int(self._payload["seed"]) % 2**63)
        except AisleError as error:
            if error.kind in ("UNAVAILABLE", "INTERNAL"):
                raise
            return replace(arm, verdict=Verdict.FAILED, failure=error.message)
        return _with_lift(arm, told, found)

    def _values(self, name: str, ask: Question) -> UnitValues:
        path: Path = self._context.workdir / name
        if path.exists():
            return UnitValues.from_json(json.loads(path.read_text()))
        found = self._evaluate(ask)
        self._context.save(name, json.dumps(found.to_json()).encode())
        return found

    def _govern(self, part: dict[str, Any], disabled: Sequence[str], cleaning: Cleaning) -> _Governed:
        """Run the rules in this process; checks of the contract are made and stop nothing."""
        self._context.raise_if_cancelled()
        ordered = part["run"] | {"disabled_rules": list(disabled), "cleaning": asdict(cleaning)}
        candidate = govern(self._prepare(ordered), self._payload["study"])
        return _Governed(candidate.table.to_pandas(), candidate.content_hash, candidate.report)


def _with_cost(arm: Arm, report: QualityReport) -> Arm:
    mine = [rule for rule in report.rules if rule.rule == arm.rule]
    return replace(
        arm,
        rule_seconds=sum(rule.elapsed_seconds for rule in mine),
        changed_row_count=sum(rule.changed_row_count for rule in mine),
        quarantined_row_count=sum(rule.quarantined_row_count for rule in mine),
    )


def _with_lift(arm: Arm, told: Comparison, found: UnitValues) -> Arm:
    return replace(arm, lift=told.lift, auc_lift=told.auc_lift, p_value=told.p_value, training_jobs=found.training_jobs)
