"""Between protobuf and the records of leaderboards."""

from aisle.pipeline.v1 import pipeline_spec_pb2 as spec_pb
from aisle.trainer.v1 import evaluation_job_pb2 as pb

from aisle_trainer import convert
from aisle_trainer.domain import leaderboard
from aisle_trainer.domain.leaderboard import Board, Question, Standing
from aisle_trainer.domain.paired_tests import Paired
from aisle_trainer.domain.plan import Task
from aisle_trainer.errors import InvalidField

MODEL_FILES = ("manifest.json", "ranker.onnx", "tokenizer.json")
"""Files that a bundle must have to be judged."""
_TASKS = {
    spec_pb.TASK_KIND_UNSPECIFIED: None,
    spec_pb.TASK_KIND_SEARCH_RELEVANCE: Task.SEARCH_RELEVANCE,
    spec_pb.TASK_KIND_PURCHASE: Task.PURCHASE,
}
_KINDS = {task: kind for kind, task in _TASKS.items()}


def question(spec: pb.EvaluationSpec) -> Question:
    """Read a spec, zeros kept; raises InvalidField for a task without a leaderboard."""
    if spec.task not in _TASKS:
        raise InvalidField(
            "spec.task", "has no leaderboard", next_step="Use SEARCH_RELEVANCE or PURCHASE, or leave it open."
        )
    return Question(
        dataset=spec.dataset,
        task=_TASKS[spec.task],
        training_jobs=tuple(spec.training_jobs),
        baselines=tuple(spec.baselines),
        without_baselines=spec.without_baselines,
        cutoff=spec.cutoff,
        max_units=spec.max_units,
        seed=spec.seed,
        reference=spec.reference,
        exclude_bought=spec.exclude_bought,
        products=spec.products,
    )


def checked(spec: pb.EvaluationSpec) -> pb.EvaluationSpec:
    """Return a checked spec, with defaults as far as the task is known; raises InvalidField."""
    full = pb.EvaluationSpec()
    full.CopyFrom(spec)
    put_question(full, leaderboard.checked(question(spec)))
    return full


def put_question(spec: pb.EvaluationSpec, asked: Question) -> None:
    """Write what was filled in into `spec`."""
    spec.task, spec.cutoff, spec.max_units = _KINDS[asked.task], asked.cutoff, asked.max_units


def board(found: Board) -> pb.Leaderboard:
    """Write a leaderboard."""
    return pb.Leaderboard(
        task=_KINDS[found.task],
        dataset_version=found.dataset_version,
        split=found.split,
        main_metric=found.main_metric,
        unit_count=found.unit_count,
        reference=found.reference,
        entries=[_entry(place, one, found.tests.get(one.system)) for place, one in enumerate(found.standings, start=1)],
        skipped=[pb.SkippedSystem(system=o.system, reason=o.reason, message=o.message) for o in found.skipped],
    )


def _entry(place: int, one: Standing, test: Paired | None) -> pb.LeaderboardEntry:
    entry = pb.LeaderboardEntry(
        rank=place,
        system=one.system,
        metrics=map(convert.metric, one.figures),
        slices=[pb.Slice(name=part.name, metric=convert.metric(part)) for part in one.slices],
        reliability=[pb.ReliabilityBin(predicted=p, observed=o, count=n) for p, o, n in one.reliability],
        exposure=[
            pb.GroupExposure(group=o.group, exposure_ratio=o.exposure, purchase_ratio=o.purchases) for o in one.exposure
        ],
        cpu_seconds=one.cpu_seconds,
    )
    for part in entry.slices:
        part.metric.name = one.figures[0].name
    if test is not None:
        entry.test.difference.CopyFrom(convert.metric(test.difference))
        entry.test.bootstrap_p, entry.test.sign_flip_p, entry.test.holm_p = (
            test.bootstrap_p,
            test.sign_flip_p,
            test.holm_p,
        )
    return entry
