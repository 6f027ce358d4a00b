"""Gorse: items and feedback as its REST API and its data store write them; users are left out.

An item has no title of its own: labels named `title` or `name`, else the comment (where Gorse's guides put the title), serve.
Source: gorse-io/gorse `storage/data/database.go` (Item, User, Feedback).
"""

from collections.abc import Mapping
from typing import Any

from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.neighbours.records import RecordProblem, Row, Translation, joined, made_id, moment, text

_LABELS = {
    "title": ("title", "name"),
    "description": ("description",),
    "brand": ("brand",),
    "price": ("price",),
    "currency": ("currency",),
    "image_url": ("image_url", "image"),
    "gtin": ("gtin", "ean"),
    "colour": ("colour", "color"),
    "size": ("size",),
}
_DEEDS = {
    "read": "view",
    "view": "view",
    "click": "click",
    "cart": "add_to_cart",
    "add_to_cart": "add_to_cart",
    "purchase": "purchase",
    "buy": "purchase",
}


def _key(record: Mapping[str, Any], name: str) -> Any:
    """A field in Gorse's spelling, or with underscores as its database columns have it."""
    snake = "".join(f"_{char.lower()}" if char.isupper() else char for char in name).lstrip("_")
    return record.get(name, record.get(snake))


def _check(record: Mapping[str, Any]) -> None:
    if _key(record, "ItemId") is None and _key(record, "UserId") is None:
        raise RecordProblem("is no item, user or feedback of Gorse", "ItemId")


def product(record: Mapping[str, Any]) -> list[Row] | None:
    """An item; hidden items are products, too."""
    _check(record)
    if _key(record, "ItemId") is None or _key(record, "FeedbackType") is not None:
        return None
    found = _key(record, "Labels")
    labels = found if isinstance(found, dict) else {}
    row: Row = {"product_id": text(_key(record, "ItemId"), "ItemId", required=True)}
    for column, names in _LABELS.items():
        row[column] = joined(next((labels[name] for name in names if labels.get(name) is not None), None), column)
    row["title"] = row["title"] or text(_key(record, "Comment"), "Comment")
    row["category"] = joined(_key(record, "Categories"), "Categories", " > ")
    return [row]


def event(record: Mapping[str, Any]) -> list[Row] | None:
    """Feedback; its type is kept as it is when it is none of the usual ones."""
    _check(record)
    deed = text(_key(record, "FeedbackType"), "FeedbackType")
    if deed is None:
        return None
    return [
        {
            "event_id": made_id(record),
            "event_type": _DEEDS.get(deed.lower().replace("-", "_"), deed),
            "event_time": moment(_key(record, "Timestamp"), "Timestamp"),
            "customer_id": text(_key(record, "UserId"), "UserId", required=True),
            "product_id": text(_key(record, "ItemId"), "ItemId", required=True),
        }
    ]


TRANSLATIONS: Mapping[DatasetKind, Translation] = {DatasetKind.PRODUCTS: product, DatasetKind.USER_EVENTS: event}
"""What can be made out of the records."""
