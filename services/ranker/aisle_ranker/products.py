"""The catalogue as the service keeps it: stored first, then put on the shelf, one change after the other."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from aisle_runtime.db import Database
from sqlalchemy import Connection

from aisle_ranker.domain.product import Change, Product
from aisle_ranker.domain.shelf import Shelf
from aisle_ranker.domain.text import words
from aisle_ranker.shelving import ShelfBuilder
from aisle_ranker.storage import products as store

T = TypeVar("T")


@dataclass
class Products:
    """Lives in the event loop's thread; the index is changed in a thread beside it."""

    db: Database
    on_change: Callable[[], None] = lambda: None
    """Called when another shelf is there."""
    shelf: Shelf | None = None
    """What searches that begin now look at; None when the catalogue is empty."""
    state: Mapping[str, str] = field(default_factory=dict)
    """What is known of the dataset behind the catalogue."""
    _builder: ShelfBuilder = field(default_factory=ShelfBuilder)
    _last: Shelf | None = None
    """The builder's last shelf; it may be empty."""
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def restore(self) -> None:
        """Put everything that is stored on a new shelf, built beside the one that answers."""
        async with self._lock:
            stored, state = await self.db.read(store.all_products), await self.db.read(store.state)
            version = state.get(store.LOADED, "")
            builder = ShelfBuilder(self._builder.generation)
            built = await asyncio.to_thread(builder.build, stored, version)
            self._builder = builder
            self._show(replace(built, synonyms=synonym_words(await self.db.read(store.all_synonyms))))
            self.state = state

    async def change(self, write: Callable[[Connection], T], ids: Sequence[str]) -> T:
        """Store a change of the products `ids` and show them as they are stored then.

        A change that is repeated shows the same again, so a call that was answered before does no harm.
        """
        async with self._lock:
            answer = await self.db.write(write)
            present = await self.db.read(lambda conn: store.get_products(conn, ids))
            last = self._last
            if last is not None:
                self._show(await asyncio.to_thread(self._builder.updated, last, ids, present))
        return answer

    async def change_synonyms(self, write: Callable[[Connection], T]) -> T:
        """Store a change of synonyms and let searches use it."""
        async with self._lock:
            answer = await self.db.write(write)
            synonyms = synonym_words(await self.db.read(store.all_synonyms))
            if self._last is not None:
                self._show(replace(self._last, synonyms=synonyms))
        return answer

    async def replace_dataset(self, given: Sequence[Product], version: str, publish_time: float, skipped: int) -> None:
        """Store a dataset version's products and swap to a shelf with them."""
        async with self._lock:
            await self.db.write(
                lambda conn: store.replace_dataset(conn, given, version, publish_time, time.time(), skipped)
            )
        await self.restore()

    async def note(self, **state: str) -> None:
        """Store entries of what is known of the dataset."""

        def write(conn: Connection) -> dict[str, str]:
            for key, value in state.items():
                store.set_state(conn, key, value)
            return store.state(conn)

        self.state = await self.db.write(write)

    async def get(self, product_id: str) -> Product | None:
        """Return a product; None when the catalogue does not hold it."""
        return (await self.db.read(lambda conn: store.get_products(conn, [product_id]))).get(product_id)

    def title(self, product_id: str) -> str:
        """Return a product's title, "" for an unknown one."""
        return self._builder.title(product_id)

    def _show(self, shelf: Shelf) -> None:
        self._last = shelf
        self.shelf = shelf if shelf.count else None
        self.on_change()


def changed_products(conn: Connection, changes: Sequence[Change], now: float) -> tuple[int, list[str]]:
    """Store new prices and stocks; returns how many products were changed, and the ids that are unknown."""
    there = store.get_products(conn, [change.product_id for change in changes])
    store.change_products(conn, [c.applied(there[c.product_id]) for c in changes if c.product_id in there], now)
    return len(there), [change.product_id for change in changes if change.product_id not in there]


def synonym_words(sets: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Return for every term, its words joined by spaces, the words of the other terms of its groups."""
    found: dict[str, dict[str, None]] = {}
    for terms in sets.values():
        split = [tuple(words(term)) for term in terms]
        for own in split:
            others = [word for other in split if other != own for word in other]
            if own:
                found.setdefault(" ".join(own), {}).update(dict.fromkeys(others))
    return {term: tuple(others) for term, others in found.items()}
