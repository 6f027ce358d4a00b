"""Google Retail (Vertex AI Search for commerce): `Product` and `UserEvent` as their JSON import and export write them.

Source: googleapis `google/cloud/retail/v2/{product,user_event}.proto` in protobuf JSON.
"""

from collections.abc import Mapping
from typing import Any

from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.neighbours.records import (
    RecordProblem,
    Row,
    Translation,
    items,
    joined,
    made_id,
    mapping,
    moment,
    numbered,
    text,
)

_EVENTS = {
    "search": "impression",
    "category-page-view": "impression",
    "detail-page-view": "view",
    "add-to-cart": "add_to_cart",
    "purchase-complete": "purchase",
}
"""Types that speak of products; `home-page-view`, `shopping-cart-page-view` and others are left out."""


def _field(record: Mapping[str, Any], name: str) -> Any:
    """A field under its JSON name or its proto name."""
    snake = "".join(f"_{char.lower()}" if char.isupper() else char for char in name)
    return record.get(name, record.get(snake))


def product(record: Mapping[str, Any]) -> list[Row] | None:
    """A product; a user event among products is left out."""
    if _field(record, "eventType") is not None:
        return None
    price = mapping(_field(record, "priceInfo"), "priceInfo")
    colours = mapping(_field(record, "colorInfo"), "colorInfo")
    images = items(record.get("images"), "images")
    name = text(record.get("name"), "name") or ""
    identity = text(record.get("id"), "id") or name.rpartition("/products/")[2]
    if not identity:
        raise RecordProblem("has neither id nor name", "id")
    return [
        {
            "product_id": identity,
            "title": text(record.get("title"), "title"),
            "description": text(record.get("description"), "description"),
            "brand": joined(record.get("brands"), "brands"),
            "category": _first(record.get("categories"), "categories"),
            "price": _number(price.get("price"), "priceInfo.price"),
            "currency": text(_field(price, "currencyCode"), "priceInfo.currencyCode"),
            "image_url": text(mapping(images[0], "images").get("uri"), "images.uri") if images else None,
            "gtin": text(record.get("gtin"), "gtin"),
            "colour": joined(colours.get("colors") or _field(colours, "colorFamilies"), "colorInfo"),
            "size": joined(record.get("sizes"), "sizes"),
        }
    ]


def _first(value: Any, field: str) -> str | None:
    """The first of several category paths."""
    found = items(value, field) if isinstance(value, list) or value is None else [value]
    return text(found[0], field) if found else None


def _number(value: Any, field: str) -> Any:
    if isinstance(value, bool) or (value is not None and not isinstance(value, int | float | str)):
        raise RecordProblem(f"{field} is no number", field)
    return value


def event(record: Mapping[str, Any]) -> list[Row] | None:
    """A user event: one row per product, for searches in the order in which they were shown."""
    kind = _field(record, "eventType")
    if kind is None:
        if record.get("title") is not None or record.get("name") is not None:
            return None  # a product
        raise RecordProblem("has no eventType", "eventType")
    what = _EVENTS.get(text(kind, "eventType") or "")
    if what is None:
        return None
    user = mapping(_field(record, "userInfo"), "userInfo")
    offset = _whole(record.get("offset"), "offset")
    shared: Row = {
        "event_type": what,
        "event_time": moment(_field(record, "eventTime"), "eventTime"),
        "customer_id": text(_field(user, "userId"), "userInfo.userId"),
        "visitor_id": text(_field(record, "visitorId"), "visitorId"),
        "query": text(_field(record, "searchQuery"), "searchQuery"),
        "attribution_token": text(_field(record, "attributionToken"), "attributionToken"),
    }
    rows = []
    for place, detail in enumerate(items(_field(record, "productDetails"), "productDetails"), start=1):
        found = mapping(mapping(detail, "productDetails").get("product"), "productDetails.product")
        name = text(found.get("name"), "productDetails.product.name") or ""
        identity = text(found.get("id"), "productDetails.product.id") or name.rpartition("/products/")[2]
        if not identity:
            raise RecordProblem("has a product without id", "productDetails.product.id")
        rows.append(shared | {"product_id": identity, "position": offset + place if what == "impression" else None})
    return numbered(made_id(record), rows) if rows else None


def _whole(value: Any, field: str) -> int:
    try:
        return int(text(value, field) or 0)
    except ValueError as error:
        raise RecordProblem(f"{field} is no whole number", field) from error


TRANSLATIONS: Mapping[DatasetKind, Translation] = {DatasetKind.PRODUCTS: product, DatasetKind.USER_EVENTS: event}
"""What can be made out of the records."""
