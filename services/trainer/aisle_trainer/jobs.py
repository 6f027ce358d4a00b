"""Entry point of the trainer's job processes."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from aisle.trainer.v1 import trainer_events_pb2 as events_pb
from aisle.trainer.v1 import training_job_pb2 as pb
from aisle_runtime import telemetry
from aisle_runtime.artifacts import ArtifactStore
from aisle_runtime.jobs import JobContext

from aisle_trainer import convert
from aisle_trainer.domain.plan import Plan, Task
from aisle_trainer.settings import TrainerSettings
from aisle_trainer.telemetry import ATTR_DATASET_VERSION, SPAN_READ

if TYPE_CHECKING:
    from aisle_trainer.engines.pipeline import Dataset
    from aisle_trainer.engines.training import Progress

DETAIL_INTERVAL_SECONDS = 0.5
_VERSIONS_FILE = "dataset_versions.json"


def train(context: JobContext) -> bytes:
    """Train, evaluate and export; returns a serialized TrainingJobSucceeded without names, times and slip.

    Checkpoints and the dataset versions stay in the work folder, so that a later attempt goes on with the same data.
    """
    settings, job = TrainerSettings(), pb.TrainingJob.FromString(context.payload)
    plan = convert.plan_from_spec(job.spec)
    context.progress(0.0, "read")
    datasets = _read(settings, plan, context.workdir, job)
    context.progress(0.01, "prepare", job.SerializeToString())
    from aisle_trainer.engines.pipeline import JobRun, Surroundings

    told = _Told(context, job)
    around = Surroundings(
        job=job.name,
        workdir=context.workdir,
        cache_dir=settings.state_dir / "cache",
        base_models_dir=settings.base_models_dir,
        threads=settings.effective_threads,
        processes=settings.processes,
        precision=settings.precision,
        report=told.report,
        stop=lambda: context.cancelled,
    )
    if plan.has(Task.PAIR_MATCHING):
        from aisle_trainer.engines.match_job import MatchRun

        outcome, folder = MatchRun(plan, datasets[Task.PAIR_MATCHING], around).run()
    elif plan.has(Task.SEQUENCE):
        from aisle_trainer.engines.sequence_job import SequenceRun

        outcome, folder = SequenceRun(plan, datasets[Task.SEQUENCE], around).run()
    else:
        outcome, folder = JobRun(plan, datasets, around).run()
    context.raise_if_cancelled()
    if folder is not None:
        store = ArtifactStore(settings.state_dir / "artifacts")
        for file in outcome.files:
            store.put_file(folder / file.path, file.sha256)
    convert.put_outcome(job, outcome)
    evaluation = pb.Evaluation(tasks=map(convert.task_evaluation, outcome.tasks))
    return events_pb.TrainingJobSucceeded(training_job=job, evaluation=evaluation).SerializeToString()


def _read(settings: TrainerSettings, plan: Plan, workdir: Path, job: pb.TrainingJob) -> "dict[Task, Dataset]":
    """Fix the dataset versions, at the first attempt, and read their rows."""
    from aisle_runtime.client import open_sync_channel, token_from_file

    from aisle_trainer.engines.pipeline import COLUMNS, Dataset
    from aisle_trainer.engines.rows import Rows

    fixed = workdir / _VERSIONS_FILE
    known: dict[str, str] = json.loads(fixed.read_text()) if fixed.exists() else {}
    datasets: dict[Task, Dataset] = {}
    columns: dict[str, list[str]] = {}
    with open_sync_channel(
        settings.governance_address,
        token=token_from_file(settings.client_token_file),
        ca_file=settings.client_ca_file or "",
    ) as channel:
        rows = Rows(channel, settings.read_timeout_seconds)
        for task in plan.tasks:
            version = rows.version(known.get(task.task, task.dataset))
            is_new = task.task not in known
            known[task.task] = version.name
            needed, wanted = COLUMNS[task.task]
            with telemetry.span(SPAN_READ, **{ATTR_DATASET_VERSION: version.name}):
                table = rows.read(version, needed, wanted)
            if is_new:  # a dataset of the wrong kind is told by its columns, which says more
                rows.require_ready(version, task.task)
            datasets[task.task] = Dataset(version.name, table)
            columns[task.task] = list(table.column_names)
    temporary = fixed.with_suffix(".tmp")
    temporary.write_text(json.dumps(known))
    temporary.replace(fixed)
    del job.dataset_versions[:]
    job.dataset_versions.extend(known[task.task] for task in plan.tasks)
    convert.put_inputs(job, plan, known, columns)
    return datasets


class _Told:
    """Passes on what a run reports, the details at most twice a second."""

    def __init__(self, context: JobContext, job: pb.TrainingJob) -> None:
        self._context, self._job = context, job
        self._next, self._validations = 0.0, -1

    def report(self, ratio: float, phase: str, progress: "Progress | None") -> None:
        """Tell the parent; a new validation is told at once."""
        now = time.monotonic()
        if progress is None or (now < self._next and len(progress.validations) == self._validations):
            self._context.progress(ratio, phase)
            return
        self._next, self._validations = now + DETAIL_INTERVAL_SECONDS, len(progress.validations)
        job = self._job
        job.step_count, job.training_loss, job.checkpoint_step = progress.step, progress.loss, progress.checkpoint_step
        del job.validations[:]
        job.validations.extend(map(convert.validation, progress.validations))
        self._context.progress(ratio, phase, job.SerializeToString())
