"""Bundles as the ranker opens them: parity with plain numpy, and every kind of damage."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from aisle_ranker.domain.answer import Trail
from aisle_ranker.domain.budget import Deadline
from aisle_ranker.domain.cascade import Cascade
from aisle_ranker.domain.catalog import LiveModel
from aisle_ranker.domain.golden import Golden, SmokeTest
from aisle_ranker.domain.loads import Version
from aisle_ranker.domain.neural import Neural
from aisle_ranker.domain.profile import taste
from aisle_ranker.domain.recommend import Recommend
from aisle_ranker.domain.search import Search
from aisle_ranker.engines.loader import BundleLoader, OnnxMaker
from aisle_ranker.errors import BundleInvalid, DataLoss, GoldenMismatch
from bundle_factory import Bundle, build


def offload(work):
    return asyncio.to_thread(work)


async def opened(bundle: Bundle, folder: Path, precision: str = "int8") -> tuple[LiveModel, Golden]:
    maker = OnnxMaker(ThreadPoolExecutor(1), 1, 1, precision)
    return await BundleLoader(maker).open("models/m/versions/1", bundle.digest, bundle.write(folder), bundle.digests)


def smoke(precision: str = "int8") -> SmokeTest:
    cascade = Cascade(Neural())
    return SmokeTest(Search(cascade, offload), Recommend(cascade, offload), precision)


@pytest.mark.parametrize("precision", ["int8", "fp32"])
async def test_a_sound_bundle_passes_its_golden_requests(tmp_path: Path, precision: str) -> None:
    live, golden = await opened(build()[0], tmp_path, precision)
    await smoke(precision).check(live, golden)
    assert (len(golden.pairs), len(golden.search), len(golden.recommend)) == (6, 2, 3)


async def test_search_is_exactly_the_documented_blend(tmp_path: Path) -> None:
    bundle, reference = build()
    live, _ = await opened(bundle, tmp_path)
    search = smoke().search
    for query in ("red lamp", "large wooden desk", "golden clock clock", "metal"):
        found = await search.order(live, query, skip_neural=False, deadline=Deadline(None), trail=Trail())
        expected = [bundle.shop.product_id(row) for row in reference.search(query, 30)]
        assert found.product_ids[:30] == expected, query
        assert (np.diff(found.scores) <= 1e-9).all()


async def test_recommendations_are_exactly_the_documented_blend(tmp_path: Path) -> None:
    bundle, reference = build()
    live, _ = await opened(bundle, tmp_path)
    for customer in bundle.shop.histories:
        shopper = taste(live, customer, (), ())
        found = await smoke().recommend.for_you(
            live, shopper, skip_neural=False, deadline=Deadline(None), trail=Trail()
        )
        assert found.product_ids[:20] == [bundle.shop.product_id(row) for row in reference.recommend(customer, 20)]


async def test_a_model_that_answers_otherwise_fails_the_smoke_test(tmp_path: Path) -> None:
    bundle, _ = build()
    other, _ = build(relevance_scale=2.0)
    wrong = bundle.changed(ranker__int8__onnx=other.files["ranker.int8.onnx"])
    with pytest.raises(GoldenMismatch, match=r"pairs\[0\]"):
        await smoke().check(*await opened(wrong, tmp_path / "pairs"))
    turned, _ = build(seed=5)
    wrong = bundle.changed(embedder__int8__onnx=turned.files["embedder.int8.onnx"])
    with pytest.raises(GoldenMismatch, match="embeddings"):
        await smoke().check(*await opened(wrong, tmp_path / "embeddings"))
    golden = json.loads(bundle.files["golden.json"])
    golden["search"] = [{"query": "red lamp", "top_product_ids": ["p00200", "p00201", "p00202"]}]
    wrong = bundle.changed(golden__json=json.dumps(golden).encode())
    with pytest.raises(GoldenMismatch, match="search"):
        await smoke().check(*await opened(wrong, tmp_path / "search"))


@pytest.mark.parametrize(
    ("path", "data", "problem"),
    [
        ("manifest.json", b"{", "not JSON"),
        ("manifest.json", b'{"format": "other"}', "format"),
        ("tokenizer.json", b"{}", "tokenizer.json"),
        ("golden.json", b"[]", "golden.json"),
        ("golden.json", b"{}", "no example"),
        ("ranker.int8.onnx", b"not a graph", "ranker"),
        ("search_index.arrow", b"not arrow", "search_index.arrow"),
        ("histories.arrow", b"", "histories.arrow"),
    ],
)
async def test_a_damaged_file_is_named(tmp_path: Path, path: str, data: bytes, problem: str) -> None:
    bundle, _ = build()
    bundle.files[path] = data
    with pytest.raises(BundleInvalid, match=problem):
        await BundleLoader(OnnxMaker(ThreadPoolExecutor(1), 1, 1, "int8")).open(
            "models/m/versions/1", bundle.digest, bundle.write(tmp_path), {}
        )


async def test_a_manifest_that_promises_other_files_is_refused(tmp_path: Path) -> None:
    bundle, _ = build()
    digests = bundle.digests | {"golden.json": "0" * 64}
    with pytest.raises(BundleInvalid, match=r"promises another golden\.json"):
        await BundleLoader(OnnxMaker(ThreadPoolExecutor(1), 1, 1, "int8")).open(
            "models/m/versions/1", bundle.digest, bundle.write(tmp_path), digests
        )


def test_only_the_files_of_the_wanted_precision_are_asked_for() -> None:
    bundle, _ = build()
    loader = BundleLoader(OnnxMaker(ThreadPoolExecutor(1), 1, 1, "int8"))
    assert "ranker.onnx" not in loader.wanted(bundle.files)
    with pytest.raises(BundleInvalid, match="no file ranker"):
        loader.wanted(set(bundle.files) - {"ranker.int8.onnx"})


def test_a_bundle_digest_that_is_not_that_of_the_files_is_refused() -> None:
    bundle, _ = build()
    Version("models/m/versions/1", bundle.digest, bundle.digests, 1).check_digest()
    with pytest.raises(DataLoss):
        Version("models/m/versions/1", "0" * 64, bundle.digests, 1).check_digest()


async def test_a_bundle_without_orders_still_searches(tmp_path: Path) -> None:
    bundle, _ = build()
    files = {p: d for p, d in bundle.files.items() if p not in ("recommend_index.arrow", "covisit.arrow")}
    live, _ = await opened(Bundle(bundle.shop, files), tmp_path)
    trail = Trail()
    found = await smoke().recommend.for_you(
        live, taste(live, "c1", (), ()), skip_neural=False, deadline=Deadline(None), trail=trail
    )
    assert (len(found), [(d.stage, d.cause) for d in trail.degradations]) == (0, [("recall", "NO_MODEL")])
    similar = await smoke().recommend.similar(live, "p00000", deadline=Deadline(None), trail=Trail())
    assert "p00000" not in similar.product_ids
    assert set(similar.sources) == {"vector"}
