"""Profiles and tastes: what the training data knows, joined with what was done since."""

import pytest
from aisle_ranker.domain.profile import RECENT_SHOWN, Deed, Evidence, describe, interests, taste
from aisle_ranker.errors import UnknownCustomer
from ranker_support import Opened


def test_a_profile_joins_orders_and_what_was_done_since(shop: Opened) -> None:
    product, titles = shop.bundle.shop.product_id, shop.bundle.shop.titles
    profile = describe(shop.live, "c1", [Deed(product(60), "click", 2e9), Deed("gone", "view", 2e9 + 1)])
    assert [(entry.product_id, entry.title, entry.action) for entry in profile.recent] == [
        ("gone", "", "view"),
        (product(60), titles[60], "click"),
        *[(product(row), titles[row], "purchase") for row in (8, 0, 4, 0)],
    ]
    assert profile.recent[-1].time == 1_300_000_000.0
    assert (profile.customer_id, profile.order_count) == ("c1", 4)
    assert profile.interests[0].weight == 1.0
    weights = [entry.weight for entry in profile.interests]
    assert weights == sorted(weights, reverse=True)
    assert all(0 < weight <= 1 for weight in weights)


def test_a_customer_is_known_from_either_side_or_not_at_all(shop: Opened) -> None:
    assert describe(shop.live, "c2", ()).order_count == 2
    only_live = describe(shop.live, "new", [Deed(shop.bundle.shop.product_id(3), "cart", 5.0)])
    assert (only_live.order_count, [entry.action for entry in only_live.recent]) == (0, ["cart"])
    with pytest.raises(UnknownCustomer) as caught:
        describe(shop.live, "secret-id", ())
    assert "secret-id" not in caught.value.message


def test_only_the_newest_are_shown(shop: Opened) -> None:
    deeds = [Deed(shop.bundle.shop.product_id(at), "view", float(at)) for at in range(RECENT_SHOWN + 10)]
    recent = describe(shop.live, "new", deeds).recent
    assert [entry.time for entry in recent] == [float(at) for at in range(59, 9, -1)]


def test_interests_weigh_action_recency_and_rarity() -> None:
    idf = {"lamp": 2.0, "red": 1.0, "mug": 2.0, "everywhere": 0.0}
    seen = [
        Evidence("p1", "Red lamp everywhere", "click", 3.0),
        Evidence("p2", "red MUG 12 xl unheard", "purchase", 2.0),
    ]
    found = interests(seen, idf)
    half = 0.5**0.1
    raw = {"mug": 1.0 * half * 2.0, "red": 0.5 + half, "lamp": 0.5 * 2.0}
    assert [entry.topic for entry in found] == ["mug", "red", "lamp"]
    assert [entry.weight for entry in found] == pytest.approx([value / raw["mug"] for value in raw.values()])
    assert [entry.product_ids for entry in found] == [("p2",), ("p1", "p2"), ("p1",)]
    assert interests([], idf) == ()


def test_a_taste_is_newest_first_and_counts_purchases(shop: Opened) -> None:
    product = shop.bundle.shop.product_id
    deeds = [Deed(product(4), "purchase", 1.0), Deed(product(60), "click", 2.0), Deed("gone", "purchase", 3.0)]
    found = taste(shop.live, "c1", deeds, [product(61), "gone", product(8)])
    assert found.recent == (8, 61, 60, 4, 0)
    assert found.bought == {0: 2, 4: 2, 8: 1}
    assert taste(shop.live, "", (), ()).recent == taste(shop.live, "nobody", (), ()).recent == ()
