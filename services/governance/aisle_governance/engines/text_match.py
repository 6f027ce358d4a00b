"""How well a product's text answers a query, in numbers: the features of the label doctor."""

import itertools
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float64]
_WORD = re.compile(r"\w+")
_DESCRIPTION_CHARACTERS = 1500
_LATENT_SIZE = 100
_K1, _B = 1.2, 0.75


def words(text: str) -> list[str]:
    """Lower-case words with the plural `s` taken off."""
    found = _WORD.findall(text.lower())
    return [word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in found]


def word_pairs(text: str) -> list[str]:
    """Neighbouring words."""
    found = words(text)
    return [f"{one} {two}" for one, two in itertools.pairwise(found)]


def trigrams(text: str) -> list[str]:
    """Three characters in a row, of the words with one space between them."""
    joined = f" {' '.join(words(text))} "
    return [joined[place : place + 3] for place in range(len(joined) - 2)]


def match_features(
    query_ids: NDArray[np.int64], queries: Sequence[str], titles: Sequence[str], descriptions: Sequence[str]
) -> Floats:
    """(row, feature) of each (query, title, description).

    Per unit (words, trigrams, word pairs against the title, words against the description): coverage, coverage by IDF, Jaccard, BM25,
    BM25 per IDF, lengths; where the query's first and last word stand in the title; cosines of character n-grams and of a latent
    semantic space. The strongest also as a rank within their query. No feature looks at a grade.
    """
    texts = [text[:_DESCRIPTION_CHARACTERS] for text in descriptions]
    parts = [
        *_overlap(queries, titles, words),
        *_overlap(queries, titles, trigrams),
        *_overlap(queries, texts, words),
        *_overlap(queries, titles, word_pairs)[:5],
        *_places(queries, titles),
        _character_cosine(queries, titles),
        _latent_cosine(queries, [f"{title} {text}" for title, text in zip(titles, texts, strict=True)]),
    ]
    features = np.column_stack(parts)
    strongest = [0, 1, 2, 3, 8, 10, 17, features.shape[1] - 2, features.shape[1] - 1]
    return np.column_stack([features, _ranks_within(query_ids, features[:, strongest])])


def _overlap(queries: Sequence[str], texts: Sequence[str], unit: Callable[[str], list[str]]) -> list[Floats]:
    """Coverage, IDF coverage, Jaccard, BM25, BM25 per IDF, units in the query, units in the text."""
    from sklearn.feature_extraction.text import CountVectorizer

    counter = CountVectorizer(analyzer=unit, dtype=np.float64)
    try:
        counter.fit([*queries, *texts])
    except ValueError:  # no text has a unit
        return [np.zeros(len(queries)) for _ in range(7)]
    of_query, of_text = counter.transform(queries), counter.transform(texts)
    asked, there = (of_query > 0).astype(np.float64), (of_text > 0).astype(np.float64)
    frequency = _column_sums(there)
    idf = np.log1p((len(queries) - frequency + 0.5) / (frequency + 0.5))
    asked_count, there_count, both = _row_sums(asked), _row_sums(there), asked.multiply(there)
    both_count, asked_idf = _row_sums(both), asked @ idf
    bm25 = _row_sums(asked.multiply(_bm25(of_text, idf)))
    return [
        both_count / np.maximum(asked_count, 1),
        (both @ idf) / np.maximum(asked_idf, 1e-9),
        both_count / np.maximum(asked_count + there_count - both_count, 1),
        bm25,
        bm25 / np.maximum(asked_idf, 1e-9),
        asked_count,
        there_count,
    ]


def _bm25(counts: Any, idf: Floats) -> Any:
    """Weights of every unit in every text. Source: Robertson & Zaragoza 2009, section 3.2."""
    length = _row_sums(counts)
    cells = counts.tocoo()
    norm = _K1 * (1 - _B + _B * length[cells.row] / max(float(length.mean()), 1.0))
    weights = cells.data * (_K1 + 1) / (cells.data + norm) * idf[cells.col]
    return sparse.csr_matrix((weights, (cells.row, cells.col)), shape=counts.shape)


def _places(queries: Sequence[str], titles: Sequence[str]) -> list[Floats]:
    """Whether the query's last and first word stand in the title, and how far in the first match is (1 = nowhere)."""
    last, first, depth = np.zeros(len(queries)), np.zeros(len(queries)), np.ones(len(queries))
    for row, (query, title) in enumerate(zip(queries, titles, strict=True)):
        asked, there = words(query), words(title)
        if asked and there:
            last[row], first[row] = asked[-1] in there, asked[0] in there
            wanted = set(asked)
            depth[row] = next((place for place, word in enumerate(there) if word in wanted), len(there)) / len(there)
    return [last, first, depth]


def _character_cosine(queries: Sequence[str], texts: Sequence[str]) -> Floats:
    from sklearn.feature_extraction.text import TfidfVectorizer

    weigher = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), min_df=min(3, len(texts)), sublinear_tf=True)
    try:
        of_text = weigher.fit_transform(texts)
    except ValueError:  # too little text for a vocabulary
        return np.zeros(len(queries))
    return _row_sums(of_text.multiply(weigher.transform(queries)))


def _latent_cosine(queries: Sequence[str], texts: Sequence[str]) -> Floats:
    """Cosine after a truncated SVD of TF-IDF. Source: Deerwester et al. 1990."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    weigher = TfidfVectorizer(analyzer=words, min_df=min(3, len(texts)), max_df=0.3, sublinear_tf=True)
    try:
        of_text = weigher.fit_transform(texts)
    except ValueError:
        return np.zeros(len(queries))
    size = min(_LATENT_SIZE, min(of_text.shape) - 1)
    if size < 1:
        return np.zeros(len(queries))
    space = TruncatedSVD(size, random_state=0).fit(of_text)
    one, two = normalize(space.transform(of_text)), normalize(space.transform(weigher.transform(queries)))
    return np.asarray((one * two).sum(axis=1))


def _ranks_within(groups: NDArray[np.int64], values: Floats) -> Floats:
    import pandas as pd

    return np.asarray(pd.DataFrame(values).groupby(groups).rank(pct=True), dtype=np.float64)


def _row_sums(matrix: Any) -> Floats:
    return np.asarray(matrix.sum(axis=1), dtype=np.float64).ravel()


def _column_sums(matrix: Any) -> Floats:
    return np.asarray(matrix.sum(axis=0), dtype=np.float64).ravel()
