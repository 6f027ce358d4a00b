"""BM25 by tantivy, over words that were split by the ranker's own rule."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from aisle_ranker.domain.arrays import Floats, Ints
from aisle_ranker.domain.bm25 import Bm25
from aisle_ranker.domain.text import words
from aisle_ranker.domain.text_match import TEXT_FEATURES, text_match, trigrams

_FIELD, _ROW = "words", "row"
_HEAP_BYTES = 50_000_000


class TantivyIndex:
    """An index in memory. Queries are built from words, so no character of a query is ever read as syntax."""

    def __init__(self, titles: Sequence[str]) -> None:
        """Index `titles` by their position; 50,000 take about half a second."""
        import tantivy

        self._tantivy: Any = tantivy
        builder = tantivy.SchemaBuilder()
        # The words are split already: so tantivy, the trainer and this code cannot disagree about what a word is.
        builder.add_text_field(_FIELD, tokenizer_name="whitespace", index_option="freq")
        builder.add_unsigned_field(_ROW, fast=True)
        self._schema = builder.build()
        self._words = [tuple(words(title)) for title in titles]
        index = tantivy.Index(self._schema)
        writer = index.writer(_HEAP_BYTES, 1)
        for row, title_words in enumerate(self._words):
            document = tantivy.Document()
            document.add_text(_FIELD, " ".join(title_words))
            document.add_unsigned(_ROW, row)
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        self._searcher: Any = index.searcher()
        total = sum(len(title_words) for title_words in self._words)
        average = total / len(self._words) if self._words else 0.0
        self._formula = Bm25(len(self._words), average, lambda word: int(self._searcher.doc_freq(_FIELD, word)))

    def search(self, words: Sequence[str], limit: int) -> tuple[Ints, Floats]:
        """Return (rows, scores) of the best titles that share a word, best first."""
        if not words or not self._words:
            return np.zeros(0, dtype=np.int64), np.zeros(0)
        query, occur = self._tantivy.Query, self._tantivy.Occur
        terms = [(occur.Should, query.term_query(self._schema, _FIELD, word, "freq")) for word in words]
        hits = self._searcher.search(query.boolean_query(terms), limit, count=False).hits
        rows = self._searcher.fast_field_values(_ROW, [address for _, address in hits])
        return np.array(rows, dtype=np.int64), np.array([score for score, _ in hits], dtype=np.float64)

    def scores(self, words: Sequence[str], rows: Ints) -> Floats:
        """Return the scores of the given rows."""
        return np.array([self._formula.score(words, self._words[int(row)]) for row in rows], dtype=np.float64)

    def score_title(self, words_of_query: Sequence[str], title: str) -> float:
        """Return the score of any title by the statistics of this index."""
        return self._formula.score(words_of_query, words(title))

    def match(self, words_of_query: Sequence[str], rows: Ints) -> Floats:
        """Return `TEXT_FEATURES` of the given rows, (rows, features)."""
        grams = trigrams(words_of_query)
        found = [text_match(words_of_query, self._words[int(row)], self._formula.idf, grams) for row in rows]
        return np.array(found, dtype=np.float64).reshape(len(rows), len(TEXT_FEATURES))

    def match_title(self, words_of_query: Sequence[str], title: str) -> Floats:
        """Return `TEXT_FEATURES` of any title by the statistics of this index, (features,)."""
        grams = trigrams(words_of_query)
        return np.array(text_match(words_of_query, words(title), self._formula.idf, grams), dtype=np.float64)
