"""Rules for orders, products and user events."""

import re
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from aisle_governance.domain.rules.base import RuleOutcome, is_blank, keep_all, put_aside

_DIGITS = re.compile(r"[0-9]{3}")
SERVICE_WORDS = frozenset(
    {
        "AMAZONFEE",
        "BANK CHARGES",
        "CARRIAGE",
        "DELIVERY",
        "DISCOUNT",
        "DOTCOM POSTAGE",
        "FREIGHT",
        "GIFT WRAP",
        "POST",
        "POSTAGE",
        "SHIPPING",
    }
)
"""Codes that name a service in any shop."""


def is_cancellation(order_ids: "pd.Series[str]", prefix: str) -> "pd.Series[bool]":
    """True where the order id begins with `prefix`; nowhere when there is no prefix."""
    if not prefix:
        return pd.Series(False, index=order_ids.index)
    return order_ids.str.startswith(prefix).fillna(False).astype(bool)


@dataclass(frozen=True, slots=True)
class DropCancellations:
    """Put aside the lines of cancelled orders."""

    prefix: str
    """Prefix of `order_id` that marks a cancellation; empty means there is none."""
    name: ClassVar[str] = "drop_cancellations"
    description: ClassVar[str] = (
        "Puts aside lines of cancellations, because they say that something was not wanted, not that it was bought."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Look at the order id's prefix."""
        return put_aside(frame, is_cancellation(frame["order_id"], self.prefix), "line of a cancellation", "order_id")


@dataclass(frozen=True, slots=True)
class DropUnknownCustomers:
    """Put aside order lines that belong to nobody."""

    name: ClassVar[str] = "drop_unknown_customers"
    description: ClassVar[str] = (
        "Puts aside lines without a customer, because nothing about a shopper's taste can be learned from them."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Look for an empty customer id; a dataset in which nobody is known keeps its rows."""
        missing = is_blank(frame["customer_id"])
        if missing.all():
            return keep_all(frame)
        return put_aside(frame, missing, "customer_id is missing", "customer_id")


@dataclass(frozen=True, slots=True)
class DropInvalidQuantities:
    """Put aside lines in which nothing was bought."""

    name: ClassVar[str] = "drop_invalid_quantities"
    description: ClassVar[str] = "Puts aside lines whose quantity is not above zero: returns and stock corrections."

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Compare with zero; a missing quantity is the business of `drop_missing_required`."""
        bad = frame["quantity"].le(0).fillna(False).astype(bool)
        return put_aside(frame, bad, "quantity is not above 0", "quantity")


@dataclass(frozen=True, slots=True)
class DropInvalidPrices:
    """Put aside rows with an impossible price."""

    column: str
    zero_allowed: bool = False
    """Whether a price of 0 is a price: not for an order line, perhaps for a catalogue entry."""
    name: ClassVar[str] = "drop_invalid_prices"
    description: ClassVar[str] = "Puts aside rows with an impossible price; a price that is not given stays missing."

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Compare with zero."""
        price = frame[self.column]
        bad = price.lt(0) if self.zero_allowed else price.le(0)
        return put_aside(frame, bad, f"{self.column} is {'below' if self.zero_allowed else 'not above'} 0", self.column)


@dataclass(frozen=True, slots=True)
class DropNonProducts:
    """Put aside postage, fees, discounts and manual corrections.

    A code is no product when it is one of `SERVICE_WORDS`; or when at least `majority` of the rows have a code with three digits in
    a row and this one has none (`M`, `DOT`, `C2`). A shop whose codes are words therefore keeps them.
    """

    majority: float = 0.95
    """Share of rows, 0 to 1, whose codes must look numbered before the second clause counts."""
    name: ClassVar[str] = "drop_non_products"
    description: ClassVar[str] = (
        "Puts aside postage, fees, discounts and manual corrections booked as products, because nobody should be recommended them."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Judge each distinct code once."""
        return put_aside(
            frame,
            is_no_product(frame["product_id"], self.majority),
            "code of a service, not of a product",
            "product_id",
        )


def is_no_product(codes: "pd.Series[str]", majority: float) -> "pd.Series[bool]":
    """True where the code stands for a service; see DropNonProducts."""
    counts = codes.value_counts()
    numbered = {code for code in counts.index if _DIGITS.search(code)}
    share = sum(int(count) for code, count in counts.items() if code in numbered) / max(1, int(counts.sum()))
    services = {
        code for code in counts.index if code.upper() in SERVICE_WORDS or (share >= majority and code not in numbered)
    }
    return codes.isin(services)


@dataclass(frozen=True, slots=True)
class KeepNewestProduct:
    """One row per product: the one that was imported last."""

    name: ClassVar[str] = "keep_newest_product"
    description: ClassVar[str] = (
        "Keeps the last row of each product, because a catalogue delivered again replaces what it said before."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Compare product ids."""
        bad = frame["product_id"].duplicated(keep="last")
        return put_aside(frame, bad, "replaced by a later row of the same product", "product_id")


@dataclass(frozen=True, slots=True)
class DropRepeatedEvents:
    """One row per event id: the first."""

    name: ClassVar[str] = "drop_repeated_events"
    description: ClassVar[str] = "Keeps the first row of each event id, because a message delivered twice is one event."

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Compare event ids."""
        return put_aside(frame, frame["event_id"].duplicated(), "repeats an event id", "event_id")
