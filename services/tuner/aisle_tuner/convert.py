"""The one file that knows both the tuner's contract and its domain."""

from collections.abc import Mapping, Sequence

from aisle.pipeline.v1 import pipeline_spec_pb2 as pipeline_pb
from aisle.tuner.v1 import study_pb2 as pb
from aisle.tuner.v1 import tuner_service_pb2 as service_pb
from aisle_runtime.convert import job_status
from aisle_runtime.jobs import JobRecord

from aisle_tuner.domain.space import SEARCHABLE, Plan, Range, validate_plan
from aisle_tuner.domain.studies import StoredStudy
from aisle_tuner.domain.trials import Trial, TrialState, best_trial

LEAST_LOOKS = 2
"""A trial of fewer validations than this could not be pruned."""
_LOOKS = 5
_STATES = {
    TrialState.RUNNING: pb.TRIAL_STATE_RUNNING,
    TrialState.COMPLETE: pb.TRIAL_STATE_COMPLETE,
    TrialState.PRUNED: pb.TRIAL_STATE_PRUNED,
    TrialState.FAILED: pb.TRIAL_STATE_FAILED,
}
_STATES_BACK = {number: state for state, number in _STATES.items()}


def plan(stage: pipeline_pb.TuningStage, base_spec: pipeline_pb.TrainingSpec, field: str = "stage") -> Plan:
    """Translate and check what is to be searched; raises InvalidStudy with paths below `field`."""
    ranges = tuple(Range(entry.field, entry.low, entry.high, entry.log_scale) for entry in stage.parameters)
    return validate_plan(Plan(stage.trial_count, stage.max_steps, ranges, stage.seed), len(base_spec.tasks), field)


def trial_spec(base: pipeline_pb.TrainingSpec, plan: Plan, parameters: Mapping[str, float]) -> pipeline_pb.TrainingSpec:
    """Return the spec of a trial: the drawn values, no export, and validations close enough for pruning."""
    spec = tuned(base, parameters)
    spec.skip_export = True
    if plan.max_steps:
        spec.max_steps = plan.max_steps
    if spec.eval_every_steps and spec.max_steps and spec.eval_every_steps * LEAST_LOOKS > spec.max_steps:
        spec.eval_every_steps = max(1, spec.max_steps // _LOOKS)
    return spec


def tuned(base: pipeline_pb.TrainingSpec, parameters: Mapping[str, float]) -> pipeline_pb.TrainingSpec:
    """Return a copy of `base` with the given values in it."""
    spec = pipeline_pb.TrainingSpec()
    spec.CopyFrom(base)
    for name, value in parameters.items():
        setattr(spec, name, int(value) if SEARCHABLE[name].is_integer else value)
    return spec


def bound(base: pipeline_pb.TrainingSpec, dataset_versions: Sequence[str]) -> pipeline_pb.TrainingSpec:
    """Return a copy of `base` whose tasks name the versions that governance made instead of their datasets."""
    newest = {name.partition("/versions/")[0]: name for name in dataset_versions}
    spec = pipeline_pb.TrainingSpec()
    spec.CopyFrom(base)
    for task in spec.tasks:
        task.dataset = newest.get(task.dataset, task.dataset)
    return spec


def study(stored: StoredStudy, trials: Sequence[Trial], record: JobRecord) -> pb.Study:
    """Translate a study with its trials and the record of its job."""
    base = pipeline_pb.TrainingSpec.FromString(stored.base_spec)
    message = pb.Study(
        name=stored.name,
        stage=pipeline_pb.TuningStage.FromString(stored.stage),
        base_spec=base,
        pipeline_run=stored.pipeline_run,
        status=job_status(record),
    )
    if (best := best_trial(trials)) is not None:
        message.best_trial = best.number
        message.best_spec.CopyFrom(tuned(base, best.parameters))
        message.best_score = best.score
    return message


def trial(value: Trial) -> pb.Trial:
    """Translate a trial."""
    return pb.Trial(
        number=value.number,
        state=_STATES[value.state],
        parameters=dict(value.parameters),
        score=value.score,
        training_job=value.training_job,
        step_count=value.step_count,
    )


def trials_bytes(values: Sequence[Trial]) -> bytes:
    """Write trials as they travel from the study's process to the service."""
    return service_pb.ListTrialsResponse(trials=map(trial, values)).SerializeToString()


def trials_from_bytes(data: bytes) -> list[Trial]:
    """Read what `trials_bytes` wrote."""
    return [
        Trial(
            number=message.number,
            state=_STATES_BACK[message.state],
            parameters=dict(message.parameters),
            score=message.score,
            training_job=message.training_job,
            step_count=message.step_count,
        )
        for message in service_pb.ListTrialsResponse.FromString(data).trials
    ]
