"""Orders read back out of the histories: what one customer bought at one time."""

from dataclasses import dataclass

import numpy as np

from aisle_ranker.domain.arrays import Floats, Ints


@dataclass(frozen=True, slots=True)
class Baskets:
    """Distinct (order, product) pairs, by order."""

    rows: Ints
    """Product of each pair."""
    offsets: Ints
    """(orders + 1,): order i owns offsets[i]:offsets[i + 1]."""
    basket_of: Ints
    """Order of each pair."""
    by_row: Ints
    """Pairs sorted by product."""
    row_offsets: Ints
    """Product i owns by_row[row_offsets[i]:row_offsets[i + 1]]."""

    @classmethod
    def of(cls, rows: Ints, times: Ints, customers: Ints) -> "Baskets":
        """Cut histories (rows and times of customer i at customers[i]:customers[i + 1], oldest first) where time changes."""
        starts = np.zeros(len(rows), dtype=bool)
        starts[1:] = times[1:] != times[:-1]
        starts[customers[:-1][customers[:-1] < len(rows)]] = True
        basket = np.cumsum(starts).astype(np.int64)
        known = rows >= 0
        pairs = (
            np.unique(np.stack([basket[known], rows[known]], axis=1), axis=0)
            if known.any()
            else np.zeros((0, 2), np.int64)
        )
        _, basket_of = np.unique(pairs[:, 0], return_inverse=True)
        basket_of = basket_of.reshape(-1).astype(np.int64)
        product = np.ascontiguousarray(pairs[:, 1])
        count = int(basket_of[-1]) + 1 if len(basket_of) else 0
        by_row = np.argsort(product, kind="stable").astype(np.int64)
        most = int(product.max()) + 1 if len(product) else 0
        return cls(
            rows=product,
            offsets=np.searchsorted(basket_of, np.arange(count + 1)).astype(np.int64),
            basket_of=basket_of,
            by_row=by_row,
            row_offsets=np.searchsorted(product[by_row], np.arange(most + 1)).astype(np.int64),
        )

    def together(self, row: int) -> tuple[Ints, Floats]:
        """Return (rows, scores) of products in the same orders as `row`, by row.

        score = orders with both / sqrt(orders with this one * orders with that one).
        """
        if row + 1 >= len(self.row_offsets):
            return np.zeros(0, dtype=np.int64), np.zeros(0)
        mine = self.basket_of[self.by_row[self.row_offsets[row] : self.row_offsets[row + 1]]]
        parts = [self.rows[self.offsets[one] : self.offsets[one + 1]] for one in mine]
        if not parts:
            return np.zeros(0, dtype=np.int64), np.zeros(0)
        others, both = np.unique(np.concatenate(parts), return_counts=True)
        kept = others != row
        others, both = others[kept].astype(np.int64), both[kept]
        support = self.row_offsets[others + 1] - self.row_offsets[others]
        return others, both / np.sqrt(float(len(mine)) * support)
