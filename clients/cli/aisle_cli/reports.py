"""Tables of the larger results."""

from typing import TYPE_CHECKING

from aisle_cli import names, output

if TYPE_CHECKING:
    from aisle.governance.v1 import governance_run_pb2
    from aisle.monitor.v1 import observation_pb2
    from aisle.registry.v1 import model_version_pb2
    from aisle.trainer.v1 import training_job_pb2


def print_quality_report(report: "governance_run_pb2.QualityReport") -> None:
    """Rules in order, checks, raw defects, and the columns before and after."""
    from aisle.governance.v1 import governance_run_pb2 as pb

    subject = names.short(report.dataset_version) or f"{names.short(report.dataset)} (not published)"
    output.line(
        f"{subject}: {output.count(report.input_row_count)} rows in, {output.count(report.output_row_count)} out, "
        f"{output.count(report.quarantined_row_count)} put aside, quality {report.quality_score_ratio:.1%}"
    )
    rules = [
        (
            r.rule,
            *(output.count(n) for n in (r.input_row_count, r.output_row_count)),
            *(output.count(n) for n in (r.quarantined_row_count, r.changed_row_count)),
            f"{r.elapsed_seconds:.2f}",
            r.description,
        )
        for r in report.rules
    ]
    output.table("Rules", ["rule", "#before", "#after", "#put aside", "#changed", "#seconds", "what it does"], rules)
    findings = [(r.rule, text) for r in report.rules for text in r.findings]
    if findings:
        output.table("Findings", ["rule", "finding"], findings)
    samples = [(r.rule, s.column, s.before, s.after) for r in report.rules for s in r.samples]
    if samples:
        output.table("Samples of changes", ["rule", "column", "before", "after"], samples)
    checks = [
        (
            c.check,
            c.column,
            "passed" if c.passed else output.enum_word(pb.Severity, c.severity),
            output.count(c.failed_row_count),
            c.message,
        )
        for c in report.checks
    ]
    output.table("Checks", ["check", "column", "outcome", "#rows", "finding"], checks)
    defects = [(name, output.count(number)) for name, number in sorted(report.raw_defect_counts.items())]
    output.table("Defects in the raw rows", ["defect", "#rows"], defects)
    before = {profile.column: profile for profile in report.before}
    columns = [
        (
            c.column,
            f"{before[c.column].missing_ratio:.1%}" if c.column in before else "-",
            f"{c.missing_ratio:.1%}",
            output.count(c.distinct_count),
            *(output.number(value) for value in (c.minimum, c.mean, c.maximum)),
        )
        for c in report.after
    ]
    headers = ["column", "#missing before", "#missing after", "#distinct", "#min", "#mean", "#max"]
    output.table("Columns", headers, columns)


def print_evaluation(evaluation: "training_job_pb2.Evaluation") -> None:
    """One table per task: systems by metric, with intervals, and the paired differences."""
    from aisle.pipeline.v1 import pipeline_spec_pb2 as spec

    for task in evaluation.tasks:
        title = f"{output.enum_word(spec.TaskKind, task.kind)} on {names.short(task.dataset_version)} ({task.split})"
        metrics = list(dict.fromkeys(metric.name for system in task.systems for metric in system.metrics))
        rows = []
        for system in task.systems:
            known = {metric.name: metric for metric in system.metrics}
            rows.append([system.system, *(_interval(known[name]) if name in known else "-" for name in metrics)])
        output.table(title, ["system", *(f"#{name}" for name in metrics)], rows)
        differences = [(d.name, _interval(d), output.count(d.sample_count)) for d in task.paired_differences]
        if differences:
            output.table("Model minus baseline, paired", ["metric:baseline", "#difference", "#units"], differences)


def print_verdict(verdict: "model_version_pb2.GateVerdict") -> None:
    """What each gate found."""
    rows = [
        (
            r.gate.metric,
            "passed" if r.passed else "refused",
            output.number(r.candidate_value),
            output.number(r.champion_value),
            _interval(r.difference) if r.HasField("difference") else "-",
            r.explanation,
        )
        for r in verdict.results
    ]
    champion = names.short(verdict.champion)
    title = f"Gates {'passed' if verdict.passed else 'refused it'}" + (f" against {champion}" if champion else "")
    output.table(title, ["metric", "outcome", "#candidate", "#champion", "#difference", "in words"], rows)


def print_drift(report: "observation_pb2.DriftReport") -> None:
    """Columns by how much they moved."""
    output.line(
        f"{names.short(report.name)}: {output.count(report.current_row_count)} rows added in "
        f"{names.short(report.current_version)} against {output.count(report.reference_row_count)} rows of "
        f"{names.short(report.reference_version)}"
    )
    rows = [
        (c.column, output.number(c.psi), "drifted" if c.drifted else "")
        for c in sorted(report.columns, key=lambda column: -column.psi)
    ]
    output.table("Population stability index", ["column", "#psi", ""], rows)


def _interval(metric: object) -> str:
    value, lower, upper = (getattr(metric, name) for name in ("value", "lower", "upper"))
    if lower == upper == value:
        return f"{value:.4f}"
    return f"{value:.4f} [{lower:.4f}, {upper:.4f}]"
