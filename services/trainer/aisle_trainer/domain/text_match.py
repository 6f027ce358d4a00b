"""How the words of a query stand in a title: the same features here and in the ranker.

Character trigrams see through plurals, inflections and typing errors that whole words miss.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LONG_TITLE = 40
"""Words from which on a title counts as equally long."""
COVERAGE, BIGRAMS, POSITION = "word_coverage", "bigram_coverage", "first_position"
LENGTH, TRIGRAMS, LIKENESS = "title_length", "trigram_coverage", "trigram_jaccard"
TEXT_FEATURES = (COVERAGE, BIGRAMS, POSITION, LENGTH, TRIGRAMS, LIKENESS)
RIDGE = 400.0
"""Penalty of the linear model on standardised features; validation figures move little between 50 and 800."""


def trigrams(words: Sequence[str]) -> set[str]:
    """Return the runs of three characters of the words, joined and framed by spaces."""
    text = f" {' '.join(words)} "
    return {text[at : at + 3] for at in range(len(text) - 2)}


def text_match(
    query: Sequence[str], title: Sequence[str], idf: Callable[[str], float], query_trigrams: set[str]
) -> tuple[float, ...]:
    """Return `TEXT_FEATURES` of one (query, title), each 0 to 1; `query` and `title` are their words in order."""
    asked, offered = set(query), set(title)
    shared = asked & offered
    weight = sum(map(idf, asked))
    pairs, title_pairs = list(pairwise(query)), set(pairwise(title))
    bigrams = sum(pair in title_pairs for pair in pairs) / len(pairs) if pairs else float(bool(shared))
    first = next((place for place, word in enumerate(title) if word in asked), None)
    title_trigrams = trigrams(title)
    common = len(query_trigrams & title_trigrams)
    return (
        sum(map(idf, shared)) / weight if weight else 0.0,
        bigrams,
        0.0 if first is None else 1 / (1 + first),
        min(1.0, math.log1p(len(title)) / math.log1p(LONG_TITLE)),
        common / max(1, len(query_trigrams)),
        common / max(1, len(query_trigrams | title_trigrams)),
    )


def ridge_weights(features: Mapping[str, Floats], labels: Floats, rows: Floats) -> dict[str, float]:
    """Return the weight per feature of a ridge regression of `labels`, for features as they are, the constant left out.

    labels and `rows` (weights of the rows) are (rows,). Source: Hoerl & Kennard 1970.
    """
    matrix = np.column_stack(list(features.values()))
    share = rows / rows.sum()
    mean = share @ matrix
    spread = np.sqrt(share @ (matrix - mean) ** 2)
    known = spread > 1e-9
    scaled = np.where(known, (matrix - mean) / np.where(known, spread, 1.0), 0.0)
    weighted = scaled * rows[:, None]
    solved = np.linalg.solve(
        scaled.T @ weighted + RIDGE * np.eye(matrix.shape[1]), weighted.T @ (labels - share @ labels)
    )
    return dict(zip(features, np.where(known, solved / np.where(known, spread, 1.0), 0.0).tolist(), strict=True))
