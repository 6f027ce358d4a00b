"""The one file that knows both the registry's contract and its domain."""

from collections.abc import Iterable

from aisle.pipeline.v1 import pipeline_spec_pb2 as pipeline_pb
from aisle.registry.v1 import model_version_pb2 as pb
from aisle.registry.v1 import registry_service_pb2 as service_pb
from aisle.trainer.v1 import trainer_events_pb2 as trainer_events_pb
from aisle.trainer.v1 import training_job_pb2 as training_pb
from aisle.type.v1 import metric_pb2
from aisle_runtime.convert import to_timestamp
from aisle_runtime.errors import InvalidField

from aisle_registry.domain import names
from aisle_registry.domain.aliases import AliasChange
from aisle_registry.domain.model import (
    BundleFile,
    Comparator,
    Evaluation,
    Gate,
    GateResult,
    Metric,
    ModelSummary,
    ModelVersion,
    Rewrite,
    Submission,
    SystemScore,
    Task,
    Verdict,
    VersionState,
    version_name,
)

MAXIMUM_EVIDENCE_BYTES = 3 * 1024**2
"""Evaluations of one version; with the rest of a version they must fit into one message of 4 MiB."""

_TASKS = {
    pipeline_pb.TASK_KIND_SEARCH_RELEVANCE: Task.SEARCH_RELEVANCE,
    pipeline_pb.TASK_KIND_PURCHASE: Task.PURCHASE,
}
_TASK_NUMBERS = {task: number for number, task in _TASKS.items()}
_COMPARATORS = {
    pipeline_pb.GATE_COMPARATOR_ABSOLUTE: Comparator.ABSOLUTE,
    pipeline_pb.GATE_COMPARATOR_BEATS_CHAMPION: Comparator.BEATS_CHAMPION,
    pipeline_pb.GATE_COMPARATOR_NOT_WORSE_THAN_CHAMPION: Comparator.NOT_WORSE_THAN_CHAMPION,
}
_COMPARATOR_NUMBERS = {comparator: number for number, comparator in _COMPARATORS.items()}
_STATES = {
    VersionState.REGISTERED: pb.MODEL_VERSION_STATE_REGISTERED,
    VersionState.REJECTED: pb.MODEL_VERSION_STATE_REJECTED,
    VersionState.ACCEPTED: pb.MODEL_VERSION_STATE_ACCEPTED,
}


def submission(header: service_pb.RegistrationHeader) -> Submission:
    """Translate the header of a registration; raises InvalidField."""
    evidence = sum(evaluation.ByteSize() for evaluation in header.evaluations)
    if evidence > MAXIMUM_EVIDENCE_BYTES:
        raise InvalidField("header.evaluations", f"take more than {MAXIMUM_EVIDENCE_BYTES} bytes")
    return Submission(
        model=names.model_id(header.model, "header.model"),
        files=tuple(BundleFile(file.path, file.sha256, file.size_bytes) for file in header.files),
        training_job=names.training_job(header.training_job, "header.training_job"),
        dataset_versions=tuple(header.dataset_versions),
        training_spec=header.training_spec.SerializeToString(),
        evaluations=tuple(
            _evaluation(entry, f"header.evaluations[{index}]") for index, entry in enumerate(header.evaluations)
        ),
    )


def submission_of_job(event: trainer_events_pb.TrainingJobSucceeded) -> Submission:
    """Translate a finished training job into what is to be registered; raises InvalidField."""
    job = event.training_job
    tasks = event.evaluation.tasks
    return Submission(
        model=names.model_id(event.slip.spec.registry.model, "slip.spec.registry.model"),
        files=tuple(BundleFile(file.path, file.sha256, file.size_bytes) for file in job.artifacts),
        training_job=names.training_job(job.name, "training_job.name"),
        dataset_versions=tuple(job.dataset_versions),
        training_spec=job.spec.SerializeToString(),
        evaluations=tuple(
            _evaluation(_summary(entry), f"evaluation.tasks[{index}]") for index, entry in enumerate(tasks)
        ),
    )


def gates(messages: Iterable[pipeline_pb.Gate], field: str) -> tuple[Gate, ...]:
    """Translate gates; raises InvalidField with the path below `field`."""
    found = []
    for index, message in enumerate(messages):
        comparator = _COMPARATORS.get(message.comparator)
        if comparator is None:
            raise InvalidField(f"{field}[{index}].comparator", "is required")
        kind = message.task or pipeline_pb.TASK_KIND_SEARCH_RELEVANCE
        if kind not in _TASKS:
            raise InvalidField(f"{field}[{index}].task", "is not a known task")
        found.append(Gate(message.metric, comparator, message.threshold, _TASKS[kind]))
    return tuple(found)


