"""Search, Recommend and Rank on the test shop: what is found, where it came from, and what time or engine take away."""

from dataclasses import replace

import numpy as np
import pytest
from aisle_ranker.domain.answer import Ordering, Trail
from aisle_ranker.domain.budget import Deadline
from aisle_ranker.domain.cascade import Cascade
from aisle_ranker.domain.catalog import Covisits, LiveModel
from aisle_ranker.domain.neural import Neural
from aisle_ranker.domain.profile import Deed, Taste, taste
from aisle_ranker.domain.rank import LONGEST_PRODUCT_ID, MOST_CANDIDATES, Rank, Wanted, checked
from aisle_ranker.domain.recommend import Recommend
from aisle_ranker.domain.search import Search
from aisle_ranker.domain.text_match import TEXT_FEATURES
from aisle_ranker.errors import InvalidField, UnknownProduct
from ranker_support import Away, Opened, at_once

CASCADE = Cascade(Neural())
SEARCH, RECOMMEND, RANK = Search(CASCADE, at_once), Recommend(CASCADE, at_once), Rank(CASCADE, at_once)
LATE = -1.0
NOBODY = Taste((), {})


def told(trail: Trail) -> list[tuple[str, str]]:
    return [(entry.stage, entry.cause) for entry in trail.degradations]


def stages(trail: Trail) -> list[str]:
    return [stage.name for stage in trail.stages]


async def search(
    live: LiveModel, query: str, *, trail: Trail | None = None, skip: bool = False, remaining: float | None = None
) -> Ordering:
    return await SEARCH.order(live, query, skip_neural=skip, deadline=Deadline(remaining), trail=trail or Trail())


def component(found: Ordering, at: int, source: str) -> tuple[float, int] | None:
    parts = {part.source: (part.score, part.rank) for part in found.results(at, 1)[0].components}
    return parts.get(source)


async def test_a_search_tells_its_stages_and_where_each_result_came_from(shop: Opened) -> None:
    trail = Trail()
    found = await search(shop.live, "red lamp", trail=trail)
    assert stages(trail) == ["lexical", "embed", "vector", "fuse", "neural"]
    counts = {stage.name: stage.candidate_count for stage in trail.stages}
    bm25 = shop.reference.bm25("red lamp")
    assert counts["lexical"] == int((bm25 > 0).sum())
    assert (counts["vector"], counts["fuse"], counts["neural"]) == (200, len(found), 10)
    cosine = shop.reference.embeddings @ shop.reference.embed("red lamp")
    near = np.argsort(-cosine, kind="stable")
    for at in (0, 5, 50):
        row = int(found.product_ids[at].removeprefix("p"))
        assert found.titles[at] == shop.bundle.shop.titles[row]
        score, rank = component(found, at, "vector") or (0, 0)
        assert score == pytest.approx(cosine[row], abs=1e-3)
        assert near[rank - 1] == row
        lexical = component(found, at, "bm25")
        assert lexical is None if not bm25[row] else lexical[0] == pytest.approx(bm25[row], rel=1e-5)
        assert (component(found, at, "neural_relevance") is not None) == (at < 10)
    assert told(trail) == []


async def test_a_caller_may_leave_the_neural_stage_out(shop: Opened) -> None:
    trail = Trail()
    found = await search(shop.live, "large wooden desk", trail=trail, skip=True)
    expected = shop.reference.search("large wooden desk", 30, neural=False)
    assert found.product_ids[:30] == [shop.bundle.shop.product_id(row) for row in expected]
    assert (stages(trail), told(trail)) == (["lexical", "embed", "vector", "fuse"], [])


