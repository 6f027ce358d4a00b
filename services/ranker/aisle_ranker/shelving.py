"""Keeps the shelf: turns stored products into columns and an index, change by change."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from aisle_ranker.domain.product import Product
from aisle_ranker.domain.shelf import Shelf, price_of
from aisle_ranker.engines.product_text import ProductTextWriter

MOST_DEAD_ROWS = 5_000
"""Rows of replaced products that stay before everything is put on a new shelf; more when more products are alive."""


@dataclass
class ShelfBuilder:
    """Builds shelves; to be used by one thread at a time."""

    generation: int = 0
    """Number of the last shelf that was built from nothing."""
    _writer: ProductTextWriter | None = None
    _row_of: dict[str, int] = field(default_factory=dict)
    _products: list[Product] = field(default_factory=list)

    def build(self, products: Iterable[Product], dataset_version: str) -> Shelf:
        """Return a new shelf with exactly these products."""
        self.generation += 1
        self._writer, self._row_of, self._products = ProductTextWriter(), {}, list(products)
        for row, product in enumerate(self._products):
            self._writer.add(row, product)
            self._row_of[product.product_id] = row
        size = len(self._products)
        return Shelf(
            generation=self.generation,
            products=self._products,
            size=size,
            alive=np.ones(size, dtype=bool),
            price=np.array([price_of(product) for product in self._products]),
            stocked=np.array([product.in_stock for product in self._products], dtype=bool),
            created=np.array([product.create_time for product in self._products]),
            text=self._writer.view(),
            dataset_version=dataset_version,
        )

    def updated(self, shelf: Shelf, ids: Sequence[str], present: Mapping[str, Product]) -> Shelf:
        """Return the shelf with `ids` as in `present`; an id that is not there is taken out.

        `shelf` is the last one that this builder gave. A new price or stock alone costs no work of the index.
        """
        if all(i in present and self._same_but_price(i, present[i]) for i in ids):
            return self._priced(shelf, present)
        return self._changed(shelf, ids, present)

    def _same_but_price(self, product_id: str, product: Product) -> bool:
        row = self._row_of.get(product_id)
        return row is not None and _without_price(self._products[row]) == _without_price(product)

    def _changed(self, shelf: Shelf, ids: Sequence[str], present: Mapping[str, Product]) -> Shelf:
        dead = len(shelf.alive) - shelf.count + len(ids)
        if self._writer is None or dead > max(MOST_DEAD_ROWS, shelf.count):
            return replace(self._rebuilt(ids, present, shelf.dataset_version), synonyms=shelf.synonyms)
        gone = [row for row in (self._row_of.pop(i, None) for i in dict.fromkeys(ids)) if row is not None]
        new = [present[i] for i in dict.fromkeys(ids) if i in present]
        for row in gone:
            self._writer.remove(row)
        for product in new:
            row = len(self._products)
            self._writer.add(row, product)
            self._products.append(product)
            self._row_of[product.product_id] = row
        alive = np.concatenate([shelf.alive, np.ones(len(new), dtype=bool)])
        alive[gone] = False
        return Shelf(
            generation=shelf.generation,
            products=self._products,
            size=len(self._products),
            alive=alive,
            price=np.concatenate([shelf.price, [price_of(product) for product in new]]),
            stocked=np.concatenate([shelf.stocked, np.array([product.in_stock for product in new], dtype=bool)]),
            created=np.concatenate([shelf.created, [product.create_time for product in new]]),
            text=self._writer.view(),
            dataset_version=shelf.dataset_version,
            synonyms=shelf.synonyms,
        )

    def _priced(self, shelf: Shelf, present: Mapping[str, Product]) -> Shelf:
        rows, found = [self._row_of[i] for i in present], list(present.values())
        price, stocked = shelf.price.copy(), shelf.stocked.copy()
        price[rows] = [price_of(product) for product in found]
        stocked[rows] = [product.in_stock for product in found]
        return replace(shelf, price=price, stocked=stocked)

    def title(self, product_id: str) -> str:
        """Return a product's title, "" when the shelf has none such."""
        row = self._row_of.get(product_id)
        return self._products[row].title if row is not None else ""

    def _rebuilt(self, ids: Sequence[str], present: Mapping[str, Product], dataset_version: str) -> Shelf:
        wanted = set(ids)
        kept = [self._products[row] for product_id, row in self._row_of.items() if product_id not in wanted]
        return self.build([*kept, *present.values()], dataset_version)


def _without_price(product: Product) -> Product:
    return replace(product, price_nanos=None, stock=None, update_time=0.0, dataset_version="")
