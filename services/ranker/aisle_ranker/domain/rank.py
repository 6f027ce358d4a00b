"""Rank: puts the caller's own candidates into order, for a query or for a shopper."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aisle_ranker.domain.answer import EMBED, LEXICAL, RECALL, VECTOR_STAGE, Ordering, Source, Trail
from aisle_ranker.domain.arrays import Floats, Ints, TokenIds, Vectors
from aisle_ranker.domain.blend import (
    BM25,
    COVISIT,
    NEURAL_PURCHASE,
    NEURAL_RELEVANCE,
    POPULARITY,
    REPEAT_PURCHASE,
    VECTOR,
    squashed_bm25,
)
from aisle_ranker.domain.budget import Deadline
from aisle_ranker.domain.cascade import Cascade, NeuralPlan, Offload, Pool
from aisle_ranker.domain.catalog import Catalog, LiveModel
from aisle_ranker.domain.neural import StageSkipped
from aisle_ranker.domain.profile import Taste
from aisle_ranker.domain.recommend import FALLBACK_WEIGHTS as PURCHASE_FALLBACK
from aisle_ranker.domain.recommend import history_tokens, purchase_features
from aisle_ranker.domain.search import FALLBACK_WEIGHTS as SEARCH_FALLBACK
from aisle_ranker.domain.text import words
from aisle_ranker.domain.text_match import TEXT_FEATURES, by_name, uses_text_match
from aisle_ranker.errors import InvalidField, UnknownProduct

MOST_CANDIDATES = 1000
LONGEST_PRODUCT_ID = 256


@dataclass(frozen=True, slots=True)
class Wanted:
    """One candidate as the caller names it."""

    product_id: str
    title: str


@dataclass(frozen=True, slots=True)
class _Candidates:
    """The caller's candidates against one catalog."""

    wanted: tuple[Wanted, ...]
    """With titles filled in."""
    rows: Ints
    """Row of the catalog, -1 for a product or title that it does not hold."""
    tokens: list[TokenIds]

    @property
    def known(self) -> Ints:
        """Positions of candidates that the catalog holds."""
        return np.flatnonzero(self.rows >= 0)

    @property
    def foreign(self) -> Ints:
        """Positions of the others."""
        return np.flatnonzero(self.rows < 0)


def checked(candidates: Sequence[Wanted]) -> tuple[Wanted, ...]:
    """Return the candidates; raises InvalidField for none, too many, an empty or overlong id or an id given twice."""
    if not candidates:
        raise InvalidField("candidates", "must hold at least one candidate")
    if len(candidates) > MOST_CANDIDATES:
        raise InvalidField("candidates", f"must hold at most {MOST_CANDIDATES} candidates")
    seen: set[str] = set()
    for index, wanted in enumerate(candidates):
        if not wanted.product_id:
            raise InvalidField(f"candidates[{index}].product_id", "is required")
        if len(wanted.product_id) > LONGEST_PRODUCT_ID:
            problem = f"must have at most {LONGEST_PRODUCT_ID} characters"
            raise InvalidField(f"candidates[{index}].product_id", problem)
        if wanted.product_id in seen:
            raise InvalidField(f"candidates[{index}].product_id", "was named before", next_step="Name each id once.")
        seen.add(wanted.product_id)
    return tuple(candidates)


