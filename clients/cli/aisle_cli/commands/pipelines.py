"""`aisle pipelines`: plans of the whole loop."""

from pathlib import Path
from typing import Annotated

import typer

from aisle_cli import names, output
from aisle_cli.door import command, group
from aisle_cli.session import Session, collect

app = group("Store and run plans of the whole loop.")
Pipeline = Annotated[str, typer.Argument(metavar="PIPELINE", help="Pipeline id.")]


@command(app, "create")
def create(
    session: Session,
    file: Annotated[Path, typer.Argument(help="PipelineSpec as JSON or YAML, with the field names of the contract.")],
    name: Annotated[str, typer.Option(help="Pipeline id; the file's name without ending otherwise.")] = "",
) -> None:
    """Store a plan; repeating it with the same content is fine."""
    from aisle.monitor.v1 import monitor_service_pb2 as pb
    from aisle.pipeline.v1 import pipeline_spec_pb2 as spec

    from aisle_cli.specs import parse_message, read_document

    plan = parse_message(read_document(file), spec.PipelineSpec(), file.name)
    pipeline_id = (name or file.stem).removeprefix("pipelines/")
    request = pb.CreatePipelineRequest(pipeline_id=pipeline_id, spec=plan, request_id=names.new_request_id())
    made = session.monitor.CreatePipeline(request).pipeline
    if session.as_json:
        return output.emit_json(session, {"pipeline": output.as_dict(made)})
    return output.line(f"{names.short(made.name)} is stored. Run it: aisle pipelines run {names.short(made.name)}")


@command(app, "run")
def run(
    session: Session,
    pipeline: Pipeline,
    wait: Annotated[bool, typer.Option(help="Follow the run to its end.")] = True,
) -> None:
    """Start a run and follow it; code 6 when the gates refuse the candidate."""
    from aisle.monitor.v1 import monitor_service_pb2 as pb

    from aisle_cli.runs_view import show_run, watch_run

    request = pb.RunPipelineRequest(pipeline=names.pipeline(pipeline), request_id=names.new_request_id())
    started = session.monitor.RunPipeline(request).pipeline_run
    return watch_run(session, started.name) if wait else show_run(session, started)


@command(app, "list")
def list_(session: Session) -> None:
    """List plans."""
    from aisle.monitor.v1 import monitor_service_pb2 as pb

    def ask(token: str, size: int) -> tuple[object, str]:
        answer = session.monitor.ListPipelines(pb.ListPipelinesRequest(page_size=size, page_token=token))
        return answer.pipelines, answer.next_page_token

    found = collect(ask, 0)
    if session.as_json:
        return output.emit_list(session, "pipelines", found)
    rows = [
        (
            names.short(p.name),
            ", ".join(names.short(run.dataset) for run in p.spec.governance.dataset_runs),
            p.spec.tuning.trial_count or "-",
            f"{names.short(p.spec.registry.model)}@{p.spec.registry.alias}",
            output.when(p.create_time),
        )
        for p in found
    ]
    return output.table("Pipelines", ["pipeline", "datasets", "#trials", "model", "created"], rows)


@command(app, "show")
def show(session: Session, pipeline: Pipeline) -> None:
    """Print a plan in the form that `create` reads."""
    import json

    from aisle.monitor.v1 import monitor_service_pb2 as pb

    found = session.monitor.GetPipeline(pb.GetPipelineRequest(name=names.pipeline(pipeline))).pipeline
    if session.as_json:
        return output.emit_json(session, {"pipeline": output.as_dict(found)})
    return output.line(json.dumps(output.as_dict(found.spec), indent=2))
