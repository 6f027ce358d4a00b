"""Facets: how many matching products have which value."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aisle_ranker.domain.answer import Count
from aisle_ranker.domain.arrays import Ints
from aisle_ranker.domain.filters import AnyOf, Price, Under, parse_filter
from aisle_ranker.domain.shelf import BRAND, CATEGORY, Shelf, ancestors
from aisle_ranker.errors import InvalidField

MOST_FACETS, MOST_BOUNDS, MOST_COUNTS, DEFAULT_COUNTS = 20, 50, 100, 10
PRICE = "price"


@dataclass(frozen=True, slots=True)
class Facet:
    """One property whose values are counted."""

    key: str
    limit: int = DEFAULT_COUNTS
    bounds: tuple[float, ...] = ()


def checked_facets(facets: Sequence[Facet]) -> tuple[Facet, ...]:
    """Return the facets with their limits filled in; raises InvalidField for what cannot be counted."""
    if len(facets) > MOST_FACETS:
        raise InvalidField("facets", f"must hold at most {MOST_FACETS} entries")
    return tuple(_checked(facet, f"facets[{index}]") for index, facet in enumerate(facets))


def _checked(facet: Facet, at: str) -> Facet:
    if not 0 <= facet.limit <= MOST_COUNTS:
        raise InvalidField(f"{at}.limit", f"must be 0 to {MOST_COUNTS}")
    if facet.key == PRICE:
        bounds = facet.bounds
        rising = all(math.isfinite(bound) for bound in bounds) and list(bounds) == sorted(set(bounds))
        if not 1 <= len(bounds) <= MOST_BOUNDS or not rising:
            raise InvalidField(f"{at}.bounds", f"must hold 1 to {MOST_BOUNDS} rising finite numbers")
        return facet
    if facet.bounds:
        raise InvalidField(f"{at}.bounds", "are for the key price only")
    if facet.key not in (BRAND, CATEGORY):
        try:
            found = parse_filter(f'{facet.key}: ANY("")')
        except InvalidField:
            found = None
        if not isinstance(found, AnyOf) or not found.key.startswith("attributes."):
            raise InvalidField(f"{at}.key", "must be brand, category, price or attributes.NAME")
        return Facet(found.key, facet.limit or DEFAULT_COUNTS)
    return Facet(facet.key, facet.limit or DEFAULT_COUNTS)


def counts(shelf: Shelf, facet: Facet, rows: Ints) -> tuple[Count, ...]:
    """Count the values of the given rows: intervals of prices in their order, other values by frequency."""
    if facet.key == PRICE:
        return _intervals(shelf, facet, rows)
    texts = shelf.texts(facet.key)
    per_code = np.bincount(texts.codes[rows], minlength=len(texts.values))
    total: Counter[str] = Counter()
    for code in np.flatnonzero(per_code).tolist():
        value = texts.values[code]
        if value:
            for one in ancestors(value) if facet.key == CATEGORY else [value]:
                total[one] += int(per_code[code])
    best = sorted(total.items(), key=lambda found: (-found[1], found[0]))[: facet.limit]
    under = facet.key == CATEGORY
    return tuple(
        Count(value, count, str(Under(value) if under else AnyOf(facet.key, (value,)))) for value, count in best
    )


def _intervals(shelf: Shelf, facet: Facet, rows: Ints) -> tuple[Count, ...]:
    prices = shelf.price[rows]
    places = np.searchsorted(np.array(facet.bounds), prices[~np.isnan(prices)], side="right")
    numbers = np.bincount(places, minlength=len(facet.bounds) + 1)
    edges = [None, *facet.bounds, None]
    found = []
    for place, count in enumerate(numbers):
        low, high = edges[place], edges[place + 1]
        parts = [str(Price(compare, edge)) for compare, edge in ((">=", low), ("<", high)) if edge is not None]
        name = f"[{low:g}, {high:g})" if low is not None and high is not None else ""
        name = name or (f"below {high:g}" if high is not None else f"{low:g} and up")
        found.append(Count(name, int(count), " AND ".join(parts)))
    return tuple(found)
