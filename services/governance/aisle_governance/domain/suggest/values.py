"""What the values of a column say about its meaning."""

import re
from collections.abc import Callable, Mapping, Sequence

from aisle_governance.domain.kinds import CanonicalColumn, ValueType
from aisle_governance.domain.standards.gtin import is_gtin

Fits = Mapping[ValueType, Callable[[str], bool]]
_URL = re.compile(r"https?://\S+", re.IGNORECASE)
_CURRENCY = re.compile(r"[A-Z]{3}")
_PRICE_TEXT = re.compile(r"(?:[$€£¥]|[A-Z]{3}\s?)\s?\d|\d\s?(?:[$€£¥]|EUR|USD|GBP)")
_CODE = re.compile(r"\S{1,64}")
_EVENTS = frozenset(
    {
        "impression", "click", "view", "purchase", "add_to_cart", "cart", "order", "item_click", "purchase_complete",
        "detail_page_view", "search", "buy", "pv", "fav",
    }
)  # fmt: skip
_CURRENCIES = frozenset(
    {
        "EUR", "USD", "GBP", "CNY", "JPY", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "INR", "AUD", "CAD", "BRL", "KRW",
        "TRY", "MXN", "NZD", "ZAR",
    }
)  # fmt: skip

Verdict = tuple[float, str, bool]
"""(0 to 1, why, whether values like these mean little else)."""


def judge(column: CanonicalColumn, cells: Sequence[str], fits: Fits) -> Verdict:
    """How well the values (none of them empty) fit a canonical column."""
    if not cells:
        return 0.5, "no value to look at", False
    if column.type is not ValueType.TEXT:
        return _typed(column, cells, fits)
    special = _SPECIAL.get(column.name)
    if special is not None:
        return special(cells)
    if column.is_id:
        return _identifier(column, cells)
    return _text(column, cells)


def share(cells: Sequence[str], test: Callable[[str], object]) -> float:
    """Share of the values that pass."""
    return sum(1 for cell in cells if test(cell)) / len(cells)


def _percent(value: float) -> str:
    return f"{value:.0%}"


def _typed(column: CanonicalColumn, cells: Sequence[str], fits: Fits) -> Verdict:
    words = {ValueType.INTEGER: "whole numbers", ValueType.NUMBER: "numbers", ValueType.TIME: "ISO 8601 times"}
    fitting = share(cells, fits[column.type])
    why = f"{_percent(fitting)} of the values are {words[column.type]}"
    if column.type is ValueType.TIME:
        return fitting, why, fitting > 0.9
    if fitting < 0.5:
        return fitting / 2, why, False
    if column.name in ("quantity", "position"):
        numbers = [float(cell) for cell in cells if fits[ValueType.NUMBER](cell)]
        small = share([*map(str, numbers)] or ["0"], lambda cell: abs(float(cell)) <= 10_000)
        return fitting * small, why, False
    if column.name == "grade":
        numbers = [float(cell) for cell in cells if fits[ValueType.NUMBER](cell)]
        scale = all(-1 <= number <= 10 for number in numbers)
        return fitting * (1.0 if scale else 0.3), f"{why}{' of a small scale' if scale else ''}", False
    return fitting, why, False


def _identifier(column: CanonicalColumn, cells: Sequence[str]) -> Verdict:
    codes = share(cells, lambda cell: _CODE.fullmatch(cell.strip()))
    distinct = len(set(cells)) / len(cells)
    why = f"{_percent(codes)} of the values are single words, {_percent(distinct)} of them distinct"
    if column.name == "event_id":
        return codes * distinct, why, False
    return codes, why, False


def _text(column: CanonicalColumn, cells: Sequence[str]) -> Verdict:
    length = sum(map(len, cells)) / len(cells)
    why = f"texts of {length:.0f} characters on average"
    numbers = share(cells, lambda cell: cell.replace(".", "", 1).isdigit())
    bounds = {"title": (8, 250), "description": (25, 100_000), "query": (2, 80), "brand": (2, 40), "category": (3, 150)}
    low, high = bounds.get(column.name, (1, 80))
    return (1.0 if low <= length <= high else 0.4) * (1 - numbers), why, False


def _currency(cells: Sequence[str]) -> Verdict:
    known = share(cells, lambda cell: cell.strip() in _CURRENCIES or bool(_CURRENCY.fullmatch(cell.strip())))
    sure = share(cells, lambda cell: cell.strip() in _CURRENCIES)
    return known, f"{_percent(sure)} of the values are currency codes", sure > 0.9


def _url(cells: Sequence[str]) -> Verdict:
    found = share(cells, lambda cell: _URL.match(cell.strip()))
    return found, f"{_percent(found)} of the values are web addresses", False


def _gtin(cells: Sequence[str]) -> Verdict:
    found = share(cells, lambda cell: is_gtin(cell.strip().removesuffix(".0")))
    return found, f"{_percent(found)} of the values have a GTIN's check digit", found > 0.9


def _price_text(cells: Sequence[str]) -> Verdict:
    found = share(cells, lambda cell: _PRICE_TEXT.search(cell))
    return found, f"{_percent(found)} of the values are amounts with a currency", found > 0.9


def _event_type(cells: Sequence[str]) -> Verdict:
    known = share(cells, lambda cell: cell.strip().lower().replace("-", "_").replace(" ", "_") in _EVENTS)
    few = len(set(cells)) <= 30
    return max(known, 0.6 if few else 0.0), f"{_percent(known)} of the values name a known deed", known > 0.9


def _few(cells: Sequence[str]) -> Verdict:
    few = len({cell.strip().lower() for cell in cells}) <= max(3, len(cells) / 3)
    return (0.9 if few else 0.5), "few distinct values" if few else "many distinct values", False


_SPECIAL: dict[str, Callable[[Sequence[str]], Verdict]] = {
    "currency": _currency,
    "image_url": _url,
    "gtin": _gtin,
    "price_text": _price_text,
    "event_type": _event_type,
    "country": _few,
    "colour": _few,
    "label_source": _few,
}
