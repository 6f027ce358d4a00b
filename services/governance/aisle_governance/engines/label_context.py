"""What the other labels of a query say about a label: how generous its raters were, and how titles like this one were graded.

A feature of the other labels that leaves out the label itself gives it away: within a query the sum is fixed, so a low rest means
a high label, and trees learn that instead of relevance. So each half of a query's rows is described by the labels of the other
half alone.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from aisle_governance.domain.kinds import MAX_GRADE
from aisle_governance.engines.text_match import trigrams, words

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
GRADES = int(MAX_GRADE) + 1
_PRIOR_LABELS = 3.0
"""How many labels the overall mix of grades counts as beside those of a query."""
_WIDTHS = (0.05, 0.15)
"""How quickly a title's say falls with its distance, 1 - cosine."""
_FAR = 0.6
"""Distance at which the overall mix stands."""
_MOST_WITNESSES = 1_000
"""Rows of a query's other half that are looked at, at most."""


def title_vectors(titles: Sequence[str]) -> Any:
    """Rows of length 1 over the words and trigrams of each title, sparse (titles, units)."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    parts = []
    for unit in (words, trigrams):
        try:
            parts.append(TfidfVectorizer(analyzer=unit, sublinear_tf=True).fit_transform(titles))
        except ValueError:  # no title has a unit
            parts.append(sparse.csr_matrix((len(titles), 1)))
    return sparse.csr_matrix(sparse.hstack(parts) / np.sqrt(len(parts)))


def context_features(vectors: Any, given: Ints, groups: Ints, first: Floats, seed: int) -> Floats:
    """(row, feature) of each label, from the labels of the half of its query that it is not in.

    `vectors` as from `title_vectors`; `first` (row, grade) probabilities that saw no label of the query. Mix of grades, mean of
    given minus predicted grade, rows of the query; the same weighted by how alike the titles are; the best likeness.
    """
    rng = np.random.default_rng([seed, 23])
    expected = first @ np.arange(GRADES, dtype=np.float64)
    prior = np.bincount(given, minlength=GRADES) / max(1, len(given))
    found = np.zeros((len(given), 3 + GRADES + len(_WIDTHS) * (GRADES + 1)))
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    for rows in np.split(order, starts[1:]):
        mixed = rng.permutation(rows)
        halves = mixed[::2], mixed[1::2]
        for mine, others in (halves, halves[::-1]):
            if len(mine):
                witnesses = others[:_MOST_WITNESSES]
                likeness = np.asarray((vectors[mine] @ vectors[witnesses].T).toarray())
                off = given[witnesses] - expected[witnesses]
                found[mine] = _described(likeness, np.eye(GRADES)[given[witnesses]], off, prior, len(rows))
    return found


def _described(likeness: Floats, grades: Floats, off: Floats, prior: Floats, size: int) -> Floats:
    """Describe rows by witnesses: likeness (rows, witnesses), grades (witnesses, grade) one-hot, off (witnesses,)."""
    rows, weight = len(likeness), len(off) + _PRIOR_LABELS
    mix = (grades.sum(axis=0) + _PRIOR_LABELS * prior) / weight
    parts = [np.tile(mix, (rows, 1)), np.full((rows, 1), off.sum() / weight), np.full((rows, 1), size)]
    for width in _WIDTHS:
        says, overall = np.exp((likeness - 1) / width), np.exp(-_FAR / width)
        total = says.sum(axis=1, keepdims=True) + overall
        parts += [(says @ grades + overall * prior) / total, (says @ off)[:, None] / total]
    parts.append(likeness.max(axis=1, initial=0)[:, None])
    return np.column_stack(parts)
