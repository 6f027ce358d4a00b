"""Business rules over an order: what they do to it, whom they name, and how scores still add up."""

from typing import Any

import numpy as np
import pytest
from aisle.ranker.v1 import serving_config_pb2 as pb
from aisle_ranker.convert_placements import boosts, placement
from aisle_ranker.domain.answer import Ordering, Source
from aisle_ranker.domain.merchandise import arrange
from aisle_ranker.domain.placement import Circumstances
from aisle_ranker.errors import InvalidField
from google.protobuf.json_format import ParseDict
from ranker_support import Opened

COUNT = 10
BRANDS = ["acme", "acme", "acme", "bolt", "bolt", "", "cord", "acme", "", "dusk"]


def came(shop: Opened) -> Ordering:
    catalog = shop.live.search.catalog
    first, second = np.linspace(2.0, 1.0, COUNT), np.linspace(0.3, 0.1, COUNT)
    return Ordering(
        [catalog.product_ids[at] for at in range(COUNT)],
        [catalog.titles[at] for at in range(COUNT)],
        first + second,
        {"vector": Source.unranked(first), "bm25": Source.unranked(second)},
        parts={"vector": first, "bm25": second},
    )


def config(**fields: Any) -> Any:
    return placement(ParseDict({"name": "servingConfigs/shop", "version": 3, **fields}, pb.ServingConfig()))


def around(shop: Opened, request: dict[str, Any] | None = None, **more: Any) -> Circumstances:
    ids = came(shop).product_ids
    attributes = {one: {"brand": brand} for one, brand in zip(ids, BRANDS, strict=True) if brand}
    return Circumstances(facts=request or {"query": "lamp"}, attributes=attributes, **more)


def run(shop: Opened, answer_id: str = "a-1", circumstances: Circumstances | None = None, **fields: Any) -> Ordering:
    return arrange(shop.live, came(shop), config(**fields), circumstances or around(shop), answer_id)


def places(found: Ordering) -> list[int]:
    return [int(one[1:]) for one in found.product_ids]


def rule(action: dict[str, Any], products: str = "", when: str = "", name: str = "r") -> dict[str, Any]:
    return {"id": name, "when": when, "products": products, **action}


def test_boost_and_bury_change_scores_and_say_so(shop: Opened) -> None:
    found = run(
        shop,
        rules=[
            rule({"boost": 0.5}, 'product_id IN ("p00004")', name="up"),
            rule({"bury": 5.0}, 'brand = "acme"', name="down"),
        ],
    )
    assert places(found) == [4, 3, 5, 6, 8, 9, 0, 1, 2, 7]
    assert list(found.scores) == sorted(found.scores, reverse=True)
    by_id = {one.product_id: one for one in found.results(0, COUNT)}
    up, down = by_id["p00004"], by_id["p00000"]
    assert [(m.kind, m.rule, m.before, m.after) for m in up.moves] == [("boost", "up", 5, 2)]
    assert [(m.kind, m.rule, m.before, m.after) for m in down.moves] == [("bury", "down", 1, 7)]
    assert by_id["p00003"].moves == ()


def test_contributions_add_up_to_the_score_to_the_bit(shop: Opened) -> None:
    read, _ = boosts([pb.ProductBoost(products='title : "red"', boost=0.1)])
    found = run(
        shop,
        circumstances=around(shop, boosts=read),
        rules=[rule({"boost": 0.7}, 'title : "small"', name="a"), rule({"bury": 0.3}, 'brand = "bolt"', name="b")],
        diversity={"strength": 0.5},
    )
    sources = set()
    for result in found.results(0, COUNT):
        total = 0.0
        for source, value in result.contributions:
            total += value
            sources.add(source)
        assert total.hex() == result.score.hex()
    assert sources == {"vector", "bm25", "rule:a", "rule:b", "boosts[0]"}


def test_exclude_keep_only_and_their_conditions(shop: Opened) -> None:
    excluded = run(shop, rules=[rule({"exclude": {}}, 'brand = "acme"')])
    assert places(excluded) == [3, 4, 5, 6, 8, 9]
    kept = run(shop, rules=[rule({"keep_only": {}}, 'brand IN ("bolt", "cord")', 'query : "lamp"')])
    assert places(kept) == [3, 4, 6]
    other = run(shop, rules=[rule({"exclude": {}}, 'brand = "acme"', 'device = "phone"')])
    assert places(other) == list(range(COUNT))
    assert len(run(shop, rules=[rule({"exclude": {}}, "NOT rating > 9")])) == 0


def test_pins_win_over_everything_and_may_add_a_product(shop: Opened) -> None:
    pins = [
        rule({"pin_position": 2}, 'product_id IN ("p00009", "p00050", "nowhere")', name="two"),
        rule({"pin_position": 1}, 'product_id = "p00005"', name="one"),
    ]
    found = run(shop, rules=pins, diversity={"strength": 0.9})
    assert places(found)[:2] == [5, 9] and len(found) == COUNT
    added = run(shop, circumstances=around(shop, may_add=True), rules=pins)
    assert places(added) == [5, 9, 50, 0, 1, 2, 3, 4, 6, 7, 8]
    new = added.results(2, 1)[0]
    assert new.title == shop.live.title("p00050") and new.score == 0.0 and new.components == ()
    assert [(m.kind, m.rule, m.before, m.after) for m in new.moves] == [("pin", "two", 0, 3)]


