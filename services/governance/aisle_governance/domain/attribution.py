"""What an attribution token says about the answer that showed a product, and whether an event fits it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aisle_governance.errors import AisleError, EventRefused


@dataclass(frozen=True, slots=True)
class Attribution:
    """Contents of a token that the ranker signed."""

    answer_id: str
    model_version: str
    customer_id: str
    products: tuple[str, ...]
    """Products shown, in their order."""


@dataclass(frozen=True, slots=True)
class EventFacts:
    """The parts of a user event that its rules look at."""

    event_id: str
    type: str
    """`CLICK`, `ADD_TO_CART`, `PURCHASE`, `VIEW`; empty for an unknown one."""
    event_time: float | None
    """Seconds since the epoch; None when it is missing."""
    product_id: str
    customer_id: str
    visitor_id: str
    attribution_token: str
    position: int
    quantity: int


MAX_FUTURE_SECONDS = 300.0
_EARLIEST = 946_684_800.0  # 2000-01-01
_MAX_ID = 128
_MAX_PRODUCT_ID = 256
_MAX_POSITION = 100_000


def read_token(payload: bytes) -> Attribution:
    """Read the payload of a verified token. Raises EventRefused when it is not one of the ranker's."""
    try:
        data: Any = json.loads(payload)
        return Attribution(
            answer_id=str(data["a"]),
            model_version=str(data["m"]),
            customer_id=str(data.get("c") or ""),
            products=tuple(str(product) for product in data["p"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EventRefused("The attribution token holds no impression.", reason="TOKEN_INVALID") from error


def check_event(event: EventFacts, now: float, verify: Callable[[str], bytes]) -> Attribution | None:
    """Return what the event's token says, None without a token. Raises EventRefused with the first thing that is wrong.

    `verify(token)` returns the payload of a genuine token and raises an AisleError otherwise.
    """
    _check_fields(event, now)
    if not event.attribution_token:
        if event.type == "CLICK":
            raise EventRefused(
                "A click needs the attribution token of the answer that showed the product.",
                reason="TOKEN_MISSING",
                next_step="Send back the attribution_token of the search or recommendation.",
            )
        return None
    try:
        payload = verify(event.attribution_token)
    except AisleError as error:
        raise EventRefused(error.message, reason=error.reason, next_step=error.next_step) from error
    attribution = read_token(payload)
    if event.product_id not in attribution.products:
        raise EventRefused("The answer of this token did not show the product.", reason="PRODUCT_NOT_SHOWN")
    if event.customer_id and attribution.customer_id and event.customer_id != attribution.customer_id:
        raise EventRefused("The answer of this token was made for another customer.", reason="CUSTOMER_DIFFERS")
    return attribution


def _check_fields(event: EventFacts, now: float) -> None:
    def refuse(field: str, problem: str) -> None:
        raise EventRefused(f"{field} {problem}.", facts={"field": field})

    if not 1 <= len(event.event_id) <= _MAX_ID or not event.event_id.isprintable():
        refuse("event_id", f"must have 1 to {_MAX_ID} printable characters")
    if not event.type:
        refuse("type", "must say what was done")
    if event.event_time is None or event.event_time < _EARLIEST:
        refuse("event_time", "must be a time after the year 2000")
    elif event.event_time > now + MAX_FUTURE_SECONDS:
        refuse("event_time", "lies more than 5 minutes in the future")
    if not 1 <= len(event.product_id) <= _MAX_PRODUCT_ID or not event.product_id.isprintable():
        refuse("product_id", f"must have 1 to {_MAX_PRODUCT_ID} printable characters")
    for field, value in (("customer_id", event.customer_id), ("visitor_id", event.visitor_id)):
        if len(value) > _MAX_ID or not value.isprintable():
            refuse(field, f"must have at most {_MAX_ID} printable characters")
    if not 0 <= event.position <= _MAX_POSITION:
        refuse("position", "must be 0 or a position from 1")
    if event.quantity < 0:
        refuse("quantity", "must not be negative")
