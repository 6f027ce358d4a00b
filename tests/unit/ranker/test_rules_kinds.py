"""Kinds of proposals from orders and deeds, and what is trending."""

from collections.abc import Sequence

import numpy as np
import pytest
from aisle_ranker.domain.answer import Ordering, Trail
from aisle_ranker.domain.baskets import Baskets
from aisle_ranker.domain.budget import Deadline
from aisle_ranker.domain.cascade import Cascade
from aisle_ranker.domain.kinds import Kinds, _due
from aisle_ranker.domain.neural import Neural
from aisle_ranker.domain.profile import Deed
from aisle_ranker.errors import UnknownProduct
from aisle_ranker.trends import HALF_LIFE_SECONDS, MOST_PRODUCTS, Trends
from aisle_runtime.testing import FakeClock
from ranker_support import Opened, at_once

DAY = 86_400.0
KINDS = Kinds(Cascade(Neural()), at_once)


def hurry() -> dict[str, object]:
    return {"deadline": Deadline(None), "trail": Trail()}


def ids(found: Ordering, top: int = 5) -> Sequence[str]:
    return list(found.product_ids[:top])


def test_baskets_are_cut_where_customer_or_time_changes() -> None:
    rows = np.array([1, 2, 1, 3, 1, 2, 2, -1, 1])
    times = np.array([5, 5, 6, 6, 6, 6, 6, 6, 7])
    found = Baskets.of(rows, times, np.array([0, 4, 9]))
    # Orders: {1, 2}, {1, 3}, {1, 2}, {1}.
    others, scores = found.together(1)
    assert list(others) == [2, 3]
    assert scores == pytest.approx([2 / np.sqrt(4 * 2), 1 / np.sqrt(4 * 1)])
    assert [list(part) for part in found.together(3)] == [[1], [0.5]]
    assert [len(part) for part in (found.together(0)[0], found.together(99)[0])] == [0, 0]
    empty = Baskets.of(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(3, np.int64))
    assert len(empty.together(0)[0]) == 0


async def test_what_is_bought_together_needs_an_order_with_both(shop: Opened) -> None:
    found = await KINDS.bought_together(shop.live, "p00100", **hurry())  # type: ignore[arg-type]
    assert ids(found) == []  # in the test shop every purchase is an order of its own
    with pytest.raises(UnknownProduct) as caught:
        await KINDS.bought_together(shop.live, "nowhere", **hurry())  # type: ignore[arg-type]
    assert caught.value.facts["field"] == "product_id"


async def test_others_also_goes_by_customers_and_then_by_meaning(shop: Opened) -> None:
    found = await KINDS.others_also(shop.live, "p00010", **hurry())  # type: ignore[arg-type]
    assert ids(found, 3) == ["p00011", "p00012", "p00013"]
    assert "p00010" not in found.product_ids and len(found) > 100
    with pytest.raises(UnknownProduct):
        await KINDS.others_also(shop.live, "nowhere", **hurry())  # type: ignore[arg-type]


async def test_buy_it_again_knows_own_purchases_only(shop: Opened) -> None:
    deeds = [Deed("p00020", "purchase", 1.7e9), Deed("p00021", "click", 1.7e9), Deed("gone", "purchase", 1.7e9)]
    found = await KINDS.again(shop.live, "c1", deeds, 1.8e9, **hurry())  # type: ignore[arg-type]
    assert ids(found) == ["p00000", "p00004", "p00008", "p00020"]
    assert len(await KINDS.again(shop.live, "", [], 1.8e9, **hurry())) == 0  # type: ignore[arg-type]
    assert len(await KINDS.again(shop.live, "stranger", [], 1.8e9, **hurry())) == 0  # type: ignore[arg-type]


def test_a_product_is_due_when_its_usual_time_has_passed() -> None:
    assert _due([0.0, 10 * DAY], 20 * DAY) == pytest.approx(0.5)
    assert _due([0.0, 10 * DAY], 11 * DAY) < _due([0.0, 10 * DAY], 40 * DAY) < 1
    assert (_due([5.0], 9.0), _due([5.0, 5.0], 9.0), _due([0.0, 10.0], 5.0)) == (0.0, 0.0, 0.0)


async def test_trending_is_live_first_and_popular_without_events(shop: Opened) -> None:
    found = await KINDS.trending(shop.live, {"p00007": 0.2, "gone": 9.0, "p00003": 1.5}, **hurry())  # type: ignore[arg-type]
    popular = await KINDS.trending(shop.live, {}, **hurry())  # type: ignore[arg-type]
    assert ids(found, 2) == ["p00003", "p00007"]
    best = [shop.live.recommend.catalog.product_ids[row] for row in shop.live.recommend.popular[:5]]
    assert ids(popular) == best
    assert len(set(found.product_ids)) == len(found)


async def test_recently_viewed_is_newest_first_without_purchases(shop: Opened) -> None:
    deeds = [
        Deed("p00001", "view", 1.0), Deed("p00002", "click", 2.0), Deed("p00001", "view", 3.0),
        Deed("p00003", "purchase", 4.0), Deed("gone", "view", 5.0),
    ]  # fmt: skip
    found = await KINDS.viewed(shop.live, deeds, ["p00009"], **hurry())  # type: ignore[arg-type]
    assert ids(found) == ["p00009", "p00001", "p00002"]
    assert len(await KINDS.viewed(shop.live, [], [], **hurry())) == 0  # type: ignore[arg-type]


def test_trends_fade_by_half() -> None:
    clock = FakeClock(1e9)
    trends = Trends(clock)
    trends.add(Deed("a", "purchase", 1e9))
    trends.add(Deed("b", "view", 1e9))
    trends.add(Deed("c", "purchase", 1e9 - HALF_LIFE_SECONDS))
    trends.add(Deed("future", "purchase", 1e12))
    assert trends.top() == pytest.approx({"future": 1.0, "a": 1.0, "c": 0.5, "b": 0.3})
    clock.advance(HALF_LIFE_SECONDS)
    trends.add(Deed("d", "cart", clock()))
    assert list(trends.top()) == ["d", "future", "a", "c", "b"]
    assert trends.top()["a"] == pytest.approx(0.5)
    clock.advance(400 * HALF_LIFE_SECONDS)
    trends.add(Deed("new", "view", clock()))
    assert list(trends.top()) == ["new"]


def test_trends_are_bounded() -> None:
    trends = Trends(FakeClock(1e9))
    for number in range(MOST_PRODUCTS + 1):
        trends.add(Deed(f"p{number}", "view" if number else "purchase", 1e9))
    assert next(iter(trends.top())) == "p0"
    assert len(trends._sums) <= MOST_PRODUCTS
