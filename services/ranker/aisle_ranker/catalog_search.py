"""What Search asks of the catalogue: the request's fields checked, and an order made of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from aisle.ranker.v1 import ranker_service_pb2 as pb

from aisle_ranker import convert_catalog
from aisle_ranker.answering import Order
from aisle_ranker.domain.answer import Ordering, Trail
from aisle_ranker.domain.budget import Deadline
from aisle_ranker.domain.catalog import LiveModel
from aisle_ranker.domain.facets import checked_facets
from aisle_ranker.domain.filters import parse_filter
from aisle_ranker.domain.product_search import Asked, ProductSearch, checked_order
from aisle_ranker.domain.rank import Wanted
from aisle_ranker.domain.text import checked_query
from aisle_ranker.errors import NoCatalog
from aisle_ranker.product_vectors import ProductVectors
from aisle_ranker.products import Products


@dataclass(frozen=True, slots=True)
class CatalogSearch:
    """Search over the products, and titles for Rank."""

    products: Products
    vectors: ProductVectors
    search: ProductSearch

    def order(self, request: pb.SearchRequest) -> Order | None:
        """Return how to order the products for a request; None when there is no catalogue and none is needed.

        Raises InvalidField, and NoCatalog for a request that needs one.
        """
        asked = _asked(request)
        shelf = self.products.shelf
        if shelf is None:
            if request.filter.strip() or request.facets or request.order_by.strip() not in ("", "relevance"):
                raise NoCatalog()
            return None

        async def make(live: LiveModel, deadline: Deadline, trail: Trail) -> Ordering:
            return await self.search.order(live, shelf, self.vectors.of(live, shelf), asked, deadline, trail)

        return make

    def titled(self, wanted: Sequence[Wanted]) -> tuple[Wanted, ...]:
        """Return candidates with the catalogue's titles where the caller gives none."""
        return tuple(one if one.title else replace(one, title=self.products.title(one.product_id)) for one in wanted)


def _asked(request: pb.SearchRequest) -> Asked:
    browses = not request.query.strip() and bool(request.filter.strip() or request.order_by.strip())
    return Asked(
        query="" if browses else checked_query(request.query),
        filter=parse_filter(request.filter),
        facets=checked_facets(convert_catalog.facets(request.facets)),
        order_by=checked_order(request.order_by),
        spelling=not request.skip_spelling,
        relaxation=not request.skip_relaxation,
        skip_neural=request.skip_neural,
    )
