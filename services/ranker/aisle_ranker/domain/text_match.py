"""How the words of a query stand in a title: the trainer learned its weights with these same features.

Character trigrams see through plurals, inflections and typing errors that whole words miss.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from aisle_ranker.domain.arrays import Floats

LONG_TITLE = 40
"""Words from which on a title counts as equally long."""
COVERAGE, BIGRAMS, POSITION = "word_coverage", "bigram_coverage", "first_position"
LENGTH, TRIGRAMS, LIKENESS = "title_length", "trigram_coverage", "trigram_jaccard"
TEXT_FEATURES = (COVERAGE, BIGRAMS, POSITION, LENGTH, TRIGRAMS, LIKENESS)


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


def uses_text_match(weights: Mapping[str, float]) -> bool:
    """Say whether a blend needs these features at all; bundles of plain blends save the time."""
    return any(weights.get(name, 0.0) for name in TEXT_FEATURES)


def by_name(values: Floats) -> dict[str, Floats]:
    """Return the columns of (candidates, features) by feature."""
    return dict(zip(TEXT_FEATURES, values.T, strict=True))
