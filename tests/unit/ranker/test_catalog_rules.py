"""Rules of the catalogue: filters, facets, orders, storage and the shelf, without sockets."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aisle_ranker.convert_catalog import products_of_rows
from aisle_ranker.domain.filters import DEEPEST, parse_filter, terms
from aisle_ranker.domain.product import NANOS, Product, category_path
from aisle_ranker.domain.shelf import Shelf
from aisle_ranker.errors import InvalidField
from aisle_ranker.main import MIGRATIONS
from aisle_ranker.products import synonym_words
from aisle_ranker.shelving import MOST_DEAD_ROWS, ShelfBuilder
from aisle_ranker.storage import products as store
from aisle_runtime.db import Database


def item(product_id: str, title: str, price: float | None = None, **more: Any) -> Product:
    nanos = None if price is None else round(price * NANOS)
    return Product(product_id, title, price_nanos=nanos, currency="GBP" if price is not None else "", **more)


def found(shelf: Shelf, *words: str) -> list[str]:
    return sorted(shelf.products[row].product_id for row in shelf.text.matching(words, True))


@pytest.mark.parametrize(
    "text",
    [
        'price < 20 AND brand: ANY("a", "b") AND NOT category: UNDER("x > y") AND in_stock',
        'NOT (price <= 1.5 OR attributes.colour: ANY("a \\"b\\" \\\\ c"))',
        "price != 0 OR (in_stock AND price >= 3)",
        'category: ANY("a > b")',
    ],
)
def test_a_filter_reads_as_it_is_written(text: str) -> None:
    once = parse_filter(text)
    assert str(once) == text
    assert parse_filter(str(once)) == once


@pytest.mark.parametrize(
    ("text", "position", "expected"),
    [
        ("price <", 8, "a number"),
        ("price < nan", 9, "a number"),
        ("price < 1e5", 9, "a number"),
        ('brand: "a"', 8, "ANY"),
        ('brand: ANY("a', 12, "a text in double quotes"),
        ("in_stock AN", 10, "AND, OR, the end"),
        ("in_stock)", 9, "the end"),
        ("(in_stock", 10, ")"),
        ('price: UNDER("x")', 6, "a comparison (< <= > >= = !=)"),
    ],
)
def test_a_mistake_is_told_with_its_position(text: str, position: int, expected: str) -> None:
    with pytest.raises(InvalidField) as caught:
        parse_filter(text)
    assert caught.value.reason == "FILTER_INVALID"
    assert caught.value.facts["position"] == str(position)
    for part in expected.split(", "):
        assert part in caught.value.facts["expected"]


@pytest.mark.parametrize(
    "text",
    [
        "NOT " * (DEEPEST + 1) + "in_stock",
        "brand: ANY(" + ",".join(['"a"'] * 201) + ")",
        "(" * 990 + "NOT price < 1",
        "x" * 2001,
        "price < 20; DROP TABLE products",
        "price < 1\x00",
    ],
)
def test_a_filter_has_limits(text: str) -> None:
    with pytest.raises(InvalidField):
        parse_filter(text)


def test_only_parts_that_must_all_pass_can_be_given_up() -> None:
    assert [str(part) for part in terms(parse_filter("in_stock AND price < 1"))] == ["in_stock", "price < 1"]
    assert len(terms(parse_filter("in_stock OR price < 1"))) == 1
    assert terms(parse_filter("  ")) == []


def test_a_path_has_one_spelling() -> None:
    assert category_path(" Home>> Kitchen  > Mugs>") == "Home > Kitchen > Mugs"


def test_a_shelf_follows_changes_and_an_older_one_stays_as_it_was() -> None:
    builder = ShelfBuilder()
    first = builder.build([item("a", "red mug", 1), item("b", "blue mug", 2)], "")
    second = builder.updated(first, ["a", "c"], {"a": item("a", "red cup", 1), "c": item("c", "green mug")})
    assert (found(first, "mug"), first.count) == (["a", "b"], 2)
    assert (found(second, "mug"), found(second, "cup"), second.count) == (["b", "c"], ["a"], 3)
    third = builder.updated(second, ["b"], {"b": item("b", "blue mug", 7, stock=0)})
    assert third.size == second.size  # a new price or stock is no new row
    assert (third.price[1], bool(third.stocked[1]), second.price[1]) == (7, False, 2)
    fourth = builder.updated(third, ["c", "nobody"], {})
    assert (found(fourth, "mug"), fourth.count) == (["b"], 2)
    assert fourth.text.correct("mgu") == "mgu"
    assert fourth.text.correct("bleu") == "blue"
    assert fourth.text.correct("greem") == "greem"  # its product is gone


def test_a_shelf_is_built_anew_when_too_many_rows_are_dead() -> None:
    builder = ShelfBuilder()
    shelf = builder.build([item("a", "mug"), item("keep", "lamp")], "v")
    shelf.text.matching(["mug"], True)
    dead = Shelf(
        **{name: getattr(shelf, name) for name in shelf.__dataclass_fields__}
        | {"alive": np.concatenate([shelf.alive, np.zeros(MOST_DEAD_ROWS, dtype=bool)])}
    )
    rebuilt = builder.updated(dead, ["a"], {"a": item("a", "cup")})
    assert (rebuilt.generation, rebuilt.size, rebuilt.dataset_version) == (shelf.generation + 1, 2, "v")
    assert (found(rebuilt, "cup"), found(rebuilt, "lamp"), found(rebuilt, "mug")) == (["a"], ["keep"], [])


def test_rows_with_prices_that_are_none_make_products_without_a_price() -> None:
    rows = [
        {"product_id": f"p{number}", "title": "mug", "price": price, "currency": "EUR"}
        for number, price in enumerate([float("nan"), float("inf"), -1.0, None, "x", 1e300, 2.5])
    ]
    made, skipped = products_of_rows(
        [*rows, {"product_id": None, "title": "x"}, {"product_id": "p0", "title": "twice"}]
    )
    assert [product.price_nanos for product in made] == [None] * 6 + [2_500_000_000]
    assert skipped == 2


def test_synonyms_of_phrases_add_the_words_of_the_others() -> None:
    assert synonym_words({"a": ["T-Shirt", "tee"], "b": ["tee", "golf peg"]}) == {
        "t shirt": ("tee",),
        "tee": ("t", "shirt", "golf", "peg"),
        "golf peg": ("tee",),
    }


async def test_a_dataset_replaces_what_datasets_brought_and_spares_newer_calls(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path / 'state.db'}")
    db.migrate(MIGRATIONS)
    try:
        rows = [item("a", "first"), item("b", "first"), item("c", "first"), item("e", "first")]
        await db.write(lambda conn: store.replace_dataset(conn, rows, "v/1", 10, 11, 0))
        await db.write(lambda conn: store.put_products(conn, [item("old", "called")], 15))
        await db.write(lambda conn: store.put_products(conn, [item("a", "called")], 30))
        assert await db.write(lambda conn: store.delete_products(conn, ["b", "nobody"], 30)) == 1
        rows = [item("a", "second"), item("b", "second"), item("c", "second"), item("old", "second")]
        await db.write(lambda conn: store.replace_dataset(conn, rows, "v/2", 20, 40, 0))
        kept = {product.product_id: product.title for product in await db.read(store.all_products)}
        assert kept == {"a": "called", "c": "second", "old": "second"}
        await db.write(lambda conn: store.replace_dataset(conn, rows[:2], "v/3", 50, 60, 0))
        kept = {product.product_id: product.title for product in await db.read(store.all_products)}
        assert kept == {"a": "second", "b": "second"}
    finally:
        db.close()
