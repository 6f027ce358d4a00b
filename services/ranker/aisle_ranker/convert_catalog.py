"""Products between the contracts, governance's rows and the rules' own types."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aisle.ranker.v1 import catalog_service_pb2 as pb
from aisle.ranker.v1 import product_pb2, ranker_service_pb2
from aisle.type.v1 import money_pb2
from aisle_runtime.convert import to_timestamp

from aisle_ranker.domain.answer import Finding
from aisle_ranker.domain.facets import Facet
from aisle_ranker.domain.product import NANOS, Change, Product, checked_product, clean
from aisle_ranker.errors import InvalidField

COLUMNS = ("product_id", "title", "description", "brand", "category", "price", "currency", "gtin", "colour", "size")
ATTRIBUTE_COLUMNS = ("gtin", "colour", "size")
"""Columns of a dataset of products that become attributes."""


def product(message: product_pb2.Product) -> Product:
    """Read a product that a call brings."""
    price_nanos, currency = money(message.price) if message.HasField("price") else (None, "")
    return Product(
        product_id=message.product_id,
        title=message.title,
        description=message.description,
        category=message.category,
        brand=message.brand,
        price_nanos=price_nanos,
        currency=currency,
        stock=message.stock_count if message.HasField("stock_count") else None,
        attributes=dict(message.attributes),
    )


def change(message: pb.StockAndPrice) -> Change:
    """Read a change of price or stock."""
    price_nanos, currency = money(message.price) if message.HasField("price") else (None, "")
    stock = message.stock_count if message.HasField("stock_count") else None
    return Change(message.product_id, price_nanos, currency, stock)


def money(message: money_pb2.Money) -> tuple[int, str]:
    """Read an amount in billionths of a unit; parts of unlike sign or too many nanos give one below 0, which is refused."""
    if not 0 <= message.nanos < NANOS or message.units < 0:
        return -1, message.currency_code
    return message.units * NANOS + message.nanos, message.currency_code


def product_message(found: Product) -> product_pb2.Product:
    """Write a product."""
    message = product_pb2.Product(
        product_id=found.product_id,
        title=found.title,
        description=found.description,
        category=found.category,
        brand=found.brand,
        stock_count=found.stock,
        attributes=found.attributes,
        create_time=to_timestamp(found.create_time),
        update_time=to_timestamp(found.update_time),
        dataset_version=found.dataset_version,
    )
    if found.price_nanos is not None:
        units, nanos = divmod(found.price_nanos, NANOS)
        message.price.CopyFrom(money_pb2.Money(currency_code=found.currency, units=units, nanos=nanos))
    return message


def products_of_rows(rows: Iterable[Mapping[str, Any]], default_currency: str = "XXX") -> tuple[list[Product], int]:
    """Read governance's rows; returns the products and how many rows make none (no id or title, or an id seen before).

    A price that is missing, infinite, not a number or below 0 is unknown. `default_currency` stands for a missing code;
    `XXX` is ISO 4217 for no currency.
    """
    found: dict[str, Product] = {}
    skipped = 0
    for row in rows:
        made = _product_of_row(row, default_currency)
        if made is None or made.product_id in found:
            skipped += 1
        else:
            found[made.product_id] = made
    return list(found.values()), skipped


def _product_of_row(row: Mapping[str, Any], default_currency: str) -> Product | None:
    text = {name: clean(str(row.get(name) or "")) for name in COLUMNS if name != "price"}
    price = row.get("price")
    usable = isinstance(price, int | float) and math.isfinite(price) and 0 <= price <= 1e9
    made = Product(
        product_id=text["product_id"],
        title=text["title"][:1000],
        description=text["description"][:20_000],
        category=text["category"][:1000],
        brand=text["brand"][:200],
        price_nanos=round(price * NANOS) if usable else None,  # type: ignore[operator]
        currency=(text["currency"] or default_currency) if usable else "",
        attributes={name: text[name][:200] for name in ATTRIBUTE_COLUMNS if text[name]},
    )
    try:
        return checked_product(made, "row")
    except InvalidField:
        return None


def facets(messages: Sequence[product_pb2.FacetRequest]) -> list[Facet]:
    """Read the facets asked for."""
    return [Facet(message.key, message.limit, tuple(message.bounds)) for message in messages]


def add_finding(answer: ranker_service_pb2.SearchResponse, finding: Finding) -> None:
    """Write what a search of the catalogue says beside its results into its answer."""
    answer.total_count, answer.corrected_query = finding.total_count, finding.corrected_query
    for key, counts in finding.facets:
        answer.facets.add(
            key=key,
            counts=[product_pb2.FacetCount(value=c.value, count=c.count, filter=c.filter) for c in counts],
        )
    for relaxation in finding.relaxations:
        answer.relaxations.add(reason=relaxation.reason, dropped_filter=relaxation.dropped_filter)
