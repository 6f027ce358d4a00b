"""Records of other products, written as their documents show them, and the rows that they give."""

from typing import Any

import pytest
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.model import RecordSchema
from aisle_governance.domain.neighbours import RecordProblem, rows_of

PRODUCTS, EVENTS = DatasetKind.PRODUCTS, DatasetKind.USER_EVENTS
GOOGLE, UBI, METARANK, GORSE = (
    RecordSchema.GOOGLE_RETAIL,
    RecordSchema.OPENSEARCH_UBI,
    RecordSchema.METARANK,
    RecordSchema.GORSE,
)


def rows(schema: RecordSchema, kind: DatasetKind, record: dict[str, Any]) -> list[dict[str, Any]]:
    found = rows_of(schema, kind, record)
    assert found is not None
    return [{name: value for name, value in row.items() if value is not None} for row in found]


GOOGLE_PRODUCT = {
    "name": "projects/1/locations/global/catalogs/default_catalog/branches/0/products/sku-1",
    "id": "sku-1",
    "type": "PRIMARY",
    "title": "Desk lamp",
    "brands": ["Brio"],
    "categories": ["Home > Lamps", "Sale"],
    "priceInfo": {"currencyCode": "EUR", "price": 19.5, "originalPrice": 25},
    "images": [{"uri": "https://shop.example/1.jpg", "height": 300, "width": 400}],
    "colorInfo": {"colorFamilies": ["Red"], "colors": ["Cherry"]},
    "sizes": ["M"],
    "gtin": "04006381333931",
}
GOOGLE_SEARCH = {
    "eventType": "search",
    "visitorId": "v1",
    "eventTime": "2026-01-02T03:04:05Z",
    "searchQuery": "lamp",
    "offset": 10,
    "attributionToken": "tok",
    "userInfo": {"userId": "u1"},
    "productDetails": [{"product": {"id": "a"}}, {"product": {"name": "projects/1/branches/0/products/b"}}],
}


def test_google_retail() -> None:
    assert rows(GOOGLE, PRODUCTS, GOOGLE_PRODUCT) == [
        {
            "product_id": "sku-1",
            "title": "Desk lamp",
            "brand": "Brio",
            "category": "Home > Lamps",
            "price": 19.5,
            "currency": "EUR",
            "image_url": "https://shop.example/1.jpg",
            "gtin": "04006381333931",
            "colour": "Cherry",
            "size": "M",
        }
    ]
    found = rows(GOOGLE, EVENTS, GOOGLE_SEARCH)
    assert [(row["product_id"], row["position"], row["event_type"]) for row in found] == [
        ("a", 11, "impression"),
        ("b", 12, "impression"),
    ]
    assert found[0] | {"event_id": ""} == {
        "event_id": "",
        "event_type": "impression",
        "event_time": "2026-01-02T03:04:05Z",
        "customer_id": "u1",
        "visitor_id": "v1",
        "query": "lamp",
        "attribution_token": "tok",
        "product_id": "a",
        "position": 11,
    }
    bought = {
        **GOOGLE_SEARCH,
        "eventType": "purchase-complete",
        "productDetails": [{"product": {"id": "a"}, "quantity": 2}],
    }
    (row,) = rows(GOOGLE, EVENTS, bought)
    assert (row["event_type"], "position" in row) == ("purchase", False)
    assert row["event_id"] == rows(GOOGLE, EVENTS, bought)[0]["event_id"] != found[0]["event_id"]
    assert rows_of(GOOGLE, EVENTS, {"eventType": "home-page-view", "visitorId": "v"}) is None
    assert rows_of(GOOGLE, EVENTS, GOOGLE_PRODUCT) is None
    assert rows_of(GOOGLE, PRODUCTS, GOOGLE_SEARCH) is None


def test_opensearch_ubi() -> None:
    query = {
        "application": "Chorus",
        "query_id": "q1",
        "client_id": "c1",
        "user_query": "laptop",
        "query_response_id": "r1",
        "query_response_hit_ids": ["B076", "B07S"],
        "query_attributes": {},
        "timestamp": "2025-01-23T13:18:22.274+0000",
    }
    click = {
        "action_name": "click",
        "query_id": "q1",
        "client_id": "c1",
        "timestamp": 1737638310000,
        "event_attributes": {"object": {"object_id": "B07S", "object_id_field": "asin"}, "position": {"ordinal": 2}},
    }
    shown, clicked = rows(UBI, EVENTS, query), rows(UBI, EVENTS, {"_index": "ubi_events", "_source": click})
    assert [(row["event_id"], row["product_id"], row["position"]) for row in shown] == [
        ("r1-1", "B076", 1),
        ("r1-2", "B07S", 2),
    ]
    assert shown[0]["query"] == "laptop" and shown[0]["attribution_token"] == clicked[0]["attribution_token"] == "q1"
    assert (clicked[0]["event_type"], clicked[0]["position"]) == ("click", "2")
    assert clicked[0]["event_time"] == "2025-01-23T13:18:30+00:00"
    assert rows_of(UBI, EVENTS, {**click, "action_name": "login"}) is None
    assert rows_of(UBI, EVENTS, {"index": {"_index": "ubi_events"}}) is None
    assert rows_of(UBI, PRODUCTS, click) is None
    with pytest.raises(RecordProblem, match="neither a query"):
        rows_of(UBI, EVENTS, {"hello": 1})


