"""Resources of the monitor's contract: from the rules' objects to messages, and back where callers send them."""

from collections.abc import Mapping

from aisle.monitor.v1 import observation_pb2 as observation_pb
from aisle.monitor.v1 import pipeline_run_pb2 as run_pb
from aisle.pipeline.v1 import pipeline_spec_pb2 as pipeline_pb
from aisle.type.v1 import failure_pb2
from aisle_runtime.convert import to_timestamp
from aisle_runtime.errors import InvalidField

from aisle_monitor.domain import runs
from aisle_monitor.domain.alerts import Alert, AlertKind, Policy
from aisle_monitor.domain.engagement import ServingFigures, wilson_interval
from aisle_monitor.domain.reports import DriftReport
from aisle_monitor.domain.traces import Edge, SpanRecord

_STATES: Mapping[runs.RunState, run_pb.PipelineRunState] = {
    runs.RunState.RUNNING: run_pb.PIPELINE_RUN_STATE_RUNNING,
    runs.RunState.SUCCEEDED: run_pb.PIPELINE_RUN_STATE_SUCCEEDED,
    runs.RunState.REJECTED: run_pb.PIPELINE_RUN_STATE_REJECTED,
    runs.RunState.FAILED: run_pb.PIPELINE_RUN_STATE_FAILED,
}
_KINDS: Mapping[AlertKind, observation_pb.AlertKind] = {
    AlertKind.DATA_DRIFT: observation_pb.ALERT_KIND_DATA_DRIFT,
    AlertKind.LATENCY: observation_pb.ALERT_KIND_LATENCY,
    AlertKind.CLICK_THROUGH: observation_pb.ALERT_KIND_CLICK_THROUGH,
    AlertKind.SERVING: observation_pb.ALERT_KIND_SERVING,
    AlertKind.DATA_QUALITY: observation_pb.ALERT_KIND_DATA_QUALITY,
    AlertKind.TRAINING_GAP: observation_pb.ALERT_KIND_TRAINING_GAP,
}


def pipeline(stored: runs.StoredPipeline) -> run_pb.Pipeline:
    """Translate a plan."""
    return run_pb.Pipeline(
        name=stored.name,
        spec=pipeline_pb.PipelineSpec.FromString(stored.spec),
        create_time=to_timestamp(stored.create_time),
    )


def run(stored: runs.Run) -> run_pb.PipelineRun:
    """Translate a run with its derived stages."""
    message = run_pb.PipelineRun(
        name=stored.name,
        state=_STATES[stored.state],
        stages=[_stage(status) for status in runs.stage_statuses(stored)],
        slip=pipeline_pb.RoutingSlip.FromString(stored.slip),
        cause=stored.cause,
        trace_id=stored.trace_id,
        create_time=to_timestamp(stored.create_time),
        revision=stored.revision,
    )
    if stored.failure is not None:
        message.failure.CopyFrom(failure(stored.failure))
    if stored.end_time is not None:
        message.end_time.CopyFrom(to_timestamp(stored.end_time))
    return message


def failure(note: runs.FailureNote) -> failure_pb2.Failure:
    """Translate a failure."""
    return failure_pb2.Failure(
        reason=note.reason, message=note.message, next_step=note.next_step, facts=dict(note.facts)
    )


def failure_note(message: failure_pb2.Failure) -> runs.FailureNote:
    """Translate a failure that a service reported."""
    return runs.FailureNote(message.reason, message.message, message.next_step, dict(message.facts))


def alert(stored: Alert) -> observation_pb.Alert:
    """Translate an alert."""
    return observation_pb.Alert(
        name=stored.name,
        kind=_KINDS[stored.kind],
        subject=stored.subject,
        message=stored.message,
        value=stored.value,
        threshold=stored.threshold,
        report=stored.report,
        create_time=to_timestamp(stored.create_time),
        pipeline_run=stored.pipeline_run,
        trace_id=stored.trace_id,
    )


