"""BM25 over titles, with the same parameters as the ranker's index (tantivy)."""

import re

import bm25s
import numpy as np
from numpy.typing import NDArray

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
        self._index = bm25s.BM25(method="lucene", k1=K1, b=B)
        self._index.index([words(title) or [""] for title in titles], show_progress=False)
        self._vocabulary = set(self._index.vocab_dict)

    def scores(self, query: str) -> NDArray[np.float64]:
        """Return the BM25 score of every title, (titles,); a word given twice counts twice."""
        known = [word for word in words(query) if word in self._vocabulary]
        if not known:
            return np.zeros(self._count)
        # Lucene's variant leaves out the constant factor k1+1 of the classic formula.
        return np.asarray(self._index.get_scores(known), dtype=np.float64) * (K1 + 1)
