"""`aisle search`, `recommend`, `rank` and `profile`: ask the ranker."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from aisle_cli import names, output
from aisle_cli.door import command, group
from aisle_cli.failures import usage
from aisle_cli.session import Session

if TYPE_CHECKING:
    from aisle.ranker.v1 import serving_config_pb2
    from aisle.type.v1 import context_pb2

app = group("Ask the ranker.")
Customer = Annotated[str, typer.Option(help="Pseudonymous customer id.")]
Visitor = Annotated[str, typer.Option(help="Session id.")]
Limit = Annotated[int, typer.Option(min=1, max=200, help="Results to show.")]
NoNeural = Annotated[bool, typer.Option("--no-neural", help="Leave the neural stage out, to compare.")]
Placement = Annotated[str, typer.Option(metavar="CONFIG", help="Serving config; the ranker's default otherwise.")]
Boost = Annotated[
    list[str] | None, typer.Option(metavar="PRODUCTS=AMOUNT", help="Boost for this request: 'title : \"lamp\"=0.5'.")
]
Explain = Annotated[bool, typer.Option("--explain", help="Show what each feature and rule adds to the score.")]


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
    placement: Placement = "",
    boost: Boost = None,
    explain: Explain = False,
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
    _add_rules(request, placement, boost, explain)
    answer = session.ranker.Search(request)
    _print(session, answer, f'"{answer.corrected_query or query}"')
    if not session.as_json:
        print_finding(answer)


@command(app, "recommend")
def recommend(
    session: Session,
    customer: Customer = "",
    similar: Annotated[str, typer.Option(metavar="PRODUCT", help="Products like this one.")] = "",
    kind: Annotated[
        str,
        typer.Option(
            help="for-you, similar, others-also, frequently-bought-together, buy-it-again, trending or recently-viewed."
        ),
    ] = "",
    product: Annotated[str, typer.Option(metavar="PRODUCT", help="Product that --kind goes by.")] = "",
    recent: Annotated[
        list[str] | None, typer.Option(metavar="PRODUCT", help="Product dealt with just now; newest last.")
    ] = None,
    visitor: Visitor = "",
    limit: Limit = 10,
    no_neural: NoNeural = False,
    placement: Placement = "",
    boost: Boost = None,
    explain: Explain = False,
) -> None:
    """Recommend what a customer may buy next (--customer), or products like another (--similar)."""
    from aisle.ranker.v1 import ranker_service_pb2 as pb

    if kind and similar:
        usage("--similar and --kind say different things.", "Use --product with --kind.")
    wanted = output.enum_value(pb.RecommendKind, kind, "--kind") if kind else pb.RECOMMEND_KIND_FOR_YOU
    if similar:
        wanted, product = pb.RECOMMEND_KIND_SIMILAR, similar
    if product and recent:
        usage("--recent belongs to --customer.", "Leave --recent out beside a product.")
    if not (customer or visitor or product or recent or wanted == pb.RECOMMEND_KIND_TRENDING):
        usage("For whom?", "Add --customer ID, --recent PRODUCT, --similar PRODUCT, or --kind with --product.")
    request = pb.RecommendRequest(
        kind=wanted,  # type: ignore[arg-type]
        product_id=product,
        recent_product_ids=recent or [],
        page_size=limit,
        context=_context(customer, visitor, "product" if product else "home"),
        skip_neural=no_neural,
    )
    _add_rules(request, placement, boost, explain)
    answer = session.ranker.Recommend(request)
    title = f"beside {product}" if product else f"for {customer or 'this visitor'}"
    _print(session, answer, f"like {similar}" if similar else title)


@command(app, "rank")
def rank(
    session: Session,
    candidate: Annotated[
        list[str], typer.Option(metavar="PRODUCT[=TITLE]", help="Product to order; a title when the index lacks it.")
    ],
    query: Annotated[str, typer.Option(help="Order by relevance to this; by purchase otherwise.")] = "",
    customer: Customer = "",
    visitor: Visitor = "",
    placement: Placement = "",
    boost: Boost = None,
    explain: Explain = False,
) -> None:
    """Order given candidates, best first."""
    from aisle.ranker.v1 import ranker_service_pb2 as pb

    candidates = [pb.Candidate(product_id=c.partition("=")[0], title=c.partition("=")[2]) for c in candidate]
    request = pb.RankRequest(query=query, candidates=candidates, context=_context(customer, visitor, ""))
    _add_rules(request, placement, boost, explain)
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


def _boosts(texts: list[str] | None) -> "list[serving_config_pb2.ProductBoost]":
    from aisle.ranker.v1 import serving_config_pb2

    read = []
    for text in texts or []:
        products, equals, amount = text.rpartition("=")
        if not equals:
            usage(f"--boost {text}: it is not PRODUCTS=AMOUNT.", "For example --boost 'title : \"lamp\"=0.5'.")
        read.append(serving_config_pb2.ProductBoost(products=products, boost=names.number(amount, "--boost")))
    return read


def _add_rules(request: Any, placement: str, boost: list[str] | None, explain: bool) -> None:
    request.serving_config = names.of("servingConfigs", placement) if placement else ""
    request.boosts.extend(_boosts(boost))
    request.explain = explain


def _context(customer: str, visitor: str, page: str) -> "context_pb2.ShopperContext":
    from aisle.type.v1 import context_pb2

    return context_pb2.ShopperContext(customer_id=customer, visitor_id=visitor, page=page)


def _print(session: Session, answer: Any, title: str) -> None:
    if session.as_json:
        return output.emit_json(session, answer)
    explained = any(r.contributions for r in answer.results)
    moved = any(r.moves for r in answer.results)
    rows = [
        (
            r.position,
            f"{r.score:.4f}",
            r.product_id,
            r.title,
            ", ".join(
                f"{c.source} {output.number(c.value if explained else c.score)}"
                for c in ([c for c in r.contributions if c.value] if explained else r.components)
            ),
            *([_moved(r)] if moved else []),
        )
        for r in answer.results
    ]
    columns = ["#", "#score", "product", "title", "score is" if explained else "sources", *(["moved by"] * moved)]
    output.table(title, columns, rows, empty="no results")
    for condition in answer.info.invalid_conditions:
        output.line(f"ignored {condition.field}: {condition.problem}")
    info = answer.info
    config = f"{info.serving_config}@{info.serving_config_version}" if info.serving_config_version else ""
    parts = [names.short(info.model_version), config, f"{info.total_duration_ms:.1f} ms"]
    parts += [f"without {d.skipped_stage} ({d.cause.lower()})" for d in info.degradations]
    output.line(", ".join(part for part in parts if part))
    if session.verbose:
        timings = ", ".join(f"{t.stage} {t.duration_ms:.1f} ms" for t in info.timings)
        output.fields([("stages", timings), ("token", info.attribution_token)])
    return None


def _moved(result: Any) -> str:
    """`pin top 4 to 1`: each step that moved a result."""
    steps = [
        " ".join(
            [move.kind, *([move.rule] if move.rule else []), f"{move.from_position or 'out'} to {move.to_position}"]
        )
        for move in result.moves
    ]
    drawn = "" if result.propensity == 1 else f" (propensity {output.number(result.propensity)})"
    return f"{', '.join(steps)}{drawn}".strip()
