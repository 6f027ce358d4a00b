"""Search of the catalogue: words, vectors, filters, facets and orders, and what is given up when nothing matches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from aisle_ranker.domain.answer import (
    EMBED,
    LEXICAL,
    VECTOR_STAGE,
    Count,
    Finding,
    Ordering,
    Relaxation,
    Source,
    Trail,
)
from aisle_ranker.domain.arrays import Floats, Ints, TokenIds, Vectors
from aisle_ranker.domain.blend import BM25, NEURAL_RELEVANCE, VECTOR, squashed_bm25, top_rows
from aisle_ranker.domain.budget import Deadline
from aisle_ranker.domain.cascade import Cascade, NeuralPlan, Offload, Pool, ranks_within
from aisle_ranker.domain.catalog import LiveModel
from aisle_ranker.domain.facets import Facet, counts
from aisle_ranker.domain.filters import Filter, joined, keys, terms
from aisle_ranker.domain.neural import StageSkipped
from aisle_ranker.domain.search import FALLBACK_WEIGHTS, LEXICAL_CANDIDATES, VECTOR_CANDIDATES
from aisle_ranker.domain.shelf import Mask, Shelf
from aisle_ranker.domain.text import words
from aisle_ranker.domain.text_match import by_name, uses_text_match
from aisle_ranker.errors import InvalidField

OTHER_CANDIDATES = 100
"""Products taken for a word in brand, category or description."""
DEEPEST_PAGE = 2_000
"""Results that pages can reach in an order that is not by relevance."""
OTHER_FIELDS, OTHER_WEIGHT = "other_fields", 0.1
"""Source for brand, category and description; bundles know titles only, so its weight is fixed and small."""
RELEVANCE, CHEAPEST, DEAREST, NEWEST = "relevance", "price", "price desc", "newest"
Rows = TypeVar("Rows")
ORDERS = (RELEVANCE, CHEAPEST, DEAREST, NEWEST)
ALL_WORDS, FILTER_TERM = "ALL_WORDS", "FILTER_TERM"
_DROPPED_FIRST = ("attributes.", "in_stock", "price", "currency", "brand", "category")
"""Parts of a filter in the order in which they are given up; a part about several goes with the last of them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a search asks for; `query` is checked, "" browses."""

    query: str
    filter: Filter | None = None
    facets: tuple[Facet, ...] = ()
    order_by: str = RELEVANCE
    spelling: bool = True
    relaxation: bool = True
    skip_neural: bool = False


@dataclass(frozen=True, slots=True)
class ShelfVectors:
    """Vectors of a shelf's products by the live model."""

    table: Vectors
    """(rows, dim); zeros where there is none yet."""
    there: Mask


@dataclass(frozen=True, slots=True)
class _Words:
    """A query as it is searched."""

    query: str
    corrected: str
    """The query after correction, "" when nothing was corrected."""
    own: list[str]
    more: list[str]
    """Words of synonyms."""

    @property
    def all(self) -> list[str]:
        return [*self.own, *(word for word in self.more if word not in self.own)]


def checked_order(order_by: str) -> str:
    """Return the order asked for, `relevance` for ""; raises InvalidField for another."""
    wanted = " ".join(order_by.split()) or RELEVANCE
    if wanted not in ORDERS:
        raise InvalidField("order_by", f"must be one of {', '.join(ORDERS)}")
    return wanted


@dataclass(frozen=True, slots=True)
class ProductSearch:
    """Finds products of the catalogue."""

    cascade: Cascade
    offload: Offload

    async def order(
        self, live: LiveModel, shelf: Shelf, vectors: ShelfVectors, asked: Asked, deadline: Deadline, trail: Trail
    ) -> Ordering:
        """Return the products, best first, with facets and with what was corrected and given up."""
        if not asked.query or asked.order_by != RELEVANCE:
            with trail.stage(LEXICAL) as left:
                ordering = await self.offload(lambda: _sorted_order(shelf, asked))
                left.candidates = len(ordering)
            return ordering
        with trail.stage(LEXICAL):
            said = await self.offload(lambda: _read(shelf, asked))
        tokens = live.tokenizer.ids(said.query)
        similarity = await self._similarity(live, vectors, tokens, deadline, trail)
        with trail.stage(VECTOR_STAGE) as left:
            found = await self.offload(lambda: _candidates(live, shelf, vectors, asked, said, similarity))
            left.candidates = len(found.rows)
        plan = None
        if not asked.skip_neural:
            titles = found.pool.titles
            plan = NeuralPlan(
                feature=NEURAL_RELEVANCE,
                first=tokens,
                second=lambda at: live.tokenizer.ids_of([titles[place] for place in at]),
                top=live.manifest.search_rerank_top,
            )
        weights = {**live.manifest.search_blend, OTHER_FIELDS: OTHER_WEIGHT}
        if not any(live.manifest.search_blend.get(name, 0.0) for name in found.pool.features):
            weights = {**FALLBACK_WEIGHTS, **weights}  # a blend of the neural score alone says nothing before it
        ordering = await self.cascade.order(live, found.pool, weights, FALLBACK_WEIGHTS, plan, deadline, trail)
        return replace(ordering, finding=found.finding)

    async def _similarity(
        self, live: LiveModel, vectors: ShelfVectors, tokens: TokenIds, deadline: Deadline, trail: Trail
    ) -> Vectors | None:
        """Return the cosine of every row with the query; None when there is no time, no engine or no vector."""
        if not len(tokens) or not vectors.there.any():
            return None
        try:
            with trail.stage(EMBED) as left:
                vector = await self.cascade.neural.embed(live, tokens, deadline)
                left.candidates = 1
        except StageSkipped as skipped:
            trail.degrade(VECTOR_STAGE, skipped.cause)
            return None
        return await self.offload(lambda: np.asarray(vectors.table @ vector, dtype=np.float32))


