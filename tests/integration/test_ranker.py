"""The ranker over a real server, a real bus and a registry that hands out bundles."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import grpc
import grpc.aio
import numpy as np
import pytest
from aisle.governance.v1 import governance_events_pb2, user_event_pb2
from aisle.ranker.v1 import ranker_service_pb2 as pb
from aisle.ranker.v1 import ranking_pb2
from aisle.registry.v1 import registry_events_pb2
from aisle.type.v1 import context_pb2
from aisle_runtime.names import new_id
from aisle_runtime.testing.nats import NatsServer, nats_server
from aisle_runtime.testing.postgres import both_databases
from aisle_runtime.tokens import Signer
from monitor_support import Publisher
from ranker_fakes import (
    ALIAS,
    Bundle,
    FakeRegistry,
    Reference,
    build,
)
from ranker_host import (
    ONE,
    QUERY,
    THREE,
    TWO,
    WAIT_SECONDS,
    Listener,
    Stub,
    components,
    customer,
    expected,
    first,
    ids,
    live,
    ranker,
    refusal,
    registry,
    second,
    state,
)

__all__ = ["first", "nats_server", "registry", "second"]


async def check_search(stub: Stub, reference: Reference) -> ranking_pb2.AnswerInfo:
    request = pb.SearchRequest(query=f"  {QUERY} ", context=customer("c1"), page_size=30)
    answer = await stub.Search(request)
    assert ids(answer) == expected(reference, top=30)
    assert [result.position for result in answer.results] == list(range(1, 31))
    scores = [result.score for result in answer.results]
    assert scores == sorted(scores, reverse=True)
    best = components(answer.results[0])
    assert set(best) == {"bm25", "vector", "neural_relevance"}
    assert answer.results[0].title == reference.shop.titles[int(answer.results[0].product_id[1:])]
    assert answer.results[0].dataset_version == "datasets/judgments/versions/v1"
    assert [stage.stage for stage in answer.info.timings] == ["lexical", "embed", "vector", "fuse", "neural"]
    assert all(stage.duration_ms > 0 for stage in answer.info.timings)
    assert not answer.info.degradations
    assert len(answer.info.trace_id) == 32
    second_page = await stub.Search(
        pb.SearchRequest(query=f"  {QUERY} ", context=customer("c1"), page_size=10, page_token=answer.next_page_token)
    )
    assert ids(second_page) == expected(reference, top=40)[30:]
    assert second_page.results[0].position == 31
    return answer.info


async def check_recommend(stub: Stub, reference: Reference) -> None:
    answer = await stub.Recommend(pb.RecommendRequest(kind=pb.RECOMMEND_KIND_FOR_YOU, context=customer("c1")))
    assert ids(answer) == [reference.shop.product_id(row) for row in reference.recommend("c1", 20)]
    assert [stage.stage for stage in answer.info.timings] == ["recall", "fuse", "neural"]
    assert list(answer.info.dataset_versions) == ["datasets/orders/versions/v1"]
    similar = await stub.Recommend(
        pb.RecommendRequest(kind=pb.RECOMMEND_KIND_SIMILAR, product_id=reference.shop.product_id(7), page_size=5)
    )
    assert len(similar.results) == 5
    assert reference.shop.product_id(7) not in ids(similar)
    assert {"vector", "covisit"} >= set(components(similar.results[0]))


async def check_rank(stub: Stub, reference: Reference) -> None:
    rows = list(range(0, 120, 2))
    candidates = [pb.Candidate(product_id=reference.shop.product_id(row)) for row in rows]
    candidates.append(pb.Candidate(product_id="elsewhere", title=" golden lamp "))
    answer = await stub.Rank(pb.RankRequest(query="red lamp", candidates=candidates))
    assert sorted(ids(answer)) == sorted(candidate.product_id for candidate in candidates)
    assert answer.results[0].title.startswith("red")
    assert next(result.title for result in answer.results if result.product_id == "elsewhere") == "golden lamp"
    shopper = await stub.Rank(pb.RankRequest(candidates=candidates[:5], context=customer("c1")))
    assert len(shopper.results) == 5
    assert "neural_purchase" in components(shopper.results[0])


async def test_before_the_first_promotion_nothing_can_be_asked(tmp_path: Path, registry: FakeRegistry) -> None:
    async with ranker(tmp_path, registry) as stub:
        asked = [
            stub.Search(pb.SearchRequest(query="lamp")),
            stub.Recommend(pb.RecommendRequest(kind=pb.RECOMMEND_KIND_FOR_YOU)),
            stub.Recommend(pb.RecommendRequest(kind=pb.RECOMMEND_KIND_SIMILAR, product_id="p")),
            stub.Rank(pb.RankRequest(candidates=[pb.Candidate(product_id="p", title="t")])),
            stub.GetUserProfile(pb.GetUserProfileRequest(customer_id="c1")),
        ]
        for call in asked:
            details = await refusal(call)
            assert (details.code.name, details.reason) == ("FAILED_PRECONDITION", "NO_LIVE_MODEL")
            assert details.next_step
            assert details.domain == "ranker.aisle"
        assert await state(stub) == ranking_pb2.ServingState()


@both_databases
async def test_a_promotion_answers_and_is_told(
    tmp_path: Path,
    registry: FakeRegistry,
    first: tuple[Bundle, Reference],
    nats_server: NatsServer,
    service_database: str,
) -> None:
    bundle, reference = first
    heard, publish = await Listener.open(nats_server), Publisher(nats_server)
    more = {"serving_config": "shop", "database_url": service_database, **nats_server.settings("ranker")}
    async with ranker(tmp_path, registry, **more) as stub:
        promoted = registry.promote(bundle)
        elsewhere = registry_events_pb2.ModelVersionPromoted()
        elsewhere.CopyFrom(promoted)
        elsewhere.alias = "staging"
        await publish("registry.model_version.promoted", elsewhere)
        promoted.slip.pipeline_run = "pipelines/p/runs/r"
        event_id = await publish("registry.model_version.promoted", promoted)
        told = await heard.serving()
        assert (told.model_version, told.live, told.slip.pipeline_run) == (ONE, True, "pipelines/p/runs/r")
        found = await live(stub, ONE)
        assert (found.live.bundle_digest, found.live.engine) == (bundle.digest, "onnxruntime")
        assert (found.live.search_product_count, found.live.recommend_product_count) == (240, 240)
        assert (found.swap_count, found.HasField("last_load_failure")) == (1, False)
        assert told.state.live.model_version == ONE

        info = await check_search(stub, reference)
        assert (info.model_version, info.serving_config) == (ONE, "shop")
        signer = Signer.from_file(tmp_path / "state" / "signing.key")
        token = json.loads(signer.verify(info.attribution_token))
        assert (token["m"], token["c"], token["s"]) == (ONE, "c1", "search")
        assert token["p"] == expected(reference, top=30)
        await check_recommend(stub, reference)
        await check_rank(stub, reference)

        served = await heard.served(6)
        assert [answer.surface for answer in served] == ["search"] * 2 + ["recommend"] * 2 + ["rank"] * 2
        assert served[0].answer_id == token["a"]
        assert served[0].query == QUERY
        assert [(shown.product_id, shown.position) for shown in served[0].impressions] == [
            (product_id, position) for position, product_id in enumerate(token["p"], 1)
        ]
        assert served[1].impressions[0].position == 31
        assert {answer.model_version for answer in served} == {ONE}
        assert (served[0].customer_id, served[3].customer_id) == ("c1", "")
        assert all(answer.duration_ms > 0 and not answer.skipped_stages for answer in served)
        assert served[4].impressions[0].score > served[4].impressions[-1].score

        await publish("registry.model_version.promoted", promoted, event_id=event_id)
        await check_shopper(stub, publish, reference)
        assert (await state(stub)).swap_count == 1
    await publish.close()
    await heard.connection.close()


async def check_shopper(stub: Stub, publish: Publisher, reference: Reference) -> None:
    """What a new shopper clicks changes the profile and the proposals; the same event counts once."""
    product, profile = reference.shop.product_id, pb.GetUserProfileRequest(customer_id="fresh")
    details = await refusal(stub.GetUserProfile(profile))
    assert (details.code.name, details.reason) == ("NOT_FOUND", "CUSTOMER_NOT_FOUND")
    ask = pb.RecommendRequest(kind=pb.RECOMMEND_KIND_FOR_YOU, context=customer("fresh"), page_size=10)
    before = await stub.Recommend(ask)
    popular = np.argsort(-reference.shop.counts, kind="stable")[:10]
    assert ids(before) == [product(int(row)) for row in popular]

    tag = new_id("t")  # the bus of all tests knows the ids of those before
    click = user_event_pb2.UserEvent(
        event_id=f"{tag}-click", product_id=product(60), customer_id="fresh", type=user_event_pb2.USER_EVENT_TYPE_CLICK
    )
    click.event_time.GetCurrentTime()
    for number in range(2):
        events = governance_events_pb2.UserEventsCollected(events=[click])
        await publish("governance.user_events.collected", events, event_id=f"{tag}-collected-{number}")
    async with asyncio.timeout(WAIT_SECONDS):
        while ids(after := await stub.Recommend(ask)) == ids(before):
            await asyncio.sleep(0.02)
    neighbours = [product(row) for row, _ in reference.shop.neighbours(60)]
    assert set(neighbours) <= set(ids(after))
    assert components(after.results[ids(after).index(neighbours[0])])["covisit"].score == pytest.approx(0.5)
    known = (await stub.GetUserProfile(profile)).profile
    assert [(entry.product_id, entry.title, entry.action) for entry in known.recent] == [
        (product(60), reference.shop.titles[60], "click")
    ]
    assert known.recent[0].event_time == click.event_time
    assert (known.order_count, known.interests[0].weight) == (0, 1.0)
    assert list(known.interests[0].product_ids) == [product(60)]
    bought = (await stub.GetUserProfile(pb.GetUserProfileRequest(customer_id="c1"))).profile
    assert (bought.order_count, {entry.action for entry in bought.recent}) == (4, {"purchase"})


async def searching(stub: Stub, orders: Mapping[str, list[str]], seen: list[str], stop: asyncio.Event) -> None:
    """Search again and again; every answer must be wholly that of the version that it names."""
    while not stop.is_set():
        answer = await stub.Search(pb.SearchRequest(query=QUERY))
        assert ids(answer) == orders[answer.info.model_version]
        assert not answer.info.degradations
        seen.append(answer.info.model_version)


@both_databases
async def test_models_are_swapped_and_refused_and_restored_while_shoppers_search(
    tmp_path: Path,
    registry: FakeRegistry,
    first: tuple[Bundle, Reference],
    second: tuple[Bundle, Reference],
    nats_server: NatsServer,
    service_database: str,
) -> None:
    heard, publish = await Listener.open(nats_server), Publisher(nats_server)
    orders = {ONE: expected(first[1]), TWO: expected(second[1])}
    assert orders[ONE] != orders[TWO]
    broken = build(seed=9)[0]
    damaged = broken.digests["ranker.int8.onnx"]
    registry.move(registry.register(first[0]))
    more = {"database_url": service_database, **nats_server.settings("ranker")}
    async with ranker(tmp_path, registry, **more) as stub:
        assert (await heard.serving()).model_version == ONE, "the alias is asked for at the start"
        seen: list[str] = []
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as shoppers:
            for _ in range(4):
                shoppers.create_task(searching(stub, orders, seen, stop))
            await publish("registry.model_version.promoted", registry.promote(second[0]))
            assert (await heard.serving()).model_version == TWO
            await live(stub, TWO)
            swapped = len(seen)
            await publish("registry.model_version.promoted", damage(registry, broken, damaged))
            refused = await heard.serving()
            assert (refused.model_version, refused.live) == (THREE, False)
            assert refused.failure.reason == "ARTIFACT_DIGEST_MISMATCH"
            assert refused.state.live.model_version == TWO
            while len(seen) < swapped + 20:
                await asyncio.sleep(0.01)
            stop.set()
        assert (seen[0], seen[-1], set(seen)) == (ONE, TWO, {ONE, TWO})
        found = await live(stub, TWO)
        assert (found.swap_count, found.last_load_failure.reason) == (2, "ARTIFACT_DIGEST_MISMATCH")
        assert found.last_load_failure.next_step
        back = registry_events_pb2.AliasRolledBack(
            model_version=registry.versions[ONE], alias=ALIAS, change=registry.move(ONE)
        )
        await publish("registry.alias.rolled_back", back)
        assert (await heard.serving()).live
        found = await live(stub, ONE)
        assert (found.swap_count, found.HasField("last_load_failure")) == (3, False)
        assert ids(await stub.Search(pb.SearchRequest(query=QUERY))) == orders[ONE]

    registry.away = True
    reads = registry.reads.total()
    async with ranker(tmp_path, registry, **more) as stub:
        assert (await state(stub)).live.model_version == ONE, "the service is ready only with its last live model"
        assert ids(await stub.Search(pb.SearchRequest(query=QUERY))) == orders[ONE]
        assert registry.reads.total() == reads, "the files on the disk are enough"
        registry.move(TWO)
        registry.away = False
        assert (await live(stub, TWO)).swap_count == 2, "a move that was missed is made up for"
        assert ids(await stub.Search(pb.SearchRequest(query=QUERY))) == orders[TWO]
    await publish.close()
    await heard.connection.close()


def damage(registry: FakeRegistry, bundle: Bundle, digest: str) -> registry_events_pb2.ModelVersionPromoted:
    """Promote a bundle of which one bit of one file changes on the way."""
    promoted = registry.promote(bundle)
    data = bytearray(registry.files[digest])
    data[len(data) // 2] ^= 1
    registry.files[digest] = bytes(data)
    return promoted


async def test_a_file_that_went_bad_on_the_disk_is_pulled_again(
    tmp_path: Path, registry: FakeRegistry, first: tuple[Bundle, Reference]
) -> None:
    registry.move(registry.register(first[0]))
    async with ranker(tmp_path, registry) as stub:
        await live(stub, ONE)
    digest = first[0].digests["search_index.arrow"]
    stored = next((tmp_path / "state" / "artifacts").rglob(digest))
    stored.write_bytes(stored.read_bytes()[:-100])
    async with ranker(tmp_path, registry) as stub:
        assert (await state(stub)).live.model_version == ONE
        assert ids(await stub.Search(pb.SearchRequest(query=QUERY))) == expected(first[1])
    assert (registry.reads[digest], registry.reads[first[0].digests["tokenizer.json"]]) == (2, 1)


async def test_bad_requests_name_their_field(
    tmp_path: Path, registry: FakeRegistry, first: tuple[Bundle, Reference]
) -> None:
    registry.move(registry.register(first[0]))
    async with ranker(tmp_path, registry) as stub:
        await live(stub, ONE)
        similar, for_you = pb.RECOMMEND_KIND_SIMILAR, pb.RECOMMEND_KIND_FOR_YOU
        long = context_pb2.ShopperContext(visitor_id="v" * 129)
        twice = [pb.Candidate(product_id="p00000"), pb.Candidate(product_id="p00000")]
        token = (await stub.Search(pb.SearchRequest(query="lamp"))).next_page_token
        calls = [
            (stub.Search(pb.SearchRequest(query=" \t")), "query"),
            (stub.Search(pb.SearchRequest(query="x" * 513)), "query"),
            (stub.Search(pb.SearchRequest(query="lamp", page_size=-1)), "page_size"),
            (stub.Search(pb.SearchRequest(query="lamp", page_token="no")), "page_token"),
            (stub.Search(pb.SearchRequest(query="mug", page_token=token)), "page_token"),
            (stub.Search(pb.SearchRequest(query="lamp", context=customer("c" * 129))), "context.customer_id"),
            (stub.Recommend(pb.RecommendRequest()), "kind"),
            (stub.Recommend(pb.RecommendRequest(kind=similar)), "product_id"),
            (stub.Recommend(pb.RecommendRequest(kind=for_you, page_size=-1)), "page_size"),
            (stub.Recommend(pb.RecommendRequest(kind=for_you, recent_product_ids=["p"] * 101)), "recent_product_ids"),
            (stub.Recommend(pb.RecommendRequest(kind=for_you, context=long)), "context.visitor_id"),
            (stub.Rank(pb.RankRequest(query="lamp")), "candidates"),
            (stub.Rank(pb.RankRequest(candidates=[pb.Candidate(title="lamp")])), "candidates[0].product_id"),
            (stub.Rank(pb.RankRequest(candidates=twice)), "candidates[1].product_id"),
            (stub.Rank(pb.RankRequest(query="\0", candidates=twice[:1])), "query"),
            (stub.GetUserProfile(pb.GetUserProfileRequest()), "customer_id"),
        ]
        for call, field in calls:
            details = await refusal(call)
            assert (details.code.name, [entry.field for entry in details.violations]) == ("INVALID_ARGUMENT", [field])
        unknown = [
            (stub.Recommend(pb.RecommendRequest(kind=similar, product_id="nowhere")), "product_id", "nowhere"),
            (stub.Rank(pb.RankRequest(candidates=[pb.Candidate(product_id="gone")])), "candidates[0]", "gone"),
        ]
        for call, field, product_id in unknown:
            details = await refusal(call)
            assert (details.code.name, details.reason) == ("NOT_FOUND", "PRODUCT_NOT_FOUND")
            assert (details.facts["field"], details.facts["product_id"]) == (field, product_id)
            assert details.message.startswith(field)
            assert details.next_step
        assert len((await stub.Search(pb.SearchRequest(query="lamp"))).results) == 24
        assert len((await stub.Search(pb.SearchRequest(query="lamp", page_size=5_000))).results) == 200
        assert len((await stub.Recommend(pb.RecommendRequest(kind=for_you))).results) == 20


async def test_an_answer_comes_within_the_callers_time_or_not_at_all(
    tmp_path: Path, registry: FakeRegistry, first: tuple[Bundle, Reference]
) -> None:
    """With a minute kept for sending, a caller with less time gets what needs no model."""
    registry.move(registry.register(first[0]))
    async with ranker(tmp_path, registry, deadline_reserve_ms=60_000) as stub:
        await live(stub, ONE)
        answer = await stub.Search(pb.SearchRequest(query="red lamp"), timeout=20)
        told = [(entry.skipped_stage, entry.cause) for entry in answer.info.degradations]
        assert told == [("vector", "DEADLINE"), ("neural", "DEADLINE")]
        assert answer.results[0].title.split()[::2] == ["red", "lamp"]
        assert all(set(components(result)) == {"bm25"} for result in answer.results)
        for_you = pb.RecommendRequest(kind=pb.RECOMMEND_KIND_FOR_YOU, context=customer("c1"))
        proposals = await stub.Recommend(for_you, timeout=20)
        assert [(e.skipped_stage, e.cause) for e in proposals.info.degradations] == [("neural", "DEADLINE")]
        assert len(proposals.results) == 20
        candidates = [pb.Candidate(product_id=f"p{row:05d}") for row in range(40)]
        ranked = await stub.Rank(pb.RankRequest(query="red lamp", candidates=candidates), timeout=20)
        assert [entry.skipped_stage for entry in ranked.info.degradations] == ["vector", "neural"]
        assert len(ranked.results) == 40
        patient = await stub.Search(pb.SearchRequest(query="red lamp"), timeout=300)
        assert ids(patient) == expected(first[1], "red lamp")
        assert not patient.info.degradations
        late = await refusal(stub.Search(pb.SearchRequest(query="red lamp"), timeout=-1))
        assert late.code is grpc.StatusCode.DEADLINE_EXCEEDED
        for _ in range(30):
            try:
                hasty = await stub.Search(pb.SearchRequest(query="red lamp"), timeout=0.001)
            except grpc.aio.AioRpcError as error:
                assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            else:
                assert ids(hasty) == ids(answer)