async def test_a_blend_of_text_features_is_used_as_the_bundle_says_below_zero_too(shop: Opened) -> None:
    weights = {"neural_relevance": 0.0, "vector": 0.6, "bm25": -0.2, "trigram_coverage": 0.5, "title_length": -0.1}
    live = replace(shop.live, manifest=replace(shop.live.manifest, search_blend=weights))
    found = await search(live, "red lamp")
    rows = np.array([int(product.removeprefix("p")) for product in found.product_ids])
    match = dict(zip(TEXT_FEATURES, live.search.lexical.match(["red", "lamp"], rows).T, strict=True))
    bm25 = shop.reference.bm25("red lamp")[rows]
    cosine = (shop.reference.embeddings @ shop.reference.embed("red lamp"))[rows]
    expected = 0.6 * cosine - 0.2 * bm25 / (bm25 + 5) + 0.5 * match["trigram_coverage"] - 0.1 * match["title_length"]
    scores = [found.results(at, 1)[0].score for at in range(len(found))]
    assert scores == pytest.approx(expected.tolist(), abs=2e-3)
    assert scores == sorted(scores, reverse=True)
    ranked = await RANK.for_query(
        live,
        "red lamp",
        [Wanted(product, "") for product in found.product_ids[:5]],
        deadline=Deadline(None),
        trail=Trail(),
    )
    assert ranked.product_ids == found.product_ids[:5]


@pytest.mark.parametrize("weights", [{}, {"neural_relevance": 1.0, "vector": 2.0, "bm25": 0.0}])
async def test_a_search_without_time_still_finds_the_titles_that_match(shop: Opened, weights: dict[str, float]) -> None:
    live = replace(shop.live, manifest=replace(shop.live.manifest, search_blend=weights)) if weights else shop.live
    trail = Trail()
    found = await search(live, "red lamp", trail=trail, remaining=LATE)
    assert told(trail) == [("vector", "DEADLINE"), ("neural", "DEADLINE")]
    bm25 = shop.reference.bm25("red lamp")
    scores = [bm25[int(product.removeprefix("p"))] for product in found.product_ids]
    assert len(scores) == int((bm25 > 0).sum())
    assert scores[0] == pytest.approx(bm25.max())
    assert (np.diff(scores) <= 1e-6).all()


async def test_a_search_without_an_engine_says_so(shop: Opened) -> None:
    trail = Trail()
    found = await search(replace(shop.live, engine=Away()), "red lamp", trail=trail)
    assert told(trail) == [("vector", "ENGINE_UNAVAILABLE"), ("neural", "ENGINE_UNAVAILABLE")]
    assert set(found.sources) == {"bm25", "neural_relevance"}
    assert found.titles[0].split()[::2] == ["red", "lamp"]


async def test_a_query_that_no_title_matches_is_answered_by_vectors(shop: Opened) -> None:
    found = await search(shop.live, "zzz qqq")
    assert len(found) == 200
    assert np.isnan(found.sources["bm25"].scores).all()
    nothing = Trail()
    late = await search(shop.live, "zzz qqq", trail=nothing, remaining=LATE)
    assert (len(late), told(nothing)) == (0, [("vector", "DEADLINE")])


async def for_you(live: LiveModel, shopper: Taste, trail: Trail, **more: object) -> Ordering:
    remaining, skip = more.get("remaining"), bool(more.get("skip"))
    return await RECOMMEND.for_you(live, shopper, skip_neural=skip, deadline=Deadline(remaining), trail=trail)  # type: ignore[arg-type]


async def test_an_unknown_shopper_gets_what_is_popular(shop: Opened) -> None:
    trail = Trail()
    found = await for_you(shop.live, NOBODY, trail)
    popular = np.argsort(-shop.bundle.shop.counts, kind="stable")
    assert found.product_ids[:50] == [shop.bundle.shop.product_id(int(row)) for row in popular[:50]]
    assert (stages(trail), told(trail)) == (["recall", "fuse"], [])
    first = found.results(0, 1)[0].components
    assert [(part.source, part.score, part.rank) for part in first] == [("popularity", 1.0, 1)]


async def test_what_a_shopper_just_did_changes_the_proposals(shop: Opened) -> None:
    live, before = shop.live, Trail()
    product = shop.bundle.shop.product_id
    trail = Trail()
    found = await for_you(live, taste(live, "new", [Deed(product(60), "click", 1.0)], ()), trail)
    assert (stages(trail), told(trail)) == (["recall", "fuse", "neural"], [])
    neighbours = [product(row) for row, _ in shop.bundle.shop.neighbours(60)]
    assert set(neighbours) <= set(found.product_ids[:10])
    at = found.product_ids.index(neighbours[0])
    assert component(found, at, "covisit") == (pytest.approx(0.5), 1)
    assert component(found, at, "repeat_purchase") is None
    named = await for_you(live, taste(live, "", (), [product(60), "nowhere"]), before)
    assert named.product_ids == found.product_ids
    bought = await for_you(live, taste(live, "new", [Deed(product(60), "purchase", 1.0)], ()), Trail())
    assert component(bought, bought.product_ids.index(product(60)), "repeat_purchase") == (pytest.approx(1 / 3), 1)