@dataclass(frozen=True, slots=True)
class _Found:
    pool: Pool
    rows: Ints
    finding: Finding


def _read(shelf: Shelf, asked: Asked) -> _Words:
    """Correct words that no title holds, and add those of synonyms."""
    own = words(asked.query)
    corrected = ""
    if asked.spelling:
        known = {word for term in shelf.synonyms for word in term.split()}
        right = [word if word in known else shelf.text.correct(word) for word in own]
        if right != own:
            own, corrected = right, " ".join(right)
    phrase, more = f" {' '.join(own)} ", dict[str, None]()
    for term, others in shelf.synonyms.items():
        if f" {term} " in phrase:
            more.update(dict.fromkeys(others))
    return _Words(corrected or asked.query, corrected, own, list(more))


def _candidates(
    live: LiveModel, shelf: Shelf, vectors: ShelfVectors, asked: Asked, said: _Words, similarity: Vectors | None
) -> _Found:
    """Join what words and vectors find; gives up parts of the filter while nothing passes."""

    def attempt(mask: Mask | None) -> tuple[Ints, Ints, Ints] | None:
        title_rows, other_rows = _by_words(shelf, said.all, mask)
        vector_rows = np.zeros(0, dtype=np.int64)
        if similarity is not None:
            usable = vectors.there & (shelf.alive if mask is None else mask)
            vector_rows = top_rows(np.where(usable, similarity, -np.inf), VECTOR_CANDIDATES)
            vector_rows = vector_rows[usable[vector_rows]]
        return (title_rows, other_rows, vector_rows) if len(title_rows) + len(other_rows) + len(vector_rows) else None

    (mask, found), relaxations = _relaxed(shelf, asked, attempt)
    title_rows, other_rows, vector_rows = found or (np.zeros(0, dtype=np.int64),) * 3
    rows = np.unique(np.concatenate([title_rows, other_rows, vector_rows]))
    pool = _pool(live, shelf, said, rows, (title_rows, other_rows, vector_rows), similarity, vectors)
    matching: Ints | None = None
    if mask is not None or asked.facets:
        matching = shelf.text.matching(said.all, False)
        matching = matching[(shelf.alive if mask is None else mask)[matching]]
        total = len(matching)
    else:
        total = shelf.text.match_count(said.all)
    counted = matching if matching is not None and len(matching) else rows
    facets = tuple((facet.key, counts(shelf, facet, counted)) for facet in asked.facets)
    return _Found(pool, rows, _finding(shelf, max(total, len(rows)), facets, said.corrected, relaxations))


def _by_words(shelf: Shelf, query: Sequence[str], mask: Mask | None) -> tuple[Ints, Ints]:
    """Return the best rows by title and by the other fields."""
    if mask is None:
        return shelf.text.search(query, LEXICAL_CANDIDATES)[0], shelf.text.elsewhere(query, OTHER_CANDIDATES)[0]
    # The index does not know the filter, so everything that matches is asked for, and the filter decides.
    found = []
    for search, limit in ((shelf.text.search, LEXICAL_CANDIDATES), (shelf.text.elsewhere, OTHER_CANDIDATES)):
        rows = search(query, max(1, shelf.size))[0]
        found.append(rows[mask[rows]][:limit])
    return found[0], found[1]


