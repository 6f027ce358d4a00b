"""BM25 of one title, by the formula of the lexical index.

Source: Robertson & Zaragoza 2009, section 3.4, with Lucene's idf; k1 = 1.2, b = 0.75.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

K1, B = 1.2, 0.75


@dataclass(slots=True)
class Bm25:
    """Scores titles against the statistics of an index, whether the index holds them or not."""

    title_count: int
    """Titles in the index."""
    average_length: float
    """Words per title."""
    document_frequency: Callable[[str], int]
    """How many titles hold a word."""
    _idf: dict[str, float] = field(default_factory=dict)

    def score(self, query_words: Sequence[str], title_words: Sequence[str]) -> float:
        """Return the score, 0 when no word is shared; a query word given twice counts twice."""
        total = 0.0
        if not title_words:
            return total
        norm = K1 * (1 - B + B * len(title_words) / max(self.average_length, 1e-9))
        for word in query_words:
            frequency = title_words.count(word)
            if frequency:
                total += self.idf(word) * (K1 + 1) * frequency / (frequency + norm)
        return total

    def idf(self, word: str) -> float:
        """Return ln(1 + (N - n + 0.5) / (n + 0.5)) for a word that n of N titles hold."""
        known = self._idf.get(word)
        if known is None:
            if len(self._idf) > 100_000:
                self._idf.clear()
            count = self.document_frequency(word)
            known = self._idf[word] = math.log(1 + (self.title_count - count + 0.5) / (count + 0.5))
        return known
