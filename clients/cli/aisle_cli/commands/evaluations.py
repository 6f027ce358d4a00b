"""`aisle evaluations`: jobs behind leaderboards."""

from typing import Annotated

import typer

from aisle_cli import names, output
from aisle_cli.door import command, group
from aisle_cli.session import Session, collect

app = group("List, follow and stop evaluation jobs; `aisle leaderboard` starts them.")
Job = Annotated[str, typer.Argument(metavar="JOB", help="Evaluation job.")]
Details = Annotated[bool, typer.Option("--details", help="Also every metric, slice and reliability table.")]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print one Markdown table instead.")]


@command(app, "list")
def list_jobs(session: Session, limit: Annotated[int, typer.Option(min=1, help="Jobs to show at most.")] = 20) -> None:
    """List evaluation jobs, newest first."""
    from aisle.trainer.v1 import evaluation_job_pb2 as pb
    from aisle.type.v1 import job_pb2

    def ask(token: str, size: int) -> tuple[object, str]:
        answer = session.trainer.ListEvaluationJobs(pb.ListEvaluationJobsRequest(page_size=size, page_token=token))
        return answer.evaluation_jobs, answer.next_page_token

    found = collect(ask, limit)
    if session.as_json:
        return output.emit_list(session, "evaluation_jobs", found)
    rows = [
        (
            names.short(job.name),
            output.enum_word(job_pb2.JobState, job.status.state),
            names.short(job.leaderboard.dataset_version or job.spec.dataset),
            names.short(job.leaderboard.entries[0].system) if job.leaderboard.entries else "",
            output.number(job.leaderboard.entries[0].metrics[0].value) if job.leaderboard.entries else "",
            output.when(job.status.create_time),
        )
        for job in found
    ]
    return output.table("Evaluation jobs", ["job", "state", "data", "best", "#value", "created"], rows)


@command(app, "show")
def show(session: Session, job: Job, details: Details = False, markdown: Markdown = False) -> None:
    """Show a job and its leaderboard."""
    from aisle_cli.evaluation_reports import get, print_job

    print_job(session, get(session, job), details=details, markdown=markdown)


@command(app, "watch")
def watch(session: Session, job: Job, details: Details = False, markdown: Markdown = False) -> None:
    """Follow a job to its end and show its leaderboard."""
    from aisle_cli.evaluation_reports import follow, get, print_job

    print_job(session, follow(session, get(session, job)), details=details, markdown=markdown)


@command(app, "cancel")
def cancel(session: Session, job: Job) -> None:
    """Stop a job."""
    from aisle.trainer.v1 import evaluation_job_pb2 as pb

    request = pb.CancelEvaluationJobRequest(name=names.of("evaluationJobs", job), request_id=names.new_request_id())
    stopped = session.trainer.CancelEvaluationJob(request).evaluation_job
    if session.as_json:
        return output.emit_json(session, {"evaluation_job": output.as_dict(stopped)})
    return output.line(f"{names.short(stopped.name)} is being stopped.")
