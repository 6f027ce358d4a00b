"""A pipeline run on the screen: followed stage by stage, or as it stands."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from aisle_cli import names, output
from aisle_cli.failures import EXIT_REJECTED, CommandFailed, from_failure
from aisle_cli.session import Session
from aisle_cli.watching import follow

if TYPE_CHECKING:
    from aisle.monitor.v1 import monitor_service_pb2, pipeline_run_pb2


def watch_run(session: Session, name: str) -> None:
    """Print every stage as it begins and ends; with --json every state, one document per line.

    Ends the command with code 1 when the run failed and 6 when the gates refused the candidate.
    """
    from aisle.monitor.v1 import monitor_service_pb2 as pb

    session.left_running = f"The run goes on: `aisle runs watch {names.short(name)}`."
    shown: dict[str, int] = {}
    last: pipeline_run_pb2.PipelineRun | None = None

    def watch(revision: int) -> "Iterator[monitor_service_pb2.WatchPipelineRunResponse]":
        return session.monitor.WatchPipelineRun(pb.WatchPipelineRunRequest(name=name, after_revision=revision))

    for message in follow(watch, lambda m: int(m.pipeline_run.revision)):
        if last is None and not session.as_json:
            output.line(f"{names.short(name)}  trace {message.pipeline_run.trace_id}")
        last = message.pipeline_run
        if session.as_json:
            output.emit_json(session, {"pipeline_run": output.as_dict(last)})
            continue
        for stage in last.stages:
            if shown.get(stage.stage) != stage.state:
                shown[stage.stage] = stage.state
                output.line(_stage_line(stage))
    if last is None:
        raise CommandFailed(f"{names.short(name)} sent no state.", "Repeat the command.")
    _conclude(session, last)


def show_run(session: Session, run: "pipeline_run_pb2.PipelineRun") -> None:
    """Print a run as it stands."""
    from aisle.monitor.v1 import pipeline_run_pb2 as pb

    if session.as_json:
        return output.emit_json(session, {"pipeline_run": output.as_dict(run)})
    output.fields(
        [
            ("run", names.short(run.name)),
            ("state", output.enum_word(pb.PipelineRunState, run.state)),
            ("cause", run.cause),
            ("trace", run.trace_id),
            ("begun", output.when(run.create_time)),
            ("ended", output.when(run.end_time)),
            ("model", names.short(run.slip.model_version)),
            ("failure", run.failure.message),
            ("next step", run.failure.next_step),
        ]
    )
    rows = [
        (
            s.stage,
            output.enum_word(pb.PipelineRunState, s.state),
            names.short(s.resource),
            _duration(s),
            s.summary,
        )
        for s in run.stages
    ]
    return output.table("Stages", ["stage", "state", "resource", "#seconds", "outcome"], rows)


def _conclude(session: Session, run: "pipeline_run_pb2.PipelineRun") -> None:
    from aisle.monitor.v1 import pipeline_run_pb2 as pb

    short = names.short(run.name)
    if run.state == pb.PIPELINE_RUN_STATE_FAILED:
        raise from_failure(short, run.failure)
    if run.state == pb.PIPELINE_RUN_STATE_REJECTED:
        raise CommandFailed(
            f"{short}: the gates refused {names.short(run.slip.model_version)}; the champion stays.",
            f"See the verdict: aisle models show {names.short(run.slip.model_version)}",
            exit_code=EXIT_REJECTED,
            reason="REJECTED",
        )
    if run.state != pb.PIPELINE_RUN_STATE_SUCCEEDED:
        raise CommandFailed(f"{short} goes on, but its stream has ended.", f"Follow it again: aisle runs watch {short}")
    if not session.as_json:
        output.line(f"{short}: {names.short(run.slip.model_version)} is live.")


def _stage_line(stage: "pipeline_run_pb2.StageStatus") -> str:
    from aisle.monitor.v1 import pipeline_run_pb2 as pb

    state = output.enum_word(pb.PipelineRunState, stage.state)
    seconds = f"{_duration(stage)} s" if stage.end_time.seconds else ""
    parts = [f"{stage.stage:<11}", f"{state:<10}", f"{seconds:>8}", stage.summary or names.short(stage.resource)]
    return "  ".join(parts).rstrip()


def _duration(stage: Any) -> str:
    if not stage.end_time.seconds or not stage.start_time.seconds:
        return ""
    return f"{(stage.end_time.ToNanoseconds() - stage.start_time.ToNanoseconds()) / 1e9:.1f}"
