"""`aisle data label`: labels out of what shoppers did, and labels that are probably wrong."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from aisle_cli import names, output
from aisle_cli.door import command, group
from aisle_cli.failures import CommandFailed, usage
from aisle_cli.session import Session, collect

if TYPE_CHECKING:
    from aisle.governance.v1 import dataset_pb2, label_pb2

app = group("Build labels from behaviour; find and correct wrong ones.")
Review = Annotated[
    str, typer.Argument(metavar="DATASET[/REVIEW]", help="A review as `doctor` names it, or a dataset: its newest.")
]


def register(data: typer.Typer) -> None:
    """Hang these commands below `aisle data`."""
    data.add_typer(app, name="label")


def set_conflict(mapping: "dataset_pb2.ColumnMapping", word: str) -> None:
    """Write a policy for grades that differ into a mapping; an unknown word ends the command, "" changes nothing."""
    from aisle.governance.v1 import label_pb2

    if word:
        mapping.label_conflict = output.enum_value(label_pb2.LabelConflict, word, "--label-conflict")  # type: ignore[assignment]


@command(app, "build")
def build(
    session: Session,
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="Dataset of judgments that takes the labels.")],
    events: Annotated[
        str, typer.Option(metavar="DATASET[/VERSION]", help="User events, with a version or the newest.")
    ],
    products: Annotated[
        str, typer.Option(metavar="DATASET[/VERSION]", help="Products that give titles and descriptions.")
    ] = "",
    method: Annotated[str, typer.Option(help="pbm, cascade, dbn (click models) or outcomes (by rule).")] = "pbm",
    minimum_examinations: Annotated[
        float, typer.Option(min=0, help="How often a pair must have been looked at; 1 by default.")
    ] = 0.0,
) -> None:
    """Grade queries and products by what shoppers did, and publish the labels beside those of people."""
    from aisle.governance.v1 import label_pb2 as pb

    from aisle_cli.watching import follow_job

    request = pb.BuildLabelsRequest(
        dataset=names.dataset(dataset),
        events_version=names.dataset_version(events),
        products_version=names.dataset_version(products) if products else "",
        minimum_examinations=minimum_examinations,
        request_id=names.new_request_id(),
    )
    request.method = output.enum_value(pb.LabelMethod, method, "--method")  # type: ignore[assignment]
    started = session.governance.BuildLabels(request).label_build
    session.left_running = f"The build goes on: {started.name}."

    def watch(revision: int) -> "Iterator[pb.WatchLabelBuildResponse]":
        return session.governance.WatchLabelBuild(pb.WatchLabelBuildRequest(name=started.name, after_revision=revision))

    done = follow_job(session, "governance", watch, lambda m: m.label_build, lambda b: b.status)
    if session.as_json:
        return output.emit_json(session, {"label_build": output.as_dict(done)})
    output.line(
        f"{output.count(done.label_count)} labels from {output.count(done.list_count)} answer lists; "
        f"{output.count(done.unattributed_event_count)} clicks, carts and purchases had no query, "
        f"{output.count(done.unknown_product_count)} labels no product."
    )
    if done.examination_ratios:
        shares = ", ".join(f"{share:.0%}" for share in done.examination_ratios[:10])
        output.line(f"Looked at by position: {shares}.")
    return output.line(f"{done.governance_run} publishes them." if done.governance_run else "Nothing was imported.")


@command(app, "doctor")
def doctor(
    session: Session,
    dataset: Annotated[str, typer.Argument(metavar="DATASET[/VERSION]", help="Judgments, one version or the newest.")],
    keep: Annotated[int, typer.Option(min=1, max=10000, help="Suspects to keep.")] = 1000,
    limit: Annotated[int, typer.Option(min=0, help="Suspects to show at most.")] = 20,
    order: Annotated[
        str, typer.Option(help="What comes first: surprise (likely mistakes) or ranking (costly ones).")
    ] = "",
) -> None:
    """Find labels that are probably wrong, and propose the right grade."""
    from aisle.governance.v1 import label_pb2 as pb

    from aisle_cli.watching import follow_job

    request = pb.StartLabelReviewRequest(
        dataset_version=names.dataset_version(dataset), max_suspect_count=keep, request_id=names.new_request_id()
    )
    if order:
        request.order = output.enum_value(pb.LabelReviewOrder, order, "--order")  # type: ignore[assignment]
    started = session.governance.StartLabelReview(request).label_review
    session.left_running = f"The review goes on: {started.name}."

    def watch(revision: int) -> "Iterator[pb.WatchLabelReviewResponse]":
        return session.governance.WatchLabelReview(
            pb.WatchLabelReviewRequest(name=started.name, after_revision=revision)
        )

    done = follow_job(session, "governance", watch, lambda m: m.label_review, lambda r: r.status)
    found = _suspects(session, done.name, open_only=False, limit=limit) if limit else []
    if session.as_json:
        review = output.as_dict(done)
        return output.emit_json(session, {"label_review": review, "label_suspects": [output.as_dict(s) for s in found]})
    what = "labels worth a look" if request.order == pb.LABEL_REVIEW_ORDER_RANKING else "suspects"
    output.line(
        f"{names.short(done.name)}: {output.count(done.suspect_count)} {what} among {output.count(done.label_count)} labels "
        f"of {names.short(done.dataset_version)}; labels are predicted in {done.accuracy_ratio:.0%}."
    )
    return _table(done.name, found)


@command(app, "reviews")
def reviews(
    session: Session, dataset: Annotated[str, typer.Argument(metavar="DATASET", help="Dataset of judgments.")]
) -> None:
    """List the reviews of a dataset, newest first."""
    from aisle.governance.v1 import label_pb2 as pb
    from aisle.type.v1 import job_pb2

    def ask(token: str, size: int) -> tuple[object, str]:
        request = pb.ListLabelReviewsRequest(dataset=names.dataset(dataset), page_size=size, page_token=token)
        answer = session.governance.ListLabelReviews(request)
        return answer.label_reviews, answer.next_page_token

    found = collect(ask, 0)
    if session.as_json:
        return output.emit_list(session, "label_reviews", found)
    rows = [
        (
            names.short(r.name),
            names.short(r.dataset_version),
            output.enum_word(job_pb2.JobState, r.status.state),
            output.count(r.suspect_count),
            output.count(r.accepted_count),
        )
        for r in found
    ]
    return output.table(f"Label reviews of {dataset}", ["review", "version", "state", "#suspects", "#accepted"], rows)


@command(app, "suspects")
def suspects(
    session: Session,
    review: Review,
    every: Annotated[bool, typer.Option("--all", help="Also those with an accepted fix.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Suspects to show at most.")] = 20,
) -> None:
    """List labels that are probably wrong, the most suspect first."""
    name = _review(session, review)
    found = _suspects(session, name, open_only=not every, limit=limit)
    if session.as_json:
        return output.emit_list(session, "label_suspects", found)
    return _table(name, found)


@command(app, "accept")
def accept(
    session: Session,
    review: Review,
    fix: Annotated[
        list[str] | None,
        typer.Option("--fix", metavar="RANK[=GRADE]", help="A suspect, and its grade if not the proposed one."),
    ] = None,
    top: Annotated[int, typer.Option(min=0, max=1000, help="The most suspect ones with their proposed grades.")] = 0,
) -> None:
    """Accept fixes: from the next `aisle data govern` on they lie over the labels."""
    from aisle.governance.v1 import label_pb2 as pb

    if bool(fix) == bool(top):
        usage("Say which suspects: --fix RANK[=GRADE] or --top N, one of both.")
    name = _review(session, review)
    if top:
        fixes = [pb.LabelFix(rank=s.rank) for s in _suspects(session, name, open_only=True, limit=top)]
        if not fixes:
            raise CommandFailed("The review has no open suspect.", reason="NO_SUSPECTS")
    else:
        fixes = [_fix(text) for text in fix or []]
    request = pb.AcceptLabelFixesRequest(review=name, fixes=fixes, request_id=names.new_request_id())
    answer = session.governance.AcceptLabelFixes(request)
    if session.as_json:
        return output.emit_json(session, answer)
    output.line(
        f"{len(answer.label_suspects)} fixes accepted, {output.count(answer.label_review.accepted_count)} in all; "
        f"`aisle data govern {name.split('/')[1]}` puts them over the labels."
    )
    return None


def _fix(text: str) -> "label_pb2.LabelFix":
    from aisle.governance.v1 import label_pb2

    rank, equals, grade = text.partition("=")
    try:
        return label_pb2.LabelFix(rank=int(rank), grade=float(grade) if equals else None)
    except ValueError:
        usage(f"--fix {text}: it is not RANK or RANK=GRADE.", "Ranks stand in `aisle data label suspects`.")


def _review(session: Session, text: str) -> str:
    """The full name; a dataset alone means its newest review."""
    from aisle.governance.v1 import label_pb2 as pb

    dataset, _, review = text.removeprefix("datasets/").replace("/labelReviews/", "/").partition("/")
    if review:
        return f"datasets/{dataset}/labelReviews/{review}"
    request = pb.ListLabelReviewsRequest(dataset=names.dataset(dataset), page_size=1)
    found = session.governance.ListLabelReviews(request).label_reviews
    if not found:
        raise CommandFailed(
            f"{dataset} has no label review.", f"Run `aisle data label doctor {dataset}` first.", reason="NO_REVIEW"
        )
    return str(found[0].name)


def _suspects(session: Session, review: str, *, open_only: bool, limit: int) -> "list[label_pb2.LabelSuspect]":
    from aisle.governance.v1 import label_pb2 as pb

    def ask(token: str, size: int) -> tuple[object, str]:
        request = pb.ListLabelSuspectsRequest(review=review, open_only=open_only, page_size=size, page_token=token)
        answer = session.governance.ListLabelSuspects(request)
        return answer.label_suspects, answer.next_page_token

    return collect(ask, limit)


def _table(review: str, found: "list[label_pb2.LabelSuspect]") -> None:
    rows = [
        (
            str(s.rank),
            s.query,
            s.title[:80],
            output.number(s.grade),
            output.number(s.proposed_grade),
            f"{s.probability:.0%}",
            output.number(s.accepted_grade) if s.accepted else "",
        )
        for s in found
    ]
    columns = ["#rank", "query", "title", "#grade", "#proposed", "#sure", "#accepted"]
    output.table(f"Suspects of {names.short(review)}", columns, rows)
