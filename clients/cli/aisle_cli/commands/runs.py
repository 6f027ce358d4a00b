"""`aisle runs`: rounds of the loop."""

from typing import Annotated

import typer

from aisle_cli import names, output
from aisle_cli.door import command, group
from aisle_cli.runs_view import show_run, watch_run
from aisle_cli.session import Session, collect

app = group("Follow pipeline runs.")
Run = Annotated[str, typer.Argument(metavar="PIPELINE/RUN", help="Run, as `aisle runs list` shows it.")]


@command(app, "list")
def list_(
    session: Session,
    pipeline: Annotated[str, typer.Option(help="Only runs of this pipeline.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Runs to show at most.")] = 20,
) -> None:
    """List runs, newest first."""
    from aisle.monitor.v1 import monitor_service_pb2 as pb
    from aisle.monitor.v1 import pipeline_run_pb2

    def ask(token: str, size: int) -> tuple[object, str]:
        parent = names.pipeline(pipeline) if pipeline else ""
        answer = session.monitor.ListPipelineRuns(
            pb.ListPipelineRunsRequest(pipeline=parent, page_size=size, page_token=token)
        )
        return answer.pipeline_runs, answer.next_page_token

    found = collect(ask, limit)
    if session.as_json:
        return output.emit_list(session, "pipeline_runs", found)
    rows = [
        (
            names.short(r.name),
            output.enum_word(pipeline_run_pb2.PipelineRunState, r.state),
            r.stages[-1].stage if r.stages else "",
            names.short(r.slip.model_version),
            r.cause,
            output.when(r.create_time),
        )
        for r in found
    ]
    return output.table("Runs", ["run", "state", "stage", "model", "cause", "begun"], rows)


@command(app, "watch")
def watch(session: Session, run: Run) -> None:
    """Follow a run to its end; code 1 when it failed, 6 when the gates refused the candidate."""
    watch_run(session, names.pipeline_run(run))


@command(app, "show")
def show(session: Session, run: Run) -> None:
    """Show a run as it stands."""
    from aisle.monitor.v1 import monitor_service_pb2 as pb

    request = pb.GetPipelineRunRequest(name=names.pipeline_run(run))
    show_run(session, session.monitor.GetPipelineRun(request).pipeline_run)
