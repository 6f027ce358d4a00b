"""`aisle train`: start a training job with options, or look at jobs with a subcommand."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from aisle_cli import names, output
from aisle_cli.door import command, group, with_session
from aisle_cli.session import Session, collect
from aisle_cli.specs import MaxSteps, Method, Recipe, Set, SpecOptions, Task, Weight, training_spec

if TYPE_CHECKING:
    from aisle.trainer.v1 import trainer_service_pb2, training_job_pb2

app = group("Train a ranking model; list and inspect training jobs.", invoke_without_command=True)
Job = Annotated[str, typer.Argument(metavar="JOB", help="Training job.")]
System = Annotated[
    str, typer.Option(help="System whose values are compared: `model` (blended score), or `neural` (search only).")
]


def train(
    session: Session,
    ctx: typer.Context,
    task: Task = None,
    weight: Weight = None,
    recipe: Recipe = "",
    method: Method = "",
    base_model: Annotated[str, typer.Option(help="Base encoder; all-MiniLM-L6-v2 by default.")] = "",
    learning_rate: Annotated[float, typer.Option(min=0, help="Peak learning rate; 0 = default.")] = 0.0,
    batch_size: Annotated[int, typer.Option(min=0, help="Pairs per step; 0 = 32.")] = 0,
    max_steps: MaxSteps = 0,
    eval_every: Annotated[int, typer.Option(min=0, help="Steps between validations; 0 = a tenth.")] = 0,
    patience: Annotated[int, typer.Option(min=0, help="Validations without progress before the end; 0 = 3.")] = 0,
    lora_rank: Annotated[int, typer.Option(min=0, help="Rank of LoRA; 0 = 16.")] = 0,
    max_tokens: Annotated[int, typer.Option(min=0, help="Longest input; 0 = 64.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every random draw.")] = 0,
    settings: Set = None,
    skip_export: Annotated[bool, typer.Option("--skip-export", help="Make no serving bundle.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait until the job ends.")] = True,
) -> None:
    """Train a ranking model on governed data, and follow it with its loss.

    Example: aisle train --task search=judgments --task purchase=orders --method lora
    """
    if ctx.invoked_subcommand is not None:
        return
    from aisle.trainer.v1 import trainer_service_pb2 as pb

    fields: dict[str, object] = {
        "base_model": base_model,
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "max_steps": max_steps,
        "eval_every_steps": eval_every,
        "patience": patience,
        "lora_rank": lora_rank,
        "max_tokens": max_tokens,
        "seed": seed,
        "skip_export": skip_export,
    }
    spec = training_spec(session, SpecOptions(task or (), weight or (), recipe, method, fields, settings or ()))
    request = pb.CreateTrainingJobRequest(spec=spec, request_id=names.new_request_id())
    job = session.trainer.CreateTrainingJob(request).training_job
    _report(session, _follow(session, job) if wait else job)


app.callback()(with_session(train))


@command(app, "watch")
def watch(session: Session, job: Job) -> None:
    """Follow a job to its end."""
    _report(session, _follow(session, _get(session, job)))


@command(app, "jobs")
def jobs(session: Session, limit: Annotated[int, typer.Option(min=1, help="Jobs to show at most.")] = 20) -> None:
    """List jobs, newest first."""
    from aisle.pipeline.v1 import pipeline_spec_pb2 as spec
    from aisle.trainer.v1 import trainer_service_pb2 as pb
    from aisle.type.v1 import job_pb2

    def ask(token: str, size: int) -> tuple[object, str]:
        answer = session.trainer.ListTrainingJobs(pb.ListTrainingJobsRequest(page_size=size, page_token=token))
        return answer.training_jobs, answer.next_page_token

    found = collect(ask, limit)
    if session.as_json:
        return output.emit_list(session, "training_jobs", found)
    rows = [
        (
            names.short(j.name),
            output.enum_word(job_pb2.JobState, j.status.state),
            f"{j.step_count}/{j.max_steps}",
            output.number(max((v.score for v in j.validations), default=float("nan"))),
            output.enum_word(spec.FineTuningMethod, j.spec.method),
            names.short(j.pipeline_run or j.study),
            output.when(j.status.create_time),
        )
        for j in found
    ]
    headers = ["job", "state", "#steps", "#best score", "method", "run or study", "created"]
    return output.table("Training jobs", headers, rows)


@command(app, "show")
def show(session: Session, job: Job) -> None:
    """Show a job, its validations and its evaluation beside the baselines."""
    _report(session, _get(session, job))


@command(app, "cancel")
def cancel(session: Session, job: Job) -> None:
    """Stop a job; its checkpoints stay."""
    from aisle.trainer.v1 import trainer_service_pb2 as pb

    request = pb.CancelTrainingJobRequest(name=names.of("trainingJobs", job), request_id=names.new_request_id())
    stopped = session.trainer.CancelTrainingJob(request).training_job
    if session.as_json:
        return output.emit_json(session, {"training_job": output.as_dict(stopped)})
    return output.line(f"{names.short(stopped.name)} is being stopped.")


@command(app, "compare")
def compare(
    session: Session,
    jobs: Annotated[
        list[str], typer.Argument(metavar="JOB...", help="Jobs that succeeded; the first is the reference.")
    ],
    system: System = "model",
) -> None:
    """Put jobs side by side: trained parameters, memory, time and quality.

    Example: aisle train compare JOB1 JOB2
    """
    from aisle_cli.training_reports import print_comparison

    print_comparison(session, jobs, system)


@command(app, "compare-methods")
def compare_methods(
    session: Session,
    task: Task = None,
    methods: Annotated[
        str, typer.Option(help="Methods, by comma; `all` for every one. The first is the reference.")
    ] = "all",
    weight: Weight = None,
    recipe: Recipe = "",
    max_steps: MaxSteps = 0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every random draw.")] = 0,
    settings: Set = None,
    skip_export: Annotated[
        bool, typer.Option("--skip-export", help="No bundles and no test data: compare the best validations.")
    ] = False,
    system: System = "model",
) -> None:
    """Train the same data once per method and print trained parameters, memory, time and quality side by side.

    Jobs run as the trainer has room for them. Learning rates are each method's default. A method that fails is named, the others are
    compared, and the exit code is 1.

    Example: aisle train compare-methods --task search=judgments --methods full,lora,bottleneck
    """
    from aisle_cli.training_reports import run_methods

    fields: dict[str, object] = {"max_steps": max_steps, "seed": seed, "skip_export": skip_export}
    options = SpecOptions(task or (), weight or (), recipe, "", fields, settings or ())
    run_methods(session, training_spec(session, options), methods, system, _follow)


@command(app, "recipes")
def recipes(session: Session) -> None:
    """List starting points."""
    from aisle.trainer.v1 import trainer_service_pb2 as pb

    found = session.trainer.ListRecipes(pb.ListRecipesRequest()).recipes
    if session.as_json:
        return output.emit_list(session, "recipes", found)
    return output.table("Recipes", ["recipe", "what for"], [(r.recipe_id, r.description) for r in found])


def _get(session: Session, job: str) -> "training_job_pb2.TrainingJob":
    from aisle.trainer.v1 import trainer_service_pb2 as pb

    return session.trainer.GetTrainingJob(pb.GetTrainingJobRequest(name=names.of("trainingJobs", job))).training_job


def _follow(session: Session, job: "training_job_pb2.TrainingJob") -> "training_job_pb2.TrainingJob":
    from aisle.trainer.v1 import trainer_service_pb2 as pb
    from aisle.trainer.v1.training_job_pb2 import TrainingJob

    from aisle_cli.watching import follow_job

    short = names.short(job.name)
    session.left_running = (
        f"The job goes on: `aisle train watch {short}`, or stop it with `aisle train cancel {short}`."
    )

    def watch(revision: int) -> "Iterator[trainer_service_pb2.WatchTrainingJobResponse]":
        return session.trainer.WatchTrainingJob(pb.WatchTrainingJobRequest(name=job.name, after_revision=revision))

    def words(now: TrainingJob) -> str:
        if not now.step_count:
            return ""
        score = f", score {now.validations[-1].score:.4f}" if now.validations else ""
        return f"step {now.step_count}/{now.max_steps}, loss {now.training_loss:.4f}{score}"

    ended: TrainingJob = follow_job(
        session, f"train {short}", watch, lambda m: m.training_job, lambda j: j.status, words
    )
    return ended


def _report(session: Session, job: "training_job_pb2.TrainingJob") -> None:
    from aisle.pipeline.v1 import pipeline_spec_pb2 as spec
    from aisle.trainer.v1 import trainer_service_pb2 as pb
    from aisle.type.v1 import job_pb2

    from aisle_cli.reports import print_evaluation
    from aisle_cli.training_reports import report_fields

    evaluation = None
    if job.evaluation:
        evaluation = session.trainer.GetEvaluation(pb.GetEvaluationRequest(name=job.evaluation)).evaluation
    if session.as_json:
        document: dict[str, object] = {"training_job": output.as_dict(job)}
        if evaluation is not None:
            document["evaluation"] = output.as_dict(evaluation)
        return output.emit_json(session, document)
    output.fields(
        [
            ("job", names.short(job.name)),
            ("state", output.enum_word(job_pb2.JobState, job.status.state)),
            ("phase", job.status.phase),
            ("steps", f"{job.step_count} of {job.max_steps}"),
            ("loss", f"{job.training_loss:.4f}" if job.step_count else ""),
            ("method", output.enum_word(spec.FineTuningMethod, job.spec.method)),
            ("data", ", ".join(names.short(version) for version in job.dataset_versions)),
            ("files", f"{len(job.artifacts)} in the serving bundle" if job.artifacts else ""),
            *report_fields(job.report),
            ("failure", job.status.failure.message),
            ("trace", job.status.trace_id),
        ]
    )
    if job.validations:
        points = [(p.step, f"{p.score:.4f}") for p in job.validations]
        output.table("Validations", ["#step", "#score"], points)
    return print_evaluation(evaluation) if evaluation is not None else None
