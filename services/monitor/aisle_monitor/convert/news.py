"""Events of the services: what each says about a stage of a run, in words with figures."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aisle.governance.v1 import governance_events_pb2 as governance_pb
from aisle.pipeline.v1 import pipeline_spec_pb2 as pipeline_pb
from aisle.ranker.v1 import ranker_events_pb2 as ranker_pb
from aisle.registry.v1 import model_version_pb2 as version_pb
from aisle.registry.v1 import registry_events_pb2 as registry_pb
from aisle.trainer.v1 import trainer_events_pb2 as trainer_pb
from aisle.trainer.v1 import training_job_pb2 as job_pb
from aisle.tuner.v1 import tuner_events_pb2 as tuner_pb
from aisle.type.v1 import failure_pb2, metric_pb2

from aisle_monitor.convert.resources import failure_note
from aisle_monitor.domain.runs import RunState, StageNews

MAIN_METRIC = {pipeline_pb.TASK_KIND_SEARCH_RELEVANCE: "ndcg@10", pipeline_pb.TASK_KIND_PURCHASE: "recall@20"}
TASK_WORDS = {pipeline_pb.TASK_KIND_SEARCH_RELEVANCE: "search", pipeline_pb.TASK_KIND_PURCHASE: "purchase"}


@dataclass(frozen=True, slots=True)
class SlipNews:
    """News of a stage and the slip that came with it.

    An event without a slip belongs to no run and gives None instead.
    """

    slip: pipeline_pb.RoutingSlip
    news: StageNews


def governance_completed(
    event: governance_pb.GovernanceRunCompleted, time: float, sizes: Mapping[str, int]
) -> SlipNews | None:
    """All datasets are governed; `sizes` holds the row counts of those versions that are known."""
    run = event.governance_run
    versions = list(event.slip.dataset_versions) or list(run.dataset_versions)
    return _ended(event.slip, "governance", RunState.SUCCEEDED, time, run.name, governance_summary(versions, sizes))


def governance_summary(versions: Iterable[str], sizes: Mapping[str, int]) -> str:
    """Say which versions were published and how many rows each holds, as far as that is known."""
    words = []
    for name in versions:
        dataset, _, version = name.removeprefix("datasets/").partition("/versions/")
        rows = f" with {sizes[name]:,} rows" if name in sizes else ""
        words.append(f"{dataset} version {version}{rows}")
    return f"published {', '.join(words)}" if words else "published"


def governance_failed(event: governance_pb.GovernanceRunFailed, time: float) -> SlipNews | None:
    """Governance stopped."""
    return _failed(event.slip, "governance", time, event.governance_run, event.failure)


def study_completed(event: tuner_pb.StudyCompleted, time: float) -> SlipNews | None:
    """The search for hyper-parameters ended."""
    study = event.study
    best = f"number {study.best_trial}, validation score {study.best_score:.4f}"
    summary = f"best of {study.stage.trial_count} trials is {best}"
    values = _tuned_values(study.stage.parameters, study.best_spec)
    return _ended(
        event.slip, "tuning", RunState.SUCCEEDED, time, study.name, summary + (f" ({values})" if values else "")
    )


def study_failed(event: tuner_pb.StudyFailed, time: float) -> SlipNews | None:
    """The search found nothing usable."""
    return _failed(event.slip, "tuning", time, event.study, event.failure)


def training_succeeded(event: trainer_pb.TrainingJobSucceeded, time: float) -> SlipNews | None:
    """A model is trained and evaluated."""
    summary = "; ".join(filter(None, (_evaluation(task) for task in event.evaluation.tasks))) or "trained"
    return _ended(event.slip, "training", RunState.SUCCEEDED, time, event.training_job.name, summary)


def training_failed(event: trainer_pb.TrainingJobFailed, time: float) -> SlipNews | None:
    """Training stopped."""
    return _failed(event.slip, "training", time, event.training_job, event.failure)


def version_registered(event: registry_pb.ModelVersionRegistered, time: float) -> SlipNews | None:
    """A bundle is stored; the gates have not spoken yet."""
    version = event.model_version
    megabytes = sum(entry.size_bytes for entry in version.files) / 1e6
    summary = f"registered with {len(version.files)} files, {megabytes:.1f} MB; gates to come"
    return _ended(event.slip, "registry", RunState.RUNNING, time, version.name, summary)


def version_promoted(event: registry_pb.ModelVersionPromoted, time: float) -> SlipNews | None:
    """The gates let a version pass and the alias moved."""
    summary = f"{event.alias} points at it now{_verdict(event.model_version.verdict)}"
    return _ended(event.slip, "registry", RunState.SUCCEEDED, time, event.model_version.name, summary)


def version_rejected(event: registry_pb.ModelVersionRejected, time: float) -> SlipNews | None:
    """The gates refused a version."""
    summary = f"refused by its gates{_verdict(event.model_version.verdict)}"
    return _ended(event.slip, "registry", RunState.REJECTED, time, event.model_version.name, summary)


def registration_failed(event: registry_pb.RegistrationFailed, time: float) -> SlipNews | None:
    """A bundle could not be taken in."""
    return _failed(event.slip, "registry", time, event.training_job, event.failure)


def serving_changed(event: ranker_pb.ServingStateChanged, time: float) -> SlipNews | None:
    """A version is live, is being loaded, or could not be loaded."""
    if event.HasField("failure") and not event.live:
        return _failed(event.slip, "serving", time, event.model_version, event.failure)
    if not event.live:
        return _ended(event.slip, "serving", RunState.RUNNING, time, event.model_version, "loading")
    live = event.state.live
    summary = (
        f"live on {live.engine or 'its engine'} with {live.search_product_count:,} products to search "
        f"and {live.recommend_product_count:,} to recommend"
    )
    return _ended(event.slip, "serving", RunState.SUCCEEDED, time, event.model_version, summary)


def _ended(
    slip: pipeline_pb.RoutingSlip, stage: str, outcome: RunState, time: float, resource: str, summary: str
) -> SlipNews | None:
    return SlipNews(slip, StageNews(stage, outcome, time, resource, summary)) if slip.pipeline_run else None


def _failed(
    slip: pipeline_pb.RoutingSlip, stage: str, time: float, resource: str, failure: failure_pb2.Failure
) -> SlipNews | None:
    if not slip.pipeline_run:
        return None
    note = failure_note(failure)
    return SlipNews(slip, StageNews(stage, RunState.FAILED, time, resource, note.message, note))


def _tuned_values(ranges: Iterable[pipeline_pb.ParameterRange], spec: pipeline_pb.TrainingSpec) -> str:
    fields = [entry.field for entry in ranges if entry.field in spec.DESCRIPTOR.fields_by_name]
    return ", ".join(f"{field} {getattr(spec, field):.4g}" for field in fields)


def _evaluation(task: job_pb.TaskEvaluation) -> str:
    """Say the task's main figure with its interval beside the baselines; empty when the model was not measured."""
    name = MAIN_METRIC.get(task.kind, "")
    found = {system.system: _metric(system.metrics, name) for system in task.systems}
    model = found.pop("model", None)
    if model is None:
        return ""
    baselines = [
        f"{system.replace('_', '-')} {metric.value:.3f}" for system, metric in found.items() if metric is not None
    ]
    words = f"{TASK_WORDS.get(task.kind, 'task')} {name} {model.value:.3f} [{model.lower:.3f}, {model.upper:.3f}]"
    return ", ".join([words, *baselines])


def _metric(metrics: Iterable[metric_pb2.Metric], name: str) -> metric_pb2.Metric | None:
    return next((metric for metric in metrics if metric.name == name), None)


def _verdict(verdict: version_pb.GateVerdict) -> str:
    """Say the deciding gate's words: the first that failed, otherwise the first."""
    results = sorted(verdict.results, key=lambda result: result.passed)
    return f": {results[0].explanation.rstrip('.')}" if results and results[0].explanation else ""
