"""Turns answers of the services into entries of the report."""

from typing import Any

from aisle.governance.v1 import governance_run_pb2
from aisle.monitor.v1 import monitor_service_pb2, observation_pb2, pipeline_run_pb2
from aisle.pipeline.v1 import pipeline_spec_pb2 as spec_pb2
from aisle.type.v1 import metric_pb2

from aisle_demo.report import Figure

ENDED = (
    pipeline_run_pb2.PIPELINE_RUN_STATE_SUCCEEDED,
    pipeline_run_pb2.PIPELINE_RUN_STATE_REJECTED,
    pipeline_run_pb2.PIPELINE_RUN_STATE_FAILED,
)
TASKS = {spec_pb2.TASK_KIND_SEARCH_RELEVANCE: "search", spec_pb2.TASK_KIND_PURCHASE: "recommendation"}


def figure(metric: metric_pb2.Metric, prefix: str = "") -> Figure:
    """A metric as a figure, its name behind `prefix`."""
    return Figure(f"{prefix}{metric.name}", metric.value, metric.lower, metric.upper, metric.sample_count)


def state_name(state: "pipeline_run_pb2.PipelineRunState") -> str:
    """`SUCCEEDED` and the like."""
    return pipeline_run_pb2.PipelineRunState.Name(state).removeprefix("PIPELINE_RUN_STATE_")


def why(run: pipeline_run_pb2.PipelineRun) -> str:
    """Why a run ended as it did, in one line."""
    if run.failure.message:
        return f"{run.failure.message} {run.failure.next_step}".strip()
    return "; ".join(stage.summary for stage in run.stages if stage.summary)


def seconds(stage: pipeline_run_pb2.StageStatus) -> float:
    """How long a stage took; 0 while it runs."""
    if not stage.HasField("end_time") or not stage.HasField("start_time"):
        return 0.0
    return (stage.end_time.ToDatetime() - stage.start_time.ToDatetime()).total_seconds()


def run_entry(run: pipeline_run_pb2.PipelineRun) -> dict[str, Any]:
    """A pipeline run with its stages."""
    return {
        "name": run.name,
        "cause": run.cause,
        "state": state_name(run.state),
        "trace_id": run.trace_id,
        "model_version": run.slip.model_version,
        "dataset_versions": list(run.slip.dataset_versions),
        "stages": [
            {
                "stage": stage.stage,
                "state": state_name(stage.state),
                "summary": stage.summary,
                "seconds": seconds(stage),
            }
            for stage in run.stages
        ],
    }


def quality_entry(quality: governance_run_pb2.QualityReport) -> dict[str, Any]:
    """What governance did to one dataset."""
    return {
        "version": quality.dataset_version,
        "dataset": quality.dataset,
        "input_rows": quality.input_row_count,
        "output_rows": quality.output_row_count,
        "quarantined_rows": quality.quarantined_row_count,
        "quality_score": quality.quality_score_ratio,
        "rules": [
            {
                "rule": rule.rule,
                "input": rule.input_row_count,
                "output": rule.output_row_count,
                "quarantined": rule.quarantined_row_count,
                "changed": rule.changed_row_count,
                "seconds": rule.elapsed_seconds,
            }
            for rule in quality.rules
        ],
        "checks": [
            {"check": check.check, "passed": check.passed, "message": check.message} for check in quality.checks
        ],
        "defects": dict(sorted(quality.raw_defect_counts.items())),
        "published_defects": {},
    }


def serving_entry(row: observation_pb2.ServingMetrics) -> dict[str, Any]:
    """Live figures of one model version on one surface."""
    return {
        "model_version": row.model_version,
        "surface": row.surface,
        "answers": row.answer_count,
        "impressions": row.impression_count,
        "clicks": row.click_count,
        "ctr": row.click_through_ratio,
        "ctr_lower": row.click_through_lower_ratio,
        "ctr_upper": row.click_through_upper_ratio,
        "p50_ms": row.latency_p50_ms,
        "p99_ms": row.latency_p99_ms,
        "degraded": row.degraded_ratio,
    }


def drift_entry(drift: observation_pb2.DriftReport) -> dict[str, Any]:
    """How far each column moved."""
    return {
        "reference": drift.reference_version,
        "current": drift.current_version,
        "columns": [
            {"column": column.column, "psi": column.psi, "drifted": column.drifted} for column in drift.columns
        ],
    }


def trace_entry(trace_id: str, answer: monitor_service_pb2.GetTraceResponse) -> dict[str, Any]:
    """Counts and edges of a trace."""
    return {
        "trace_id": trace_id,
        "span_count": answer.span_count,
        "services": sorted({span.service for span in answer.spans}),
        "event_hops": sum(edge.count for edge in answer.edges if edge.kind == "event"),
        "edges": [
            {
                "source": edge.source,
                "target": edge.target,
                "kind": edge.kind,
                "operation": edge.operation,
                "count": edge.count,
            }
            for edge in answer.edges
        ],
    }
