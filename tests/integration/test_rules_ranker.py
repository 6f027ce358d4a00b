"""Serving configs, exploration, explanations, replays and kinds of proposals through the ranker's door."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aisle.governance.v1 import governance_events_pb2, user_event_pb2
from aisle.ranker.v1 import ranker_service_pb2 as pb
from aisle.ranker.v1 import ranking_pb2
from aisle.ranker.v1 import replay_pb2 as replay_pb
from aisle.ranker.v1 import serving_config_pb2 as config_pb
from aisle.type.v1 import context_pb2
from aisle_runtime.convert import to_timestamp
from aisle_runtime.testing.nats import NatsServer, nats_server, own_nats_server  # noqa: F401
from aisle_runtime.tokens import Signer, load_key
from google.protobuf.json_format import ParseDict
from monitor_support import Publisher
from ranker_fakes import Bundle, FakeRegistry, Reference, build, fake_registry
from ranker_host import Listener, Stub, ids, live, ranker, refusal
from test_erasure_services import Ear, ordered

ONE, TWO = "models/shop-ranker/versions/1", "models/shop-ranker/versions/2"
QUERY = "large wooden desk"
HOME = {
    "rules": [
        {"id": "top", "when": 'query : "desk"', "products": 'product_id = "p00100"', "pin_position": 1},
        {"id": "red", "products": 'title : "red"', "boost": 0.4},
        {"id": "phone", "when": 'device = "phone"', "products": 'title : "golden"', "exclude": {}},
    ],
    "diversity": {"strength": 0.3, "window": 20},
    "exploration": {"plackett_luce": {"position": 3, "window": 5, "temperature": 1.0}},
}


@pytest.fixture(scope="module")
def first() -> tuple[Bundle, Reference]:
    return build()


@pytest.fixture(scope="module")
def second() -> tuple[Bundle, Reference]:
    return build(seed=7)


@asynccontextmanager
async def serving(
    folder: Path, bus: NatsServer, first: Bundle, **more: Any
) -> AsyncIterator[tuple[Stub, FakeRegistry, Publisher]]:
    publish = Publisher(bus)
    async with fake_registry() as registry:
        registry.promote(first)
        async with ranker(folder, registry, **more, **bus.settings("ranker")) as stub:
            await live(stub, ONE)
            yield stub, registry, publish
    await publish.close()


def config(**fields: Any) -> config_pb.ServingConfig:
    return ParseDict(fields, config_pb.ServingConfig())


async def create(stub: Stub, config_id: str, **fields: Any) -> config_pb.ServingConfig:
    request = config_pb.CreateServingConfigRequest(serving_config_id=config_id, serving_config=config(**fields))
    return (await stub.CreateServingConfig(request)).serving_config


def adds_up(result: ranking_pb2.RankingResult) -> bool:
    total = 0.0
    for part in result.contributions:
        total += part.value
    return total.hex() == result.score.hex()


def search(**more: Any) -> pb.SearchRequest:
    return pb.SearchRequest(query=QUERY, serving_config="servingConfigs/home", **more)


async def replay(stub: Stub, answer: str, **more: Any) -> replay_pb.ReplayRequestResponse:
    return await stub.ReplayRequest(replay_pb.ReplayRequestRequest(answer=answer, **more))


async def test_a_placement_orders_explains_explores_and_replays(
    tmp_path: Path,
    nats_server: NatsServer,  # noqa: F811
    first: tuple[Bundle, Reference],
    second: tuple[Bundle, Reference],
) -> None:
    heard = await Listener.open(nats_server)
    async with serving(tmp_path, nats_server, first[0]) as (stub, registry, publish):
        plain = await stub.Search(pb.SearchRequest(query=QUERY, page_size=40, explain=True))
        assert ids(plain)[:24] == [first[1].shop.product_id(row) for row in first[1].search(QUERY, 24)]
        assert all(adds_up(result) for result in plain.results)
        assert {part.source for part in plain.results[0].contributions} == {"bm25", "vector", "neural_relevance"}
        made = await create(stub, "home", **HOME)
        assert (made.name, made.version) == ("servingConfigs/home", 1)

        answer = await stub.Search(search(page_size=12, explain=True))
        info = answer.info
        assert (info.serving_config, info.serving_config_version) == ("home", 1)
        assert info.timings[-1].stage == "rules"
        top = answer.results[0]
        assert (top.product_id, top.moves[-1].kind, top.moves[-1].rule) == ("p00100", "pin", "top")
        assert all(adds_up(result) for result in answer.results)
        assert any(part.source == "rule:red" and part.value == 0.4 for r in answer.results for part in r.contributions)
        drawn = [result.propensity for result in answer.results]
        assert all(0 < chance < 1 for chance in drawn[3:8]) and drawn[:3] == [1.0] * 3
        served = (await heard.served(2))[1]
        assert [shown.propensity for shown in served.impressions] == drawn
        assert (served.serving_config, served.serving_config_version) == ("home", 1)
        rest = await stub.Search(search(page_size=12, explain=True, page_token=answer.next_page_token))
        assert not set(ids(answer)) & set(ids(rest))
        shopper = context_pb2.ShopperContext(device="phone")
        phone = await stub.Search(search(page_size=200, context=shopper))
        assert len(phone.results) > 100 and not any("golden" in result.title for result in phone.results)
        assert not phone.results[0].contributions

        again = await replay(stub, info.attribution_token)
        assert again.identical and again.answer_id == served.answer_id
        assert {one.logged_position for one in again.differences} == set(range(1, 13))
        assert not any(one.causes for one in again.differences)
        await stub.UpdateServingConfig(
            config_pb.UpdateServingConfigRequest(serving_config=config(name="servingConfigs/home", version=1))
        )
        assert (await replay(stub, served.answer_id)).identical  # the version of then
        without = await replay(stub, served.answer_id, serving_config="servingConfigs/home")
        assert (without.identical, without.replayed.serving_config_version) == (False, 2)
        pinned = next(one for one in without.differences if one.product_id == "p00100")
        assert pinned.logged_position == 1 and "pin:top" in {cause.source for cause in pinned.causes}

        await publish("registry.model_version.promoted", registry.promote(second[0]))
        await live(stub, TWO)
        assert (await replay(stub, served.answer_id)).identical  # by the model of then
        newer = await replay(stub, served.answer_id, model_version="live")
        assert (newer.identical, newer.replayed.model_version) == (False, TWO)
        causes = {cause.source for one in newer.differences for cause in one.causes}
        assert {"vector", "neural_relevance"} <= causes
        details = await refusal(replay(stub, served.answer_id, model_version="models/shop-ranker/versions/9"))
        assert (details.code.name, details.reason) == ("FAILED_PRECONDITION", "MODEL_VERSION_NOT_KEPT")
    await heard.connection.close()


async def test_configs_are_kept_refused_and_found(
    tmp_path: Path,
    nats_server: NatsServer,  # noqa: F811
    first: tuple[Bundle, Reference],
) -> None:
    async with serving(tmp_path, nats_server, first[0]) as (stub, _, _):
        request = config_pb.CreateServingConfigRequest(
            serving_config_id="home", serving_config=config(**HOME), request_id="r1"
        )
        made = await stub.CreateServingConfig(request)
        assert await stub.CreateServingConfig(request) == made  # repeated
        request.request_id = "r2"
        assert (await refusal(stub.CreateServingConfig(request))).reason == "SERVING_CONFIG_EXISTS"
        broken = config(rules=[{"id": "a", "products": 'brand = "x"', "when": "query : desk", "boost": 1}])
        details = await refusal(
            stub.CreateServingConfig(
                config_pb.CreateServingConfigRequest(serving_config_id="other", serving_config=broken)
            )
        )
        assert (details.code.name, details.facts["position"]) == ("INVALID_ARGUMENT", "9")
        assert [entry.field for entry in details.violations] == ["serving_config.rules[0].when"]
        await create(stub, "cart")
        listed = await stub.ListServingConfigs(config_pb.ListServingConfigsRequest(page_size=1))
        rest = await stub.ListServingConfigs(
            config_pb.ListServingConfigsRequest(page_size=1, page_token=listed.next_page_token)
        )
        names = [entry.name for entry in [*listed.serving_configs, *rest.serving_configs]]
        assert (names, rest.next_page_token) == (["servingConfigs/cart", "servingConfigs/home"], "")
        stale = config(name="servingConfigs/home", version=7)
        details = await refusal(stub.UpdateServingConfig(config_pb.UpdateServingConfigRequest(serving_config=stale)))
        assert (details.code.name, details.reason) == ("ABORTED", "SERVING_CONFIG_CHANGED")
        await stub.DeleteServingConfig(config_pb.DeleteServingConfigRequest(name="servingConfigs/cart"))
        gone = await refusal(stub.GetServingConfig(config_pb.GetServingConfigRequest(name="servingConfigs/cart")))
        assert (gone.code.name, gone.reason) == ("NOT_FOUND", "SERVING_CONFIG_NOT_FOUND")
        for name, code in (("servingConfigs/cart", "NOT_FOUND"), ("cart", "INVALID_ARGUMENT")):
            asked = [
                stub.Search(pb.SearchRequest(query="lamp", serving_config=name)),
                stub.Recommend(pb.RecommendRequest(kind=pb.RECOMMEND_KIND_FOR_YOU, serving_config=name)),
                stub.Rank(
                    pb.RankRequest(query="x", candidates=[pb.Candidate(product_id="p00001")], serving_config=name)
                ),
            ]
            for call in asked:
                details = await refusal(call)
                assert (details.code.name, details.facts["field"]) == (code, "serving_config")

        boosts = [
            config_pb.ProductBoost(products='title ~ "x"', boost=1),
            config_pb.ProductBoost(products='title : "rug"', boost=9),
        ]
        answer = await stub.Search(pb.SearchRequest(query=QUERY, boosts=boosts, explain=True))
        assert all("rug" in result.title for result in answer.results)
        assert [entry.field for entry in answer.info.invalid_conditions] == ["boosts[0].products"]
        assert "at character 7: expected one of" in answer.info.invalid_conditions[0].problem
        assert all(adds_up(result) for result in answer.results)
        candidates = [
            pb.Candidate(product_id=f"p{row:05d}", attributes={"brand": "b" if row < 6 else "c"}) for row in range(10)
        ]
        await create(
            stub, "fair", rules=[{"id": "cap", "exposure_cap": {"attribute": "brand", "max_count": 2, "window": 4}}]
        )
        ranked = await stub.Rank(
            pb.RankRequest(query="red lamp", candidates=candidates, serving_config="servingConfigs/fair")
        )
        assert sum(int(one[1:]) < 6 for one in ids(ranked)[:4]) == 2


async def test_every_kind_of_proposal_for_known_and_unknown_shoppers(
    tmp_path: Path,
    nats_server: NatsServer,  # noqa: F811
    first: tuple[Bundle, Reference],
) -> None:
    async with serving(tmp_path, nats_server, first[0]) as (stub, _, publish):

        async def ask(kind: int, customer: str = "", **more: Any) -> pb.RecommendResponse:
            context = context_pb2.ShopperContext(customer_id=customer)
            return await stub.Recommend(pb.RecommendRequest(kind=kind, context=context, explain=True, **more))  # type: ignore[arg-type]

        others = await ask(pb.RECOMMEND_KIND_OTHERS_ALSO, product_id="p00010")
        assert ids(others)[:3] == ["p00011", "p00012", "p00013"]
        assert ids(await ask(pb.RECOMMEND_KIND_FREQUENTLY_BOUGHT_TOGETHER, product_id="p00010")) == []
        assert ids(await ask(pb.RECOMMEND_KIND_BUY_IT_AGAIN, "c1")) == ["p00000", "p00004", "p00008"]
        assert ids(await ask(pb.RECOMMEND_KIND_BUY_IT_AGAIN, "stranger")) == []
        assert ids(await ask(pb.RECOMMEND_KIND_RECENTLY_VIEWED, "stranger")) == []
        popular = await ask(pb.RECOMMEND_KIND_TRENDING)
        assert len(popular.results) == 20
        for kind in (pb.RECOMMEND_KIND_OTHERS_ALSO, pb.RECOMMEND_KIND_FREQUENTLY_BOUGHT_TOGETHER):
            assert (await refusal(ask(kind))).facts["field"] == "product_id"
            assert (await refusal(ask(kind, product_id="nowhere"))).reason == "PRODUCT_NOT_FOUND"

        views = [
            user_event_pb2.UserEvent(
                event_id=f"e{number}", type=user_event_pb2.USER_EVENT_TYPE_VIEW, product_id=product, customer_id="new",
                event_time=to_timestamp(1_700_000_000.0 + number),
            )
            for number, product in enumerate(["p00200", "p00201", "p00200"])
        ]  # fmt: skip
        await publish(
            "governance.user_events.collected", governance_events_pb2.UserEventsCollected(events=views), event_id="seen"
        )
        async with asyncio.timeout(20):
            while ids(await ask(pb.RECOMMEND_KIND_RECENTLY_VIEWED, "new")) != ["p00200", "p00201"]:
                await asyncio.sleep(0.02)
        now = user_event_pb2.UserEvent(
            event_id="now", type=user_event_pb2.USER_EVENT_TYPE_ADD_TO_CART, product_id="p00150", visitor_id="v1"
        )
        now.event_time.GetCurrentTime()
        await publish(
            "governance.user_events.collected", governance_events_pb2.UserEventsCollected(events=[now]), event_id="now"
        )
        async with asyncio.timeout(20):
            while ids(trending := await ask(pb.RECOMMEND_KIND_TRENDING))[0] != "p00150":
                await asyncio.sleep(0.02)
        for answer in (others, popular, trending):
            assert all(adds_up(result) for result in answer.results)
        for answer in (trending, await ask(pb.RECOMMEND_KIND_RECENTLY_VIEWED, "new")):
            assert (await replay(stub, answer.info.attribution_token)).identical


async def test_the_log_of_requests_forgets_a_person(
    tmp_path: Path,
    own_nats_server: NatsServer,  # noqa: F811
    first: tuple[Bundle, Reference],
) -> None:
    key = load_key(tmp_path / "subject.key")
    ear = await Ear.open(own_nats_server, "ranker")
    more = {"subject_key_file": tmp_path / "subject.key"}
    async with serving(tmp_path, own_nats_server, first[0], **more) as (stub, _, publish):
        tokens = {}
        for customer in ("shopper-41", "shopper-42"):
            context = context_pb2.ShopperContext(customer_id=customer)
            answer = await stub.Recommend(pb.RecommendRequest(kind=pb.RECOMMEND_KIND_FOR_YOU, context=context))
            tokens[customer] = answer.info.attribution_token
            assert (await replay(stub, answer.info.attribution_token)).identical
        await publish("governance.subject.erased", ordered(key, "shopper-41", []))
        told = await ear.next()
        assert told.done and {one.kind: one.count for one in told.counts}["logged_answers"] == 1
        assert (await refusal(replay(stub, tokens["shopper-41"]))).reason == "ANSWER_NOT_LOGGED"
        assert (await replay(stub, tokens["shopper-42"])).identical
        signer = Signer.from_file(tmp_path / "state" / "signing.key")
        other = signer.sign(json.dumps({"a": "a-unknown"}).encode(), 60)
        for answer, reason in (
            ("a-x", "ANSWER_NOT_LOGGED"),
            (other, "ANSWER_NOT_LOGGED"),
            ("x.y", "TOKEN_INVALID"),
            ("", "INVALID_FIELD"),
        ):
            assert (await refusal(replay(stub, answer))).reason == reason
    await ear.connection.close()