def test_a_pin_does_not_bring_back_what_is_left_out_and_takes_the_best_after_boosts(shop: Opened) -> None:
    title = shop.live.title("p00050").split()[0]
    out = rule({"exclude": {}}, f'title : "{title}"', name="out")
    pin = rule({"pin_position": 1}, 'product_id = "p00050"', name="pin")
    found = run(shop, circumstances=around(shop, may_add=True), rules=[pin, out])
    assert "p00050" not in found.product_ids
    best = [rule({"pin_position": 1}, 'brand = "bolt"', name="pin"), rule({"boost": 0.5}, 'product_id = "p00004"')]
    assert places(run(shop, rules=best))[:3] == [4, 3, 0]


def test_a_cap_bounds_a_brand_among_the_first_ones(shop: Opened) -> None:
    cap = rule({"exposure_cap": {"attribute": "brand", "max_count": 1, "window": 4}}, name="cap")
    found = run(shop, rules=[cap])
    assert places(found)[:4] == [0, 3, 5, 6]
    moved = {one.product_id: one.moves for one in found.results(0, COUNT) if one.moves}
    assert set(moved) == {"p00001", "p00002", "p00004"} and moved["p00001"][0].rule == "cap"
    pinned = run(shop, rules=[cap, rule({"pin_position": 1}, 'product_id = "p00007"', name="pin")])
    assert places(pinned)[:4] == [7, 3, 5, 6]
    few = run(shop, rules=[cap, rule({"keep_only": {}}, 'brand = "acme"', name="only")])
    assert places(few) == [0, 1, 2, 7]


@pytest.mark.parametrize(
    "exploration",
    [
        {"epsilon_slot": {"position": 2, "epsilon": 0.9, "window": 8}},
        {"plackett_luce": {"position": 2, "window": 6, "temperature": 2.0}},
    ],
)
def test_exploration_logs_how_likely_each_place_was_and_keeps_caps_and_pins(
    shop: Opened, exploration: dict[str, Any]
) -> None:
    rules = [
        rule({"exposure_cap": {"attribute": "brand", "max_count": 1, "window": 5}}, name="cap"),
        rule({"pin_position": 1}, 'product_id = "p00008"', name="pin"),
    ]
    rounds, seen, wanted, given = 400, {}, config(rules=rules, exploration=exploration), around(shop)
    told: dict[tuple[int, int], float] = {}
    for number in range(rounds):
        found = arrange(shop.live, came(shop), wanted, given, f"a-{number}")
        order = places(found)
        assert order[0] == 8
        brands = [BRANDS[at] for at in order[:5] if BRANDS[at]]
        assert len(brands) == len(set(brands))
        for place, result in enumerate(found.results(0, COUNT)):
            key = (order[place], place)
            seen[key] = seen.get(key, 0) + 1
            assert told.setdefault(key, result.propensity) == result.propensity
    assert any(chance < 1 for chance in told.values())
    for key, chance in told.items():
        assert abs(seen[key] / rounds - chance) <= 5 * np.sqrt(chance * (1 - chance) / rounds) + 1e-9
    again = run(shop, "a-7", rules=rules, exploration=exploration)
    assert places(again) == places(run(shop, "a-7", rules=rules, exploration=exploration))


def test_without_anything_to_do_the_order_is_the_one_that_came(shop: Opened) -> None:
    order = came(shop)
    idle = config(rules=[rule({"exclude": {}}, 'brand = "acme"', 'page = "home"')])
    assert arrange(shop.live, order, idle, around(shop), "a-1") is order


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"rules": [{"id": "Bad Id"}]}, "rules[0].id"),
        ({"rules": [{"id": "a"}]}, "rules[0].action"),
        ({"rules": [rule({"boost": 1})]}, "rules[0].products"),
        ({"rules": [rule({"boost": -1}, 'brand = "a"')]}, "rules[0].boost"),
        ({"rules": [rule({"boost": "NaN"}, 'brand = "a"')]}, "rules[0].boost"),
        ({"rules": [rule({"pin_position": 0}, 'brand = "a"')]}, "rules[0].pin_position"),
        ({"rules": [rule({"exclude": {}}, 'brand = "a"'), rule({"exclude": {}}, 'brand = "b"')]}, "rules[1].id"),
        ({"rules": [rule({"exclude": {}}, 'brand = "a"', 'brand = "a"')]}, "rules[0].when"),
        ({"rules": [rule({"exposure_cap": {"attribute": "title", "max_count": 1, "window": 5}})]}, "attribute"),
        ({"rules": [rule({"exposure_cap": {"attribute": "brand", "max_count": 0, "window": 5}})]}, "max_count"),
        ({"diversity": {"strength": 1.5}}, "diversity.strength"),
        ({"exploration": {}}, "exploration.kind"),
        ({"exploration": {"epsilon_slot": {"position": 1, "epsilon": 0, "window": 5}}}, "epsilon"),
        ({"exploration": {"plackett_luce": {"position": 1, "window": 11, "temperature": 1}}}, "window"),
        ({"exploration": {"plackett_luce": {"position": 1, "window": 5, "temperature": 0}}}, "temperature"),
    ],
)
def test_a_config_that_does_not_fit_names_the_field(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidField) as caught:
        config(**fields)
    assert caught.value.field.startswith("serving_config.") and caught.value.field.endswith(path)


def test_a_boost_of_a_request_that_does_not_parse_is_reported_not_fatal() -> None:
    read, invalid = boosts(
        [pb.ProductBoost(products="title ~", boost=1), pb.ProductBoost(products='a = "b"', boost=-1)]
    )
    assert [(one.source, one.amount) for one in read] == [("boosts[1]", -1.0)]
    assert [field for field, _ in invalid] == ["boosts[0].products"] and "at character 7" in invalid[0][1]
    with pytest.raises(InvalidField, match=r"boosts\[0\].boost"):
        boosts([pb.ProductBoost(products='a = "b"', boost=float("nan"))])
