"""The live model's indexes: products with everything that scoring them needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import numpy as np

from aisle_ranker.domain.arrays import Floats, Ints, Vectors
from aisle_ranker.domain.engine import Engine
from aisle_ranker.domain.manifest import Manifest
from aisle_ranker.domain.tokens import Tokenizer, TokenStore

POPULAR_PRODUCTS = 200


@dataclass(frozen=True, slots=True)
class Catalog:
    """Products of one index by row number."""

    product_ids: Sequence[str]
    titles: Sequence[str]
    embeddings: Vectors
    """(products, dim), rows L2-normalised."""
    tokens: TokenStore
    """Titles as token ids."""
    row_of: Mapping[str, int] = field(repr=False, default_factory=dict)
    """Row number by product id."""

    def __len__(self) -> int:
        """Return the number of products."""
        return len(self.product_ids)

    def similarity(self, vector: Vectors) -> Vectors:
        """Return the cosine of every product with `vector` (dim,), which is normalised."""
        return np.asarray(self.embeddings @ vector, dtype=np.float32)

    def mean_vector(self, rows: Ints) -> Vectors | None:
        """Return the normalised mean embedding of some products; None when there are none."""
        if not len(rows):
            return None
        mean = self.embeddings[rows].mean(axis=0)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), dtype=np.float32)


class LexicalIndex(Protocol):
    """BM25 over the titles of a catalog."""

    def search(self, words: Sequence[str], limit: int) -> tuple[Ints, Floats]:
        """Return (rows, scores) of the best titles that share a word, best first."""
        ...

    def scores(self, words: Sequence[str], rows: Ints) -> Floats:
        """Return the scores of the given rows."""
        ...

    def score_title(self, words: Sequence[str], title: str) -> float:
        """Return the score of any title by the statistics of this index."""
        ...

    def match(self, words: Sequence[str], rows: Ints) -> Floats:
        """Return `TEXT_FEATURES` of the given rows, (rows, features)."""
        ...

    def match_title(self, words: Sequence[str], title: str) -> Floats:
        """Return `TEXT_FEATURES` of any title by the statistics of this index, (features,)."""
        ...


@dataclass(frozen=True, slots=True)
class SearchIndex:
    """What Search looks through."""

    catalog: Catalog
    lexical: LexicalIndex


@dataclass(frozen=True, slots=True)
class Covisits:
    """Neighbours of each product by common customers; product i owns offsets[i]:offsets[i + 1]."""

    neighbours: Ints
    """Row numbers."""
    scores: Floats
    offsets: Ints

    def of(self, row: int) -> tuple[Ints, Floats]:
        """Return (rows, scores) of one product's neighbours."""
        part = slice(int(self.offsets[row]), int(self.offsets[row + 1]))
        return self.neighbours[part], self.scores[part]

    def total(self, rows: Ints, count: int) -> Floats:
        """Return for each of `count` products the sum of its scores as neighbour of `rows`."""
        total = np.zeros(count)
        for row in rows:
            neighbours, scores = self.of(int(row))
            np.add.at(total, neighbours, scores)
        return total


@dataclass(frozen=True, slots=True)
class RecommendIndex:
    """What Recommend chooses from."""

    catalog: Catalog
    popularity: Floats
    """(products,), 0..1."""
    popular: Ints
    """Rows of the most bought products, best first."""
    covisits: Covisits


@dataclass(frozen=True, slots=True)
class History:
    """What the training data knows of a customer."""

    rows: Ints
    """Rows of the recommend index, oldest first; products outside it are left out."""
    times: Ints
    """Microseconds since the epoch, one per row."""
    order_count: int


class Histories(Protocol):
    """Histories by customer id."""

    def of(self, customer_id: str) -> History | None:
        """Return the customer's history; None for an unknown one."""
        ...

    def together(self, row: int) -> tuple[Ints, Floats]:
        """Return (rows, scores) of products in the same orders as `row`, by row.

        score = orders with both / sqrt(orders with this one * orders with that one).
        """
        ...


@dataclass(frozen=True, slots=True)
class LiveModel:
    """A model version in memory, ready to answer; replaced as a whole."""

    name: str
    """`models/{model}/versions/{version}`."""
    bundle_digest: str
    manifest: Manifest
    engine: Engine
    tokenizer: Tokenizer
    search: SearchIndex
    recommend: RecommendIndex
    histories: Histories
    idf: Mapping[str, float]
    """Weight of title words as topics; a word that every title holds has almost none."""
    live_time: datetime

    def title(self, product_id: str) -> str:
        """Return the product's title, "" when neither index holds it."""
        for catalog in (self.recommend.catalog, self.search.catalog):
            row = catalog.row_of.get(product_id)
            if row is not None:
                return catalog.titles[row]
        return ""
