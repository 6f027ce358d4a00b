"""The contract's messages about data ROI studies, and the domain's records of the same."""

from dataclasses import dataclass

from aisle.governance.v1 import data_roi_pb2 as pb
from aisle.pipeline.v1 import pipeline_spec_pb2
from aisle.type.v1 import metric_pb2
from aisle_runtime.convert import job_status
from aisle_runtime.jobs import JobRecord
from aisle_runtime.names import ResourceName

from aisle_governance import convert, convert_cleaning
from aisle_governance.domain.cleaning import OPTIONAL_RULES, Cleaning
from aisle_governance.domain.kinds import RULE_NAMES
from aisle_governance.domain.model import DatasetRun
from aisle_governance.domain.paired import Lift
from aisle_governance.domain.roi import (
    ANONYMOUS_RULES,
    DEFAULT_SEEDS,
    MEASURED_KINDS,
    Arm,
    Evaluator,
    Reference,
    RoiStudy,
)
from aisle_governance.errors import InvalidField

STUDY = ResourceName("roiStudies/{study}")
MAX_DATASETS, MAX_SEEDS = 10, 10
DEFAULT_STEPS, DEFAULT_BATCH_SIZE, DEFAULT_MAX_TOKENS = 20, 40, 48
_KNOWN_RULES = {name for kind in MEASURED_KINDS for name in (*RULE_NAMES[kind], *OPTIONAL_RULES[kind])}


@dataclass(frozen=True, slots=True)
class RoiOrder:
    """What CreateRoiStudy asks for."""

    runs: tuple[tuple[DatasetRun, Cleaning], ...]
    """Each dataset's reference, and the optional rules that may be added to it."""
    evaluator: Evaluator
    rules: tuple[str, ...]
    seeds: tuple[int, ...]
    training: pipeline_spec_pb2.TrainingSpec
    spec: pb.RoiSpec
    """The request with defaults filled in."""


def study_id(name: str, field: str = "name") -> str:
    """The id in `roiStudies/{study}`. Raises InvalidField."""
    return STUDY.parse(name, field)["study"]


def order(spec: pb.RoiSpec) -> RoiOrder:
    """What a spec asks for. Raises InvalidField; whether the datasets exist is for the caller."""
    if not 1 <= len(spec.datasets) <= MAX_DATASETS:
        raise InvalidField("spec.datasets", f"must hold 1 to {MAX_DATASETS} datasets")
    stage = pipeline_spec_pb2.GovernanceStage(dataset_runs=[one.run for one in spec.datasets])
    try:
        runs = convert.dataset_runs(stage, "spec")
    except InvalidField as error:
        problem = error.violations[0].description
        raise InvalidField(_in_spec(error.field), problem, next_step=error.next_step) from None
    candidates = [
        convert_cleaning.cleaning(one.candidates, f"spec.datasets[{index}].candidates")
        for index, one in enumerate(spec.datasets)
    ]
    for index, rule in enumerate(spec.rules):
        if rule not in _KNOWN_RULES or rule in ANONYMOUS_RULES:
            free = ", ".join(sorted(_KNOWN_RULES - ANONYMOUS_RULES))
            raise InvalidField(
                f"spec.rules[{index}]", "is no rule that can be weighed", next_step=f"Use some of {free}."
            )
    if not 0 <= spec.seed_count <= MAX_SEEDS:
        raise InvalidField("spec.seed_count", f"must be 1 to {MAX_SEEDS}, or 0 for the default")
    evaluator = _evaluator(spec.evaluator)
    filled = pb.RoiSpec()
    filled.CopyFrom(spec)
    filled.evaluator = f"ROI_EVALUATOR_{evaluator}"  # type: ignore[assignment]
    filled.seed_count = spec.seed_count or DEFAULT_SEEDS[evaluator]
    if evaluator is Evaluator.TRAINER:
        filled.training.CopyFrom(_training(spec.training))
    elif spec.HasField("training"):
        raise InvalidField("spec.training", "is for the evaluator TRAINER only")
    seeds = tuple((spec.seed + index) % 2**63 for index in range(filled.seed_count))
    pairs = tuple(zip(runs, candidates, strict=True))
    return RoiOrder(pairs, evaluator, tuple(spec.rules), seeds, filled.training, filled)


