"""Makes answers: asks the rules within the caller's time, signs what was shown, and notes the impressions."""

import json
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from aisle.ranker.v1 import ranker_events_pb2 as events_pb
from aisle.ranker.v1 import ranking_pb2 as ranking_pb
from aisle_runtime import telemetry
from aisle_runtime.names import new_id
from aisle_runtime.tokens import Signer

from aisle_ranker import convert
from aisle_ranker.answer_log import LoggedAnswer
from aisle_ranker.asking import Asked
from aisle_ranker.domain.answer import NO_FINDING, RULES, Finding, Ordering, Ranking, Result, Trail
from aisle_ranker.domain.budget import Deadline
from aisle_ranker.domain.cascade import Offload
from aisle_ranker.domain.catalog import LiveModel
from aisle_ranker.domain.merchandise import arrange
from aisle_ranker.domain.placement import Placement
from aisle_ranker.errors import InvalidField, PageTokenStale
from aisle_ranker.serving import Serving
from aisle_ranker.telemetry import (
    ATTR_CANDIDATES,
    ATTR_DEGRADATIONS,
    ATTR_MODEL_VERSION,
    ATTR_SURFACE,
    METRIC_DEGRADED,
    METRIC_STAGE_DURATION,
    SPAN_RANK,
)

TOKEN_SECONDS = 24 * 3600.0
LARGEST_TOKEN_PAYLOAD = 11_500
"""Bytes of JSON that keep a token below the length that a verifier accepts."""
MOST_IMPRESSIONS = 200
_SEALED = re.compile(r"([0-9]{1,9})\|([^|]+)\|(.+)")
_durations = telemetry.meter().create_histogram(METRIC_STAGE_DURATION, "ms", "Wall time of one stage")
_degraded = telemetry.meter().create_counter(METRIC_DEGRADED, "{stage}", "Stages left out or cut short")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and when the call came in."""

    surface: str
    """`search`, `recommend` or `rank`."""
    customer_id: str
    remaining_seconds: float | None
    """Time until the caller's deadline; None without one."""
    started: float
    """`time.perf_counter()` at the call's arrival."""
    query: str = ""
    """What was searched for; told with the impressions, so that clicks can be explained."""
    visitor_id: str = ""
    asked: Asked | None = None
    """What is asked for beside the page; None: no rules, no log."""


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of an order is asked for: after `offset` results of the order `order_id`."""

    size: int
    offset: int = 0
    order_id: str = ""
    model_version: str = ""
    """Model that made the first page."""
    only: bool = False
    """Whether no page can follow, because the RPC has no page tokens."""

    @property
    def next_part(self) -> str:
        """The position after this page, as a page token seals it."""
        return f"{self.offset + self.size}|{self.order_id}|{self.model_version}"

    @classmethod
    def read(cls, sealed: str, size: int) -> "Page":
        """Read what `next_part` wrote, "" is the first page; raises InvalidField for anything else."""
        if not sealed:
            return cls(size)
        found = _SEALED.fullmatch(sealed)
        if found is None:
            raise InvalidField("page_token", "was not made by this search")
        offset, order_id, model_version = found.groups()
        return cls(size, int(offset), order_id, model_version)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer ready to be sent."""

    results: list[ranking_pb.RankingResult]
    info: ranking_pb.AnswerInfo
    next_part: str
    """Position after this page, "" on the last one."""
    finding: Finding = NO_FINDING


Order = Callable[[LiveModel, Deadline, Trail], Awaitable[Ordering]]


class Finds(Protocol):
    """Knows placements."""

    def of(self, name: str) -> Placement:
        """Return the placement of this resource name, "" for the default; raises ServingConfigNotFound."""
        ...


class ShowsServed(Protocol):
    """Takes what was shown."""

    def add(self, answer: events_pb.ServedAnswer) -> None:
        """Take one answer without waiting."""
        ...


class Logs(Protocol):
    """Takes down answers that may be asked for again."""

    def add(self, answer: LoggedAnswer) -> None:
        """Take one answer without waiting."""
        ...


