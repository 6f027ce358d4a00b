"""`aisle data roi`: what each cleaning rule is worth."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aisle_cli import names, output
from aisle_cli.commands import data_repair
from aisle_cli.door import command
from aisle_cli.failures import usage
from aisle_cli.session import Session, collect

if TYPE_CHECKING:
    from aisle.governance.v1 import data_roi_pb2
    from aisle.type.v1 import metric_pb2


def register(data: typer.Typer) -> None:
    """Hang this command below `aisle data`."""
    command(data, "roi")(roi)


def roi(
    session: Session,
    datasets: Annotated[
        list[str] | None, typer.Argument(metavar="DATASET...", help="Judgments or orders whose rules are weighed.")
    ] = None,
    evaluator: Annotated[str, typer.Option(help="fast (inside governance) or trainer (training jobs).")] = "fast",
    rule: Annotated[list[str] | None, typer.Option(help="Only this rule; may be repeated.")] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(metavar="DATASET=RULE", help="The reference lacks this rule; what adding it brings is measured."),
    ] = None,
    clean: Annotated[
        list[str] | None, typer.Option(metavar="DATASET=FILE", help="Optional rules of the reference, as for `govern`.")
    ] = None,
    candidate: Annotated[
        list[str] | None,
        typer.Option(metavar="DATASET=FILE", help="Optional rules that the reference lacks; each is added in turn."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=0, max=10, help="Trainings per arm; 0 = 3 (fast) or 1 (trainer).")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="First seed.")] = 0,
    steps: Annotated[int, typer.Option(min=0, help="Optimizer steps of each training job; 0 = 20.")] = 0,
    show: Annotated[str, typer.Option(metavar="STUDY", help="Show an earlier study instead.")] = "",
    cancel: Annotated[str, typer.Option(metavar="STUDY", help="Stop a study instead.")] = "",
    list_: Annotated[bool, typer.Option("--list", help="List earlier studies instead.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait until the study ends.")] = True,
) -> None:
    """Leave out (or add) each cleaning rule in turn, train and evaluate, and print what it is worth and costs.

    Example: aisle data roi judgments --evaluator trainer
    """
    from aisle.governance.v1 import data_roi_pb2 as pb

    if sum(map(bool, (datasets, show, cancel, list_))) != 1:
        usage("Name datasets, or one of --show STUDY, --cancel STUDY, --list.")
    if list_:
        return _list(session)
    if show:
        request = pb.GetRoiStudyRequest(name=names.of("roiStudies", show))
        return _print(session, session.governance.GetRoiStudy(request).roi_study)
    if cancel:
        stop = pb.CancelRoiStudyRequest(name=names.of("roiStudies", cancel), request_id=names.new_request_id())
        return _print(session, session.governance.CancelRoiStudy(stop).roi_study)
    spec = pb.RoiSpec(rules=rule or [], seed_count=seeds, seed=seed)
    spec.evaluator = output.enum_value(pb.RoiEvaluator, evaluator, "--evaluator")  # type: ignore[assignment]
    if steps:
        spec.training.max_steps = steps
    _add_datasets(spec, datasets or [], without or [], clean or [], candidate or [])
    started = session.governance.CreateRoiStudy(
        pb.CreateRoiStudyRequest(spec=spec, request_id=names.new_request_id())
    ).roi_study
    session.left_running = f"The study goes on: {started.name}."
    return _print(session, _follow(session, started) if wait else started)


def _add_datasets(
    spec: "data_roi_pb2.RoiSpec", datasets: list[str], without: list[str], clean: list[str], candidate: list[str]
) -> None:
    parts = {}
    for name in datasets:
        parts[names.dataset(name)] = spec.datasets.add()
        parts[names.dataset(name)].run.dataset = names.dataset(name)

    def part(text: str, option: str) -> "tuple[data_roi_pb2.RoiDataset, str]":
        ((name, value),) = names.pairs([text], option).items()
        if names.dataset(name) not in parts:
            usage(f"{option}: {name} is not among the datasets.")
        return parts[names.dataset(name)], value

    for text in without:
        found, value = part(text, "--without")
        found.run.disabled_rules.append(value)
    for text in clean:
        found, value = part(text, "--clean")
        found.run.cleaning.CopyFrom(data_repair.read_cleaning(Path(value)))
    for text in candidate:
        found, value = part(text, "--candidate")
        found.candidates.CopyFrom(data_repair.read_cleaning(Path(value)))


def _follow(session: Session, started: "data_roi_pb2.RoiStudy") -> "data_roi_pb2.RoiStudy":
    from aisle.governance.v1 import data_roi_pb2 as pb

    from aisle_cli.watching import follow_job

    def watch(revision: int) -> "Iterator[pb.WatchRoiStudyResponse]":
        return session.governance.WatchRoiStudy(pb.WatchRoiStudyRequest(name=started.name, after_revision=revision))

    found: pb.RoiStudy = follow_job(session, "data roi", watch, lambda m: m.roi_study, lambda s: s.status)
    return found


def _list(session: Session) -> None:
    from aisle.governance.v1 import data_roi_pb2 as pb
    from aisle.type.v1 import job_pb2

    def ask(token: str, size: int) -> tuple[object, str]:
        answer = session.governance.ListRoiStudies(pb.ListRoiStudiesRequest(page_size=size, page_token=token))
        return answer.roi_studies, answer.next_page_token

    found = collect(ask, 0)
    if session.as_json:
        return output.emit_list(session, "roi_studies", found)
    rows = [
        (
            names.short(study.name),
            ", ".join(names.short(one.run.dataset) for one in study.spec.datasets),
            output.enum_word(pb.RoiEvaluator, study.spec.evaluator),
            output.enum_word(job_pb2.JobState, study.status.state),
            output.count(sum(arm.done for arm in study.arms)),
            output.count(len(study.arms)),
        )
        for study in found
    ]
    return output.table("Data ROI studies", ["study", "datasets", "evaluator", "state", "#done", "#arms"], rows)


def _print(session: Session, study: "data_roi_pb2.RoiStudy") -> None:
    from aisle.governance.v1 import data_roi_pb2 as pb
    from aisle.type.v1 import job_pb2

    if session.as_json:
        return output.emit_json(session, {"roi_study": output.as_dict(study)})
    rows = [
        (
            names.short(arm.dataset),
            arm.rule or "(other seeds)",
            output.enum_word(pb.RoiChange, arm.change),
            _interval(arm.lift) if arm.HasField("lift") else "-",
            _interval(arm.auc_lift) if arm.HasField("auc_lift") else "-",
            output.number(arm.adjusted_p_value) if arm.done and arm.rule else "-",
            _verdict(arm),
            f"{arm.rule_seconds:.3f}",
            output.count(arm.changed_row_count),
            output.count(arm.quarantined_row_count),
        )
        for arm in study.arms
    ]
    state = output.enum_word(job_pb2.JobState, study.status.state)
    columns = ["dataset", "rule", "change", "#lift [95 %]", "#auc [95 %]", "#p (Holm)", "verdict"]
    output.table(f"{study.name}: {state}", [*columns, "#rule s", "#changed", "#put aside"], rows)
    for one in study.references:
        output.line(
            f"{names.short(one.dataset)}: {one.score.name} {output.number(one.score.value)} "
            f"[{output.number(one.score.lower)}, {output.number(one.score.upper)}] over {output.count(one.score.sample_count)} units "
            f"({one.split}); lifts below {output.number(one.noise_floor)} are noise of the training."
        )
    output.line(
        "A lift is (with the rule - without it). Intervals are for one rule each; verdicts are adjusted for all of them."
    )
    for arm in study.arms:
        if arm.failure_message:
            output.line(f"{arm.rule}: {arm.failure_message}")
    return None


def _verdict(arm: "data_roi_pb2.RoiArm") -> str:
    from aisle.governance.v1 import data_roi_pb2 as pb

    return output.enum_word(pb.RoiVerdict, arm.verdict) if arm.verdict else "-"


def _interval(metric: "metric_pb2.Metric") -> str:
    if metric.lower == metric.upper:
        return f"{metric.value:+.4f}"
    return f"{metric.value:+.4f} [{metric.lower:+.4f}, {metric.upper:+.4f}]"
