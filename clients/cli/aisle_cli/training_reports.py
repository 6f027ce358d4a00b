"""What training cost, for one job and for several side by side."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from aisle_cli import names, output
from aisle_cli.failures import CommandFailed, usage
from aisle_cli.session import Session

if TYPE_CHECKING:
    from aisle.pipeline.v1 import pipeline_spec_pb2
    from aisle.trainer.v1 import training_report_pb2

_MIB = 2**20


def report_fields(report: "training_report_pb2.TrainingReport") -> list[tuple[str, str]]:
    """Lines about what training took; none while a job runs."""
    if not report.parameter_count:
        return []
    lines = [
        ("trained", f"{output.count(report.trainable_parameter_count)} parameters, {report.trainable_ratio:.2%}"),
        ("peak memory", f"{report.peak_memory_bytes / _MIB:,.0f} MiB"),
        ("speed", f"{report.pairs_per_cpu_second:,.1f} pairs per processor second"),
    ]
    if report.out_of_memory_count:
        lines.append(
            ("memory ran out", f"{report.out_of_memory_count} times; went on with {report.micro_batch_size} pairs")
        )
    if report.gap_alarms:
        worst = max(report.gap_alarms, key=lambda gap: gap.validation_loss - gap.training_loss)
        told = (
            f"validation loss {worst.validation_loss:.3f}, training loss {worst.training_loss:.3f} at step {worst.step}"
        )
        lines.append(("overfits", told))
    if report.HasField("rank_budget"):
        budget = report.rank_budget
        lines.append(
            (
                "ranks",
                f"{budget.final_rank_total} of {budget.initial_rank_total} kept, budget {budget.target_rank_total}",
            )
        )
    return lines


def print_comparison(session: Session, jobs: Sequence[str], system: str) -> None:
    """Ask for a comparison of jobs and print it."""
    from aisle.pipeline.v1 import pipeline_spec_pb2 as spec
    from aisle.trainer.v1 import trainer_service_pb2 as pb

    request = pb.CompareTrainingJobsRequest(
        training_jobs=[names.of("trainingJobs", job) for job in jobs], system=system
    )
    found = session.trainer.CompareTrainingJobs(request).comparisons
    if session.as_json:
        return output.emit_list(session, "comparisons", found)
    rows = []
    for line in found:
        report, gap = line.report, line.difference
        rows.append(
            (
                output.enum_word(spec.FineTuningMethod, line.method),
                f"{report.trainable_ratio:.2%}",
                output.count(report.trunk_trainable_parameter_count),
                f"{report.peak_memory_bytes / _MIB:,.0f}",
                f"{report.step_seconds:.1f}",
                f"{report.step_cpu_seconds:.1f}",
                f"{report.trained_bytes / _MIB:,.1f}",
                f"{line.value:.4f}",
                f"{gap.value:+.4f} [{gap.lower:+.4f}, {gap.upper:+.4f}]" if line.HasField("difference") else "",
                names.short(line.training_job),
            )
        )
    metric = found[0].metric if found else ""
    headers = [
        "method",
        "#trained",
        "#in the trunk",
        "#MiB",
        "#s",
        "#CPU s",
        "#kept MiB",
        f"#{metric}",
        "#to the first",
        "job",
    ]
    return output.table("Methods", headers, rows)


def run_methods(
    session: Session,
    spec: "pipeline_spec_pb2.TrainingSpec",
    methods: str,
    system: str,
    follow: Callable[[Session, Any], Any],
) -> None:
    """Train `spec` once per method, follow the jobs and compare those that succeeded."""
    from aisle.pipeline.v1 import pipeline_spec_pb2 as spec_pb
    from aisle.trainer.v1 import trainer_service_pb2 as pb

    created = []
    for kind in _kinds(methods):
        own = spec_pb.TrainingSpec()
        own.CopyFrom(spec)
        own.method = kind  # type: ignore[assignment]
        own.ClearField("learning_rate")
        if output.enum_word(spec_pb.FineTuningMethod, kind) != spec.fine_tuning.WhichOneof("parameters"):
            own.ClearField("fine_tuning")  # the parameters of another method
        request = pb.CreateTrainingJobRequest(spec=own, request_id=names.new_request_id())
        created.append(session.trainer.CreateTrainingJob(request).training_job)
    done, failures = [], []
    for job in created:
        try:
            done.append(follow(session, job).name)
        except CommandFailed as error:
            failures.append(f"{output.enum_word(spec_pb.FineTuningMethod, job.spec.method)}: {error}")
    session.left_running = ""
    if done:
        print_comparison(session, done, system)
    if failures:
        raise CommandFailed("; ".join(failures), "`aisle train show JOB` tells more.")


def _kinds(methods: str) -> list[int]:
    """Return the numbers of the methods named, in order and once each."""
    from aisle.pipeline.v1 import pipeline_spec_pb2 as spec_pb

    if methods.strip().lower() == "all":
        first = spec_pb.FINE_TUNING_METHOD_FULL
        left_out = (
            spec_pb.FINE_TUNING_METHOD_UNSPECIFIED,
            first,
            spec_pb.FINE_TUNING_METHOD_FROZEN,
        )  # the last trains nothing
        return [int(first), *(number for number in spec_pb.FineTuningMethod.values() if number not in left_out)]
    words = [word.strip() for word in methods.split(",") if word.strip()]
    if not words:
        usage("--methods names no method.", "Name some, by comma, or `all`.")
    return list(dict.fromkeys(output.enum_value(spec_pb.FineTuningMethod, word, "--methods") for word in words))
