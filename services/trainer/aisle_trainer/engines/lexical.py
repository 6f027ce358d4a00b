"""BM25 over titles, with the same parameters as the ranker's index (tantivy)."""

import math
import re
from collections import Counter

import bm25s
import numpy as np
from numpy.typing import NDArray

from aisle_trainer.domain.text_match import TEXT_FEATURES, text_match, trigrams

K1, B = 1.2, 0.75
_WORD = re.compile(r"[^\W_]+")
_LONGEST_WORD = 40


def words(text: str) -> list[str]:
    """Split into lower-case runs of letters and digits; longer ones than 39 are dropped, as the ranker's index does."""
    return [word for word in _WORD.findall(text.lower()) if len(word) < _LONGEST_WORD]


class TitleIndex:
    """BM25 scores of titles for a query."""

    def __init__(self, titles: list[str]) -> None:
        """Index `titles`; scores come back in their order."""
        self._count = len(titles)
        self._words = [words(title) for title in titles]
        self._frequency = Counter(word for title_words in self._words for word in set(title_words))
        self._index = bm25s.BM25(method="lucene", k1=K1, b=B)
        self._index.index([title_words or [""] for title_words in self._words], show_progress=False)
        self._vocabulary = set(self._index.vocab_dict)

    def scores(self, query: str) -> NDArray[np.float64]:
        """Return the BM25 score of every title, (titles,); a word given twice counts twice."""
        known = [word for word in words(query) if word in self._vocabulary]
        if not known:
            return np.zeros(self._count)
        # Lucene's variant leaves out the constant factor k1+1 of the classic formula.
        return np.asarray(self._index.get_scores(known), dtype=np.float64) * (K1 + 1)

    def idf(self, word: str) -> float:
        """Return ln(1 + (N - n + 0.5) / (n + 0.5)) for a word that n of N titles hold."""
        count = self._frequency.get(word, 0)
        return math.log(1 + (self._count - count + 0.5) / (count + 0.5))

    def match(self, query: str, titles: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the text-match features of a query and each of `titles` (numbers), (titles, features)."""
        asked = words(query)
        grams = trigrams(asked)
        rows = [text_match(asked, self._words[int(number)], self.idf, grams) for number in titles]
        return np.array(rows, dtype=np.float64).reshape(len(titles), len(TEXT_FEATURES))
