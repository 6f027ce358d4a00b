"""Answers: pages of one order, tokens that say who saw what, impressions of exactly what was shown."""

import json
import time
from dataclasses import dataclass, field

import numpy as np
import pytest
from aisle.ranker.v1 import ranker_events_pb2 as events_pb
from aisle_ranker.answering import LARGEST_TOKEN_PAYLOAD, Answer, Answering, Caller, Page
from aisle_ranker.domain.answer import Ordering, Source, Trail
from aisle_ranker.domain.budget import Deadline
from aisle_ranker.domain.catalog import LiveModel
from aisle_ranker.errors import InvalidField, NoLiveModel, PageTokenStale
from aisle_ranker.serving import Serving
from aisle_runtime.testing import FakeClock
from aisle_runtime.tokens import MAXIMUM_TOKEN_LENGTH, Signer, TokenInvalid
from ranker_support import stub_model

ONE, TWO = "models/m/versions/1", "models/m/versions/2"
VERSIONS = {"purchase": "datasets/orders/versions/3"}


def ordering(count: int, prefix: str = "p") -> Ordering:
    ids = [f"{prefix}{at}" for at in range(count)]
    scores = np.arange(count, 0, -1.0)
    return Ordering(ids, [f"title {at}" for at in range(count)], scores, {"vector": Source.unranked(scores)})


@dataclass
class Shown:
    """Stands in for the impressions' buffer."""

    answers: list[events_pb.ServedAnswer] = field(default_factory=list)

    def add(self, answer: events_pb.ServedAnswer) -> None:
        self.answers.append(answer)


@dataclass
class Desk:
    """An Answering with its parts at hand."""

    page_memory: int = 8
    count: int = 10
    prefix: str = "p"
    made: int = 0
    deadlines: list[float] = field(default_factory=list)
    clock: FakeClock = field(default_factory=lambda: FakeClock(time.time()))
    shown: Shown = field(default_factory=Shown)

    def __post_init__(self) -> None:
        self.serving = Serving(lambda model: None)
        self.serving.swap(stub_model(name=ONE, dataset_versions=VERSIONS))
        self.signer = Signer(b"k" * 32, self.clock)
        self.answering = Answering(self.serving, self.signer, self.shown, "shop", 0.004, self.page_memory)  # type: ignore[arg-type]

    async def order(self, live: LiveModel, deadline: Deadline, trail: Trail) -> Ordering:
        self.made += 1
        self.deadlines.append(deadline.left())
        with trail.stage("fuse") as left:
            left.candidates = self.count
        trail.degrade("neural", "DEADLINE")
        return ordering(self.count, self.prefix)

    async def __call__(self, page: Page, *, surface: str = "recommend", remaining: float | None = None) -> Answer:
        caller = Caller(surface, "c1", remaining, time.perf_counter())
        return await self.answering.answer(caller, page, "purchase", self.order)

    def payload(self, answer: Answer) -> dict[str, object]:
        return dict(json.loads(self.signer.verify(answer.info.attribution_token)))


def ids(answer: Answer) -> list[str]:
    return [result.product_id for result in answer.results]


async def test_an_answer_says_what_it_is() -> None:
    desk = Desk()
    answer = await desk(Page(3))
    info = answer.info
    assert (info.model_version, info.serving_config) == (ONE, "shop")
    assert list(info.dataset_versions) == [VERSIONS["purchase"]]
    assert [(stage.stage, stage.candidate_count) for stage in info.timings] == [("fuse", 10)]
    assert [(entry.skipped_stage, entry.cause) for entry in info.degradations] == [("neural", "DEADLINE")]
    assert info.total_duration_ms >= info.timings[0].duration_ms > 0
    first = answer.results[0]
    assert (first.product_id, first.title, first.position, first.score) == ("p0", "title 0", 1, 10.0)
    assert (first.dataset_version, first.propensity) == (VERSIONS["purchase"], 1.0)
    assert [(part.source, part.score, part.rank) for part in first.components] == [("vector", 10.0, 0)]


async def test_the_token_says_who_saw_what_for_a_day() -> None:
    desk = Desk()
    answer = await desk(Page(3), surface="search")
    payload, served = desk.payload(answer), desk.shown.answers[0]
    assert payload["t"] == round(served.serve_time.ToNanoseconds() / 1e6 - 0.5)
    assert {key: payload[key] for key in "amcsp"} == {
        "a": served.answer_id, "m": ONE, "c": "c1", "s": "search", "p": ["p0", "p1", "p2"],
    }  # fmt: skip
    desk.clock.advance(24 * 3600 - 1)
    assert desk.payload(answer)
    desk.clock.advance(2)
    with pytest.raises(TokenInvalid) as caught:
        desk.payload(answer)
    assert caught.value.reason == "TOKEN_EXPIRED"