async def test_proposals_without_time_keep_the_cheap_order(shop: Opened) -> None:
    shopper, trail = taste(shop.live, "c1", (), ()), Trail()
    late = await for_you(shop.live, shopper, trail, remaining=LATE)
    assert told(trail) == [("neural", "DEADLINE")]
    asked = Trail()
    cheap = await for_you(shop.live, shopper, asked, skip=True)
    assert (late.product_ids, told(asked)) == (cheap.product_ids, [])


async def test_similar_products_are_near_or_bought_together_and_never_the_product(shop: Opened) -> None:
    trail = Trail()
    product = shop.bundle.shop.product_id
    found = await RECOMMEND.similar(shop.live, product(7), deadline=Deadline(LATE), trail=trail)
    assert product(7) not in found.product_ids
    assert (stages(trail), told(trail)) == (["recall", "fuse"], [])
    cosine = shop.reference.embeddings @ shop.reference.embeddings[7]
    covisit = np.zeros(len(cosine))
    for row, score in shop.bundle.shop.neighbours(7):
        covisit[row] = score
    expected = np.argsort(-(cosine + covisit), kind="stable")
    assert found.product_ids[:10] == [product(int(row)) for row in expected if row != 7][:10]
    assert component(found, found.product_ids.index(product(9)), "covisit") == (pytest.approx(1 / 3), 2)
    ranks = found.sources["vector"].ranks
    assert sorted(ranks[ranks > 0]) == list(range(1, 201))
    of_itself = Covisits(np.array([7, 8]), np.array([1.0, 0.5]), np.array([0] * 8 + [2] * (len(cosine) - 7)))
    live = replace(shop.live, recommend=replace(shop.live.recommend, covisits=of_itself))
    found = await RECOMMEND.similar(live, product(7), deadline=Deadline(None), trail=Trail())
    assert product(7) not in found.product_ids
    assert component(found, found.product_ids.index(product(8)), "covisit") == (0.5, 1)
    with pytest.raises(UnknownProduct) as caught:
        await RECOMMEND.similar(shop.live, "x" * 500, deadline=Deadline(None), trail=Trail())
    assert caught.value.facts == {"field": "product_id", "product_id": "x" * 128}


