"""OpenSearch User Behavior Insights: documents of `ubi_queries` and `ubi_events`.

A query with its hits becomes impressions; events join them by `query_id`, which becomes the attribution token.
Source: UBI specification 1.3, query and event schemas; the bulk line `{"index": ...}` and search hits (`_source`) are understood.
"""

from collections.abc import Mapping
from typing import Any

from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.neighbours.records import (
    RecordProblem,
    Row,
    Translation,
    items,
    made_id,
    mapping,
    moment,
    numbered,
    text,
)

_ACTIONS = {
    "click": "click",
    "item_click": "click",
    "product_click": "click",
    "impression": "impression",
    "view": "view",
    "product_view": "view",
    "add_to_cart": "add_to_cart",
    "cart": "add_to_cart",
    "purchase": "purchase",
    "buy": "purchase",
}


def event(record: Mapping[str, Any]) -> list[Row] | None:
    """Impressions of a query, or what a user did with an object; other actions (hover, login, filter) are left out."""
    if set(record) & {"index", "create"} and len(record) == 1:
        return None  # the line before a document in a bulk file
    document = mapping(record.get("_source"), "_source") or record
    if "query_response_hit_ids" in document:
        return _impressions(document)
    if "action_name" in document:
        return _action(document)
    if "user_query" in document:
        return None  # a query whose hits were not recorded
    raise RecordProblem("is neither a query with query_response_hit_ids nor an event with action_name", "action_name")


def _shared(document: Mapping[str, Any]) -> Row:
    attributes = mapping(document.get("event_attributes") or document.get("query_attributes"), "event_attributes")
    session = document.get("session_id", attributes.get("session_id"))
    return {
        "event_time": moment(document.get("timestamp", document.get("@timestamp")), "timestamp"),
        "customer_id": text(document.get("user_id"), "user_id"),
        "visitor_id": text(session, "session_id") or text(document.get("client_id"), "client_id"),
        "query": text(document.get("user_query"), "user_query"),
        "attribution_token": text(document.get("query_id"), "query_id"),
    }


def _impressions(document: Mapping[str, Any]) -> list[Row] | None:
    shared = _shared(document) | {"event_type": "impression"}
    rows = [
        shared | {"product_id": text(one, "query_response_hit_ids", required=True), "position": place}
        for place, one in enumerate(items(document["query_response_hit_ids"], "query_response_hit_ids"), start=1)
    ]
    identity = text(document.get("query_response_id"), "query_response_id") or made_id(document)
    return numbered(identity, rows) if rows else None


def _action(document: Mapping[str, Any]) -> list[Row] | None:
    what = _ACTIONS.get((text(document["action_name"], "action_name") or "").lower().replace("-", "_"))
    attributes = mapping(document.get("event_attributes"), "event_attributes")
    thing = mapping(attributes.get("object"), "event_attributes.object")
    product = text(thing.get("object_id"), "event_attributes.object.object_id")
    if what is None or product is None:
        return None
    place = mapping(attributes.get("position"), "event_attributes.position").get("ordinal")
    row = {"event_type": what, "product_id": product, "position": text(place, "event_attributes.position.ordinal")}
    identity = text(document.get("event_id"), "event_id") or made_id(document)
    return [{"event_id": identity, **_shared(document), **row}]


TRANSLATIONS: Mapping[DatasetKind, Translation] = {DatasetKind.USER_EVENTS: event}
"""What can be made out of the records."""