def version(value: ModelVersion, *, units: bool = True) -> pb.ModelVersion:
    """Translate a version; without `units` the per-unit evidence, which may be large, is left out."""
    message = pb.ModelVersion(
        name=value.name,
        state=_STATES[value.state],
        files=[file_message(file) for file in value.submission.files],
        bundle_digest=value.bundle_digest,
        training_job=value.submission.training_job,
        dataset_versions=value.submission.dataset_versions,
        training_spec=pipeline_pb.TrainingSpec.FromString(value.submission.training_spec),
        evaluations=[_evaluation_message(entry, units) for entry in value.submission.evaluations],
        create_time=to_timestamp(value.create_time),
        aliases=value.aliases,
        rewrites=[rewrite(entry) for entry in value.rewrites],
    )
    if value.verdict is not None:
        message.verdict.CopyFrom(verdict(value.verdict))
    return message


def rewrite(value: Rewrite) -> pb.BundleRewrite:
    """Translate a rewriting."""
    return pb.BundleRewrite(
        sequence=value.sequence,
        erasure=value.erasure,
        bundle_digest_before=value.digest_before,
        bundle_digest_after=value.digest_after,
        paths=value.paths,
        create_time=to_timestamp(value.create_time),
    )


def file_message(file: BundleFile) -> pb.ModelFile:
    """Translate one file."""
    return pb.ModelFile(path=file.path, sha256=file.sha256, size_bytes=file.size_bytes)


def verdict(value: Verdict) -> pb.GateVerdict:
    """Translate a verdict."""
    return pb.GateVerdict(
        passed=value.passed,
        champion=value.champion,
        results=[_result(result) for result in value.results],
        create_time=to_timestamp(value.create_time),
    )


def change(value: AliasChange) -> pb.AliasChange:
    """Translate one entry of an alias's history."""
    return pb.AliasChange(
        sequence=value.sequence,
        model_version=version_name(value.model, value.version),
        previous_model_version=version_name(value.model, value.previous_version),
        cause=value.cause.value,
        comment=value.comment,
        create_time=to_timestamp(value.create_time),
    )


def model(value: ModelSummary) -> service_pb.Model:
    """Translate one model."""
    return service_pb.Model(
        name=f"models/{value.model}",
        version_count=value.version_count,
        latest_version=version_name(value.model, value.latest_version),
        aliases={alias: version_name(value.model, number) for alias, number in value.aliases},
    )


def _summary(entry: training_pb.TaskEvaluation) -> pb.EvaluationSummary:
    return pb.EvaluationSummary(
        task=entry.kind,
        dataset_version=entry.dataset_version,
        unit_ids=entry.unit_ids,
        systems=[
            pb.SystemScore(system=score.system, metrics=score.metrics, unit_values=score.unit_values)
            for score in entry.systems
        ],
    )


def _evaluation(message: pb.EvaluationSummary, field: str) -> Evaluation:
    if message.task not in _TASKS:
        raise InvalidField(f"{field}.task", "is required")
    return Evaluation(
        task=_TASKS[message.task],
        dataset_version=message.dataset_version,
        unit_ids=tuple(message.unit_ids),
        systems=tuple(
            SystemScore(score.system, tuple(map(_metric, score.metrics)), tuple(score.unit_values))
            for score in message.systems
        ),
    )


def _evaluation_message(value: Evaluation, units: bool) -> pb.EvaluationSummary:
    return pb.EvaluationSummary(
        task=_TASK_NUMBERS[value.task],
        dataset_version=value.dataset_version,
        unit_ids=value.unit_ids if units else (),
        systems=[
            pb.SystemScore(
                system=score.system,
                metrics=[_metric_message(metric) for metric in score.metrics],
                unit_values=score.unit_values if units else (),
            )
            for score in value.systems
        ],
    )


def _result(value: GateResult) -> pb.GateResult:
    message = pb.GateResult(
        gate=pipeline_pb.Gate(
            metric=value.gate.metric,
            comparator=_COMPARATOR_NUMBERS[value.gate.comparator],
            threshold=value.gate.threshold,
            task=_TASK_NUMBERS[value.gate.task],
        ),
        passed=value.passed,
        candidate_value=value.candidate_value,
        champion_value=value.champion_value,
        explanation=value.explanation,
    )
    if value.difference is not None:
        message.difference.CopyFrom(_metric_message(value.difference))
    return message


def _metric(message: metric_pb2.Metric) -> Metric:
    return Metric(message.name, message.value, message.lower, message.upper, message.sample_count)


def _metric_message(value: Metric) -> metric_pb2.Metric:
    return metric_pb2.Metric(
        name=value.name,
        value=value.value,
        lower=value.lower,
        upper=value.upper,
        sample_count=value.sample_count,
    )