def test_metarank() -> None:
    item = {
        "event": "item",
        "id": "1",
        "timestamp": "1599391467000",
        "item": "item1",
        "fields": [
            {"name": "title", "value": "Cat"},
            {"name": "color", "value": ["white", "black"]},
            {"name": "price", "value": 3.5},
        ],
    }
    assert rows(METARANK, PRODUCTS, item) == [
        {"product_id": "item1", "title": "Cat", "colour": "white, black", "price": "3.5"}
    ]
    ranking = {
        "event": "ranking",
        "id": "r1",
        "timestamp": "1599391467000",
        "user": "user1",
        "session": "s1",
        "fields": [{"name": "query", "value": "cat"}],
        "items": [{"id": "item3", "relevancy": 2.0}, {"id": "item1"}],
    }
    shown = rows(METARANK, EVENTS, ranking)
    assert [(row["product_id"], row["position"], row["query"], row["attribution_token"]) for row in shown] == [
        ("item3", 1, "cat", "r1"),
        ("item1", 2, "cat", "r1"),
    ]
    assert shown[0]["event_time"] == "2020-09-06T11:24:27+00:00"
    deed = {
        "event": "interaction",
        "id": "i1",
        "ranking": "r1",
        "timestamp": 1599391467,
        "type": "like",
        "item": "item1",
    }
    (row,) = rows(METARANK, EVENTS, deed)
    assert (row["event_type"], row["attribution_token"], row["event_time"]) == (
        "like",
        "r1",
        "2020-09-06T11:24:27+00:00",
    )
    assert rows_of(METARANK, EVENTS, {"event": "user", "id": "1", "user": "u"}) is None
    assert rows_of(METARANK, EVENTS, item) is None
    with pytest.raises(RecordProblem) as caught:
        rows_of(METARANK, EVENTS, {**deed, "item": None})
    assert (str(caught.value), caught.value.field) == ("has no item", "item")


def test_gorse() -> None:
    item = {"ItemId": "i1", "IsHidden": False, "Categories": ["a", "b"], "Labels": ["x"], "Comment": "Minions (2015)"}
    assert rows(GORSE, PRODUCTS, item) == [{"product_id": "i1", "title": "Minions (2015)", "category": "a > b"}]
    labelled = {**item, "Labels": {"title": "Lamp", "brand": "Brio"}}
    assert rows(GORSE, PRODUCTS, labelled)[0] | {} == {
        "product_id": "i1", "title": "Lamp", "brand": "Brio", "category": "a > b",
    }  # fmt: skip
    feedback = {
        "FeedbackType": "read",
        "UserId": "u1",
        "ItemId": "i1",
        "Timestamp": "2020-01-01T00:00:00Z",
        "Comment": "",
    }
    (row,) = rows(GORSE, EVENTS, feedback)
    assert (row["event_type"], row["customer_id"], row["product_id"]) == ("view", "u1", "i1")
    assert (
        rows(GORSE, EVENTS, {"feedback_type": "star", "user_id": "u", "item_id": "i", "timestamp": "2020-01-01"})[0][
            "event_type"
        ]
        == "star"
    )
    assert rows_of(GORSE, PRODUCTS, {"UserId": "u1", "Labels": []}) is None
    assert rows_of(GORSE, EVENTS, item) is None


@pytest.mark.parametrize(
    ("record", "field"),
    [
        ({**GOOGLE_SEARCH, "productDetails": {"product": 1}}, "productDetails"),
        ({**GOOGLE_SEARCH, "productDetails": [{"product": {}}]}, "productDetails.product.id"),
        ({**GOOGLE_SEARCH, "eventTime": None}, "eventTime"),
        ({**GOOGLE_SEARCH, "offset": "x"}, "offset"),
        ({**GOOGLE_SEARCH, "eventTime": 10**30}, "eventTime"),
        ({"visitorId": "v"}, "eventType"),
    ],
)
def test_a_broken_record_names_its_field(record: dict[str, Any], field: str) -> None:
    with pytest.raises(RecordProblem) as caught:
        rows_of(GOOGLE, EVENTS, record)
    assert caught.value.field == field
