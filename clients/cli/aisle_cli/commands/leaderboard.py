"""`aisle leaderboard`: baselines and trained models ranked on held-back data of a dataset."""

from typing import Annotated

import typer

from aisle_cli import names, output
from aisle_cli.door import command, group
from aisle_cli.session import Session

app = group("Rank baselines and trained models.")
NEWEST_MODELS = 3
_TASKS = {"": 0, "search": 1, "purchase": 2}


@command(app, "leaderboard")
def leaderboard(
    session: Session,
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="Judgments or orders: NAME or NAME/VERSION.")],
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="JOB", help="Training job to judge; repeatable. The newest three of the dataset by default."
        ),
    ] = None,
    no_models: Annotated[bool, typer.Option("--no-models", help="Baselines only.")] = False,
    baselines: Annotated[str, typer.Option(help="Baselines, by comma; `none` for models only; all by default.")] = "",
    task: Annotated[str, typer.Option(help="search or purchase; by the columns of the dataset by default.")] = "",
    cutoff: Annotated[int, typer.Option(min=0, max=100, help="Length of the lists; 0 = 10 search, 20 purchase.")] = 0,
    units: Annotated[int, typer.Option(min=0, help="Most queries or customers; 0 = 2,000 or 500.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every draw.")] = 0,
    reference: Annotated[str, typer.Option(help="System to test against (baseline or JOB); the best by default.")] = "",
    exclude_bought: Annotated[
        bool, typer.Option("--exclude-bought", help="Purchase: leave out what a customer bought before.")
    ] = False,
    products: Annotated[str, typer.Option(help="Dataset of products, for slices by brand and category.")] = "",
    details: Annotated[bool, typer.Option("--details", help="Also every metric, slice and reliability table.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print one Markdown table instead.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait until the job ends.")] = True,
) -> None:
    """Rank baselines and trained models on the held-back queries or customers of a dataset.

    Intervals are 95 % bootstraps; each system is tested against the best, p-values corrected for the number of systems (Holm).

    Example: aisle leaderboard judgments --details
    """
    from aisle.trainer.v1 import evaluation_job_pb2 as pb

    from aisle_cli.evaluation_reports import follow, print_job, trained_on
    from aisle_cli.failures import usage

    if task not in _TASKS:
        usage(f"{task} is no task with a leaderboard.", "Use --task search or --task purchase.")
    if no_models and model:
        usage("--no-models and --model exclude each other.")
    name = names.dataset_or_version(dataset)
    jobs = [names.of("trainingJobs", job) for job in model or ()]
    if not jobs and not no_models:
        jobs = trained_on(session, name, NEWEST_MODELS)
    listed = [] if baselines in ("", "none") else [part.strip() for part in baselines.split(",")]
    wanted = names.of("trainingJobs", reference) if any(job.endswith(f"/{reference}") for job in jobs) else reference
    spec = pb.EvaluationSpec(
        task=_TASKS[task],  # type: ignore[arg-type]
        dataset=name,
        training_jobs=jobs,
        baselines=listed,
        without_baselines=baselines == "none",
        cutoff=cutoff,
        max_units=units,
        seed=seed,
        reference=wanted,
        exclude_bought=exclude_bought,
        products=names.dataset_or_version(products) if products else "",
    )
    request = pb.CreateEvaluationJobRequest(spec=spec, request_id=names.new_request_id())
    job = session.trainer.CreateEvaluationJob(request).evaluation_job
    print_job(session, follow(session, job) if wait else job, details=details, markdown=markdown)
    if not wait and not session.as_json:
        output.line(f"It goes on: aisle evaluations watch {names.short(job.name)}")
