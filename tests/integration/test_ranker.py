"""The ranker over a real server, a real bus, a registry that hands out bundles, and an inference endpoint."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import nats
import numpy as np
import pytest
from aisle.governance.v1 import governance_events_pb2, user_event_pb2
from aisle.ranker.v1 import ranker_events_pb2, ranking_pb2
from aisle.ranker.v1 import ranker_service_pb2 as pb
from aisle.ranker.v1 import ranker_service_pb2_grpc as pb_grpc
from aisle.registry.v1 import registry_events_pb2
from aisle.type.v1 import context_pb2
from aisle_ranker.domain.engine import EMBEDDER, EMBEDDING, RANKER
from aisle_ranker.engines.kserve import KserveEngine
from aisle_ranker.engines.onnx import OnnxEngine
from aisle_ranker.engines.tokenizing import BundleTokenizer
from aisle_ranker.errors import EngineUnavailable
from aisle_ranker.main import MIGRATIONS, wire
from aisle_ranker.settings import RankerSettings
from aisle_runtime.client import ErrorDetails, error_details, open_channel
from aisle_runtime.names import new_id
from aisle_runtime.testing import running_host
from aisle_runtime.testing.nats import NatsServer, nats_server  # noqa: F401
from aisle_runtime.testing.postgres import both_databases
from aisle_runtime.tokens import Signer
from monitor_support import Publisher
from ranker_fakes import (
    ALIAS,
    MODEL,
    Bundle,
    FakeEndpoint,
    FakeRegistry,
    Reference,
    build,
    fake_endpoint,
    fake_registry,
)

Stub = pb_grpc.RankerServiceStub
ONE, TWO, THREE = (f"{MODEL}/versions/{number}" for number in (1, 2, 3))
QUERY = "large wooden desk"
WAIT_SECONDS = 20.0


@pytest.fixture
async def registry() -> AsyncIterator[FakeRegistry]:
    async with fake_registry() as fake:
        yield fake


@pytest.fixture(scope="module")
def first() -> tuple[Bundle, Reference]:
    return build()


@pytest.fixture(scope="module")
def second() -> tuple[Bundle, Reference]:
    return build(seed=7)


@asynccontextmanager
async def ranker(folder: Path, registry: FakeRegistry, **more: Any) -> AsyncIterator[Stub]:
    config = RankerSettings.model_validate(
        {"state_dir": folder / "state", "registry_address": registry.address, "inference_threads": 1, **more}
    )
    async with running_host("ranker", config, MIGRATIONS, wire) as host, open_channel(host.address) as channel:
        yield Stub(channel)


async def state(stub: Stub) -> ranking_pb2.ServingState:
    return (await stub.GetServingState(pb.GetServingStateRequest())).state


async def until(stub: Stub, condition: Callable[[ranking_pb2.ServingState], bool]) -> ranking_pb2.ServingState:
    async with asyncio.timeout(WAIT_SECONDS):
        while not condition(found := await state(stub)):
            await asyncio.sleep(0.02)
    return found


async def live(stub: Stub, version: str) -> ranking_pb2.ServingState:
    return await until(stub, lambda found: found.live.model_version == version and not found.loading_model_version)


async def refusal(call: Any) -> ErrorDetails:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return error_details(caught.value)


def ids(answer: Any) -> list[str]:
    return [result.product_id for result in answer.results]


def expected(reference: Reference, query: str = QUERY, top: int = 24) -> list[str]:
    return [reference.shop.product_id(row) for row in reference.search(query, top)]


def components(result: ranking_pb2.RankingResult) -> dict[str, ranking_pb2.ScoreComponent]:
    return {part.source: part for part in result.components}


def customer(name: str) -> context_pb2.ShopperContext:
    return context_pb2.ShopperContext(customer_id=name)


class Listener:
    """The ranker's events as they come."""

    def __init__(self, connection: Any, subscription: Any) -> None:
        self.connection, self._subscription = connection, subscription

    @classmethod
    async def open(cls, server: NatsServer) -> "Listener":
        connection = await nats.connect(server.url, user="admin", password=server.password("admin"))
        subscription = await connection.subscribe("aisle.ranker.>")
        await connection.flush()
        return cls(connection, subscription)

    async def serving(self) -> ranker_events_pb2.ServingStateChanged:
        return await self._next("aisle.ranker.serving_state.changed.v1", ranker_events_pb2.ServingStateChanged)

    async def served(self, count: int) -> list[ranker_events_pb2.ServedAnswer]:
        answers: list[ranker_events_pb2.ServedAnswer] = []
        while len(answers) < count:
            event = await self._next("aisle.ranker.impressions.served.v1", ranker_events_pb2.ImpressionsServed)
            answers += event.answers
        return answers

    async def _next(self, subject: str, kind: Any) -> Any:
        while True:
            message = await self._subscription.next_msg(timeout=WAIT_SECONDS)
            if message.subject == subject:
                return kind.FromString(message.data)


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
    nats_server: NatsServer,  # noqa: F811
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
    nats_server: NatsServer,  # noqa: F811
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


