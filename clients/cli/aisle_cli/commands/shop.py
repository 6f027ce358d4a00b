"""`aisle search`, `recommend`, `rank`, `profile` and `serving`: ask the ranker."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from aisle_cli import names, output
from aisle_cli.door import command, group
from aisle_cli.failures import usage
from aisle_cli.session import Session

if TYPE_CHECKING:
    from aisle.type.v1 import context_pb2

app = group("Ask the ranker.")
Customer = Annotated[str, typer.Option(help="Pseudonymous customer id.")]
Visitor = Annotated[str, typer.Option(help="Session id.")]
Limit = Annotated[int, typer.Option(min=1, max=200, help="Results to show.")]
NoNeural = Annotated[bool, typer.Option("--no-neural", help="Leave the neural stage out, to compare.")]


@command(app, "search")
def search(
    session: Session,
    query: Annotated[
        str, typer.Argument(help="What the shopper types; leave it out to browse by --filter or --sort.")
    ] = "",
    customer: Customer = "",
    visitor: Visitor = "",
    limit: Limit = 10,
    no_neural: NoNeural = False,
    filter_: Annotated[
        str, typer.Option("--filter", metavar="EXPRESSION", help="Products that may be found: price < 20 AND in_stock.")
    ] = "",
    facet: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY", help="Count values: brand, category, attributes.NAME, or price=10,50 (bounds)."),
    ] = None,
    sort: Annotated[str, typer.Option(metavar="ORDER", help="relevance, price, 'price desc' or newest.")] = "",
    as_typed: Annotated[bool, typer.Option("--as-typed", help="Correct no spelling.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Give up nothing when nothing matches.")] = False,
    page_token: Annotated[str, typer.Option(help="next_page_token of the page before.")] = "",
) -> None:
    """Find products for a query, with the score of each source."""
    from aisle.ranker.v1 import ranker_service_pb2 as pb

    from aisle_cli.commands.shop_search import facet_requests, print_finding

    request = pb.SearchRequest(
        query=query,
        page_size=limit,
        page_token=page_token,
        context=_context(customer, visitor, "search"),
        skip_neural=no_neural,
        filter=filter_,
        facets=facet_requests(facet or []),
        order_by=sort,
        skip_spelling=as_typed,
        skip_relaxation=strict,
    )
    answer = session.ranker.Search(request)
    _print(session, answer, f'"{answer.corrected_query or query}"')
    if not session.as_json:
        print_finding(answer)


@command(app, "recommend")
def recommend(
    session: Session,
    customer: Customer = "",
    similar: Annotated[str, typer.Option(metavar="PRODUCT", help="Products like this one.")] = "",
    recent: Annotated[
        list[str] | None, typer.Option(metavar="PRODUCT", help="Product dealt with just now; newest last.")
    ] = None,
    visitor: Visitor = "",
    limit: Limit = 10,
    no_neural: NoNeural = False,
) -> None:
    """Recommend what a customer may buy next (--customer), or products like another (--similar)."""
    from aisle.ranker.v1 import ranker_service_pb2 as pb

    if similar and recent:
        usage("--recent belongs to --customer.", "Leave --recent out with --similar.")
    if not (customer or similar or recent):
        usage("For whom?", "Add --customer ID, --recent PRODUCT, or --similar PRODUCT.")
    request = pb.RecommendRequest(
        kind=pb.RECOMMEND_KIND_SIMILAR if similar else pb.RECOMMEND_KIND_FOR_YOU,
        product_id=similar,
        recent_product_ids=recent or [],
        page_size=limit,
        context=_context(customer, visitor, "product" if similar else "home"),
        skip_neural=no_neural,
    )
    answer = session.ranker.Recommend(request)
    _print(session, answer, f"like {similar}" if similar else f"for {customer or 'this visitor'}")


@command(app, "rank")
def rank(
    session: Session,
    candidate: Annotated[
        list[str], typer.Option(metavar="PRODUCT[=TITLE]", help="Product to order; a title when the index lacks it.")
    ],
    query: Annotated[str, typer.Option(help="Order by relevance to this; by purchase otherwise.")] = "",
    customer: Customer = "",
    visitor: Visitor = "",
) -> None:
    """Order given candidates, best first."""
    from aisle.ranker.v1 import ranker_service_pb2 as pb

    candidates = [pb.Candidate(product_id=c.partition("=")[0], title=c.partition("=")[2]) for c in candidate]
    request = pb.RankRequest(query=query, candidates=candidates, context=_context(customer, visitor, ""))
    answer = session.ranker.Rank(request)
    _print(session, answer, f'"{query}"' if query else f"for {customer or 'this visitor'}")


@command(app, "profile")
def profile(session: Session, customer: Annotated[str, typer.Argument(help="Pseudonymous customer id.")]) -> None:
    """Show what is known about a customer's interests, with evidence."""
    from aisle.ranker.v1 import ranker_service_pb2 as pb

    found = session.ranker.GetUserProfile(pb.GetUserProfileRequest(customer_id=customer)).profile
    if session.as_json:
        return output.emit_json(session, {"profile": output.as_dict(found)})
    output.line(f"{found.customer_id}: {output.count(found.order_count)} orders known")
    interests = [(i.topic, f"{i.weight:.3f}", len(i.product_ids)) for i in found.interests]
    output.table("Interests", ["topic", "#weight", "#products"], interests)
    recent = [(output.when(e.event_time), e.action, e.product_id, e.title) for e in found.recent]
    return output.table("Recently", ["when", "what", "product", "title"], recent)


@command(app, "serving")
def serving(session: Session) -> None:
    """Show which model version answers now."""
    from aisle.ranker.v1 import ranker_service_pb2 as pb

    state = session.ranker.GetServingState(pb.GetServingStateRequest()).state
    if session.as_json:
        return output.emit_json(session, {"state": output.as_dict(state)})
    if not state.HasField("live"):
        output.line("No model is live yet.")
    return output.fields(
        [
            ("live", names.short(state.live.model_version)),
            ("since", output.when(state.live.live_time)),
            ("engine", state.live.engine),
            ("bundle", state.live.bundle_digest),
            ("products", _products(state) if state.HasField("live") else ""),
            ("swaps", str(state.swap_count)),
            ("loading", names.short(state.loading_model_version)),
            ("last failure", state.last_load_failure.message),
        ]
    )


def _products(state: Any) -> str:
    live = state.live
    return f"{output.count(live.search_product_count)} to search, {output.count(live.recommend_product_count)} to recommend"


def _context(customer: str, visitor: str, page: str) -> "context_pb2.ShopperContext":
    from aisle.type.v1 import context_pb2

    return context_pb2.ShopperContext(customer_id=customer, visitor_id=visitor, page=page)


def _print(session: Session, answer: Any, title: str) -> None:
    if session.as_json:
        return output.emit_json(session, answer)
    rows = [
        (
            r.position,
            f"{r.score:.4f}",
            r.product_id,
            r.title,
            ", ".join(f"{c.source} {output.number(c.score)}" for c in r.components),
        )
        for r in answer.results
    ]
    output.table(title, ["#", "#score", "product", "title", "sources"], rows, empty="no results")
    info = answer.info
    parts = [names.short(info.model_version), f"{info.total_duration_ms:.1f} ms"]
    parts += [f"without {d.skipped_stage} ({d.cause.lower()})" for d in info.degradations]
    output.line(", ".join(part for part in parts if part))
    if session.verbose:
        timings = ", ".join(f"{t.stage} {t.duration_ms:.1f} ms" for t in info.timings)
        output.fields([("stages", timings), ("token", info.attribution_token)])
    return None
