"""Between protobuf and the trainer's own records; the one file that knows both."""

from collections.abc import Iterable, Mapping, Sequence

from aisle.pipeline.v1 import pipeline_spec_pb2 as spec_pb
from aisle.trainer.v1 import training_job_pb2 as pb
from aisle.type.v1 import metric_pb2
from aisle_runtime.convert import job_status
from aisle_runtime.jobs import JobRecord

from aisle_trainer import convert_methods, convert_sequences
from aisle_trainer.domain.metrics import Figure
from aisle_trainer.domain.plan import Plan, Recipe, Task, TaskPlan
from aisle_trainer.domain.report import BundleFile, Outcome, TaskReport, Validation
from aisle_trainer.errors import InvalidField

_TASKS = {
    spec_pb.TASK_KIND_SEARCH_RELEVANCE: Task.SEARCH_RELEVANCE,
    spec_pb.TASK_KIND_PURCHASE: Task.PURCHASE,
    spec_pb.TASK_KIND_PAIR_MATCHING: Task.PAIR_MATCHING,
    spec_pb.TASK_KIND_SEQUENCE: Task.SEQUENCE,
}
_KINDS = {task: kind for kind, task in _TASKS.items()}


def plan_from_spec(spec: spec_pb.TrainingSpec) -> Plan:
    """Read a spec, zeros kept; raises InvalidField for an unknown task or method."""
    method, tuning = convert_methods.method_from_spec(spec)
    tasks = []
    for index, task in enumerate(spec.tasks):
        if task.kind not in _TASKS:
            raise InvalidField(f"spec.tasks[{index}].kind", "is not a known task")
        tasks.append(TaskPlan(_TASKS[task.kind], task.dataset, task.weight))
    return Plan(
        tasks=tuple(tasks),
        base_model=spec.base_model,
        method=convert_sequences.method(spec, method),
        learning_rate=spec.learning_rate,
        batch_size=spec.batch_size,
        max_steps=spec.max_steps,
        eval_every_steps=spec.eval_every_steps,
        patience=spec.patience,
        lora_rank=spec.lora_rank,
        max_tokens=spec.max_tokens,
        seed=spec.seed,
        weight_decay=spec.weight_decay,
        label_noise_ratio=spec.label_noise_ratio,
        folds=spec.folds,
        frozen_layers=spec.frozen_layers,
        skip_export=spec.skip_export,
        evaluate_unexported=spec.evaluate_unexported,
        tuning=tuning,
        engine=convert_methods.engine_from_spec(spec),
        sequence=convert_sequences.options_from_spec(spec),
    )


def spec_from_plan(plan: Plan) -> spec_pb.TrainingSpec:
    """Write a plan as a spec."""
    return spec_pb.TrainingSpec(
        base_model=plan.base_model,
        method=convert_methods.METHOD_KINDS[plan.method],
        tasks=[
            spec_pb.TaskSpec(kind=_KINDS[task.task], dataset=task.dataset, weight=task.weight) for task in plan.tasks
        ],
        learning_rate=plan.learning_rate,
        batch_size=plan.batch_size,
        max_steps=plan.max_steps,
        eval_every_steps=plan.eval_every_steps,
        patience=plan.patience,
        lora_rank=plan.lora_rank,
        max_tokens=plan.max_tokens,
        seed=plan.seed,
        weight_decay=plan.weight_decay,
        label_noise_ratio=plan.label_noise_ratio,
        folds=plan.folds,
        frozen_layers=plan.frozen_layers,
        skip_export=plan.skip_export,
        evaluate_unexported=plan.evaluate_unexported,
        fine_tuning=convert_methods.fine_tuning(plan),
        engine=convert_methods.engine(plan.engine),
        sequence=convert_sequences.options(plan) if plan.has(Task.SEQUENCE) else None,
    )


def training_job(body: bytes, record: JobRecord) -> pb.TrainingJob:
    """Return a stored job with where its work stands."""
    job = pb.TrainingJob.FromString(body)
    job.status.CopyFrom(job_status(record))
    return job


def recipe(entry: Recipe) -> pb.Recipe:
    """Write a recipe."""
    spec = spec_from_plan(entry.plan)
    # Parameters at their defaults stay open, so that another method or rank on top of the recipe gets its own.
    spec.ClearField("fine_tuning")
    spec.ClearField("engine")
    spec.ClearField("sequence")
    return pb.Recipe(recipe_id=entry.recipe_id, description=entry.description, spec=spec)


def recipe_matches(entry: Recipe, kind: spec_pb.TaskKind) -> bool:
    """Say whether a recipe trains the task; UNSPECIFIED matches all. Raises InvalidField for an unknown kind."""
    if kind == spec_pb.TASK_KIND_UNSPECIFIED:
        return True
    if kind not in _TASKS:
        raise InvalidField("kind", "is not a known task")
    return entry.plan.has(_TASKS[kind])


def metric(figure: Figure) -> metric_pb2.Metric:
    """Write a figure."""
    return metric_pb2.Metric(
        name=figure.name,
        value=figure.value,
        lower=figure.lower,
        upper=figure.upper,
        sample_count=figure.sample_count,
    )


def validation(entry: Validation) -> pb.ValidationPoint:
    """Write one look at the validation split."""
    tasks = [
        pb.TaskMetrics(kind=_KINDS[task], metrics=map(metric, figures)) for task, figures in sorted(entry.tasks.items())
    ]
    return pb.ValidationPoint(step=entry.step, score=entry.score, tasks=tasks)


def task_evaluation(report: TaskReport) -> pb.TaskEvaluation:
    """Write the comparison on one task."""
    return pb.TaskEvaluation(
        kind=_KINDS[report.task],
        dataset_version=report.dataset_version,
        split=report.split,
        systems=[
            pb.SystemResult(system=entry.system, metrics=map(metric, entry.figures), unit_values=entry.unit_values)
            for entry in report.systems
        ],
        unit_ids=report.unit_ids,
        paired_differences=map(metric, report.paired_differences),
    )


def artifacts(files: Iterable[BundleFile]) -> list[pb.Artifact]:
    """Write the files of a bundle."""
    return [pb.Artifact(path=file.path, sha256=file.sha256, size_bytes=file.size_bytes) for file in files]


def put_inputs(
    job: pb.TrainingJob, plan: Plan, versions: Mapping[str, str], columns: Mapping[str, Sequence[str]]
) -> None:
    """Write into `job` which columns each task reads of which dataset version."""
    del job.inputs[:]
    for task in plan.tasks:
        job.inputs.add(task=_KINDS[task.task], dataset_version=versions[task.task], columns=columns[task.task])


def put_outcome(job: pb.TrainingJob, outcome: Outcome) -> None:
    """Write what a job found out into it; its evaluation is written by `task_evaluation`."""
    job.step_count, job.training_loss, job.checkpoint_step = (
        outcome.steps,
        outcome.training_loss,
        outcome.checkpoint_step,
    )
    del job.validations[:]
    job.validations.extend(map(validation, outcome.validations))
    del job.artifacts[:]
    job.artifacts.extend(artifacts(outcome.files))
    if outcome.cost is not None:
        job.report.CopyFrom(convert_methods.report(outcome.cost, _KINDS))