@pytest.mark.parametrize(
    ("candidates", "field"),
    [
        ([], "candidates"),
        ([Wanted(f"p{i}", "") for i in range(MOST_CANDIDATES + 1)], "candidates"),
        ([Wanted("a", ""), Wanted("", "title")], "candidates[1].product_id"),
        ([Wanted("a", ""), Wanted("b", ""), Wanted("a", "other")], "candidates[2].product_id"),
        ([Wanted("a" * (LONGEST_PRODUCT_ID + 1), "title")], "candidates[0].product_id"),
    ],
)
def test_bad_candidates_are_named(candidates: list[Wanted], field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        checked(candidates)
    assert caught.value.field == field


def test_the_largest_request_is_taken() -> None:
    most = [Wanted(f"{i}".rjust(LONGEST_PRODUCT_ID, "p"), "") for i in range(MOST_CANDIDATES)]
    assert checked(most) == tuple(most)


async def rank(
    live: LiveModel, query: str, wanted: list[Wanted], trail: Trail, remaining: float | None = None
) -> Ordering:
    return await RANK.for_query(live, query, wanted, deadline=Deadline(remaining), trail=trail)


async def test_rank_scores_every_candidate_by_the_full_blend(shop: Opened) -> None:
    rows, trail = list(range(0, 240, 4)), Trail()
    wanted = [Wanted(shop.bundle.shop.product_id(row), "") for row in rows]
    found = await rank(shop.live, "red lamp", wanted, trail)
    reference, titles = shop.reference, shop.bundle.shop.titles
    bm25, cosine = reference.bm25("red lamp"), reference.embeddings @ reference.embed("red lamp")
    logits = np.array([reference.logit("relevance", "red lamp", titles[row]) for row in rows])
    expected = 1 / (1 + np.exp(-logits)) + 0.5 * cosine[rows] + 0.3 * bm25[rows] / (bm25[rows] + 5)
    order = np.argsort(-expected, kind="stable")
    assert found.product_ids == [wanted[int(at)].product_id for at in order]
    assert found.scores == pytest.approx(expected[order], abs=1e-3)
    assert stages(trail) == ["lexical", "embed", "vector", "fuse", "neural"]
    assert all(part.rank == 0 for result in found.results(0, 60) for part in result.components)


async def test_a_product_of_another_shop_is_scored_like_an_own_one(shop: Opened) -> None:
    own = shop.bundle.shop.product_id(0)
    title = shop.bundle.shop.titles[0]
    other = shop.bundle.shop.product_id(200)
    wanted = [Wanted(own, ""), Wanted("foreign", title), Wanted(other, title)]
    found = await rank(shop.live, "red lamp", wanted, Trail())
    assert found.titles == [title] * 3
    assert found.scores == pytest.approx([found.scores[0]] * 3, abs=1e-3)
    with pytest.raises(UnknownProduct) as caught:
        await rank(shop.live, "red lamp", [Wanted(own, ""), Wanted("foreign", "")], Trail())
    assert caught.value.facts == {"field": "candidates[1]", "product_id": "foreign"}


async def test_rank_without_time_returns_every_candidate(shop: Opened) -> None:
    trail = Trail()
    wanted = [Wanted("a", "blue mug"), Wanted("b", "red lamp"), Wanted(shop.bundle.shop.product_id(0), "")]
    found = await rank(shop.live, "red lamp", wanted, trail, LATE)
    assert told(trail) == [("vector", "DEADLINE"), ("neural", "DEADLINE")]
    assert found.product_ids == ["b", shop.bundle.shop.product_id(0), "a"]
    away = Trail()
    await rank(replace(shop.live, engine=Away()), "red lamp", wanted, away)
    assert told(away) == [("vector", "ENGINE_UNAVAILABLE"), ("neural", "ENGINE_UNAVAILABLE")]


async def test_rank_for_a_shopper_uses_what_the_shopper_bought(shop: Opened) -> None:
    product, titles = shop.bundle.shop.product_id, shop.bundle.shop.titles
    wanted = [Wanted(product(row), "") for row in (0, 5, 100)] + [Wanted("foreign", titles[5])]
    trail = Trail()
    found = await RANK.for_shopper(
        shop.live, taste(shop.live, "c1", (), ()), wanted, deadline=Deadline(None), trail=trail
    )
    assert stages(trail) == ["recall", "vector", "fuse", "neural"]
    recent, embeddings = [8, 0, 4], shop.reference.embeddings
    mean = embeddings[recent].mean(axis=0)
    popular = np.log1p(shop.bundle.shop.counts) / np.log1p(shop.bundle.shop.counts.max())
    expected = {}
    for row in (0, 5, 100):
        covisit = sum(dict(shop.bundle.shop.neighbours(own)).get(row, 0.0) for own in recent)
        logit = shop.reference.logit("purchase", " ; ".join(titles[own] for own in recent), titles[row])
        cheap = 0.5 * covisit + 0.2 * popular[row] + 0.3 * (2 / 3 if row == 0 else 0.0)
        near = 0.2 * embeddings[row] @ mean / np.linalg.norm(mean) + 0.4 / (1 + np.exp(-logit))
        expected[product(row)] = cheap + near
        if row == 5:
            expected["foreign"] = near
    assert dict(zip(found.product_ids, found.scores, strict=True)) == pytest.approx(expected, abs=1e-3)
    assert found.product_ids == sorted(expected, key=lambda product_id: -expected[product_id])
    at = {product_id: place for place, product_id in enumerate(found.product_ids)}
    assert component(found, at[product(0)], "repeat_purchase") == (pytest.approx(2 / 3), 0)
    assert component(found, at["foreign"], "popularity") is None
    nobody = Trail()
    found = await RANK.for_shopper(shop.live, NOBODY, wanted, deadline=Deadline(None), trail=nobody)
    counts = shop.bundle.shop.counts
    expected = sorted((0, 5, 100), key=lambda row: -counts[row])
    assert [entry for entry in found.product_ids if entry != "foreign"] == [product(row) for row in expected]
    assert (stages(nobody), told(nobody)) == (["recall", "fuse"], [])
