"""`aisle data categories`: categories for products that have none, with a review queue."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from aisle_cli import names, output
from aisle_cli.door import command, group
from aisle_cli.failures import CommandFailed, usage
from aisle_cli.session import Session, collect

if TYPE_CHECKING:
    from aisle.governance.v1 import classification_pb2

app = group("Propose categories for products; review, accept and correct them.")
Job = Annotated[
    str, typer.Argument(metavar="DATASET[/JOB]", help="A job as `classify` names it, or a dataset: its newest.")
]


def register(data: typer.Typer) -> None:
    """Hang these commands below `aisle data`."""
    data.add_typer(app, name="categories")


@command(app, "classify")
def classify(
    session: Session,
    dataset: Annotated[str, typer.Argument(metavar="DATASET[/VERSION]", help="Products, one version or the newest.")],
    method: Annotated[str, typer.Option(help="encoder or tfidf; by default the encoder where there is one.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Also look at products that have a category.")] = False,
    min_products: Annotated[int, typer.Option(min=0, max=1000, help="Products that a category needs; 0 = 5.")] = 0,
    limit: Annotated[int, typer.Option(min=0, help="Proposals to show at most.")] = 20,
) -> None:
    """Learn categories from the products that have one and propose them for the others."""
    from aisle.governance.v1 import classification_pb2 as pb

    from aisle_cli.watching import follow_job

    request = pb.StartCategoryJobRequest(
        dataset_version=names.dataset_version(dataset),
        all_products=every,
        min_category_product_count=min_products,
        request_id=names.new_request_id(),
    )
    if method:
        request.method = output.enum_value(pb.ClassifierMethod, method, "--method")  # type: ignore[assignment]
    started = session.governance.StartCategoryJob(request).category_job
    session.left_running = f"The job goes on: {started.name}."

    def watch(revision: int) -> "Iterator[pb.WatchCategoryJobResponse]":
        return session.governance.WatchCategoryJob(
            pb.WatchCategoryJobRequest(name=started.name, after_revision=revision)
        )

    done = follow_job(session, "categories", watch, lambda m: m.category_job, lambda j: j.status)
    found = _proposals(session, done.name, open_only=False, limit=limit) if limit else []
    if session.as_json:
        listed = [output.as_dict(one) for one in found]
        return output.emit_json(session, {"category_job": output.as_dict(done), "category_proposals": listed})
    figures = {metric.name: metric for metric in done.metrics}
    output.line(
        f"{names.short(done.name)}: {output.count(done.proposal_count)} proposals by "
        f"{output.enum_word(pb.ClassifierMethod, done.used_method)}, learned from "
        f"{output.count(done.taught_product_count)} products in {output.count(done.category_count)}"
        f" categories ({output.count(done.rare_category_count)} rarer ones left out)."
    )
    output.line(
        f"On products not seen: accuracy {figures['accuracy'].value:.3f} (commonest category: "
        f"{figures['accuracy:majority'].value:.3f}), macro-F1 {figures['macro_f1'].value:.3f}, calibration error "
        f"{figures['ece'].value:.3f}."
    )
    if done.fallback_reason:
        output.line(f"Without an encoder: {done.fallback_reason}")
    return _table(done.name, found)


@command(app, "jobs")
def jobs(session: Session, dataset: Annotated[str, typer.Argument(metavar="DATASET", help="Products.")]) -> None:
    """List the category jobs of a dataset, newest first."""
    from aisle.governance.v1 import classification_pb2 as pb
    from aisle.type.v1 import job_pb2

    def ask(token: str, size: int) -> tuple[object, str]:
        request = pb.ListCategoryJobsRequest(dataset=names.dataset(dataset), page_size=size, page_token=token)
        answer = session.governance.ListCategoryJobs(request)
        return answer.category_jobs, answer.next_page_token

    found = collect(ask, 0)
    if session.as_json:
        return output.emit_list(session, "category_jobs", found)
    rows = [
        (
            names.short(one.name),
            names.short(one.dataset_version),
            output.enum_word(job_pb2.JobState, one.status.state),
            output.enum_word(pb.ClassifierMethod, one.used_method) if one.used_method else "-",
            output.count(one.proposal_count),
            output.count(one.accepted_count),
        )
        for one in found
    ]
    columns = ["job", "version", "state", "method", "#proposals", "#accepted"]
    return output.table(f"Category jobs of {dataset}", columns, rows)


@command(app, "queue")
def queue(
    session: Session,
    job: Job,
    every: Annotated[bool, typer.Option("--all", help="Also those that were decided.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Proposals to show at most.")] = 20,
) -> None:
    """List proposals that wait for a decision, the least certain first."""
    name = _job(session, job)
    found = _proposals(session, name, open_only=not every, limit=limit)
    if session.as_json:
        return output.emit_list(session, "category_proposals", found)
    return _table(name, found)


@command(app, "accept")
def accept(
    session: Session,
    job: Job,
    decide: Annotated[
        list[str] | None,
        typer.Option(
            "--decide", metavar="RANK[=CATEGORY]", help="A proposal, and its category if not the proposed one."
        ),
    ] = None,
    min_confidence: Annotated[float, typer.Option(min=0, max=1, help="All open ones that are at least so sure.")] = 0.0,
) -> None:
    """Accept or correct proposals: from the next `aisle data govern` on they lie over the products."""
    from aisle.governance.v1 import classification_pb2 as pb

    if bool(decide) == bool(min_confidence):
        usage("Say which proposals: --decide RANK[=CATEGORY] or --min-confidence P, one of both.")
    name = _job(session, job)
    request = pb.AcceptCategoriesRequest(
        category_job=name,
        decisions=[_decision(text) for text in decide or []],
        min_confidence=min_confidence,
        request_id=names.new_request_id(),
    )
    answer = session.governance.AcceptCategories(request)
    if session.as_json:
        return output.emit_json(session, answer)
    return output.line(
        f"{output.count(answer.decided_count)} categories accepted, {output.count(answer.category_job.accepted_count)}"
        f" of {output.count(answer.category_job.proposal_count)} in all; "
        f"`aisle data govern {name.split('/')[1]}` puts them over the products."
    )


def _decision(text: str) -> "classification_pb2.CategoryDecision":
    from aisle.governance.v1 import classification_pb2

    rank, equals, category = text.partition("=")
    if not rank.isascii() or not rank.isdigit() or (equals and not category.strip()):
        usage(f"--decide {text}: it is not RANK or RANK=CATEGORY.", "Ranks stand in `aisle data categories queue`.")
    return classification_pb2.CategoryDecision(rank=min(int(rank), 2**31 - 1), category=category)


def _job(session: Session, text: str) -> str:
    """The full name; a dataset alone means its newest job."""
    from aisle.governance.v1 import classification_pb2 as pb

    dataset, _, job = text.removeprefix("datasets/").replace("/categoryJobs/", "/").partition("/")
    if job:
        return f"datasets/{dataset}/categoryJobs/{job}"
    request = pb.ListCategoryJobsRequest(dataset=names.dataset(dataset), page_size=1)
    found = session.governance.ListCategoryJobs(request).category_jobs
    if not found:
        raise CommandFailed(
            f"{dataset} has no category job.", f"Run `aisle data categories classify {dataset}` first.", reason="NO_JOB"
        )
    return str(found[0].name)


def _proposals(
    session: Session, job: str, *, open_only: bool, limit: int
) -> "list[classification_pb2.CategoryProposal]":
    from aisle.governance.v1 import classification_pb2 as pb

    def ask(token: str, size: int) -> tuple[object, str]:
        request = pb.ListCategoryProposalsRequest(
            category_job=job, open_only=open_only, page_size=size, page_token=token
        )
        answer = session.governance.ListCategoryProposals(request)
        return answer.category_proposals, answer.next_page_token

    return collect(ask, limit)


def _table(job: str, found: "list[classification_pb2.CategoryProposal]") -> None:
    rows = [
        (
            str(one.rank),
            one.product_id,
            one.title[:70],
            one.category or "-",
            one.proposed_category,
            f"{one.confidence:.0%}",
            one.second_category,
            one.accepted_category,
        )
        for one in found
    ]
    columns = ["#rank", "product", "title", "has", "proposed", "#sure", "next", "accepted"]
    output.table(f"Proposals of {names.short(job)}", columns, rows)