async def test_impressions_tell_the_query_and_the_session() -> None:
    desk = Desk()
    caller = Caller("search", "c1", None, time.perf_counter(), "red lamp", "v1")
    await desk.answering.answer(caller, Page(3), "purchase", desk.order)
    (served,) = desk.shown.answers
    assert (served.query, served.visitor_id, served.customer_id) == ("red lamp", "v1", "c1")


async def test_a_very_long_answer_has_a_token_that_can_be_verified() -> None:
    desk = Desk(count=1000, prefix="p" * 250)
    answer = await desk(Page(1000, only=True))
    assert len(answer.results) == 1000
    named = desk.payload(answer)["p"]
    assert named == ids(answer)[: len(named)]  # type: ignore[arg-type]
    assert len(named) > 30  # type: ignore[arg-type]
    assert len(answer.info.attribution_token) < MAXIMUM_TOKEN_LENGTH
    assert len(desk.signer.verify(answer.info.attribution_token)) <= LARGEST_TOKEN_PAYLOAD
    assert len(desk.shown.answers[0].impressions) == 200


async def test_pages_go_through_one_order() -> None:
    desk = Desk()
    first = await desk(Page(4))
    second = await desk(Page.read(first.next_part, 4))
    third = await desk(Page.read(second.next_part, 4))
    assert ids(first) + ids(second) + ids(third) == [f"p{at}" for at in range(10)]
    assert [result.position for result in second.results] == [5, 6, 7, 8]
    assert (third.next_part, desk.made) == ("", 1)
    assert list(second.info.timings) == []
    assert [entry.skipped_stage for entry in second.info.degradations] == ["neural"]
    shown = [[entry.position for entry in served.impressions] for served in desk.shown.answers]
    assert shown == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]
    assert [list(served.skipped_stages) for served in desk.shown.answers] == [["neural"]] * 3
    assert len({served.answer_id for served in desk.shown.answers}) == 3
    assert desk.payload(second)["p"] == ids(second)


async def test_a_page_goes_on_with_the_model_that_made_the_order() -> None:
    desk = Desk()
    first = await desk(Page(4))
    desk.serving.swap(stub_model(name=TWO))
    second = await desk(Page.read(first.next_part, 4))
    assert (ids(second)[0], second.info.model_version, desk.made) == ("p4", ONE, 1)


async def test_a_forgotten_order_is_made_again_or_stale() -> None:
    desk = Desk(page_memory=0)
    first = await desk(Page(4))
    assert ids(await desk(Page.read(first.next_part, 4))) == ["p4", "p5", "p6", "p7"]
    assert desk.made == 2
    desk.serving.swap(stub_model(name=TWO))
    with pytest.raises(PageTokenStale) as caught:
        await desk(Page.read(first.next_part, 4))
    assert (caught.value.kind, caught.value.reason, caught.value.field) == (
        "INVALID_ARGUMENT", "PAGE_TOKEN_STALE", "page_token",
    )  # fmt: skip


async def test_the_memory_of_orders_is_bounded_and_kept_for_those_that_have_pages() -> None:
    desk = Desk(page_memory=2)
    first, second = await desk(Page(4)), await desk(Page(4))
    for _ in range(5):
        assert (await desk(Page(4, only=True))).next_part == ""
    await desk(Page.read(first.next_part, 4))
    assert desk.made == 7
    await desk(Page(4))
    await desk(Page.read(first.next_part, 4))
    assert desk.made == 8
    await desk(Page.read(second.next_part, 4))
    assert desk.made == 9


@pytest.mark.parametrize(
    "sealed", ["x", "1", "|a|m", "-4|a|m", "1_0|a|m", "٣|a|m", "4||m", "4|a|", "9999999999|a|m", "4|a|m\nx", "４|a|m"]
)
def test_a_forged_position_is_refused(sealed: str) -> None:
    with pytest.raises(InvalidField) as caught:
        Page.read(sealed, 4)
    assert caught.value.field == "page_token"


def test_a_position_survives_sealing() -> None:
    page = Page(7, 21, "a-1", ONE)
    assert Page.read(page.next_part, 7) == Page(7, 28, "a-1", ONE)
    assert Page.read("", 7) == Page(7)


async def test_the_rules_get_what_is_left_of_the_callers_time() -> None:
    desk = Desk()
    await desk(Page(1), remaining=10.0)
    await desk(Page(1))
    assert 9.0 < desk.deadlines[0] < 10.0 - 0.004
    assert desk.deadlines[1] == float("inf")


async def test_without_a_model_there_is_no_answer_and_no_impression() -> None:
    desk = Desk()
    desk.answering.serving = Serving(lambda model: None)
    with pytest.raises(NoLiveModel) as caught:
        await desk(Page(1))
    assert (caught.value.kind, caught.value.reason) == ("FAILED_PRECONDITION", "NO_LIVE_MODEL")
    assert desk.shown.answers == []
