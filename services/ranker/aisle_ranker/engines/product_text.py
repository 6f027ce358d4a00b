"""Words of the catalogue by tantivy: an index that takes changes in, and views of it that stay as they are."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aisle_ranker.domain.arrays import Floats, Ints
from aisle_ranker.domain.bm25 import Bm25
from aisle_ranker.domain.product import Product
from aisle_ranker.domain.text import words
from aisle_ranker.engines.lexical import TantivyIndex

_TITLE, _ROW, _KEY = "words", "row", "key"
_OTHERS = {"brand": 1.0, "category": 0.7, "description": 0.3}
"""Weights of the fields beside the title."""
_HEAP_BYTES = 50_000_000
_DESCRIPTION_CHARACTERS = 2_000
_SHORTEST, _LONGEST, _TWO_EDITS_FROM = 4, 30, 8
"""Words that are corrected, and from which length on with two edits."""


class ProductTextWriter:
    """Takes products in and out; `view` shows the state of the last commit."""

    def __init__(self) -> None:
        """Begin without products."""
        import tantivy

        self._tantivy: Any = tantivy
        builder = tantivy.SchemaBuilder()
        for field in (_TITLE, *_OTHERS):
            builder.add_text_field(field, tokenizer_name="whitespace", index_option="freq")
        builder.add_unsigned_field(_ROW, fast=True)
        # A term of a number never deletes anything in this version of the binding; one of a text does.
        builder.add_text_field(_KEY, tokenizer_name="raw", index_option="basic")
        self._schema = builder.build()
        self._index = tantivy.Index(self._schema)
        self._writer: Any = self._index.writer(_HEAP_BYTES, 1)
        self._words: list[tuple[str, ...]] = []
        self._vocabulary: Counter[str] = Counter()
        self._count = self._total = 0

    def add(self, row: int, product: Product) -> None:
        """Take in the product of the next row; rows come in order from 0."""
        title = tuple(words(product.title))
        document = self._tantivy.Document()
        document.add_text(_TITLE, " ".join(title))
        for field in _OTHERS:
            document.add_text(field, " ".join(words(getattr(product, field)[:_DESCRIPTION_CHARACTERS])))
        document.add_unsigned(_ROW, row)
        document.add_text(_KEY, str(row))
        self._writer.add_document(document)
        self._words.append(title)
        self._vocabulary.update(set(title))
        self._count, self._total = self._count + 1, self._total + len(title)

    def remove(self, row: int) -> None:
        """Take the product of a row out."""
        self._writer.delete_documents_by_term(_KEY, str(row))
        title = self._words[row]
        self._vocabulary.subtract(set(title))
        self._count, self._total = self._count - 1, self._total - len(title)

    def view(self) -> "ProductTextView":
        """Commit, and return what can be searched from now on."""
        self._writer.commit()
        self._index.reload()
        average = self._total / self._count if self._count else 0.0
        known = {word: count for word, count in self._vocabulary.items() if count > 0}
        return ProductTextView(
            self._tantivy, self._schema, self._index.searcher(), self._words, (self._count, average), known
        )


class ProductTextView(TantivyIndex):
    """The index at one commit. Titles are scored as those of a bundle are."""

    def __init__(
        self,
        tantivy: Any,
        schema: Any,
        searcher: Any,
        title_words: list[tuple[str, ...]],
        size: tuple[int, float],
        vocabulary: Mapping[str, int],
    ) -> None:
        """Search by `searcher`; `size` is the number of titles and their mean length in words."""
        self._tantivy, self._schema, self._searcher, self._words = tantivy, schema, searcher, title_words
        self._formula = Bm25(*size, lambda word: int(searcher.doc_freq(_TITLE, word)))
        self._vocabulary = vocabulary

    @property
    def vocabulary_size(self) -> int:
        """Distinct words of titles."""
        return len(self._vocabulary)

    def elsewhere(self, words: Sequence[str], limit: int) -> tuple[Ints, Floats]:
        """Return (rows, scores) of the best products that hold a word in brand, category or description."""
        if not words:
            return np.zeros(0, dtype=np.int64), np.zeros(0)
        query = self._tantivy.Query
        parts = [
            query.boost_query(self._term(field, word), weight) for word in words for field, weight in _OTHERS.items()
        ]
        hits = self._searcher.search(self._any(parts), limit, count=False).hits
        return self._rows(hits), np.array([score for score, _ in hits], dtype=np.float64)

    def matching(self, words: Sequence[str], every: bool) -> Ints:
        """Return the rows of all products that hold any (or `every`) word anywhere; in no order."""
        if not words:
            return np.zeros(0, dtype=np.int64)
        count = max(1, int(self._searcher.num_docs))
        return self._rows(self._searcher.search(self._anywhere(words, every), count, count=False).hits)

    def match_count(self, words: Sequence[str]) -> int:
        """Return how many products hold any of the words anywhere."""
        return int(self._searcher.search(self._anywhere(words, False), 1, count=True).count) if words else 0

    def correct(self, word: str) -> str:
        """Return the nearest word of a title, the most frequent one of several; `word` when it is known or none is near."""
        if word in self._vocabulary or not _SHORTEST <= len(word) <= _LONGEST or any(map(str.isdigit, word)):
            return word
        from rapidfuzz.distance import OSA
        from rapidfuzz.process import extract

        edits = 2 if len(word) >= _TWO_EDITS_FROM else 1
        near = extract(word, self._vocabulary.keys(), scorer=OSA.distance, score_cutoff=edits, limit=50)
        if not near or self._searcher.search(self._anywhere([word], False), 1, count=False).hits:
            return word
        return str(min(near, key=lambda found: (found[1], -self._vocabulary[found[0]], found[0]))[0])

    def _term(self, field: str, word: str) -> Any:
        return self._tantivy.Query.term_query(self._schema, field, word, "freq")

    def _any(self, parts: Sequence[Any]) -> Any:
        return self._tantivy.Query.boolean_query([(self._tantivy.Occur.Should, part) for part in parts])

    def _anywhere(self, words: Sequence[str], every: bool) -> Any:
        occur = self._tantivy.Occur.Must if every else self._tantivy.Occur.Should
        found = [(occur, self._any([self._term(field, word) for field in (_TITLE, *_OTHERS)])) for word in words]
        return self._tantivy.Query.boolean_query(found)

    def _rows(self, hits: Sequence[Any]) -> Ints:
        return np.array(self._searcher.fast_field_values(_ROW, [address for _, address in hits]), dtype=np.int64)
