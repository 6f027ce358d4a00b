"""The ranker over an inference endpoint of the Open Inference Protocol: the same answers, and its absence."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import grpc.aio
import pytest
from aisle.ranker.v1 import ranker_service_pb2 as pb
from aisle_ranker.domain.engine import EMBEDDER, EMBEDDING, RANKER
from aisle_ranker.engines.kserve import KserveEngine
from aisle_ranker.engines.onnx import OnnxEngine
from aisle_ranker.engines.tokenizing import BundleTokenizer
from aisle_ranker.errors import EngineUnavailable
from aisle_runtime.testing.nats import nats_server
from ranker_fakes import (
    Bundle,
    FakeEndpoint,
    FakeRegistry,
    Reference,
    fake_endpoint,
)
from ranker_host import (
    ONE,
    QUERY,
    WAIT_SECONDS,
    customer,
    first,
    ids,
    live,
    ranker,
    registry,
    second,
    state,
    until,
)

__all__ = ["first", "nats_server", "registry", "second"]

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
