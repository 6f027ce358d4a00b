"""Standardisation: the golden table, and the rules that use its parsers."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from aisle_governance.domain.kinds import CANONICAL, DatasetKind
from aisle_governance.domain.mapping import ColumnMapping, check_mapping
from aisle_governance.domain.rules.base import RuleOutcome
from aisle_governance.domain.rules.chains import build_chain, run_chain
from aisle_governance.domain.rules.standardise import (
    CheckGtins,
    DetectLanguage,
    MapCategories,
    StandardiseBrands,
    StandardiseColours,
    UnifyCharacters,
)
from aisle_governance.domain.rules.standardise_measures import ConvertPrices, ParseSizes, ReadPriceText
from aisle_governance.domain.standardisation import ChineseScript, InvalidGtin, MissingRate, Standards, is_day
from aisle_governance.domain.standards.brands import brand_key, is_one_edit, learn_brands
from aisle_governance.domain.standards.characters import fold_width, language, to_simplified, to_traditional
from aisle_governance.domain.standards.colours import parse_colour
from aisle_governance.domain.standards.gtin import check_digit, parse_gtin
from aisle_governance.domain.standards.measures import Measures, read_measures
from aisle_governance.domain.standards.money import Rate, RateTable, parse_price
from aisle_governance.domain.standards.numbers import parse_number
from aisle_governance.domain.standards.sizes import parse_size
from aisle_governance.domain.standards.taxonomy import Taxonomy
from aisle_governance.errors import InvalidField
from hypothesis import given
from hypothesis import strategies as st

GOLDEN = Path(__file__).parents[2] / "golden" / "standardise.jsonl"
CASES = [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]
RATES = (Rate("EUR", "2026-01-01", 0.85), Rate("EUR", "2026-02-01", 0.86), Rate("USD", "2026-01-01", 0.75))
PATHS = (
    "Home > Kitchen > Knives",
    "Home > Lamps & Lighting",
    "Clothing > Men > T-Shirts",
    "Clothing > Women > T-Shirts",
    "Sports > Balls",
)
ALIASES = {"刀具": "Home > Kitchen > Knives", "Men's T-Shirts": "Clothing > Men > T-Shirts"}


def measures(text: str, **options: Any) -> dict[str, Any]:
    found = read_measures(text, **options)
    named = {name: getattr(found, name) for name in Measures.__dataclass_fields__}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in named.items() if value}


def price(text: str, **options: Any) -> list[Any] | None:
    found = parse_price(text, **options)
    return None if found is None else [found.amount, found.currency]


PARSERS: dict[str, Any] = {
    "measure": measures,
    "number": parse_number,
    "day": is_day,
    "gtin": parse_gtin,
    "size": parse_size,
    "colour": parse_colour,
    "brand_key": brand_key,
    "price": price,
    "language": language,
    "width": fold_width,
    "simplified": to_simplified,
    "traditional": to_traditional,
    "category": Taxonomy.of(PATHS, ALIASES).place,
    "rate": lambda pair: RateTable(RATES).on(*pair),
}


def test_the_golden_table_is_whole() -> None:
    counts = Counter(case[0] for case in CASES)
    assert set(counts) == set(PARSERS)
    assert len(CASES) >= 300
    assert len({json.dumps([case[0], case[1], case[3:]]) for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=[f"{case[0]}-{case[1]}" for case in CASES])
def test_golden(case: list[Any]) -> None:
    kind, given_text, expected, *options = case
    found = PARSERS[kind](given_text, **(options[0] if options else {}))
    assert found == pytest.approx(expected, rel=1e-6) if isinstance(expected, float | int) else found == expected


def products(**columns: list[Any]) -> pd.DataFrame:
    count = len(next(iter(columns.values())))
    types = {"string": "str", "double": "float64"}
    data: dict[str, Any] = {
        column.name: pd.Series(columns.get(column.name, [None] * count), dtype=types[column.type.value])
        for column in CANONICAL[DatasetKind.PRODUCTS]
    }
    data["_row_id"] = pd.Series([f"r{index}" for index in range(count)], dtype="str")
    data["_source_hash"] = pd.Series([f"h{index}" for index in range(count)], dtype="str")
    data["_import"], data["_source_line"] = "imp", range(2, count + 2)
    return pd.DataFrame(data)


def values(outcome: RuleOutcome, column: str) -> list[Any]:
    return [None if pd.isna(value) else value for value in outcome.kept[column]]


def originals(outcome: RuleOutcome) -> list[dict[str, str] | None]:
    return [json.loads(text) if isinstance(text, str) else None for text in outcome.kept["_original"]]


def test_replaced_values_stay_in_original_and_in_samples() -> None:
    outcome = StandardiseColours().apply(products(title=["a", "b", "c", "d"], colour=["Navy", "blue", None, "stripy"]))
    assert values(outcome, "colour") == ["blue", "blue", None, "stripy"]
    assert originals(outcome) == [{"colour": "Navy"}, None, None, None]
    assert outcome.changed_row_count == 1
    assert [(s.row_id, s.column, s.before, s.after) for s in outcome.samples] == [("r0", "colour", "Navy", "blue")]
    assert outcome.findings == ("1 rows name an unknown colour: 'stripy' (1)",)


def test_the_first_original_stays_when_two_rules_change_one_column() -> None:
    rows = products(title=["x"], colour=["深藍色"])
    first = UnifyCharacters(("colour",), ChineseScript.SIMPLIFIED).apply(rows)
    second = StandardiseColours().apply(first.kept)
    assert values(first, "colour") == ["深蓝色"]
    assert values(second, "colour") == ["blue"]
    assert originals(second) == [{"colour": "深藍色"}]


def test_brands_take_the_most_frequent_spelling_with_evidence() -> None:
    names = ["Sony"] * 60 + ["SONY Corp."] * 3 + ["sony"] * 2 + ["Snoy"] + ["Bosch"] * 30 + ["N/A", None]
    outcome = StandardiseBrands().apply(products(brand=names, title=["t"] * len(names)))
    assert Counter(values(outcome, "brand")) == {
        "Sony": 65,
        "Snoy": 1,
        "Bosch": 30,
        None: 2,
    }  # four letters are too few
    assert outcome.changed_row_count == 6
    assert outcome.findings[0] == "'SONY Corp.' (3 rows) is a spelling of 'Sony' (60 rows)"


def test_rare_misspellings_fold_only_where_nothing_speaks_against_it() -> None:
    rows = {("Panasonic", "tv"): 100, ("Panasonc", "tv"): 1, ("Canon", "camera"): 200, ("Cannon", "towel"): 2}
    rows |= {("Model1", "toy"): 100, ("Model2", "toy"): 1, ("Philips", ""): 50, ("Phillips", ""): 3}
    learned = learn_brands(rows)
    assert learned.canonical["Panasonc"] == "Panasonic"
    assert learned.canonical["Cannon"] == "Cannon"  # sold where the other is not
    assert learned.canonical["Model2"] == "Model2"  # another number
    assert learned.canonical["Phillips"] == "Phillips"  # three rows are no slip
    (fold,) = learned.foldings
    assert (fold.spelling, fold.canonical, fold.why, fold.canonical_row_count) == (
        "Panasonc",
        "Panasonic",
        "misspelling",
        100,
    )


@given(st.text("abc", min_size=1, max_size=6), st.integers(0, 5), st.sampled_from("abcd"))
def test_one_edit_is_symmetric(word: str, place: int, letter: str) -> None:
    place = min(place, len(word) - 1)
    for other in (word[:place] + letter + word[place:], word[:place] + letter + word[place + 1 :]):
        assert is_one_edit(word, other) == is_one_edit(other, word) == (word != other)


@given(st.integers(1, 10**13 - 1))
def test_every_wrong_digit_of_a_gtin_is_noticed(body: int) -> None:
    digits = f"{body:013d}"
    right = digits + str(check_digit(digits))
    assert parse_gtin(right) == right
    for place in range(14):
        wrong = right[:place] + str((int(right[place]) + 1) % 10) + right[place + 1 :]
        assert parse_gtin(wrong) != wrong


@pytest.mark.parametrize(
    ("action", "kept", "aside"),
    [
        (InvalidGtin.CLEAR, ["04006381333931", None, None], 0),
        (InvalidGtin.KEEP, ["04006381333931", "4006381333932", None], 0),
        (InvalidGtin.QUARANTINE, ["04006381333931", None], 1),
    ],
)
def test_invalid_gtins_are_cleared_kept_or_put_aside(action: InvalidGtin, kept: list[str | None], aside: int) -> None:
    rows = products(title=["a", "b", "c"], gtin=["4006381333931", "4006381333932", None])
    outcome = CheckGtins(action).apply(rows)
    assert values(outcome, "gtin") == kept
    assert len(outcome.quarantined) == aside
    assert outcome.findings == ("1 rows hold no valid GTIN: '4006381333932' (1)",)
    if action is InvalidGtin.CLEAR:
        assert originals(outcome)[1] == {"gtin": "4006381333932"}
    if aside:
        assert outcome.quarantined["gtin"].tolist() == ["4006381333932"]


def test_sizes_come_from_size_first_and_then_from_the_title() -> None:
    rows = products(title=["Pan 10 in", "Juice 2 x 500ml", "Shirt", "Bar 10-12 cm"], size=["28 cm", None, "大號", None])
    outcome = ParseSizes().apply(rows)
    assert values(outcome, "length_mm") == [280, None, None, None]
    assert values(outcome, "volume_ml") == [None, 500, None, None]
    assert values(outcome, "pack_count") == [None, 2, None, None]
    assert values(outcome, "size_standard") == [None, None, "L", None]
    assert values(outcome, "size") == ["28 cm", None, "大號", None]
    assert outcome.changed_row_count == 3
    assert outcome.findings == ("1 rows name a measure that can be meant in several ways: '10-12 cm' (1)",)


def test_price_text_fills_only_missing_prices() -> None:
    rows = products(
        title=["a", "b", "c"],
        price=[1.0, None, None],
        price_text=["€9", "€ 1.234,50", "1,234"],
        currency=["GBP", None, None],
    )
    outcome = ReadPriceText().apply(rows)
    assert values(outcome, "price") == [1.0, 1234.5, None]
    assert values(outcome, "currency") == ["GBP", "EUR", None]
    assert outcome.findings == ("1 prices could not be read: '1,234' (1)",)


def test_prices_take_the_rate_of_their_day() -> None:
    frame = pd.DataFrame(
        {
            "unit_price": [10.0, 10.0, 10.0, 10.0, None],
            "currency": pd.Series(["EUR", "EUR", "GBP", "JPY", "EUR"], dtype="str"),
            "order_time": pd.to_datetime(
                ["2026-01-20", "2026-02-02", "2026-01-01", "2026-01-01", "2026-01-01"], utc=True
            ),
            "_row_id": pd.Series(list("abcde"), dtype="str"),
        }
    )
    rule = ConvertPrices("unit_price", "GBP", RATES, "order_time")
    outcome = rule.apply(frame)
    assert values(outcome, "standard_price") == [8.5, 8.6, 10.0, None, None]
    assert values(outcome, "standard_currency") == ["GBP", "GBP", "GBP", None, None]
    assert values(outcome, "unit_price") == [10.0, 10.0, 10.0, 10.0, None]
    assert outcome.findings == ("1 prices have no rate on or before their day: 'JPY' (1)",)
    strict = ConvertPrices("unit_price", "GBP", RATES, "order_time", missing=MissingRate.QUARANTINE).apply(frame)
    assert strict.quarantined[["_row_id", "_reason"]].to_numpy().tolist() == [
        ["d", "no rate into GBP for JPY on its day"]
    ]
    assert len(strict.kept) == 4
    assert ConvertPrices("unit_price", "", RATES).apply(frame).kept is not None


def test_categories_find_their_place_or_stay() -> None:
    rows = products(title=["a", "b", "c"], category=["knives", "Misc", None])
    outcome = MapCategories(PATHS).apply(rows)
    assert values(outcome, "category") == ["Home > Kitchen > Knives", "Misc", None]
    assert originals(outcome) == [{"category": "knives"}, None, None]
    assert outcome.findings == ("1 rows have a category without a place: 'Misc' (1)",)
    assert values(MapCategories(()).apply(rows), "category") == ["knives", "Misc", None]


def test_language_looks_further_where_the_title_says_too_little() -> None:
    rows = products(title=["XZ-42", "蓝牙耳机", "77"], description=["a lamp for the desk", None, None])
    assert values(DetectLanguage().apply(rows), "language") == ["en", "zh-Hans", None]


def test_a_whole_chain_of_products_reports_each_rule_and_can_leave_it_out() -> None:
    rows = products(
        product_id=["1", "2"],
        title=["Pan 10 in", "茶 ５００ｇ"],
        brand=["ACME Ltd", "Acme"],
        colour=["Navy", None],
        price=[1.0, 2.0],
    )
    chain = build_chain(DatasetKind.PRODUCTS, ColumnMapping())
    outcome = run_chain(chain, rows)
    changed = {report.rule: report.changed_row_count for report in outcome.reports}
    assert changed["standardise_colours"] == changed["unify_characters"] == changed["standardise_brands"] == 1
    assert changed["parse_sizes"] == 2
    assert json.loads(outcome.kept["_original"][1]) == {"title": "茶 ５００ｇ"}
    without = build_chain(DatasetKind.PRODUCTS, ColumnMapping(), ("standardise_colours", "parse_sizes"))
    assert "colour" not in json.loads(run_chain(without, rows).kept["_original"][0])


def test_mapping_survives_json_and_is_checked() -> None:
    from dataclasses import asdict

    standards = Standards(target_currency="GBP", currency_rates=RATES, taxonomy=PATHS, category_aliases=ALIASES)
    mapping = ColumnMapping(standards=standards, pii_policies={"description": "MASK"})  # type: ignore[dict-item]
    check_mapping(mapping, DatasetKind.PRODUCTS)
    assert ColumnMapping(**json.loads(json.dumps(asdict(mapping)))) == mapping


@pytest.mark.parametrize(
    ("standards", "field"),
    [
        (Standards(decimal_separator=";"), "mapping.standards.decimal_separator"),
        (Standards(target_currency="pounds"), "mapping.standards.target_currency"),
        (Standards(currency_rates=RATES), "mapping.standards.target_currency"),
        (Standards(price_date="31/02"), "mapping.standards.price_date"),
        (
            Standards(target_currency="GBP", currency_rates=(Rate("EUR", "2026-02-30", 1.0),)),
            "mapping.standards.currency_rates[0].date",
        ),
        (
            Standards(target_currency="GBP", currency_rates=(Rate("EUR", "2026-02-20", 0.0),)),
            "mapping.standards.currency_rates[0].rate",
        ),
        (Standards(taxonomy=("a", "")), "mapping.standards.taxonomy[1]"),
        (Standards(taxonomy=("a",), category_aliases={"x": "b"}), "mapping.standards.category_aliases['x']"),
    ],
)
def test_standards_that_cannot_be_meant_are_refused(standards: Standards, field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        check_mapping(ColumnMapping(standards=standards), DatasetKind.PRODUCTS)
    assert [violation.field for violation in caught.value.violations] == [field]