def alert_kind(value: int, field: str) -> AlertKind | None:
    """Translate a kind that a caller sent; None for UNSPECIFIED, InvalidField for an unknown number."""
    if value == observation_pb.ALERT_KIND_UNSPECIFIED:
        return None
    for kind, number in _KINDS.items():
        if number == value:
            return kind
    raise InvalidField(field, "is not a kind of alert")


def policy(stored: Policy) -> observation_pb.Policy:
    """Translate a policy."""
    return observation_pb.Policy(
        name=stored.name,
        alert_kind=_KINDS[stored.alert_kind],
        subject=stored.subject,
        pipeline=stored.pipeline,
        cooldown_seconds=stored.cooldown_seconds,
        create_time=to_timestamp(stored.create_time),
    )


def wanted_policy(message: observation_pb.Policy, name: str, create_time: float) -> Policy:
    """Translate the policy that a caller wants; raises InvalidField when it names no kind of alert."""
    kind = alert_kind(message.alert_kind, "policy.alert_kind")
    if kind is None:
        raise InvalidField("policy.alert_kind", "is required")
    return Policy(name, kind, message.subject, message.pipeline, message.cooldown_seconds, create_time)


def report(stored: DriftReport) -> observation_pb.DriftReport:
    """Translate a drift report."""
    return observation_pb.DriftReport(
        name=stored.name,
        reference_version=stored.reference_version,
        current_version=stored.current_version,
        columns=[
            observation_pb.ColumnDrift(
                column=column.column,
                psi=column.psi,
                drifted=column.drifted,
                bins=[
                    observation_pb.DriftBin(
                        label=entry.label, reference_ratio=entry.reference_ratio, current_ratio=entry.current_ratio
                    )
                    for entry in column.bins
                ],
            )
            for column in stored.columns
        ],
        reference_row_count=stored.reference_row_count,
        current_row_count=stored.current_row_count,
        create_time=to_timestamp(stored.create_time),
    )


def serving_metrics(figures: ServingFigures) -> observation_pb.ServingMetrics:
    """Translate figures and add the click-through ratio with its interval."""
    through = wilson_interval(figures.click_count, figures.impression_count)
    return observation_pb.ServingMetrics(
        model_version=figures.model_version,
        surface=figures.surface,
        answer_count=figures.answer_count,
        impression_count=figures.impression_count,
        click_count=figures.click_count,
        purchase_count=figures.purchase_count,
        click_through_ratio=through.ratio,
        click_through_lower_ratio=through.lower,
        click_through_upper_ratio=through.upper,
        latency_p50_ms=figures.latency_p50_ms,
        latency_p99_ms=figures.latency_p99_ms,
        degraded_ratio=figures.degraded_ratio,
    )


def span(record: SpanRecord) -> observation_pb.Span:
    """Translate a span."""
    message = observation_pb.Span(
        span_id=record.span_id,
        parent_span_id=record.parent_span_id,
        service=record.service,
        name=record.name,
        kind=record.kind,
        duration_ms=record.duration_ns / 1e6,
        error=record.error,
        attributes=dict(record.attributes),
    )
    message.start_time.FromNanoseconds(record.start_ns)
    return message


def edge(step: Edge) -> observation_pb.TraceEdge:
    """Translate a step between services."""
    return observation_pb.TraceEdge(
        source=step.source, target=step.target, kind=step.kind, operation=step.operation, count=step.count
    )


def _stage(status: runs.StageStatus) -> run_pb.StageStatus:
    message = run_pb.StageStatus(
        stage=status.stage, resource=status.resource, state=_STATES[status.state], summary=status.summary
    )
    if status.start_time is not None:
        message.start_time.CopyFrom(to_timestamp(status.start_time))
    if status.end_time is not None:
        message.end_time.CopyFrom(to_timestamp(status.end_time))
    return message
