"""`aisle tune`: search for hyper-parameters; each trial is a training job."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from aisle_cli import names, output
from aisle_cli.door import command, group, with_session
from aisle_cli.failures import usage
from aisle_cli.session import Session, collect
from aisle_cli.specs import MaxSteps, Method, Recipe, Set, SpecOptions, Task, Weight, training_spec

if TYPE_CHECKING:
    from aisle.pipeline.v1 import pipeline_spec_pb2
    from aisle.tuner.v1 import study_pb2, tuner_service_pb2

app = group("Search for better hyper-parameters.", invoke_without_command=True)
Study = Annotated[str, typer.Argument(metavar="STUDY", help="Study.")]


def tune(
    session: Session,
    ctx: typer.Context,
    task: Task = None,
    weight: Weight = None,
    recipe: Recipe = "",
    method: Method = "",
    search: Annotated[
        list[str] | None,
        typer.Option("--range", metavar="FIELD=LOW:HIGH[:log]", help="What is searched: learning_rate=1e-5:1e-3:log."),
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="Trials to run.")] = 10,
    steps: Annotated[int, typer.Option(min=0, help="Steps of a trial that is never pruned; 0 = --max-steps.")] = 0,
    max_steps: MaxSteps = 0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the search and of the training.")] = 0,
    settings: Set = None,
    wait: Annotated[bool, typer.Option(help="Wait until the study ends.")] = True,
) -> None:
    """Search for better hyper-parameters, and follow the best score.

    Example: aisle tune --task search=judgments --range learning_rate=1e-5:1e-3:log --trials 12
    """
    if ctx.invoked_subcommand is not None:
        return
    from aisle.pipeline.v1 import pipeline_spec_pb2 as spec
    from aisle.tuner.v1 import tuner_service_pb2 as pb

    if not search:
        usage("Nothing to search.", "Add --range, for example --range learning_rate=1e-5:1e-3:log.")
    options = SpecOptions(
        task or (), weight or (), recipe, method, {"max_steps": max_steps, "seed": seed}, settings or ()
    )
    base = training_spec(session, options)
    ranges = [_range(field, text) for field, text in names.pairs(search, "--range").items()]
    stage = spec.TuningStage(trial_count=trials, max_steps=steps, parameters=ranges, seed=seed)
    request = pb.CreateStudyRequest(stage=stage, base_spec=base, request_id=names.new_request_id())
    study = session.tuner.CreateStudy(request).study
    _report(session, _follow(session, study) if wait else study)


app.callback()(with_session(tune))


@command(app, "watch")
def watch(session: Session, study: Study) -> None:
    """Follow a study to its end."""
    _report(session, _follow(session, _get(session, study)))


@command(app, "list")
def list_(session: Session, limit: Annotated[int, typer.Option(min=1, help="Studies to show at most.")] = 20) -> None:
    """List studies, newest first."""
    from aisle.tuner.v1 import tuner_service_pb2 as pb
    from aisle.type.v1 import job_pb2

    def ask(token: str, size: int) -> tuple[object, str]:
        answer = session.tuner.ListStudies(pb.ListStudiesRequest(page_size=size, page_token=token))
        return answer.studies, answer.next_page_token

    found = collect(ask, limit)
    if session.as_json:
        return output.emit_list(session, "studies", found)
    rows = [
        (
            names.short(s.name),
            output.enum_word(job_pb2.JobState, s.status.state),
            s.stage.trial_count,
            f"{s.best_score:.4f} (trial {s.best_trial})" if s.best_trial else "-",
            output.when(s.status.create_time),
        )
        for s in found
    ]
    return output.table("Studies", ["study", "state", "#trials", "#best score", "created"], rows)


@command(app, "show")
def show(session: Session, study: Study) -> None:
    """Show a study with its trials."""
    _report(session, _get(session, study))


@command(app, "stop")
def stop(session: Session, study: Study) -> None:
    """End a study after its running trial; the best trial so far stands."""
    from aisle.tuner.v1 import tuner_service_pb2 as pb

    request = pb.StopStudyRequest(name=names.of("studies", study), request_id=names.new_request_id())
    stopped = session.tuner.StopStudy(request).study
    if session.as_json:
        return output.emit_json(session, {"study": output.as_dict(stopped)})
    return output.line(f"{names.short(stopped.name)} ends after its running trial.")


def _range(field: str, text: str) -> "pipeline_spec_pb2.ParameterRange":
    from aisle.pipeline.v1 import pipeline_spec_pb2 as spec

    low, colon, rest = text.partition(":")
    high, _, scale = rest.partition(":")
    if not colon or scale not in ("", "log"):
        usage(f"--range {field}={text}: it is not LOW:HIGH or LOW:HIGH:log.")
    option = f"--range {field}"
    return spec.ParameterRange(
        field=field, low=names.number(low, option), high=names.number(high, option), log_scale=scale == "log"
    )


def _get(session: Session, study: str) -> "study_pb2.Study":
    from aisle.tuner.v1 import tuner_service_pb2 as pb

    return session.tuner.GetStudy(pb.GetStudyRequest(name=names.of("studies", study))).study


def _follow(session: Session, study: "study_pb2.Study") -> "study_pb2.Study":
    from aisle.tuner.v1 import tuner_service_pb2 as pb
    from aisle.tuner.v1.study_pb2 import Study as StudyMessage

    from aisle_cli.watching import follow_job

    short = names.short(study.name)
    session.left_running = f"The study goes on: `aisle tune watch {short}`, or stop it with `aisle tune stop {short}`."

    def watch(revision: int) -> "Iterator[tuner_service_pb2.WatchStudyResponse]":
        return session.tuner.WatchStudy(pb.WatchStudyRequest(name=study.name, after_revision=revision))

    def words(now: StudyMessage) -> str:
        return f"best {now.best_score:.4f} (trial {now.best_trial})" if now.best_trial else ""

    ended: StudyMessage = follow_job(session, f"tune {short}", watch, lambda m: m.study, lambda s: s.status, words)
    return ended


def _report(session: Session, study: "study_pb2.Study") -> None:
    from aisle.tuner.v1 import study_pb2
    from aisle.tuner.v1 import tuner_service_pb2 as pb
    from aisle.type.v1 import job_pb2

    def ask(token: str, size: int) -> tuple[object, str]:
        request = pb.ListTrialsRequest(study=study.name, page_size=size, page_token=token)
        answer = session.tuner.ListTrials(request)
        return answer.trials, answer.next_page_token

    trials = collect(ask, 0)
    if session.as_json:
        document = {"study": output.as_dict(study), "trials": [output.as_dict(trial) for trial in trials]}
        return output.emit_json(session, document)
    output.fields(
        [
            ("study", names.short(study.name)),
            ("state", output.enum_word(job_pb2.JobState, study.status.state)),
            ("best", f"{study.best_score:.4f} (trial {study.best_trial})" if study.best_trial else ""),
            ("failure", study.status.failure.message),
            ("trace", study.status.trace_id),
        ]
    )
    rows = [
        (
            t.number,
            output.enum_word(study_pb2.TrialState, t.state),
            output.number(t.score),
            t.step_count,
            ", ".join(f"{name}={output.number(value)}" for name, value in sorted(t.parameters.items())),
            names.short(t.training_job),
        )
        for t in trials
    ]
    return output.table("Trials", ["#trial", "state", "#score", "#steps", "values", "job"], rows)
