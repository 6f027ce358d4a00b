"""A suggested contract is one: it can be stored, holds on its own rows, and is the same every time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from aisle_governance.domain.check_context import CheckContext
from aisle_governance.domain.contract import run_checks
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.engines import expressions
from aisle_governance.engines.governor import published_schema
from aisle_governance.engines.odcs import parse_contract
from aisle_governance.engines.suggesting import suggest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

NOW = datetime(2026, 3, 10, tzinfo=UTC)


def orders(count: int = 400, **columns: Any) -> pa.Table:
    data: dict[str, Any] = {
        "order_id": [f"O{number}" for number in range(count)],
        "product_id": [f"P{number % 7}" for number in range(count)],
        "title": ["Red mug" if number % 10 else None for number in range(count)],
        "quantity": [1 + number % 5 for number in range(count)],
        "unit_price": [1.5 * (1 + number % 40) for number in range(count)],
        "currency": ["EUR" if number % 3 else "GBP" for number in range(count)],
        "customer_id": [f"c-{number % 50}" for number in range(count)],
        "order_time": [NOW - timedelta(hours=number) for number in range(count)],
    } | columns
    schema = published_schema(DatasetKind.ORDERS)
    arrays = [pa.array(data.get(field.name, [None] * count), field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def results(text: str, table: pa.Table, references: Any = None) -> dict[str, Any]:
    contract = parse_contract(text, DatasetKind.ORDERS)
    context = CheckContext(
        now=NOW.timestamp(),
        lookup=lambda dataset, column: references[dataset][column],
        count_broken=expressions.count_broken,
    )
    return {one.check: one for one in run_checks(contract.checks, table, context)}


def test_what_was_seen_is_asked_for_with_room_beside_it() -> None:
    references = {"products": {"product_id": pa.chunked_array([[f"P{number}" for number in range(9)]])}}
    found = suggest("orders", DatasetKind.ORDERS, orders(), NOW.timestamp(), references)
    evidence = {one.check: one for one in found.proposals}
    assert all(one.holding_ratio == 1.0 for one in found.proposals)
    for name in (
        "order_id.required", "order_id.unique", "title.missingValues", "quantity.range", "currency.invalidValues",
        "unit_price.statistics", "unit_price.distribution", "order_time.freshness", "product_id.reference.products",
        "order_id.pattern", "table.volume",
    ):  # fmt: skip
        assert name in evidence, name
    assert "title.required" not in evidence and "product_id.unique" not in evidence
    assert "40 of 400 rows (10.0 %)" in evidence["title.missingValues"].evidence
    assert any(text.startswith("product_id is no key: 7 different values") for text in found.left_out)
    assert all(one.passed for one in results(found.contract_yaml, orders(), references).values())
    assert suggest("orders", DatasetKind.ORDERS, orders(), NOW.timestamp(), references) == found
    moved = orders(unit_price=[1e6] * 400, currency=["USD"] * 400, order_id=["O1"] * 400, product_id=["Q"] * 400)
    failed = {name for name, one in results(found.contract_yaml, moved, references).items() if not one.passed}
    expected = {"unit_price.range", "unit_price.statistics", "currency.invalidValues", "order_id.unique"}
    assert expected | {"product_id.reference.products"} <= failed


def test_no_value_of_a_person_stands_in_a_suggestion() -> None:
    table = orders(customer_id=["zq-77"] * 400, title=["Zoe Quint wrote this"] * 400, country=["Narnia"] * 400)
    found = suggest("orders", DatasetKind.ORDERS, table, NOW.timestamp())
    whole = found.contract_yaml + repr(found)
    assert "Narnia" in whole and "zq-77" not in whole and "Quint" not in whole


def test_old_data_and_few_rows_are_not_asked_for_what_nobody_can_know() -> None:
    old = suggest("o", DatasetKind.ORDERS, orders(), (NOW + timedelta(days=900)).timestamp())
    assert not any(one.check == "order_time.freshness" for one in old.proposals)
    assert any("900.0 days old" in text for text in old.left_out)
    few = suggest("o", DatasetKind.ORDERS, orders(3), NOW.timestamp())
    assert {one.check.rpartition(".")[2] for one in few.proposals} == {"type", "volume"}


def test_numbers_that_a_float_cannot_hold_are_seen() -> None:
    table = orders(quantity=[0, 2**63 - 1, -(2**63), 5] * 100)
    found = suggest("orders", DatasetKind.ORDERS, table, NOW.timestamp())
    assert all(one.passed for one in results(found.contract_yaml, table).values())
    assert any(one.check == "quantity.range" for one in found.proposals)
    for extreme in (1.7e308, -1.7e308, 5e-324, -1e-300):
        table = orders(unit_price=[0.0, extreme, -1.7e308, 1.0] * 100)
        found = suggest("orders", DatasetKind.ORDERS, table, NOW.timestamp())
        assert all(one.passed for one in results(found.contract_yaml, table).values())


NO_SHRINK = (Phase.explicit, Phase.reuse, Phase.generate)
"""A failing table is small enough to be read; making it smaller takes minutes."""
texts = st.none() | st.text(max_size=8) | st.sampled_from(["A", "B", " ", "- x", "yes", "1"])
numbers = st.none() | st.floats() | st.sampled_from([0.0, 1e-300, -1e300, 5.0])
whole = st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(0, 3)
times = st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1))


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), phases=NO_SHRINK)
@given(st.data(), st.integers(1, 8), st.sampled_from([1, 25, 120]))
def test_a_suggestion_always_can_be_stored_and_holds_on_its_own_rows(data: Any, size: int, copies: int) -> None:
    def column(strategy: Any) -> list[Any]:
        return [one for one in data.draw(st.lists(strategy, min_size=size, max_size=size)) for _ in range(copies)]

    table = orders(
        size * copies,
        order_id=column(texts),
        title=column(texts),
        country=column(texts),
        currency=column(texts),
        unit_price=column(numbers),
        quantity=column(whole),
        order_time=column(times),
    )
    found = suggest("orders", DatasetKind.ORDERS, table, NOW.timestamp())
    broken = {name: one.message for name, one in results(found.contract_yaml, table).items() if not one.passed}
    assert not broken
    assert suggest("orders", DatasetKind.ORDERS, table, NOW.timestamp()).contract_yaml == found.contract_yaml