@dataclass
class Answering:
    """What the three ranking RPCs share."""

    serving: Serving
    signer: Signer
    impressions: ShowsServed
    serving_config: str
    reserve_seconds: float
    page_memory: int
    placements: Finds | None = None
    log: Logs | None = None
    offload: Offload | None = None
    """Where rules are applied; None: at once."""
    new_answer_id: Callable[[], str] = lambda: new_id("a")
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _orders: OrderedDict[str, Ranking] = field(default_factory=OrderedDict)

    async def answer(self, caller: Caller, page: Page, dataset_task: str, order: Order) -> Answer:
        """Order the candidates, or go on with an order made before, and put the page's answer together.

        `dataset_task` names the entry of the manifest's dataset versions that brought the products. Raises NoLiveModel,
        PageTokenStale, ServingConfigNotFound and what `order` raises.
        """
        placement, answer_id = self._placement(caller), self.new_answer_id()
        ranking = self._remembered(page)
        if ranking is None:
            # The pages of an order go by the draw of the first one, also when the order has to be made again.
            arranged = self._arranged(caller, placement, page.order_id or answer_id, order)
            ranking = await self._made(caller, page, dataset_task, arranged, placement)
        return self._put_together(caller, page, ranking, answer_id)

    def _placement(self, caller: Caller) -> Placement:
        if caller.asked is None or self.placements is None:
            return Placement(self.serving_config)
        return self.placements.of(caller.asked.serving_config)

    def _arranged(self, caller: Caller, placement: Placement, draw_id: str, order: Order) -> Order:
        """Return `order` followed by the placement's rules."""
        asked = caller.asked
        if asked is None or not placement.changes(asked.circumstances):
            return order

        async def arranged(live: LiveModel, deadline: Deadline, trail: Trail) -> Ordering:
            found = await order(live, deadline, trail)
            with trail.stage(RULES) as left:

                def work() -> Ordering:
                    return arrange(live, found, placement, asked.circumstances, draw_id)

                ordering = work() if self.offload is None else await self.offload(work)
                left.candidates = len(ordering)
            return ordering

        return arranged

    def _remembered(self, page: Page) -> Ranking | None:
        ranking = self._orders.get(page.order_id)
        if ranking is not None:
            self._orders.move_to_end(page.order_id)
            return ranking.later(())
        return None

    async def _made(self, caller: Caller, page: Page, dataset_task: str, order: Order, placement: Placement) -> Ranking:
        with self.serving.use() as live:
            if page.model_version and page.model_version != live.name:
                raise PageTokenStale()
            spent = time.perf_counter() - caller.started
            remaining = None if caller.remaining_seconds is None else caller.remaining_seconds - spent
            trail = Trail()
            with telemetry.span(SPAN_RANK) as span:
                ordering = await order(live, Deadline(remaining, self.reserve_seconds), trail)
                span.set_attribute(ATTR_SURFACE, caller.surface)
                span.set_attribute(ATTR_MODEL_VERSION, live.name)
                span.set_attribute(ATTR_CANDIDATES, len(ordering))
                told = [f"{entry.stage}:{entry.cause}" for entry in trail.degradations]
                span.set_attribute(ATTR_DEGRADATIONS, told)
            for stage in trail.stages:
                _durations.record(stage.duration_ms, {"stage": stage.name, ATTR_SURFACE: caller.surface})
            for entry in trail.degradations:
                _degraded.add(1, {"stage": entry.stage, "cause": entry.cause})
            return Ranking(
                ordering=ordering,
                model_version=live.name,
                dataset_version=ordering.finding.dataset_version
                or live.manifest.dataset_versions.get(dataset_task, ""),
                stages=tuple(trail.stages),
                degradations=tuple(trail.degradations),
                serving_config=placement.name,
                serving_config_version=placement.version,
                invalid=() if caller.asked is None else tuple(caller.asked.circumstances.invalid),
            )

    def _put_together(self, caller: Caller, page: Page, ranking: Ranking, answer_id: str) -> Answer:
        shown, now, asked = ranking.ordering.results(page.offset, page.size), self.now(), caller.asked
        token = self._token(answer_id, caller, ranking, shown, now)
        results = convert.results(
            shown, page.offset, ranking.dataset_version, explain=asked is not None and asked.explain
        )
        next_part = ""
        if not page.only and page.offset + page.size < len(ranking.ordering):
            order_id = page.order_id or answer_id
            self._remember(order_id, ranking)
            next_part = Page(page.size, page.offset, order_id, ranking.model_version).next_part
        duration_ms = (time.perf_counter() - caller.started) * 1000
        info = convert.answer_info(
            ranking,
            token=token,
            trace_id=telemetry.current_trace_id(),
            duration_ms=duration_ms,
        )
        served = convert.served_answer(
            ranking,
            shown[:MOST_IMPRESSIONS],
            page.offset,
            answer_id=answer_id,
            surface=caller.surface,
            customer_id=caller.customer_id,
            serve_time=now,
            duration_ms=duration_ms,
            query=caller.query,
            visitor_id=caller.visitor_id,
        )
        self.impressions.add(served)
        if self.log is not None and asked is not None and not page.order_id:
            logged = LoggedAnswer.of(
                answer_id, now.timestamp(), caller.surface, asked, ranking, shown[:MOST_IMPRESSIONS]
            )
            self.log.add(logged)
        return Answer(results, info, next_part, ranking.ordering.finding)

    def _remember(self, order_id: str, ranking: Ranking) -> None:
        if self.page_memory:
            self._orders[order_id] = ranking
            self._orders.move_to_end(order_id)
            if len(self._orders) > self.page_memory:
                self._orders.popitem(last=False)

    def _token(self, answer_id: str, caller: Caller, ranking: Ranking, shown: Sequence[Result], now: datetime) -> str:
        """Sign who saw what; of a very long answer the token names as many first products as it has room for."""
        payload = {
            "a": answer_id,
            "m": ranking.model_version,
            "c": caller.customer_id,
            "s": caller.surface,
            "p": [result.product_id for result in shown],
            "t": int(now.timestamp() * 1000),
        }
        data = json.dumps(payload, separators=(",", ":")).encode()
        while len(data) > LARGEST_TOKEN_PAYLOAD and payload["p"]:
            products = [result.product_id for result in shown]
            payload["p"] = products[: len(payload["p"]) * 3 // 4]  # type: ignore[arg-type]
            data = json.dumps(payload, separators=(",", ":")).encode()
        return self.signer.sign(data, TOKEN_SECONDS)
