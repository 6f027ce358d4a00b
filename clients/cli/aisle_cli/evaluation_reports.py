"""Evaluation jobs: finding models for them, following them, printing leaderboards."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from aisle_cli import names, output
from aisle_cli.session import Session

if TYPE_CHECKING:
    from aisle.trainer.v1 import evaluation_job_pb2 as pb
    from aisle.type.v1 import metric_pb2

_SEARCHED_JOBS = 200
_COLUMNS = ("auc", "gauc", "qwk")
"""Columns beside the main metric and those with its cut-off, where the board has them."""


def trained_on(session: Session, dataset: str, most: int) -> list[str]:
    """Return the newest training jobs with a serving bundle that read a dataset, newest first."""
    from aisle.trainer.v1 import trainer_service_pb2 as service_pb

    wanted = dataset.split("/versions/")[0] + "/versions/"
    request = service_pb.ListTrainingJobsRequest(page_size=_SEARCHED_JOBS)
    found = session.trainer.ListTrainingJobs(request).training_jobs
    fitting = [
        job.name
        for job in found
        if any(version.startswith(wanted) for version in job.dataset_versions)
        and any(artifact.path == "ranker.onnx" for artifact in job.artifacts)
    ]
    return fitting[:most]


def get(session: Session, job: str) -> "pb.EvaluationJob":
    """Return a job by its name."""
    from aisle.trainer.v1 import evaluation_job_pb2 as pb

    request = pb.GetEvaluationJobRequest(name=names.of("evaluationJobs", job))
    return session.trainer.GetEvaluationJob(request).evaluation_job


def follow(session: Session, job: "pb.EvaluationJob") -> "pb.EvaluationJob":
    """Follow a job to its end; a failed or cancelled one ends the command with code 1."""
    from aisle.trainer.v1 import evaluation_job_pb2 as pb

    from aisle_cli.watching import follow_job

    short = names.short(job.name)
    session.left_running = (
        f"The job goes on: `aisle evaluations watch {short}`, or stop it with `aisle evaluations cancel {short}`."
    )

    def watch(revision: int) -> "Iterator[pb.WatchEvaluationJobResponse]":
        request = pb.WatchEvaluationJobRequest(name=job.name, after_revision=revision)
        return session.trainer.WatchEvaluationJob(request)

    ended: pb.EvaluationJob = follow_job(
        session, f"evaluate {short}", watch, lambda m: m.evaluation_job, lambda j: j.status
    )
    return ended


def print_job(session: Session, job: "pb.EvaluationJob", *, details: bool, markdown: bool) -> None:
    """Print a job with its leaderboard, as JSON, Markdown or tables."""
    from aisle.type.v1 import job_pb2

    if session.as_json:
        return output.emit_json(session, {"evaluation_job": output.as_dict(job)})
    board = job.leaderboard
    if not board.entries:
        return output.fields(
            [
                ("job", names.short(job.name)),
                ("state", output.enum_word(job_pb2.JobState, job.status.state)),
                ("phase", job.status.phase),
                ("failure", job.status.failure.message),
                ("next step", job.status.failure.next_step),
            ]
        )
    if markdown:
        return _print_markdown(board)
    output.line(f"{names.short(board.dataset_version)}: {board.split}")
    output.table(f"Leaderboard by {board.main_metric} ({names.short(job.name)})", *_table(board))
    for one in board.skipped:
        output.line(f"Left out: {names.short(one.system)}: {one.message}")
    if details:
        for entry in board.entries:
            _print_details(entry)
    return None


def _table(board: "pb.Leaderboard") -> tuple[list[str], list[list[str]]]:
    cut = board.main_metric.partition("@")[2]
    known = {metric.name for entry in board.entries for metric in entry.metrics}
    more = [name for name in (f"recall@{cut}", "mrr", f"mrr@{cut}", *_COLUMNS, f"coverage@{cut}") if name in known]
    headers = ["#rank", "system", f"#{board.main_metric} [95 %]", "#to reference [95 %]", "#Holm p"]
    headers += [f"#{name}" for name in more] + ["#CPU s"]
    rows = []
    for entry in board.entries:
        values = {metric.name: metric.value for metric in entry.metrics}
        tested = entry.HasField("test")
        rows.append(
            [
                str(entry.rank),
                names.short(entry.system),
                _with_interval(entry.metrics[0]),
                _with_interval(entry.test.difference, sign="+") if tested else "reference",
                f"{entry.test.holm_p:.4f}" if tested else "",
                *(f"{values[name]:.4f}" if name in values else "" for name in more),
                f"{entry.cpu_seconds:.1f}",
            ]
        )
    return headers, rows


def _with_interval(metric: "metric_pb2.Metric", sign: str = "") -> str:
    return f"{metric.value:{sign}.4f} [{metric.lower:{sign}.4f}, {metric.upper:{sign}.4f}]"


def _print_details(entry: "pb.LeaderboardEntry") -> None:
    name = names.short(entry.system)
    metrics = [(metric.name, _with_interval(metric), metric.sample_count) for metric in entry.metrics]
    output.table(name, ["metric", "#value [95 %]", "#units"], metrics)
    if entry.slices:
        rows = [(part.name, _with_interval(part.metric), part.metric.sample_count) for part in entry.slices]
        output.table(f"{name}: {entry.metrics[0].name} by slice", ["slice", "#value [95 %]", "#units"], rows)
    if entry.reliability:
        bins = [(f"{one.predicted:.3f}", f"{one.observed:.3f}", one.count) for one in entry.reliability]
        output.table(f"{name}: reliability", ["#predicted", "#observed", "#pairs"], bins)
    if entry.exposure:
        groups = [(one.group, f"{one.exposure_ratio:.3f}", f"{one.purchase_ratio:.3f}") for one in entry.exposure]
        output.table(f"{name}: exposure by brand", ["brand", "#of exposure", "#of purchases"], groups)


def _print_markdown(board: "pb.Leaderboard") -> None:
    headers, rows = _table(board)
    titles = [header.removeprefix("#") for header in headers]
    output.line(f"{names.short(board.dataset_version)}: {board.split}\n")
    output.line("| " + " | ".join(titles) + " |")
    output.line("|" + "---|" * len(titles))
    for row in rows:
        output.line("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
