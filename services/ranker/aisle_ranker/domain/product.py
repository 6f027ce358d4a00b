"""Products of the catalogue, and what makes one acceptable."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from aisle_ranker.errors import InvalidField

LONGEST_ID, LONGEST_TITLE, LONGEST_DESCRIPTION = 256, 1000, 20_000
LONGEST_CATEGORY, LONGEST_BRAND, LONGEST_VALUE = 1000, 200, 200
MOST_ATTRIBUTES, MOST_PER_CALL = 50, 1000
NANOS = 1_000_000_000
LARGEST_PRICE = 1_000_000_000 * NANOS
SEPARATOR = " > "
_ATTRIBUTE = re.compile(r"[a-z][a-z0-9_]{0,39}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


@dataclass(frozen=True, slots=True)
class Product:
    """One product."""

    product_id: str
    title: str
    description: str = ""
    category: str = ""
    """Path with its parts joined by `SEPARATOR`."""
    brand: str = ""
    price_nanos: int | None = None
    """Billionths of a unit of `currency`; None is unknown."""
    currency: str = ""
    stock: int | None = None
    """Pieces; None is unknown and counts as in stock."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    create_time: float = 0.0
    """Seconds since the epoch."""
    update_time: float = 0.0
    dataset_version: str = ""
    """Version that brought it; "" for a call."""

    @property
    def in_stock(self) -> bool:
        """Whether it can be sold as far as anybody knows."""
        return self.stock is None or self.stock > 0


@dataclass(frozen=True, slots=True)
class Change:
    """New price or stock of a product; None keeps the old one."""

    product_id: str
    price_nanos: int | None = None
    currency: str = ""
    stock: int | None = None

    def applied(self, product: Product) -> Product:
        """Return the product after the change."""
        if self.price_nanos is not None:
            product = replace(product, price_nanos=self.price_nanos, currency=self.currency)
        return product if self.stock is None else replace(product, stock=self.stock)


def clean(text: str) -> str:
    """Return the text trimmed, runs of control characters as one space."""
    return _CONTROL.sub(" ", text).strip()


def category_path(text: str) -> str:
    """Return a path with one spelling of its separators; empty parts are left out."""
    return SEPARATOR.join(part for part in (clean(part) for part in text.split(">")) if part)


def checked_product(product: Product, at: str) -> Product:
    """Return the product with its texts cleaned; raises InvalidField with a path that begins with `at`."""
    _id(product.product_id, f"{at}.product_id")
    title = clean(product.title)
    if not title:
        raise InvalidField(f"{at}.title", "is required")
    texts = {
        "title": (title, LONGEST_TITLE),
        "description": (clean(product.description), LONGEST_DESCRIPTION),
        "category": (category_path(product.category), LONGEST_CATEGORY),
        "brand": (clean(product.brand), LONGEST_BRAND),
    }
    for name, (text, longest) in texts.items():
        if len(text) > longest:
            raise InvalidField(f"{at}.{name}", f"must have at most {longest} characters")
    check_price(product.price_nanos, product.currency, f"{at}.price")
    check_stock(product.stock, f"{at}.stock_count")
    if len(product.attributes) > MOST_ATTRIBUTES:
        raise InvalidField(f"{at}.attributes", f"must hold at most {MOST_ATTRIBUTES} entries")
    for name, value in product.attributes.items():
        if not _ATTRIBUTE.fullmatch(name):
            raise InvalidField(f"{at}.attributes", "has a name that does not match [a-z][a-z0-9_]{0,39}")
        if len(value) > LONGEST_VALUE:
            raise InvalidField(f"{at}.attributes.{name}", f"must have at most {LONGEST_VALUE} characters")
    attributes = {name: clean(value) for name, value in product.attributes.items() if clean(value)}
    return replace(product, **{name: text for name, (text, _) in texts.items()}, attributes=attributes)  # type: ignore[arg-type]


def check_price(price_nanos: int | None, currency: str, at: str) -> None:
    """Raise InvalidField for a price below 0, beyond the largest, or without a currency."""
    if price_nanos is None:
        return
    if not 0 <= price_nanos <= LARGEST_PRICE:
        raise InvalidField(at, f"must be 0 to {LARGEST_PRICE // NANOS} units")
    if not _CURRENCY.fullmatch(currency):
        raise InvalidField(f"{at}.currency_code", "must be three upper-case letters, for example GBP")


def check_stock(stock: int | None, at: str) -> None:
    """Raise InvalidField for a stock below 0 or beyond what a counter holds."""
    if stock is not None and not 0 <= stock <= 2**53:
        raise InvalidField(at, "must be 0 to 2^53")


def check_ids(ids: Sequence[str], field_of: str, suffix: str = "") -> None:
    """Raise InvalidField for none or too many ids, an empty or overlong one, or one that is there twice."""
    if not ids:
        raise InvalidField(field_of, "must hold at least one entry")
    if len(ids) > MOST_PER_CALL:
        raise InvalidField(field_of, f"must hold at most {MOST_PER_CALL} entries", next_step="Send several calls.")
    seen: set[str] = set()
    for index, product_id in enumerate(ids):
        at = f"{field_of}[{index}]{suffix}"
        _id(product_id, at)
        if product_id in seen:
            raise InvalidField(at, "was named before", next_step="Name each id once.")
        seen.add(product_id)


def _id(product_id: str, at: str) -> None:
    if not product_id:
        raise InvalidField(at, "is required")
    if len(product_id) > LONGEST_ID:
        raise InvalidField(at, f"must have at most {LONGEST_ID} characters")
    if _CONTROL.search(product_id):
        raise InvalidField(at, "must not hold control characters")