def _pool(
    live: LiveModel,
    shelf: Shelf,
    said: _Words,
    rows: Ints,
    ranked: tuple[Ints, Ints, Ints],
    similarity: Vectors | None,
    vectors: ShelfVectors,
) -> Pool:
    title_rows, other_rows, vector_rows = ranked
    bm25 = shelf.text.scores(said.all, rows)
    sources = {BM25: Source(np.where(bm25 > 0, bm25, np.nan), ranks_within(rows, title_rows))}
    features: dict[str, Floats] = {BM25: squashed_bm25(bm25)}
    if similarity is not None:
        cosine = similarity[rows].astype(np.float64)
        known = vectors.there[rows]
        sources[VECTOR] = Source(np.where(known, cosine, np.nan), ranks_within(rows, vector_rows))
        # A product without a vector yet counts as the middle of the others: its words decide.
        features[VECTOR] = np.where(known, cosine, float(np.median(cosine[known])) if known.any() else 0.0)
    ranks = ranks_within(rows, other_rows)
    place = np.where(ranks > 0, 1.0 - (ranks - 1) / OTHER_CANDIDATES, 0.0)
    sources[OTHER_FIELDS] = Source(np.where(ranks > 0, place, np.nan), ranks)
    features[OTHER_FIELDS] = place
    if uses_text_match(live.manifest.search_blend):
        features |= by_name(shelf.text.match(said.own, rows))
    products = [shelf.products[row] for row in rows]
    return Pool([p.product_id for p in products], [p.title for p in products], sources, features)


def _sorted_order(shelf: Shelf, asked: Asked) -> Ordering:
    """Return all products that match, in the order asked for; without a query all that pass the filter."""
    said = _read(shelf, asked) if asked.query else _Words("", "", [], [])
    notes: list[Relaxation] = []
    matching: Ints | None = None
    if asked.query:
        matching = _every_word(shelf, said)
        if not len(matching) and asked.relaxation:
            matching = shelf.text.matching(said.all, False)
            if len(matching):
                notes.append(Relaxation(ALL_WORDS))

    def attempt(mask: Mask | None) -> Ints | None:
        usable = shelf.alive if mask is None else mask
        rows = np.flatnonzero(usable) if matching is None else np.sort(matching[usable[matching]])
        return rows if len(rows) else None

    (_, found), relaxations = _relaxed(shelf, asked, attempt)
    rows = found if found is not None else np.zeros(0, dtype=np.int64)
    facets = tuple((facet.key, counts(shelf, facet, rows)) for facet in asked.facets)
    best = rows[_sorting(shelf, asked.order_by, rows)][:DEEPEST_PAGE]
    products = [shelf.products[row] for row in best]
    return Ordering(
        product_ids=[product.product_id for product in products],
        titles=[product.title for product in products],
        scores=np.zeros(len(products)),
        sources={},
        finding=_finding(shelf, len(rows), facets, said.corrected, [*notes, *relaxations]),
    )


def _every_word(shelf: Shelf, said: _Words) -> Ints:
    """Return the products that hold every word, and those that hold every word of the synonyms."""
    found = [shelf.text.matching(said.own, True)]
    if said.more:
        found.append(shelf.text.matching(said.more, True))
    return np.unique(np.concatenate(found))


def _sorting(shelf: Shelf, order_by: str, rows: Ints) -> Ints:
    price, newest = shelf.price[rows], -shelf.created[rows]
    unknown = np.isnan(price)
    amount = np.where(unknown, 0.0, price)
    if order_by in (CHEAPEST, DEAREST):
        return np.lexsort((rows, -amount if order_by == DEAREST else amount, unknown))
    return np.lexsort((rows, newest) if order_by == NEWEST else (rows, newest, ~shelf.stocked[rows]))


def _relaxed(
    shelf: Shelf, asked: Asked, attempt: Callable[[Mask | None], Rows | None]
) -> tuple[tuple[Mask | None, Rows | None], list[Relaxation]]:
    """Try with the filter, then with ever less of it; returns the mask and what it gave, and what was left out."""
    parts = terms(asked.filter)
    dropped: list[Relaxation] = []

    def with_parts() -> tuple[Mask | None, Rows | None]:
        rest = joined(parts)
        mask = None if rest is None else shelf.alive & rest.rows(shelf)
        return mask, attempt(mask)

    first = mask, found = with_parts()
    while found is None and parts and asked.relaxation:
        weakest = min(range(len(parts)), key=lambda place: _worth(parts[place]))
        dropped.append(Relaxation(FILTER_TERM, str(parts.pop(weakest))))
        mask, found = with_parts()
    return ((mask, found), dropped) if found is not None else (first, [])


def _worth(part: Filter) -> int:
    """Return how late a part of a filter is given up."""
    places = [next(at for at, start in enumerate(_DROPPED_FIRST) if key.startswith(start)) for key in keys(part)]
    return max(places)


def _finding(
    shelf: Shelf,
    total: int,
    facets: tuple[tuple[str, tuple[Count, ...]], ...],
    corrected: str,
    relaxations: Sequence[Relaxation],
) -> Finding:
    return Finding(total, facets, corrected, tuple(relaxations), shelf.dataset_version)