ENDPOINT_NAMES = {"shop_ranker_1": "ranker.onnx", "shop_embedder": "embedder.onnx"}
KSERVE = {
    "inference_backend": "kserve", "precision": "fp32",
    "kserve_ranker_model": "shop_ranker_{version}", "kserve_embedder_model": "shop_embedder",
}  # fmt: skip


@pytest.fixture
async def endpoint(first: tuple[Bundle, Reference]) -> AsyncIterator[FakeEndpoint]:
    async with fake_endpoint() as fake:
        fake.serve(first[0], ENDPOINT_NAMES)
        yield fake


@asynccontextmanager
async def engines(
    folder: Path, bundle: Bundle, endpoint: FakeEndpoint, timeout: float = 5.0
) -> AsyncIterator[tuple[KserveEngine, OnnxEngine, BundleTokenizer]]:
    paths = bundle.write(folder / "bundle")
    names = {RANKER: "shop_ranker_1", EMBEDDER: "shop_embedder"}
    remote = KserveEngine(endpoint.address, names, timeout)
    with ThreadPoolExecutor(1) as pool:
        graphs = {RANKER: paths["ranker.onnx"], EMBEDDER: paths["embedder.onnx"]}
        embedded = OnnxEngine(graphs, pool, 1, 1)
        yield remote, embedded, BundleTokenizer(paths["tokenizer.json"], 24)
        await remote.close()


@pytest.mark.parametrize("widen", [False, True])
async def test_an_endpoint_gives_the_scores_of_the_embedded_engine(
    tmp_path: Path, first: tuple[Bundle, Reference], endpoint: FakeEndpoint, widen: bool
) -> None:
    bundle, reference = first
    endpoint.widen = widen
    async with engines(tmp_path, bundle, endpoint) as (remote, embedded, tokenizer):
        assert (remote.name, remote.workers, embedded.name, embedded.workers) == ("kserve", 0, "onnxruntime", 1)
        titles = tokenizer.ids_of(bundle.shop.titles[:60])
        pairs = tokenizer.pairs(tokenizer.ids("red lamp ; large wooden desk"), titles)
        heads = ("relevance", "purchase")
        far, near = [await engine.run(RANKER, pairs, heads, 5.0) for engine in (remote, embedded)]
        for head in heads:
            assert far.outputs[head].shape == (60,)
            assert far.outputs[head] == pytest.approx(near.outputs[head], abs=1e-5)
        wanted = [
            reference.logit("relevance", "red lamp ; large wooden desk", title) for title in bundle.shop.titles[:60]
        ]
        assert far.outputs["relevance"] == pytest.approx(wanted, abs=1e-3)
        singles = tokenizer.singles(titles)
        far, near = [await engine.run(EMBEDDER, singles, (EMBEDDING,), None) for engine in (remote, embedded)]
        assert far.outputs[EMBEDDING].shape == (60, 16)
        assert far.outputs[EMBEDDING] == pytest.approx(near.outputs[EMBEDDING], abs=1e-5)
        assert far.seconds > 0


