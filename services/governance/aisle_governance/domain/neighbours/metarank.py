"""Metarank: `item`, `ranking` and `interaction` events; `user` events say nothing about products or deeds.

An item's fields are found by name; a ranking becomes impressions, and an interaction joins it by its `ranking`.
Source: Metarank documentation, "Supported events".
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
    mapping,
    moment,
    numbered,
    text,
)

_KNOWN = ("item", "user", "ranking", "interaction")
_FIELDS = {
    "title": ("title", "name"),
    "description": ("description", "overview"),
    "brand": ("brand", "vendor", "manufacturer"),
    "category": ("category", "categories", "genres"),
    "price": ("price",),
    "currency": ("currency",),
    "image_url": ("image_url", "image", "poster"),
    "gtin": ("gtin", "ean", "upc"),
    "colour": ("colour", "color"),
    "size": ("size", "sizes"),
}
"""Canonical column -> field names, the first that is there wins; Metarank itself prescribes none."""
_DEEDS = {"click": "click", "add_to_cart": "add_to_cart", "cart": "add_to_cart", "purchase": "purchase", "view": "view"}


def _kind(record: Mapping[str, Any]) -> str:
    found = text(record.get("event"), "event")
    if found is None:  # exports of old releases leave it out
        found = (
            "ranking"
            if "items" in record
            else "interaction"
            if "type" in record
            else "item"
            if "item" in record
            else ""
        )
    if found not in _KNOWN:
        raise RecordProblem("is no item, user, ranking or interaction event", "event")
    return found


def _fields(record: Mapping[str, Any]) -> dict[str, Any]:
    pairs = (mapping(one, "fields") for one in items(record.get("fields"), "fields"))
    return {str(pair.get("name")): pair.get("value") for pair in pairs}


def product(record: Mapping[str, Any]) -> list[Row] | None:
    """An item; later events of one item are later rows, of which the newest is kept."""
    if _kind(record) != "item":
        return None
    fields = _fields(record)
    row: Row = {"product_id": text(record.get("item"), "item", required=True)}
    for column, names in _FIELDS.items():
        found = next((fields[name] for name in names if fields.get(name) is not None), None)
        row[column] = joined(found, column, " > " if column == "category" else ", ")
    return [row]


def event(record: Mapping[str, Any]) -> list[Row] | None:
    """A ranking as impressions, or an interaction; its type is kept as it is when it is none of the usual ones."""
    kind = _kind(record)
    if kind not in ("ranking", "interaction"):
        return None
    identity = text(record.get("id"), "id", required=True) or ""
    fields = _fields(record)
    shared: Row = {
        "event_time": moment(record.get("timestamp"), "timestamp"),
        "customer_id": text(record.get("user"), "user"),
        "visitor_id": text(record.get("session"), "session"),
        "query": text(fields.get("query"), "fields.query"),
    }
    if kind == "interaction":
        deed = text(record.get("type"), "type", required=True) or ""
        token = text(record.get("ranking"), "ranking")
        product_id = text(record.get("item"), "item", required=True)
        what = _DEEDS.get(deed.lower().replace("-", "_"), deed)
        return [
            {"event_id": identity, **shared, "event_type": what, "product_id": product_id, "attribution_token": token}
        ]
    rows = [
        shared
        | {
            "event_type": "impression",
            "product_id": text(mapping(one, "items").get("id"), "items.id", required=True),
            "position": place,
            "attribution_token": identity,
        }
        for place, one in enumerate(items(record.get("items"), "items"), start=1)
    ]
    return numbered(identity, rows) if rows else None


TRANSLATIONS: Mapping[DatasetKind, Translation] = {DatasetKind.PRODUCTS: product, DatasetKind.USER_EVENTS: event}
"""What can be made out of the records."""
