"""What shoppers deal with now: sums of their deeds that fade with time."""

import math
from collections.abc import Callable, Mapping
from heapq import nlargest

from aisle_ranker.domain.profile import ACTION_WEIGHT, Deed

HALF_LIFE_SECONDS = 6 * 3600.0
MOST_PRODUCTS, SHOWN = 50_000, 200
_LARGEST_EXPONENT = 200.0


class Trends:
    """Weight by product: the sum of each deed's weight, halved every `HALF_LIFE_SECONDS`.

    Source: Cormode et al. 2009, forward decay: weights grow with the time of the deed instead of being faded at every look.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        """Use `now` (seconds since the epoch) as the clock; a deed from the future counts as one from now."""
        self._now, self._rate = now, math.log(2) / HALF_LIFE_SECONDS
        self._start = now()
        self._sums: dict[str, float] = {}

    def add(self, deed: Deed) -> None:
        """Take in one deed."""
        exponent = self._rate * (min(deed.time, self._now()) - self._start)
        if exponent > _LARGEST_EXPONENT:
            self._rebase()
            exponent = self._rate * (min(deed.time, self._now()) - self._start)
        grown = ACTION_WEIGHT.get(deed.action, 0.0) * math.exp(max(exponent, -_LARGEST_EXPONENT))
        self._sums[deed.product_id] = self._sums.get(deed.product_id, 0.0) + grown
        if len(self._sums) > MOST_PRODUCTS:
            kept = nlargest(MOST_PRODUCTS // 2, self._sums.items(), key=lambda entry: entry[1])
            self._sums = dict(kept)

    def clear(self) -> None:
        """Forget everything."""
        self._sums.clear()

    def top(self) -> Mapping[str, float]:
        """Return the `SHOWN` strongest products with their weights, strongest first; equal ones by id."""
        faded = math.exp(-min(self._rate * (self._now() - self._start), 600.0))
        best = nlargest(SHOWN, self._sums.items(), key=lambda entry: (entry[1], entry[0]))
        return {product_id: weight * faded for product_id, weight in best if weight * faded > 1e-12}

    def _rebase(self) -> None:
        factor = math.exp(-self._rate * (self._now() - self._start))
        self._start = self._now()
        self._sums = {one: weight * factor for one, weight in self._sums.items() if weight * factor > 1e-12}
