"""Traffic for the demo: a held-back day replayed against the ranker, and a probe that counts failed calls.

Clicks on recommendations are real: a shopper clicks what the same customer bought that day. Clicks on searches are
simulated from human grades, since no public set has judged queries and clicks at once; the report says so.
"""

import asyncio
import contextlib
import random
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import grpc
from aisle.governance.v1 import governance_service_pb2, user_event_pb2
from aisle.ranker.v1 import ranker_service_pb2
from aisle.type.v1 import context_pb2

from aisle_demo.services import CALL_SECONDS, DemoFailed, Services, failure_text
from aisle_demo.shop import Shop

CLICK_RATIO = (0.02, 0.1, 0.3, 0.6)
"""Chance that a looked-at search result of grade 0, 1, 2, 3 is clicked."""
LOOK_DECAY = 0.85
"""Chance to look at a result, relative to the one above it."""
EVENTS_PER_CALL = 200
CALLS_AFTER_SWAP = 3
CALM_SECONDS = 1.0
"""Pause between two searches of the probe while a model is trained on the same cores."""
EAGER_SECONDS = 0.05
"""The same around a swap, where every moment counts."""


@dataclass(slots=True)
class Traffic:
    """What was sent and what came back."""

    searches: int = 0
    recommendations: int = 0
    clicks: int = 0
    refused_events: int = 0
    failures: list[str] = field(default_factory=list)


async def replay(
    services: Services, shop: Shop, *, searches: int, shoppers: int, deadline_seconds: float, parallel: int = 2
) -> Traffic:
    """Send the held-back day's first `shoppers` customers and `searches` judged queries, with their clicks."""
    traffic = Traffic()
    baskets: dict[str, set[str]] = defaultdict(set)
    for line in shop.replay_day:
        baskets[line.customer_id].add(line.product_id)
    slots = asyncio.Semaphore(parallel)
    draw = random.Random(7)
    work = [
        _recommend(services, traffic, customer, bought, deadline_seconds)
        for customer, bought in islice(baskets.items(), shoppers)
    ]
    queries = shop.queries[:searches]
    work += [
        _search(services, traffic, shop, query, deadline_seconds, random.Random(draw.random())) for query in queries
    ]
    draw.shuffle(work)

    async def limited(task: Any) -> None:
        async with slots:
            await task

    await asyncio.gather(*(limited(task) for task in work))
    return traffic


async def _recommend(services: Services, traffic: Traffic, customer: str, bought: set[str], deadline: float) -> None:
    request = ranker_service_pb2.RecommendRequest(
        kind=ranker_service_pb2.RECOMMEND_KIND_FOR_YOU,
        page_size=20,
        context=context_pb2.ShopperContext(customer_id=customer),
    )
    try:
        answer = await services.ranker.Recommend(request, timeout=deadline)
    except grpc.aio.AioRpcError as error:
        traffic.failures.append(failure_text(error))
        return
    traffic.recommendations += 1
    await _send_clicks(
        services, traffic, answer, [result for result in answer.results if result.product_id in bought], customer
    )


async def _search(
    services: Services, traffic: Traffic, shop: Shop, query: str, deadline: float, draw: random.Random
) -> None:
    try:
        answer = await services.ranker.Search(
            ranker_service_pb2.SearchRequest(query=query, page_size=10), timeout=deadline
        )
    except grpc.aio.AioRpcError as error:
        traffic.failures.append(failure_text(error))
        return
    traffic.searches += 1
    clicked = []
    look = 1.0
    for result in answer.results:
        grade = shop.grades.get((query, result.title), 0.0)
        if draw.random() < look * CLICK_RATIO[round(grade)]:
            clicked.append(result)
        look *= LOOK_DECAY
    await _send_clicks(services, traffic, answer, clicked, "")


async def _send_clicks(services: Services, traffic: Traffic, answer: Any, clicked: list[Any], customer: str) -> None:
    if not clicked:
        return
    events = []
    for result in clicked:
        event = user_event_pb2.UserEvent(
            event_id=uuid.uuid4().hex,
            type=user_event_pb2.USER_EVENT_TYPE_CLICK,
            product_id=result.product_id,
            customer_id=customer,
            attribution_token=answer.info.attribution_token,
            position=result.position,
        )
        event.event_time.GetCurrentTime()
        events.append(event)
    request = governance_service_pb2.CollectUserEventsRequest(events=events[:EVENTS_PER_CALL])
    outcome = await services.governance.CollectUserEvents(request, timeout=CALL_SECONDS)
    traffic.clicks += outcome.accepted_count
    traffic.refused_events += len(outcome.problems)


class Probe:
    """Calls Search one after another until stopped, and keeps every failure."""

    def __init__(self, services: Services, queries: list[str], deadline_seconds: float) -> None:
        self._services = services
        self._queries = queries
        self._deadline = deadline_seconds
        self._task: asyncio.Task[None] | None = None
        self.calls = 0
        self.failures: list[str] = []
        self.versions: dict[str, int] = defaultdict(int)
        self.pause = CALM_SECONDS

    async def __aenter__(self) -> "Probe":
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def stage_ended(self, stage: str) -> None:
        """Search without a pause once the training of a run has ended: its promotion is next."""
        if stage == "training":
            self.pause = EAGER_SECONDS

    async def answered_by(self, model_version: str, seconds: float) -> None:
        """Go on until some calls were answered by this version; DemoFailed when none is within `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                while self.versions[model_version] < CALLS_AFTER_SWAP:
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise DemoFailed(f"no search was answered by {model_version} within {seconds:.0f} s") from None

    async def _run(self) -> None:
        while True:
            query = self._queries[self.calls % len(self._queries)]
            request = ranker_service_pb2.SearchRequest(query=query, page_size=10)
            try:
                answer = await self._services.ranker.Search(request, timeout=self._deadline)
                self.versions[answer.info.model_version] += 1
            except grpc.aio.AioRpcError as error:
                self.failures.append(failure_text(error))
            self.calls += 1
            await asyncio.sleep(self.pause)
