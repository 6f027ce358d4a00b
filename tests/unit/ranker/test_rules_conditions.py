"""Conditions: what they mean, and where they say what was expected."""

import pytest
from aisle_ranker.domain.conditions import DEEPEST, LONGEST_CONDITION, REQUEST_FIELDS, parse_condition
from aisle_ranker.errors import InvalidField

PRODUCT = {"product_id": "P-1", "title": "Red USB Cable, 2m", "brand": "Acme", "price": "9.50", "stock": 0.0}
REQUEST = {"query": "USB cable", "device": "phone", "locale": "en-GB", "time": 1_800_000_000.0, "hour": 9.0}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ('title : "cable usb"', True),
        ('title : "cab"', False),
        ('title = "red usb cable, 2m"', True),
        ('product_id = "p-1"', True),
        ('product_id IN ("x", "P-1")', True),
        ('brand != "acme"', False),
        ('seller != "acme"', False),
        ('NOT seller = "acme"', True),
        ("price < 9.6 AND price >= 9.5", True),
        ("price = 9.5", True),
        ("stock = 0", True),
        ("rating > 3", False),
        ("NOT rating > 3", True),
        ('brand = "b" OR brand = "acme" AND stock = 0', True),
        ('(brand = "b" OR brand = "acme") AND stock > 0', False),
        ('NOT (brand = "acme" AND stock > 0)', True),
        ("brand < 3", False),
        (r'title = "say \"hi\""', False),
    ],
)
def test_a_condition_about_a_product(text: str, expected: bool) -> None:
    assert parse_condition(text, "products").holds(PRODUCT) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('query = "usb CABLE"', True),
        ('locale : "en"', True),
        ('time >= "2027-01-01T00:00:00Z" AND time < "2027-02-01T00:00:00+01:00"', True),
        ('time > "2027-02-01T00:00:00Z"', False),
        ("hour >= 8 AND hour < 12", True),
        ('page = "home"', False),
    ],
)
def test_a_condition_about_a_request(text: str, expected: bool) -> None:
    assert parse_condition(text, "when", REQUEST_FIELDS).holds(REQUEST) is expected


@pytest.mark.parametrize(
    ("text", "position", "expected"),
    [
        ('title : "a" AND', 16, "a field such as title or brand"),
        ("title", 6, "one of = != : < <= > >= IN"),
        ("title : cable", 9, "a text in double quotes or a number"),
        ('title : "cable', 9, "a text in double quotes or a number"),
        ('brand = "a" brand = "b"', 13, "AND, OR or the end"),
        ('(brand = "a"', 13, '")"'),
        ('brand IN ("a" "b")', 15, '"," or ")"'),
        ('price < "cheap"', 9, "a number"),
        ("§", 1, "a field such as title or brand"),
    ],
)
def test_an_error_names_position_and_expectation(text: str, position: int, expected: str) -> None:
    with pytest.raises(InvalidField) as caught:
        parse_condition(text, "rules[0].products")
    error = caught.value
    assert (error.field, error.facts["position"], error.facts["expected"]) == (
        "rules[0].products", str(position), expected,
    )  # fmt: skip
    assert f"at character {position}: expected {expected}, found " in str(error)


@pytest.mark.parametrize("text", ['brand = "a"', 'time > "yesterday"', 'time > "2027-01-01T00:00:00"', "time > 5"])
def test_a_request_has_its_own_fields(text: str) -> None:
    with pytest.raises(InvalidField, match="expected"):
        parse_condition(text, "when", REQUEST_FIELDS)


def test_a_condition_is_bounded() -> None:
    deep = "(" * DEEPEST + 'brand = "a"' + ")" * DEEPEST
    with pytest.raises(InvalidField, match="levels"):
        parse_condition(deep, "when")
    assert parse_condition(deep[1:-1], "when").holds({"brand": "a"})
    with pytest.raises(InvalidField, match="at most"):
        parse_condition(" " * (LONGEST_CONDITION + 1), "when")


def test_a_condition_tells_what_it_looks_at() -> None:
    found = parse_condition('product_id IN ("b", "a") OR brand = "x" OR product_id = "c"', "products")
    assert (found.fields, found.product_ids) == ({"product_id", "brand"}, ("b", "a", "c"))
