"""Search: BM25 and vectors find candidates, their blend orders them, the neural ranker re-orders the top."""

from dataclasses import dataclass

import numpy as np

from aisle_ranker.domain.answer import EMBED, LEXICAL, VECTOR_STAGE, Ordering, Source, Trail
from aisle_ranker.domain.arrays import Floats, Ints, TokenIds, Vectors
from aisle_ranker.domain.blend import BM25, NEURAL_RELEVANCE, VECTOR, squashed_bm25, top_rows
from aisle_ranker.domain.budget import Deadline
from aisle_ranker.domain.cascade import Cascade, NeuralPlan, Offload, Pool, ranks_within
from aisle_ranker.domain.catalog import LiveModel
from aisle_ranker.domain.neural import StageSkipped
from aisle_ranker.domain.text import words
from aisle_ranker.domain.text_match import by_name, uses_text_match

LEXICAL_CANDIDATES = 200
VECTOR_CANDIDATES = 200
FALLBACK_WEIGHTS = {VECTOR: 1.0, BM25: 0.5}
"""Order before the neural stage when the bundle's blend is purely neural."""


@dataclass(frozen=True, slots=True)
class Search:
    """Finds products for a query."""

    cascade: Cascade
    offload: Offload

    async def order(
        self, live: LiveModel, query: str, *, skip_neural: bool, deadline: Deadline, trail: Trail
    ) -> Ordering:
        """Return every candidate for a checked query, best first."""
        tokens = live.tokenizer.ids(query)
        with trail.stage(LEXICAL) as left:
            query_words = words(query)
            lexical_rows, lexical_scores = live.search.lexical.search(query_words, LEXICAL_CANDIDATES)
            left.candidates = len(lexical_rows)
        similarity = await self._similarity(live, tokens, deadline, trail)
        vector_rows = np.zeros(0, dtype=np.int64)
        if similarity is not None:
            with trail.stage(VECTOR_STAGE) as left:
                vector_rows = top_rows(similarity, VECTOR_CANDIDATES)
                left.candidates = len(vector_rows)
        # Comparing words with hundreds of titles takes milliseconds, so it is done in a thread.
        pool, rows = await self.offload(
            lambda: _pool(live, query_words, (lexical_rows, lexical_scores), (vector_rows, similarity))
        )
        plan = None
        if not skip_neural:
            plan = NeuralPlan(
                feature=NEURAL_RELEVANCE,
                first=tokens,
                second=lambda at: live.search.catalog.tokens.rows(rows[at]),
                top=live.manifest.search_rerank_top,
            )
        weights = live.manifest.search_blend
        return await self.cascade.order(live, pool, weights, FALLBACK_WEIGHTS, plan, deadline, trail)

    async def _similarity(self, live: LiveModel, tokens: TokenIds, deadline: Deadline, trail: Trail) -> Vectors | None:
        """Return the cosine of every product with the query; None when there is no time or no engine."""
        catalog = live.search.catalog
        if not len(catalog) or not len(tokens):
            return None
        try:
            with trail.stage(EMBED) as left:
                vector = await self.cascade.neural.embed(live, tokens, deadline)
                left.candidates = 1
        except StageSkipped as skipped:
            trail.degrade(VECTOR_STAGE, skipped.cause)
            return None
        return await self.offload(lambda: catalog.similarity(vector))


def _pool(
    live: LiveModel,
    query_words: list[str],
    lexical: tuple[Ints, Floats],
    vector: tuple[Ints, Vectors | None],
) -> tuple[Pool, Ints]:
    """Join the candidates of both sources; returns them with their rows."""
    (lexical_rows, lexical_scores), (vector_rows, similarity) = lexical, vector
    rows = np.unique(np.concatenate([lexical_rows, vector_rows]))
    bm25 = np.zeros(len(rows))
    bm25[np.searchsorted(rows, lexical_rows)] = lexical_scores
    if len(lexical_rows) == LEXICAL_CANDIDATES:  # more titles share a word than were returned
        others = ~np.isin(rows, lexical_rows)
        bm25[others] = live.search.lexical.scores(query_words, rows[others])
    sources = {BM25: Source(np.where(bm25 > 0, bm25, np.nan), ranks_within(rows, lexical_rows))}
    features = {BM25: squashed_bm25(bm25)}
    if similarity is not None:
        cosine = similarity[rows].astype(np.float64)
        sources[VECTOR] = Source(cosine, ranks_within(rows, vector_rows))
        features[VECTOR] = cosine
    if uses_text_match(live.manifest.search_blend):
        features |= by_name(live.search.lexical.match(query_words, rows))
    catalog = live.search.catalog
    pool = Pool(
        product_ids=[catalog.product_ids[row] for row in rows],
        titles=[catalog.titles[row] for row in rows],
        sources=sources,
        features=features,
    )
    return pool, rows
