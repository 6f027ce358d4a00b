"""The gRPC door: convert, ask, convert; errors leave through the runtime's interceptor."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import grpc.aio
from aisle.ranker.v1 import ranker_service_pb2 as pb
from aisle.ranker.v1 import ranker_service_pb2_grpc as pb_grpc
from aisle.type.v1 import context_pb2
from aisle_runtime import paging
from aisle_runtime.db import Database
from aisle_runtime.requests import RequestLog
from aisle_runtime.tokens import Signer, TokenInvalid

from aisle_ranker import convert, convert_catalog, convert_placements
from aisle_ranker.answering import TOKEN_SECONDS, Answer, Answering, Caller, Order, Page
from aisle_ranker.asking import Asked
from aisle_ranker.catalog_search import CatalogSearch
from aisle_ranker.domain import rank as rank_rules
from aisle_ranker.domain.catalog import LiveModel
from aisle_ranker.domain.kinds import Kinds
from aisle_ranker.domain.manifest import PURCHASE_TASK, SEARCH_TASK
from aisle_ranker.domain.placement import Circumstances
from aisle_ranker.domain.profile import Deed, Taste, describe, taste
from aisle_ranker.domain.rank import Rank
from aisle_ranker.domain.recommend import Recommend
from aisle_ranker.domain.search import Search
from aisle_ranker.domain.text import checked_query
from aisle_ranker.errors import InvalidField, UnknownCustomer
from aisle_ranker.placements import Placements
from aisle_ranker.replaying import Known, Replays
from aisle_ranker.servicer_placements import PlacementServicer
from aisle_ranker.servicer_replay import ReplayServicer
from aisle_ranker.serving import Serving

Context = grpc.aio.ServicerContext[Any, Any]
LONGEST_ID = 128
SEARCH_PAGE, RECOMMEND_PAGE, LARGEST_PAGE = 24, 20, 200
MOST_RECENT = 100


BESIDE_A_PRODUCT = (
    pb.RECOMMEND_KIND_SIMILAR,
    pb.RECOMMEND_KIND_OTHERS_ALSO,
    pb.RECOMMEND_KIND_FREQUENTLY_BOUGHT_TOGETHER,
)


class RankerServicer(PlacementServicer, ReplayServicer, pb_grpc.RankerServiceServicer):
    """RankerService over the rules."""

    def __init__(
        self,
        answering: Answering,
        serving: Serving,
        shoppers: Known,
        search: Search,
        recommend: Recommend,
        rank: Rank,
        is_erased: Callable[[str], bool] = lambda subject_id: False,
        shop: CatalogSearch | None = None,
    ) -> None:
        """Ask the given parts; without `shop` there is no catalogue.

        A shopper that `is_erased` is answered like one that nobody knows, and leaves no trace.
        """
        self._is_erased, self._shop = is_erased, shop
        self._answering, self._serving, self._shoppers = answering, serving, shoppers
        self._search, self._recommend, self._rank = search, recommend, rank
        self._kinds = Kinds(recommend.cascade, recommend.offload)

    def keep(self, db: Database, requests: RequestLog, placements: Placements, replays: Replays) -> None:
        """Take what serving configs and replays need; a servicer of a replay has neither."""
        self._db, self._requests, self._placements, self._replays = db, requests, placements, replays

    async def Search(self, request: pb.SearchRequest, context: Context) -> pb.SearchResponse:
        """Find products for a query."""
        shopper = self._shopper(request.context)
        if self._shop is not None and (order_of_products := self._shop.order(request)) is not None:
            caller = self._caller("search", request, shopper, context, query=request.query.strip())
            page = _page(request, SEARCH_PAGE, self._answering.signer)
            answer = await self._answering.answer(caller, page, SEARCH_TASK, order_of_products)
            return self._found(request, answer)
        query = checked_query(request.query)
        caller = self._caller("search", request, shopper, context, query=query)
        page = _page(request, SEARCH_PAGE, self._answering.signer)
        answer = await self._answering.answer(
            caller,
            page,
            SEARCH_TASK,
            lambda live, deadline, trail: self._search.order(
                live, query, skip_neural=request.skip_neural, deadline=deadline, trail=trail
            ),
        )
        return self._found(request, answer)

    def _found(self, request: pb.SearchRequest, answer: Answer) -> pb.SearchResponse:
        token = paging.encode_token(answer.next_part, request)
        sealed = self._answering.signer.sign(token.encode(), TOKEN_SECONDS) if token else ""
        found = pb.SearchResponse(results=answer.results, next_page_token=sealed, info=answer.info)
        convert_catalog.add_finding(found, answer.finding)
        return found

    async def Recommend(self, request: pb.RecommendRequest, context: Context) -> pb.RecommendResponse:
        """Propose products."""
        shopper = self._shopper(request.context)
        caller = self._caller("recommend", request, shopper, context)
        page = Page(paging.page_size(request.page_size, default=RECOMMEND_PAGE, maximum=LARGEST_PAGE), only=True)
        order = self._proposals(request, caller)
        answer = await self._answering.answer(caller, page, PURCHASE_TASK, order)
        return pb.RecommendResponse(results=answer.results, info=answer.info)

    async def Rank(self, request: pb.RankRequest, context: Context) -> pb.RankResponse:
        """Order the caller's candidates."""
        shopper = self._shopper(request.context)
        wanted = rank_rules.checked(convert.wanted(request.candidates))
        caller = self._caller("rank", request, shopper, context, query=request.query.strip())
        if self._shop is not None:
            wanted = self._shop.titled(wanted)
        page = Page(rank_rules.MOST_CANDIDATES, only=True)
        if request.query.strip():
            query, task = checked_query(request.query), SEARCH_TASK
            order: Order = lambda live, deadline, trail: self._rank.for_query(  # noqa: E731
                live, query, wanted, deadline=deadline, trail=trail
            )
        else:
            task = PURCHASE_TASK
            order = lambda live, deadline, trail: self._rank.for_shopper(  # noqa: E731
                live, _taste(live, caller, []), wanted, deadline=deadline, trail=trail
            )
        answer = await self._answering.answer(caller, page, task, order)
        return pb.RankResponse(results=answer.results, info=answer.info)

    async def GetUserProfile(self, request: pb.GetUserProfileRequest, context: Context) -> pb.GetUserProfileResponse:
        """Say what is known about a shopper."""
        if not request.customer_id:
            raise InvalidField("customer_id", "is required")
        _check_length("customer_id", request.customer_id)
        with self._serving.use() as live:
            if self._is_erased(request.customer_id):
                raise UnknownCustomer()
            known = describe(live, request.customer_id, self._shoppers.of(request.customer_id))
        return pb.GetUserProfileResponse(profile=convert.profile(known))

    async def GetServingState(self, request: pb.GetServingStateRequest, context: Context) -> pb.GetServingStateResponse:
        """Say what is live."""
        serving = self._serving
        state = convert.serving_state(serving.live, serving.loading, serving.last_failure, serving.swap_count)
        return pb.GetServingStateResponse(state=state)

    def _shopper(self, shopper: context_pb2.ShopperContext) -> context_pb2.ShopperContext:
        """Return the shopper without ids of an erased person."""
        customer, visitor = self._is_erased(shopper.customer_id), self._is_erased(shopper.visitor_id)
        if not customer and not visitor:
            return shopper
        kept = context_pb2.ShopperContext()
        kept.CopyFrom(shopper)
        for name, erased in (("customer_id", customer), ("visitor_id", visitor)):
            if erased:
                kept.ClearField(name)
        return kept

    def _caller(
        self,
        surface: str,
        request: pb.SearchRequest | pb.RecommendRequest | pb.RankRequest,
        shopper: context_pb2.ShopperContext,
        context: Context,
        query: str = "",
    ) -> Caller:
        started = time.perf_counter()
        _check_length("context.customer_id", shopper.customer_id)
        _check_length("context.visitor_id", shopper.visitor_id)
        boosts, invalid = convert_placements.boosts(request.boosts)
        circumstances = Circumstances(
            facts=convert_placements.facts(surface, query, shopper, self._answering.now()),
            boosts=boosts,
            invalid=invalid,
            attributes=convert_placements.attributes(request.candidates) if isinstance(request, pb.RankRequest) else {},
            may_add=surface != "rank",
        )
        deeds: Sequence[Deed] = ()
        if surface != "search":
            deeds = self._shoppers.of(shopper.customer_id, shopper.visitor_id)
        trends: Mapping[str, float] = {}
        if isinstance(request, pb.RecommendRequest) and request.kind == pb.RECOMMEND_KIND_TRENDING:
            trends = self._shoppers.trends()
        if shopper is not request.context:
            request = type(request).FromString(request.SerializeToString())
            request.context.CopyFrom(shopper)
        asked = Asked(request, request.serving_config, circumstances, request.explain, deeds, trends)
        return Caller(surface, shopper.customer_id, context.time_remaining(), started, query, shopper.visitor_id, asked)

    def _proposals(self, request: pb.RecommendRequest, caller: Caller) -> Order:
        """Return the order of the kind that is asked for; raises InvalidField."""
        asked = caller.asked
        assert asked is not None
        kind, product_id, recent = request.kind, request.product_id, list(request.recent_product_ids)
        kinds, deeds, now = self._kinds, asked.deeds, self._answering.now().timestamp()
        if kind in BESIDE_A_PRODUCT and not product_id:
            raise InvalidField("product_id", "is required for proposals beside a product")
        if len(recent) > MOST_RECENT:
            raise InvalidField("recent_product_ids", f"must hold at most {MOST_RECENT} ids")
        orders: dict[int, Order] = {
            pb.RECOMMEND_KIND_SIMILAR: lambda live, deadline, trail: self._recommend.similar(
                live, product_id, deadline=deadline, trail=trail
            ),
            pb.RECOMMEND_KIND_FOR_YOU: lambda live, deadline, trail: self._recommend.for_you(
                live, _taste(live, caller, recent), skip_neural=request.skip_neural, deadline=deadline, trail=trail
            ),
            pb.RECOMMEND_KIND_OTHERS_ALSO: lambda live, deadline, trail: kinds.others_also(
                live, product_id, deadline=deadline, trail=trail
            ),
            pb.RECOMMEND_KIND_FREQUENTLY_BOUGHT_TOGETHER: lambda live, deadline, trail: kinds.bought_together(
                live, product_id, deadline=deadline, trail=trail
            ),
            pb.RECOMMEND_KIND_BUY_IT_AGAIN: lambda live, deadline, trail: kinds.again(
                live, caller.customer_id, deeds, now, deadline=deadline, trail=trail
            ),
            pb.RECOMMEND_KIND_TRENDING: lambda live, deadline, trail: kinds.trending(
                live, asked.trends, deadline=deadline, trail=trail
            ),
            pb.RECOMMEND_KIND_RECENTLY_VIEWED: lambda live, deadline, trail: kinds.viewed(
                live, deeds, recent, deadline=deadline, trail=trail
            ),
        }
        order = orders.get(kind)
        if order is None:
            raise InvalidField("kind", "must say what kind of proposal is wanted")
        return order


def _taste(live: LiveModel, caller: Caller, just_now: list[str]) -> Taste:
    deeds = caller.asked.deeds if caller.asked is not None else ()
    return taste(live, caller.customer_id, deeds, just_now)


def _check_length(field: str, value: str) -> None:
    if len(value) > LONGEST_ID:
        raise InvalidField(field, f"must have at most {LONGEST_ID} characters")


def _page(request: pb.SearchRequest, default: int, signer: Signer) -> Page:
    """Read which page is asked for; raises InvalidField for a token that was forged, has ended or is of another search."""
    size = paging.page_size(request.page_size, default=default, maximum=LARGEST_PAGE)
    if not request.page_token:
        return Page(size)
    try:
        token = signer.verify(request.page_token).decode()
    except (TokenInvalid, UnicodeDecodeError):
        raise InvalidField(
            "page_token", "was not made by this search, or is older than a day", next_step="Search without it."
        ) from None
    return Page.read(paging.decode_token(token, request), size)
