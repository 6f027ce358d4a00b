"""What flows into a dataset by itself: a shopper's deed or a served answer, as rows of user events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aisle_governance.errors import InvalidField

DEFAULT_SECONDS, DEFAULT_ROWS = 300, 50_000
MAX_SECONDS, MAX_ROWS = 86_400, 1_000_000
IMPRESSION = "impression"
EVENT_WORDS = {"CLICK": "click", "ADD_TO_CART": "add_to_cart", "PURCHASE": "purchase", "VIEW": "view"}
"""UserEventType without its prefix -> `event_type` of the row."""


@dataclass(frozen=True, slots=True)
class LiveCollection:
    """What flows into one dataset."""

    dataset: str
    user_events: bool = False
    impressions: bool = False
    batch_seconds: int = DEFAULT_SECONDS
    """How long rows wait at most."""
    batch_row_count: int = DEFAULT_ROWS
    """How many rows become an import before that."""
    events_off_time: float = 0.0
    """When user events were turned off last, seconds since the epoch; what was collected since is brought once they are on again."""


@dataclass(frozen=True, slots=True)
class LiveRecord:
    """One event, or one answer with all that it showed; it counts once per dataset."""

    source_id: str
    customer_id: str
    rows: tuple[dict[str, Any], ...]
    """Canonical column -> value; times are ISO 8601 in UTC."""


def check_live(wanted: LiveCollection) -> LiveCollection:
    """Return `wanted`; raises InvalidField for a batch that cannot be."""
    if not 1 <= wanted.batch_seconds <= MAX_SECONDS:
        raise InvalidField("batch_seconds", f"must be 1 to {MAX_SECONDS}, or 0 for {DEFAULT_SECONDS}")
    if not 1 <= wanted.batch_row_count <= MAX_ROWS:
        raise InvalidField("batch_row_count", f"must be 1 to {MAX_ROWS}, or 0 for {DEFAULT_ROWS}")
    return wanted


def deed(
    event_id: str,
    kind: str,
    seconds: float,
    *,
    product_id: str,
    customer_id: str,
    visitor_id: str,
    position: int,
    answer_id: str,
) -> LiveRecord:
    """What a shopper did; the token is the answer's id, by which it joins what the answer showed."""
    row = {
        "event_id": event_id,
        "event_type": EVENT_WORDS[kind],
        "event_time": moment(seconds),
        "customer_id": customer_id or None,
        "visitor_id": visitor_id or None,
        "product_id": product_id,
        "position": position or None,
        "attribution_token": answer_id or None,
    }
    return LiveRecord(f"event:{event_id}", customer_id, (row,))


def answer(
    answer_id: str,
    seconds: float,
    shown: Sequence[tuple[str, int]],
    *,
    query: str,
    customer_id: str,
    visitor_id: str,
) -> LiveRecord:
    """An answer as impressions; `shown` holds (product id, position from 1)."""
    shared = {
        "event_type": IMPRESSION,
        "event_time": moment(seconds),
        "customer_id": customer_id or None,
        "visitor_id": visitor_id or None,
        "query": query or None,
        "attribution_token": answer_id,
    }
    rows = tuple(
        shared | {"event_id": f"{answer_id}-{position}", "product_id": product, "position": position}
        for product, position in shown
    )
    return LiveRecord(f"answer:{answer_id}", customer_id, rows)


def moment(seconds: float) -> str:
    """ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()
