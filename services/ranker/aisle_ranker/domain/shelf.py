"""The catalogue at one moment, as columns: what filters, facets and sorting look at."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from aisle_ranker.domain.arrays import Floats, Ints
from aisle_ranker.domain.catalog import LexicalIndex
from aisle_ranker.domain.product import NANOS, SEPARATOR, Product

Mask = NDArray[np.bool_]
BRAND, CATEGORY, CURRENCY, ATTRIBUTES = "brand", "category", "currency", "attributes."
_TEXTS: dict[str, Callable[[Product], str]] = {
    BRAND: lambda product: product.brand,
    CATEGORY: lambda product: product.category,
    CURRENCY: lambda product: product.currency,
}


class ProductText(LexicalIndex, Protocol):
    """The words of the catalogue's products."""

    @property
    def vocabulary_size(self) -> int:
        """Distinct words of titles."""
        ...

    def elsewhere(self, words: Sequence[str], limit: int) -> tuple[Ints, Floats]:
        """Return (rows, scores) of the best products that hold a word in brand, category or description."""
        ...

    def matching(self, words: Sequence[str], every: bool) -> Ints:
        """Return the rows of all products that hold any (or `every`) word anywhere; in no order."""
        ...

    def match_count(self, words: Sequence[str]) -> int:
        """Return how many products hold any of the words anywhere."""
        ...

    def correct(self, word: str) -> str:
        """Return the likeliest word of a title for a misspelt one; the word itself when a title holds it or none is near."""
        ...


@dataclass(frozen=True, slots=True)
class Texts:
    """A text property of every row, as codes into its distinct values; code 0 is "" (no value)."""

    codes: Ints
    values: Sequence[str]

    def rows_with(self, wanted: Callable[[str], bool]) -> Mask:
        """Return where the value is one that is `wanted`; rows without a value never are."""
        hits = np.fromiter((bool(value) and wanted(value) for value in self.values), bool, len(self.values))
        return np.asarray(hits[self.codes])


@dataclass(frozen=True)
class Shelf:
    """Products by row; never changed after it was made, so that a call sees one state from its first to its last line."""

    generation: int
    """Rows keep their product while this stays the same."""
    products: Sequence[Product]
    """May grow behind `size`; entries before it stay as they are."""
    size: int
    alive: Mask
    """Rows whose product is the present one; others were replaced or deleted."""
    price: Floats
    """In units; NaN is unknown."""
    stocked: Mask
    created: Floats
    text: ProductText
    dataset_version: str = ""
    synonyms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Words to search as well, by word or phrase (words joined by spaces)."""
    _texts: dict[str, Texts] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Products that can be found."""
        return int(self.alive.sum())

    def texts(self, key: str) -> Texts:
        """Return `brand`, `category`, `currency` or `attributes.NAME` as a column; made at the first use."""
        found = self._texts.get(key)
        if found is None:
            name = key.removeprefix(ATTRIBUTES)
            read = _TEXTS.get(key) or (lambda product: product.attributes.get(name, ""))
            code_of: dict[str, int] = {"": 0}
            rows = (code_of.setdefault(read(self.products[row]), len(code_of)) for row in range(self.size))
            codes = np.fromiter(rows, np.int64, self.size)
            found = self._texts[key] = Texts(codes, tuple(code_of))
        return found


def price_of(product: Product) -> float:
    """Return the price in units, NaN when unknown."""
    return float("nan") if product.price_nanos is None else product.price_nanos / NANOS


def ancestors(path: str) -> list[str]:
    """Return the path and every path above it, the longest last."""
    parts = path.split(SEPARATOR)
    return [SEPARATOR.join(parts[: end + 1]) for end in range(len(parts))]