def _in_spec(field: str) -> str:
    """`spec.dataset_runs[0].x` -> `spec.datasets[0].run.x`."""
    head, bracket, rest = field.partition("]")
    return f"{head.replace('dataset_runs', 'datasets')}{bracket}{'.run' + rest if bracket else rest}"


def _evaluator(value: int) -> Evaluator:
    if value == pb.ROI_EVALUATOR_UNSPECIFIED:
        return Evaluator.FAST
    if value not in pb.RoiEvaluator.values():
        raise InvalidField("spec.evaluator", "is none that this release knows", next_step="Use FAST or TRAINER.")
    return Evaluator(pb.RoiEvaluator.Name(value).removeprefix("ROI_EVALUATOR_"))


def _training(asked: pipeline_spec_pb2.TrainingSpec) -> pipeline_spec_pb2.TrainingSpec:
    for field in ("tasks", "folds", "seed", "skip_export", "evaluate_unexported"):
        if getattr(asked, field):
            raise InvalidField(f"spec.training.{field}", "is set by the study", next_step="Leave it out.")
    found = pipeline_spec_pb2.TrainingSpec()
    found.CopyFrom(asked)
    found.method = asked.method or pipeline_spec_pb2.FINE_TUNING_METHOD_FULL
    found.max_steps = asked.max_steps or DEFAULT_STEPS
    found.batch_size = asked.batch_size or DEFAULT_BATCH_SIZE
    found.max_tokens = asked.max_tokens or DEFAULT_MAX_TOKENS
    return found


def study_message(value: RoiStudy, job: JobRecord | None, kinds: dict[str, str]) -> pb.RoiStudy:
    """The study with the state of its job; `kinds` gives each dataset's main metric."""
    return pb.RoiStudy(
        name=f"roiStudies/{value.id}",
        spec=pb.RoiSpec.FromString(value.spec),
        status=None if job is None else job_status(job),
        references=[_reference(one) for one in value.references],
        arms=[_arm(one, kinds.get(one.dataset, "")) for one in value.arms],
    )


def metrics_of(study: RoiStudy) -> dict[str, str]:
    """Dataset -> name of its main metric, as far as it is measured."""
    return {one.dataset: one.metric for one in study.references}


def _reference(value: Reference) -> pb.RoiReference:
    return pb.RoiReference(
        dataset=f"datasets/{value.dataset}",
        score=_metric(value.metric, value.score),
        noise_floor=value.noise_floor,
        row_count=value.row_count,
        split=value.split,
    )


def _arm(value: Arm, metric: str) -> pb.RoiArm:
    message = pb.RoiArm(
        dataset=f"datasets/{value.dataset}",
        rule=value.rule,
        done=value.done,
        p_value=value.p_value,
        adjusted_p_value=value.adjusted_p_value,
        rule_seconds=value.rule_seconds,
        changed_row_count=value.changed_row_count,
        quarantined_row_count=value.quarantined_row_count,
        elapsed_seconds=value.elapsed_seconds,
        training_jobs=value.training_jobs,
        failure_message=value.failure,
        lift=None if value.lift is None else _metric(metric, value.lift),
        auc_lift=None if value.auc_lift is None else _metric("auc", value.auc_lift),
    )
    message.change = f"ROI_CHANGE_{value.change}"  # type: ignore[assignment]
    message.verdict = f"ROI_VERDICT_{value.verdict}"  # type: ignore[assignment]
    return message


def _metric(name: str, lift: Lift) -> metric_pb2.Metric:
    return metric_pb2.Metric(
        name=name, value=lift.value, lower=lift.lower, upper=lift.upper, sample_count=lift.unit_count
    )
