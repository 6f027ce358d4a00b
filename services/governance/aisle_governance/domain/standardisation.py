"""What a shop says about its values, so that they can be brought onto one scale."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from aisle_governance.domain.standards.money import Rate
from aisle_governance.domain.standards.taxonomy import SEPARATOR, segments
from aisle_governance.errors import InvalidField

MAX_RATES = 10_000
MAX_CATEGORIES = 10_000
_MAX_PATH = 500
_CURRENCY = re.compile(r"[A-Z]{3}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class MeasureSystem(StrEnum):
    """Which gallons, quarts, pints and fluid ounces are meant."""

    US = "US"
    IMPERIAL = "IMPERIAL"


class ChineseScript(StrEnum):
    """Form into which Chinese characters are brought."""

    AS_IT_IS = ""
    SIMPLIFIED = "SIMPLIFIED"
    TRADITIONAL = "TRADITIONAL"


class MissingRate(StrEnum):
    """What happens to a row whose price has no rate."""

    KEEP = "KEEP"
    QUARANTINE = "QUARANTINE"


class InvalidGtin(StrEnum):
    """What happens to a GTIN that is none."""

    CLEAR = "CLEAR"
    KEEP = "KEEP"
    QUARANTINE = "QUARANTINE"


@dataclass(frozen=True, slots=True)
class Standards:
    """How values are brought onto one scale; parts that came through JSON get their types back."""

    decimal_separator: str = ""
    """`.` or `,`; empty means unknown, and values that then have two meanings are left alone."""
    measure_system: MeasureSystem = MeasureSystem.US
    chinese_script: ChineseScript = ChineseScript.AS_IT_IS
    target_currency: str = ""
    """ISO 4217; empty converts nothing."""
    currency_rates: tuple[Rate, ...] = ()
    """Rates into the target currency."""
    price_date: str = ""
    """ISO day of the prices of products; empty takes the newest rate."""
    missing_rate: MissingRate = MissingRate.KEEP
    taxonomy: tuple[str, ...] = ()
    """Category paths; empty leaves categories alone."""
    category_aliases: Mapping[str, str] = field(default_factory=dict)
    """Shop's category -> path of the taxonomy."""
    invalid_gtin: InvalidGtin = InvalidGtin.CLEAR

    def __post_init__(self) -> None:
        """Give enums, rates and tuples their types."""

        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        put("measure_system", MeasureSystem(self.measure_system))
        put("chinese_script", ChineseScript(self.chinese_script))
        put("missing_rate", MissingRate(self.missing_rate))
        put("invalid_gtin", InvalidGtin(self.invalid_gtin))
        put("taxonomy", tuple(self.taxonomy))
        rates: Any = self.currency_rates
        put("currency_rates", tuple(rate if isinstance(rate, Rate) else Rate(**rate) for rate in rates))


def check_standards(standards: Standards, path: str) -> None:
    """Raise InvalidField with the path below `path` for a part that cannot be meant."""
    if standards.decimal_separator not in ("", ".", ","):
        raise InvalidField(f"{path}.decimal_separator", "must be `.` or `,`, or empty")
    if standards.target_currency and not _CURRENCY.fullmatch(standards.target_currency):
        raise InvalidField(f"{path}.target_currency", "must be three upper-case letters")
    if standards.currency_rates and not standards.target_currency:
        raise InvalidField(f"{path}.target_currency", "is required when there are rates")
    if standards.price_date and not is_day(standards.price_date):
        raise InvalidField(f"{path}.price_date", "is no day", next_step="Use ISO 8601, for example 2026-03-31.")
    check_rates(standards.currency_rates, f"{path}.currency_rates")
    _check_taxonomy(standards, path)


def check_rates(rates: tuple[Rate, ...], path: str) -> None:
    """Raise InvalidField for a rate without currency, day or positive value, and for too many."""
    if len(rates) > MAX_RATES:
        raise InvalidField(path, f"must hold at most {MAX_RATES} rates")
    for index, rate in enumerate(rates):
        if not _CURRENCY.fullmatch(rate.currency):
            raise InvalidField(f"{path}[{index}].currency", "must be three upper-case letters")
        if not is_day(rate.date):
            raise InvalidField(f"{path}[{index}].date", "is no day", next_step="Use ISO 8601, for example 2026-03-31.")
        if not math.isfinite(rate.rate) or rate.rate <= 0:
            raise InvalidField(f"{path}[{index}].rate", "must be above 0")


def _check_taxonomy(standards: Standards, path: str) -> None:
    if len(standards.taxonomy) > MAX_CATEGORIES:
        raise InvalidField(f"{path}.taxonomy", f"must hold at most {MAX_CATEGORIES} paths")
    known = set()
    for index, text in enumerate(standards.taxonomy):
        if not segments(text) or len(text) > _MAX_PATH:
            raise InvalidField(f"{path}.taxonomy[{index}]", f"must be a path of 1 to {_MAX_PATH} characters")
        known.add(SEPARATOR.join(segments(text)))
    if len(standards.category_aliases) > MAX_CATEGORIES:
        raise InvalidField(f"{path}.category_aliases", f"must hold at most {MAX_CATEGORIES} entries")
    for source, target in standards.category_aliases.items():
        where = f"{path}.category_aliases[{source[:64]!r}]"
        if SEPARATOR.join(segments(target)) not in known:
            raise InvalidField(where, "is no path of the taxonomy", next_step="Add the path to `taxonomy`.")


def is_day(text: str) -> bool:
    """Whether `text` is a day that exists, written `2026-03-31`."""
    if not _DAY.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