async def test_an_endpoint_that_fails_is_left_alone_for_a_moment(
    tmp_path: Path, first: tuple[Bundle, Reference], endpoint: FakeEndpoint
) -> None:
    async with engines(tmp_path, first[0], endpoint, timeout=0.3) as (remote, _, tokenizer):
        batch = tokenizer.singles([tokenizer.ids("red lamp")])

        async def ask(timeout: float | None = None) -> None:
            await remote.run(EMBEDDER, batch, (EMBEDDING,), timeout)

        async def rested() -> None:
            async with asyncio.timeout(WAIT_SECONDS):
                while True:
                    try:
                        return await ask()
                    except EngineUnavailable:
                        await asyncio.sleep(0.05)

        await ask()
        for trouble, relief in (
            ({"refuse": grpc.StatusCode.INTERNAL}, {"refuse": None}),
            ({"garble": True}, {"garble": False}),
            ({"delay": 1.0}, {"delay": 0.0}),
        ):
            vars(endpoint).update(trouble)
            with pytest.raises(EngineUnavailable):
                await ask()
            vars(endpoint).update(relief)
            calls = endpoint.calls.total()
            with pytest.raises(EngineUnavailable):
                await ask()
            assert endpoint.calls.total() == calls, "resting"
            await rested()
        endpoint.delay = 1.0
        with pytest.raises(TimeoutError):
            await ask(0.05)
        endpoint.delay = 0.0
        await ask()


async def test_a_ranker_over_an_endpoint_answers_like_one_with_the_model_inside(
    tmp_path: Path,
    registry: FakeRegistry,
    first: tuple[Bundle, Reference],
    second: tuple[Bundle, Reference],
    endpoint: FakeEndpoint,
) -> None:
    registry.move(registry.register(first[0]))
    requests = [pb.SearchRequest(query=query, page_size=200) for query in ("red lamp", QUERY, "golden clock", "metal")]
    over = {**KSERVE, "kserve_address": endpoint.address}
    async with ranker(tmp_path / "a", registry, precision="fp32") as inside:
        async with ranker(tmp_path / "b", registry, **over) as remote:
            await live(inside, ONE)
            assert (await live(remote, ONE)).live.engine == "kserve"
            for request in requests:
                near, far = await inside.Search(request), await remote.Search(request)
                assert ids(far) == ids(near)
                assert [r.score for r in far.results] == pytest.approx([r.score for r in near.results], abs=1e-5)
                assert not far.info.degradations
            for_you = pb.RecommendRequest(kind=pb.RECOMMEND_KIND_FOR_YOU, context=customer("c1"))
            near_by, far_off = await inside.Recommend(for_you), await remote.Recommend(for_you)
            assert ids(far_off) == ids(near_by)
            assert [r.score for r in far_off.results] == pytest.approx([r.score for r in near_by.results], abs=1e-5)
            assert endpoint.calls["shop_ranker_1"] > 0
            stored = tmp_path / "b" / "state" / "artifacts"
            assert list(stored.rglob(first[0].digests["search_index.arrow"]))
            assert not list(stored.rglob(first[0].digests["ranker.onnx"])), "the endpoint has the graphs"

            endpoint.refuse = grpc.StatusCode.UNAVAILABLE
            degraded = await remote.Search(requests[0])
            told = [(entry.skipped_stage, entry.cause) for entry in degraded.info.degradations]
            assert told == [("vector", "ENGINE_UNAVAILABLE"), ("neural", "ENGINE_UNAVAILABLE")]
            assert degraded.results[0].title.split()[::2] == ["red", "lamp"]
    async with ranker(tmp_path / "b", registry, **over) as remote:
        assert (await state(remote)).live.model_version == ONE, "an endpoint that is away stops no restart"
        endpoint.refuse = None
        endpoint.serve(first[0], {"shop_ranker_2": "ranker.onnx"})
        registry.move(registry.register(second[0]))
    async with ranker(tmp_path / "b", registry, **over) as remote:
        found = await until(remote, lambda told: told.HasField("last_load_failure"))
        assert (found.live.model_version, found.last_load_failure.reason) == (ONE, "GOLDEN_MISMATCH")
