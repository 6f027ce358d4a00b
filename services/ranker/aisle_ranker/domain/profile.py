"""What is known of a shopper: purchases from the training data and what was done since."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aisle_ranker.domain.arrays import Ints
from aisle_ranker.domain.catalog import History, LiveModel
from aisle_ranker.domain.text import words
from aisle_ranker.errors import UnknownCustomer

RECENT_SHOWN = 50
INTERESTS_SHOWN = 20
SHORTEST_TOPIC = 3
RECENCY_HALF = 10.0
"""A product this many places back in the list of recent ones counts half."""
PURCHASE = "purchase"
ACTION_WEIGHT = {PURCHASE: 1.0, "cart": 0.8, "click": 0.5, "view": 0.3}


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing a shopper did with one product."""

    product_id: str
    action: str
    """`purchase`, `cart`, `click` or `view`."""
    time: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One product that speaks for an interest."""

    product_id: str
    title: str
    action: str
    time: float


@dataclass(frozen=True, slots=True)
class Interest:
    """One topic with its weight, above 0 to 1, and the products behind it."""

    topic: str
    weight: float
    product_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known about a customer."""

    customer_id: str
    recent: tuple[Evidence, ...]
    """Newest first."""
    interests: tuple[Interest, ...]
    """Strongest first."""
    order_count: int


def describe(live: LiveModel, customer_id: str, deeds: Sequence[Deed]) -> Profile:
    """Put a profile together from the live model's histories and `deeds` (oldest first).

    Raises UnknownCustomer when both are empty.
    """
    history = live.histories.of(customer_id)
    if history is None and not deeds:
        raise UnknownCustomer()
    done = [*_past(live, history), *deeds]
    recent = tuple(
        Evidence(deed.product_id, live.title(deed.product_id), deed.action, deed.time)
        for deed in reversed(done[-RECENT_SHOWN:])
    )
    orders = history.order_count if history is not None else 0
    return Profile(customer_id, recent, interests(recent, live.idf), orders)


def interests(recent: Iterable[Evidence], idf: Mapping[str, float]) -> tuple[Interest, ...]:
    """Return the words of recent titles that stand out, strongest first; the first one has weight 1.

    weight = sum over products of action * recency * idf of the word.
    """
    weights: dict[str, float] = {}
    products: dict[str, dict[str, None]] = {}
    for place, evidence in enumerate(recent):
        share = ACTION_WEIGHT.get(evidence.action, 0.3) * math.pow(0.5, place / RECENCY_HALF)
        for word in set(words(evidence.title)):
            if len(word) >= SHORTEST_TOPIC and not word.isdigit():
                weights[word] = weights.get(word, 0.0) + share * idf.get(word, 0.0)
                products.setdefault(word, {})[evidence.product_id] = None
    ranked = sorted((word for word in weights if weights[word] > 0), key=lambda word: (-weights[word], word))
    top = weights[ranked[0]] if ranked else 1.0
    return tuple(Interest(word, weights[word] / top, tuple(products[word])) for word in ranked[:INTERESTS_SHOWN])


@dataclass(frozen=True, slots=True)
class Taste:
    """What Recommend needs of a shopper, as rows of the recommend index."""

    recent: tuple[int, ...]
    """Distinct products, newest first."""
    bought: Mapping[int, int]
    """How often each product was bought."""


def taste(live: LiveModel, customer_id: str, deeds: Sequence[Deed], just_now: Sequence[str]) -> Taste:
    """Join the customer's history, what was done since (oldest first), and products named by the caller (newest last).

    Products outside the index are left out.
    """
    row_of = live.recommend.catalog.row_of
    history = live.histories.of(customer_id) if customer_id else None
    past: Ints | Sequence[int] = history.rows if history is not None else ()
    bought: dict[int, int] = {}
    for row in past:
        bought[int(row)] = bought.get(int(row), 0) + 1
    sequence = [int(row) for row in past]
    for deed in deeds:
        known = row_of.get(deed.product_id)
        if known is not None:
            sequence.append(known)
            if deed.action == PURCHASE:
                bought[known] = bought.get(known, 0) + 1
    sequence += [row for row in (row_of.get(product) for product in just_now) if row is not None]
    return Taste(tuple(dict.fromkeys(reversed(sequence))), bought)


def _past(live: LiveModel, history: History | None) -> list[Deed]:
    if history is None:
        return []
    ids = live.recommend.catalog.product_ids
    return [
        Deed(ids[int(row)], PURCHASE, int(time) / 1_000_000)
        for row, time in zip(history.rows, history.times, strict=True)
    ]
