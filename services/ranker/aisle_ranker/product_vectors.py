"""Vectors of the catalogue's products by the live model: those of its bundle at once, the others in the background."""

import asyncio
import logging
from dataclasses import dataclass, field

import numpy as np

from aisle_ranker.domain.arrays import Vectors
from aisle_ranker.domain.budget import Deadline
from aisle_ranker.domain.catalog import LiveModel
from aisle_ranker.domain.neural import Neural
from aisle_ranker.domain.product_search import ShelfVectors
from aisle_ranker.domain.shelf import Mask, Shelf
from aisle_ranker.errors import NoLiveModel
from aisle_ranker.products import Products
from aisle_ranker.serving import Serving

RETRY_SECONDS = 1.0
_ROOM = 1024
_log = logging.getLogger(__name__)


@dataclass
class ProductVectors:
    """Keeps one table of vectors; lives in the event loop's thread."""

    serving: Serving
    neural: Neural
    """Its own, so that what background work costs is not taken for the cost of a shopper's call."""
    _key: tuple[str, str, int] = ("", "", 0)
    """Model, bundle and generation of the shelf that the table is for."""
    _table: Vectors = field(default_factory=lambda: np.zeros((0, 1), dtype=np.float32))
    _there: Mask = field(default_factory=lambda: np.zeros(0, dtype=bool))
    _shelf: Shelf | None = None
    _size: int = 0
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def of(self, live: LiveModel, shelf: Shelf) -> ShelfVectors:
        """Return the vectors that are there now; what is missing is made in the background."""
        key = (live.name, live.bundle_digest, shelf.generation)
        if key != self._key:
            self._begin(key, live, shelf)
        if shelf.size > self._size:
            self._grow(live, shelf)
        self._shelf = shelf
        return ShelfVectors(self._table[: shelf.size], self._there[: shelf.size])

    def embedded_count(self, live: LiveModel | None, shelf: Shelf) -> int:
        """Return how many products of the shelf have a vector of the live model."""
        return 0 if live is None else int((self.of(live, shelf).there & shelf.alive).sum())

    def wake(self) -> None:
        """Look for products without a vector; to be called after the shelf was changed."""
        self._wake.set()

    async def run(self, shelf_now: Products) -> None:
        """Make vectors, one small batch after the other, for as long as the service runs."""
        while True:
            self._wake.clear()
            try:
                left = await self._step(shelf_now.shelf)
            except Exception:  # noqa: BLE001 - a task root: searches go on by words
                _log.exception("vectors of products cannot be made now")
                left = None
            if left is None:
                await asyncio.sleep(RETRY_SECONDS)
            elif not left:
                await self._wake.wait()

    async def _step(self, shelf: Shelf | None) -> bool | None:
        """Embed one batch; says whether there may be more, None when the engine gives nothing now."""
        if shelf is None:
            return False
        try:
            with self.serving.use() as live:
                found = self.of(live, shelf)
                rows = np.flatnonzero(shelf.alive & ~found.there)[: self.neural.batch_size]
                if not len(rows):
                    return False
                key, titles = self._key, [shelf.products[row].title for row in rows.tolist()]
                tokens = live.tokenizer.ids_of(titles)
                vectors, cause = await self.neural.embed_all(live, tokens, Deadline(None))
        except NoLiveModel:
            return False
        if cause:
            return None
        if key == self._key:  # neither the model nor the shelf was replaced meanwhile
            self._table[rows], self._there[rows] = vectors, True
        return True

    def _begin(self, key: tuple[str, str, int], live: LiveModel, shelf: Shelf) -> None:
        before: dict[tuple[str, str], int] = {}
        table, there, old = self._table, self._there, self._shelf
        if old is not None and self._key[:2] == key[:2]:  # the same model: rows move to a new shelf with their vectors
            for at in np.flatnonzero(there[: old.size]).tolist():
                before[old.products[at].product_id, old.products[at].title] = at
        self._key, self._size = key, 0
        self._table = np.zeros((shelf.size + _ROOM, live.manifest.embedding_dim), dtype=np.float32)
        self._there = np.zeros(shelf.size + _ROOM, dtype=bool)
        for row in range(shelf.size) if before else ():
            product = shelf.products[row]
            source = before.get((product.product_id, product.title))
            if source is not None:
                self._table[row], self._there[row] = table[source], True
        self._wake.set()

    def _grow(self, live: LiveModel, shelf: Shelf) -> None:
        if shelf.size > len(self._there):
            room = shelf.size + shelf.size // 4 + _ROOM
            table, there = self._table, self._there
            self._table = np.zeros((room, table.shape[1]), dtype=np.float32)
            self._there = np.zeros(room, dtype=bool)
            self._table[: len(table)], self._there[: len(there)] = table, there
        catalog = live.search.catalog
        for row in range(self._size, shelf.size):
            product = shelf.products[row]
            source = catalog.row_of.get(product.product_id)
            if source is not None and catalog.titles[source] == product.title:
                self._table[row], self._there[row] = catalog.embeddings[source], True
        self._size = shelf.size
        self._wake.set()
