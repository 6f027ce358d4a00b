"""The gRPC door of the catalogue: convert, ask, convert."""

import re
import time
from typing import Any, TypeVar

import grpc.aio
from aisle.ranker.v1 import catalog_service_pb2 as pb
from aisle.ranker.v1 import catalog_service_pb2_grpc as pb_grpc
from aisle.ranker.v1 import product_pb2
from aisle_runtime import paging
from aisle_runtime.requests import RequestLog

from aisle_ranker import convert_catalog as convert
from aisle_ranker.domain import product as rules
from aisle_ranker.domain.text import words
from aisle_ranker.errors import InvalidField, ResourceExhausted, UnknownProduct
from aisle_ranker.product_vectors import ProductVectors
from aisle_ranker.products import Products, changed_products
from aisle_ranker.serving import Serving
from aisle_ranker.storage import products as store

Context = grpc.aio.ServicerContext[Any, Any]
R = TypeVar("R")
MOST_SETS, MOST_TERMS, LONGEST_TERM = 5_000, 50, 100
_SET_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class CatalogServicer(pb_grpc.CatalogServiceServicer):
    """CatalogService over the products."""

    def __init__(self, products: Products, vectors: ProductVectors, serving: Serving, requests: RequestLog) -> None:
        """Ask the given parts."""
        self._products, self._vectors, self._serving, self._requests = products, vectors, serving, requests

    async def UpsertProducts(self, request: pb.UpsertProductsRequest, context: Context) -> pb.UpsertProductsResponse:
        """Store products and show them."""
        ids = [message.product_id for message in request.products]
        rules.check_ids(ids, "products", ".product_id")
        given = [
            rules.checked_product(convert.product(message), f"products[{index}]")
            for index, message in enumerate(request.products)
        ]

        def write(conn: Any) -> pb.UpsertProductsResponse:
            def compute() -> pb.UpsertProductsResponse:
                replaced = store.put_products(conn, given, time.time())
                return pb.UpsertProductsResponse(added_count=len(given) - replaced, replaced_count=replaced)

            return self._requests.once(conn, "UpsertProducts", request, pb.UpsertProductsResponse, compute)

        return await self._products.change(write, ids)

    async def UpdateStockAndPrice(
        self, request: pb.UpdateStockAndPriceRequest, context: Context
    ) -> pb.UpdateStockAndPriceResponse:
        """Store prices and stocks and show them."""
        ids = [message.product_id for message in request.changes]
        rules.check_ids(ids, "changes", ".product_id")
        changes = [convert.change(message) for message in request.changes]
        for index, change in enumerate(changes):
            rules.check_price(change.price_nanos, change.currency, f"changes[{index}].price")
            rules.check_stock(change.stock, f"changes[{index}].stock_count")
            if change.price_nanos is None and change.stock is None:
                raise InvalidField(f"changes[{index}]", "must hold a price or a stock")

        def write(conn: Any) -> pb.UpdateStockAndPriceResponse:
            def compute() -> pb.UpdateStockAndPriceResponse:
                count, unknown = changed_products(conn, changes, time.time())
                return pb.UpdateStockAndPriceResponse(changed_count=count, unknown_product_ids=unknown)

            return self._requests.once(conn, "UpdateStockAndPrice", request, pb.UpdateStockAndPriceResponse, compute)

        return await self._products.change(write, ids)

    async def DeleteProducts(self, request: pb.DeleteProductsRequest, context: Context) -> pb.DeleteProductsResponse:
        """Take products out."""
        ids = list(dict.fromkeys(request.product_ids))
        rules.check_ids(ids, "product_ids")

        def write(conn: Any) -> pb.DeleteProductsResponse:
            def compute() -> pb.DeleteProductsResponse:
                return pb.DeleteProductsResponse(deleted_count=store.delete_products(conn, ids, time.time()))

            return self._requests.once(conn, "DeleteProducts", request, pb.DeleteProductsResponse, compute)

        return await self._products.change(write, ids)

    async def GetProduct(self, request: pb.GetProductRequest, context: Context) -> pb.GetProductResponse:
        """Return a product."""
        rules.check_ids([request.product_id], "product_id")
        found = await self._products.get(request.product_id)
        if found is None:
            raise UnknownProduct("product_id", request.product_id, "Use an id of the catalogue.")
        return pb.GetProductResponse(product=convert.product_message(found))

    async def GetCatalogStats(self, request: pb.GetCatalogStatsRequest, context: Context) -> pb.GetCatalogStatsResponse:
        """Say how large the catalogue is."""
        shelf, state = self._products.shelf, self._products.state
        loaded, wanted = state.get(store.LOADED, ""), state.get(store.WANTED, "")
        failure = state.get(store.FAILURE, "")
        stats = product_pb2.CatalogStats(
            dataset_version=loaded,
            pending_dataset_version=wanted if wanted != loaded and not failure else "",
            last_failure_reason=failure,
            skipped_row_count=int(state.get(store.SKIPPED, "0")),
        )
        if shelf is not None:
            stats.product_count = shelf.count
            stats.embedded_count = self._vectors.embedded_count(self._serving.live, shelf)
            stats.vocabulary_size = shelf.text.vocabulary_size
        return pb.GetCatalogStatsResponse(stats=stats)

    async def UpdateSynonymSet(
        self, request: pb.UpdateSynonymSetRequest, context: Context
    ) -> pb.UpdateSynonymSetResponse:
        """Set a group of synonyms."""
        given = request.synonym_set
        _check_set_id(given.synonym_set_id, "synonym_set.synonym_set_id")
        terms = _checked_terms(given.terms)

        def write(conn: Any) -> pb.UpdateSynonymSetResponse:
            def compute() -> pb.UpdateSynonymSetResponse:
                known = store.all_synonyms(conn)
                if len(known) >= MOST_SETS and given.synonym_set_id not in known:
                    raise ResourceExhausted(
                        f"There are {MOST_SETS} groups of synonyms already.", next_step="Delete some first."
                    )
                store.put_synonyms(conn, given.synonym_set_id, terms)
                made = product_pb2.SynonymSet(synonym_set_id=given.synonym_set_id, terms=terms)
                return pb.UpdateSynonymSetResponse(synonym_set=made)

            return self._requests.once(conn, "UpdateSynonymSet", request, pb.UpdateSynonymSetResponse, compute)

        return await self._products.change_synonyms(write)

    async def DeleteSynonymSet(
        self, request: pb.DeleteSynonymSetRequest, context: Context
    ) -> pb.DeleteSynonymSetResponse:
        """Delete a group of synonyms."""
        _check_set_id(request.synonym_set_id, "synonym_set_id")

        def write(conn: Any) -> pb.DeleteSynonymSetResponse:
            def compute() -> pb.DeleteSynonymSetResponse:
                store.delete_synonyms(conn, request.synonym_set_id)
                return pb.DeleteSynonymSetResponse()

            return self._requests.once(conn, "DeleteSynonymSet", request, pb.DeleteSynonymSetResponse, compute)

        return await self._products.change_synonyms(write)

    async def ListSynonymSets(self, request: pb.ListSynonymSetsRequest, context: Context) -> pb.ListSynonymSetsResponse:
        """List groups of synonyms."""
        size = paging.page_size(request.page_size)
        after = paging.decode_token(request.page_token, request)
        sets = await self._products.db.read(store.all_synonyms)
        ids = [set_id for set_id in sets if set_id > after]
        shown = [product_pb2.SynonymSet(synonym_set_id=set_id, terms=sets[set_id]) for set_id in ids[:size]]
        token = paging.encode_token(ids[size - 1] if len(ids) > size else "", request)
        return pb.ListSynonymSetsResponse(synonym_sets=shown, next_page_token=token)


def _check_set_id(set_id: str, field: str) -> None:
    if not _SET_ID.fullmatch(set_id):
        raise InvalidField(field, f"must match {_SET_ID.pattern}")


def _checked_terms(given: Any) -> list[str]:
    at = "synonym_set.terms"
    terms = [rules.clean(term).lower() for term in given]
    if not 2 <= len(terms) <= MOST_TERMS:
        raise InvalidField(at, f"must hold 2 to {MOST_TERMS} terms")
    for index, term in enumerate(terms):
        if len(term) > LONGEST_TERM or not words(term):
            raise InvalidField(f"{at}[{index}]", f"must hold a word and have at most {LONGEST_TERM} characters")
    if len({tuple(words(term)) for term in terms}) != len(terms):
        raise InvalidField(at, "names a term twice")
    return terms
