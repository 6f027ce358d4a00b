"""Entry point of evaluation jobs' processes."""

import json

import pyarrow as pa
from aisle.governance.v1 import dataset_pb2
from aisle.trainer.v1 import evaluation_job_pb2 as pb
from aisle_runtime import telemetry
from aisle_runtime.artifacts import ArtifactStore
from aisle_runtime.jobs import JobContext

from aisle_trainer import convert_evaluation
from aisle_trainer.domain.leaderboard import Question
from aisle_trainer.domain.plan import Task
from aisle_trainer.engines.rows import Rows
from aisle_trainer.errors import WrongColumns
from aisle_trainer.settings import TrainerSettings
from aisle_trainer.telemetry import ATTR_DATASET_VERSION, SPAN_READ

_VERSIONS_FILE = "evaluated_versions.json"


def evaluate(context: JobContext) -> bytes:
    """Judge systems; returns the serialized EvaluationJob with its leaderboard.

    The dataset versions stay in the work folder, so that a later attempt judges the same data.
    """
    settings, job = TrainerSettings(), pb.EvaluationJob.FromString(context.payload)
    question = convert_evaluation.question(job.spec)
    context.progress(0.0, "read")
    question, version, table, facts = _read(settings, question, context)
    context.raise_if_cancelled()
    from aisle_trainer.engines import leaderboard
    from aisle_trainer.engines.applied import Candidate

    def report(ratio: float, phase: str) -> None:
        context.raise_if_cancelled()
        context.progress(ratio, phase)

    place = leaderboard.Place(
        workdir=context.workdir,
        cache_dir=settings.state_dir / "cache",
        base_models_dir=settings.base_models_dir,
        threads=settings.effective_threads,
        fetch=ArtifactStore(settings.state_dir / "artifacts").path,
        report=report,
    )
    models = [
        Candidate(one.training_job, one.folds, tuple(one.dataset_versions), {a.path: a.sha256 for a in one.artifacts})
        for one in job.models
    ]
    board = leaderboard.run(question, version, table, facts, models, place)
    context.raise_if_cancelled()
    convert_evaluation.put_question(job.spec, question)
    job.leaderboard.CopyFrom(convert_evaluation.board(board))
    return job.SerializeToString()


def _read(
    settings: TrainerSettings, question: Question, context: JobContext
) -> tuple[Question, str, pa.Table, dict[str, tuple[str, str]]]:
    """Fix the dataset versions, at the first attempt, and read what the task needs."""
    from aisle_runtime.client import open_sync_channel, token_from_file

    from aisle_trainer.engines.purchase_data import COLUMNS as PURCHASE_COLUMNS
    from aisle_trainer.engines.search_data import COLUMNS as SEARCH_COLUMNS

    fixed = context.workdir / _VERSIONS_FILE
    known: dict[str, str] = json.loads(fixed.read_text()) if fixed.exists() else {}
    with open_sync_channel(
        settings.governance_address,
        token=token_from_file(settings.client_token_file),
        ca_file=settings.client_ca_file or "",
    ) as channel:
        rows = Rows(channel, settings.read_timeout_seconds)
        version = rows.version(known.get("dataset", question.dataset))
        products = rows.version(known.get("products", question.products)) if question.products else None
        names = {"dataset": version.name, "products": products.name if products is not None else ""}
        context.save(_VERSIONS_FILE, json.dumps({key: name for key, name in names.items() if name}).encode())
        question = question.filled(question.task or _task_of(version))
        needed = SEARCH_COLUMNS if question.task is Task.SEARCH_RELEVANCE else PURCHASE_COLUMNS
        wanted = ("label_weight",) if question.task is Task.SEARCH_RELEVANCE else ()
        with telemetry.span(SPAN_READ, **{ATTR_DATASET_VERSION: version.name}):
            table = rows.read(version, needed, wanted)
            facts = _facts(rows.read(products, ("product_id",), ("brand", "category"))) if products is not None else {}
    return question, version.name, table, facts


def _task_of(version: dataset_pb2.DatasetVersion) -> Task:
    """Return the task that the columns fit; raises WrongColumns."""
    columns = {column.name for column in version.columns}
    if "grade" in columns:
        return Task.SEARCH_RELEVANCE
    if {"order_id", "order_time"} <= columns:
        return Task.PURCHASE
    raise WrongColumns(
        "The dataset version holds neither judgments nor orders.",
        next_step="Name a dataset of the kind judgments or orders.",
        facts={"dataset_version": version.name},
    )


def _facts(table: pa.Table) -> dict[str, tuple[str, str]]:
    """Return (brand, category) by product id, "" where unknown."""
    count = table.num_rows
    brands, categories = (
        table[name].to_pylist() if name in table.column_names else [""] * count for name in ("brand", "category")
    )
    rows = zip(table["product_id"].to_pylist(), brands, categories, strict=True)
    return {product: (brand or "", category or "") for product, brand, category in rows}
