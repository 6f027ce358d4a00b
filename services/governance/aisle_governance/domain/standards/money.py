"""Prices as shops write them, and dated rates of exchange."""

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from aisle_governance.domain.standards.characters import fold_width
from aisle_governance.domain.standards.numbers import parse_number
from aisle_governance.domain.standards.vocabulary import alternatives, meanings, words

_SHARED = alternatives("shared_currency_signs")
"""Signs that several currencies have; the shop's own currency decides, and without it nothing does."""
_FOLDED = {sign.casefold(): code for sign, code in meanings("currency_signs").items()}
_CODES = words("currency_codes")
_PRICE = re.compile(r"([^\d\s.,'+\-–−]*\.?)\s*(\d[\d.,'’\u00a0\u202f ]*?)\s*(?:[,.][-–—]{1,2}|/-)?\s*([^\d\s]*)")
_FREE = frozenset({"free", "gratis", "免费"})


@dataclass(frozen=True, slots=True)
class Money:
    """An amount and, where it is certain, its ISO 4217 currency."""

    amount: float
    currency: str | None


def parse_price(text: str, decimal: str = "", shop_currency: str = "") -> Money | None:
    """The price that `text` is, or None when it is none, is negative, is a range, or can be meant in two ways.

    `$`, `¥` and `kr` belong to several currencies: they are the shop's currency where it has that sign, and otherwise the currency
    is unknown.
    """
    plain = fold_width(text).replace("￥", "¥").replace("￡", "£").replace("＄", "$").strip()
    if plain.casefold() in _FREE:
        return Money(0.0, None)
    match = _PRICE.fullmatch(plain)
    if not match:
        return None
    known = [_currency(sign, shop_currency) for sign in (match[1], match[3]) if sign]
    if any(code is None for code in known) or len({code for code in known if code}) > 1:
        return None
    amount = parse_number(match[2].strip(), decimal)
    if amount is None:
        return None
    minor = match[3].casefold() in ("p", "c") and not match[1]
    return Money(round(amount / 100, 4) if minor else amount, next((code for code in known if code), None))


def _currency(sign: str, shop_currency: str) -> str | None:
    """The code of `sign`; empty when it has several, None when it is no sign of money."""
    if sign.upper() in _CODES:
        return sign.upper()
    if sign.casefold() in _FOLDED:
        return _FOLDED[sign.casefold()]
    shared = _SHARED.get(sign.casefold())
    if shared is None:
        return None
    if len(shared) == 1:
        return next(iter(shared))
    return shop_currency if shop_currency in shared else ""


@dataclass(frozen=True, slots=True)
class Rate:
    """What one unit of `currency` was worth, in the target currency, from `date` on."""

    currency: str
    """ISO 4217."""
    date: str
    """ISO 8601 day."""
    rate: float
    """Above 0."""


class RateTable:
    """Finds the rate of a day: the newest one that is not after it."""

    def __init__(self, rates: Iterable[Rate]) -> None:
        """A later rate of the same currency and day replaces an earlier one."""
        found: dict[str, dict[str, float]] = {}
        for rate in rates:
            found.setdefault(rate.currency, {})[rate.date] = rate.rate
        self._days = {code: sorted(by_day) for code, by_day in found.items()}
        self._rates = found

    def on(self, currency: str, day: str) -> float | None:
        """The rate of `currency` on the ISO day `day`; empty means the newest. None when there is none so early, or none at all."""
        days = self._days.get(currency)
        if not days:
            return None
        index = bisect_right(days, day) if day else len(days)
        return self._rates[currency][days[index - 1]] if index else None