@dataclass(frozen=True, slots=True)
class Rank:
    """Orders candidates."""

    cascade: Cascade
    offload: Offload

    async def for_query(
        self, live: LiveModel, query: str, wanted: Sequence[Wanted], *, deadline: Deadline, trail: Trail
    ) -> Ordering:
        """Order by relevance to a checked query; raises UnknownProduct for an unknown id without a title."""
        catalog = live.search.catalog
        tokens, query_words = live.tokenizer.ids(query), words(query)

        def look_up() -> tuple[_Candidates, Floats, dict[str, Floats]]:
            found = _resolve(live, catalog, wanted)
            return found, _bm25(live, query_words, found), _text_match(live, query_words, found)

        with trail.stage(LEXICAL) as left:
            # The caller's own titles may be many and long, so they are read in a thread.
            found, bm25, match = await self.offload(look_up)
            left.candidates = int((bm25 > 0).sum())
        vector: Vectors | None = None
        try:
            with trail.stage(EMBED) as left:
                vector = await self.cascade.neural.embed(live, tokens, deadline)
                left.candidates = 1
        except StageSkipped as skipped:
            trail.degrade(VECTOR_STAGE, skipped.cause)
        features = {BM25: squashed_bm25(bm25), **match}
        sources = {BM25: Source.unranked(np.where(bm25 > 0, bm25, np.nan))}
        if vector is not None:
            cosine = await self._cosines(live, catalog, found, vector, deadline, trail)
            sources[VECTOR], features[VECTOR] = Source.unranked(cosine), np.nan_to_num(cosine)
        plan = NeuralPlan(NEURAL_RELEVANCE, tokens, lambda at: [found.tokens[i] for i in at], len(wanted))
        return await self.cascade.order(
            live, _pool(found, sources, features), live.manifest.search_blend, SEARCH_FALLBACK, plan, deadline, trail
        )

    async def for_shopper(
        self, live: LiveModel, taste: Taste, wanted: Sequence[Wanted], *, deadline: Deadline, trail: Trail
    ) -> Ordering:
        """Order by the chance of a purchase; raises UnknownProduct for an unknown id without a title."""
        catalog = live.recommend.catalog
        with trail.stage(RECALL) as left:
            found, (everything, vector) = await self.offload(
                lambda: (_resolve(live, catalog, wanted), purchase_features(live, taste))
            )
            left.candidates = len(wanted)
        features, sources = {}, {}
        for name in (COVISIT, POPULARITY, REPEAT_PURCHASE):
            values = np.full(len(wanted), np.nan)
            values[found.known] = everything[name][found.rows[found.known]]
            sources[name], features[name] = Source.unranked(values), np.nan_to_num(values)
        if vector is not None:
            cosine = await self._cosines(live, catalog, found, vector, deadline, trail)
            sources[VECTOR], features[VECTOR] = Source.unranked(cosine), np.nan_to_num(cosine)
        plan = None
        if taste.recent:
            first = history_tokens(live, taste)
            plan = NeuralPlan(NEURAL_PURCHASE, first, lambda at: [found.tokens[i] for i in at], len(wanted))
        return await self.cascade.order(
            live,
            _pool(found, sources, features),
            live.manifest.recommend_blend,
            PURCHASE_FALLBACK,
            plan,
            deadline,
            trail,
        )

    async def _cosines(
        self, live: LiveModel, catalog: Catalog, found: _Candidates, vector: Vectors, deadline: Deadline, trail: Trail
    ) -> Floats:
        """Return the cosine of each candidate with `vector`; NaN where a foreign title found no time."""
        cosine = np.full(len(found.rows), np.nan)
        known, foreign = found.known, found.foreign
        with trail.stage(VECTOR_STAGE) as left:
            cosine[known] = catalog.embeddings[found.rows[known]] @ vector
            if len(foreign):
                texts = [found.tokens[at] for at in foreign]
                embeddings, cause = await self.cascade.neural.embed_all(live, texts, deadline)
                trail.degrade(VECTOR_STAGE, cause)
                there = np.abs(embeddings).sum(axis=1) > 0
                cosine[foreign[there]] = embeddings[there] @ vector
            left.candidates = int((~np.isnan(cosine)).sum())
        return cosine


def _resolve(live: LiveModel, catalog: Catalog, wanted: Sequence[Wanted]) -> _Candidates:
    """Find rows, titles and tokens of the candidates; the caller's title counts where it differs from the catalog's."""
    filled: list[Wanted] = []
    rows = np.full(len(wanted), -1, dtype=np.int64)
    for index, entry in enumerate(wanted):
        row = catalog.row_of.get(entry.product_id, -1)
        title = entry.title or (catalog.titles[row] if row >= 0 else live.title(entry.product_id))
        if not title:
            raise UnknownProduct(f"candidates[{index}]", entry.product_id, "Send the candidate's title with it.")
        if row >= 0 and title == catalog.titles[row]:
            rows[index] = row
        filled.append(Wanted(entry.product_id, title))
    foreign = [index for index in range(len(wanted)) if rows[index] < 0]
    fresh = dict(zip(foreign, live.tokenizer.ids_of([filled[index].title for index in foreign]), strict=True))
    tokens = [catalog.tokens.row(int(rows[i])) if rows[i] >= 0 else fresh[i] for i in range(len(wanted))]
    return _Candidates(tuple(filled), rows, tokens)


def _bm25(live: LiveModel, query_words: Sequence[str], found: _Candidates) -> Floats:
    scores = np.zeros(len(found.rows))
    known = found.known
    scores[known] = live.search.lexical.scores(query_words, found.rows[known])
    for at in found.foreign:
        scores[at] = live.search.lexical.score_title(query_words, found.wanted[int(at)].title)
    return scores


def _text_match(live: LiveModel, query_words: Sequence[str], found: _Candidates) -> dict[str, Floats]:
    if not uses_text_match(live.manifest.search_blend):
        return {}
    values = np.zeros((len(found.rows), len(TEXT_FEATURES)))
    values[found.known] = live.search.lexical.match(query_words, found.rows[found.known])
    for at in found.foreign:
        values[at] = live.search.lexical.match_title(query_words, found.wanted[int(at)].title)
    return by_name(values)


def _pool(found: _Candidates, sources: dict[str, Source], features: dict[str, Floats]) -> Pool:
    return Pool(
        product_ids=[entry.product_id for entry in found.wanted],
        titles=[entry.title for entry in found.wanted],
        sources=sources,
        features=features,
    )
