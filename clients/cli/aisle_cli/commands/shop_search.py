"""What `aisle search` asks and shows beside the results: facets, corrections, what was given up."""

from typing import TYPE_CHECKING, Any

from aisle_cli import output
from aisle_cli.failures import usage

if TYPE_CHECKING:
    from aisle.ranker.v1 import product_pb2


def facet_requests(given: list[str]) -> "list[product_pb2.FacetRequest]":
    """Read `KEY` or `price=BOUND,BOUND`."""
    from aisle.ranker.v1 import product_pb2

    found = []
    for text in given:
        key, _, bounds = text.partition("=")
        try:
            numbers = [float(bound) for bound in bounds.split(",") if bound.strip()]
        except ValueError:
            usage(f"--facet {text}: bounds are numbers.", "Write for example --facet price=10,50.")
        found.append(product_pb2.FacetRequest(key=key.strip(), bounds=numbers))
    return found


def print_finding(answer: Any) -> None:
    """Print how many match, what was changed about the request, and the facets."""
    if answer.total_count:
        output.line(f"{output.count(answer.total_count)} products match.")
    for one in answer.relaxations:
        output.line(f"Nothing matched, so left out: {one.dropped_filter or 'products need not hold every word'}")
    for facet in answer.facets:
        rows = [(count.value, count.count, count.filter) for count in facet.counts]
        output.table(facet.key, ["value", "#products", "filter"], rows)
    if answer.next_page_token:
        output.line(f"More: --page-token {answer.next_page_token}")
