"""Plain ways to say what comes next: popularity, neighbours of items, and a linear autoencoder."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import lapack

from aisle_trainer.domain.sequences import Ints, Scorer, Scores

EASE_REGULARISATION = 250.0
MOST_EASE_ITEMS = 15_000
"""Items up to which the linear autoencoder is computed: it inverts a matrix of items by items."""


def matrix(sequences: Sequence[Ints], items: int) -> sp.csr_matrix:
    """Which sequence holds which item, 0 or 1, (sequences, items)."""
    rows = np.repeat(np.arange(len(sequences)), [len(one) for one in sequences])
    columns = np.concatenate(sequences) if sequences else np.zeros(0, dtype=np.int64)
    found = sp.csr_matrix((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=(len(sequences), items))
    found.data[:] = 1.0
    return found


def popularity(training: Sequence[Ints], items: int) -> Scorer:
    """Score items by how often they occur."""
    counts = np.bincount(np.concatenate(training), minlength=items).astype(np.float32)

    def score(histories: Sequence[Ints]) -> Scores:
        return np.tile(counts, (len(histories), 1))

    return score


def item_neighbours(training: Sequence[Ints], items: int) -> Scorer:
    """Score items by their cosine, over customers, with the items of the history.

    Source: Sarwar et al. 2001, section 3.
    """
    taken = matrix(training, items)
    norms = np.sqrt(np.maximum(np.asarray(taken.sum(axis=0)).ravel(), 1.0))
    unit = sp.csr_matrix(taken @ sp.diags(1 / norms))
    together = sp.csr_matrix(unit.T @ unit)
    together.setdiag(0)

    def score(histories: Sequence[Ints]) -> Scores:
        return np.asarray((matrix(histories, items) @ together).todense(), dtype=np.float32)

    return score


def linear_autoencoder(training: Sequence[Ints], items: int) -> Scorer:
    """Score items by the weights that best rebuild each customer's items from the others.

    Source: Steck 2019 (EASE-R), section 3.1.
    """
    taken = matrix(training, items)
    gram: NDArray[np.float32] = np.asfortranarray((taken.T @ taken).todense(), dtype=np.float32)
    gram[np.diag_indices(items)] += EASE_REGULARISATION
    # By Cholesky, a half of the work of a general inverse; the lower triangles are what LAPACK fills in.
    factor, _ = lapack.spotrf(gram, lower=1, overwrite_a=1)
    lower, _ = lapack.spotri(factor, lower=1, overwrite_c=1)
    inverse = np.tril(lower) + np.tril(lower, -1).T
    weights = inverse / -np.diag(inverse)
    weights[np.diag_indices(items)] = 0.0

    def score(histories: Sequence[Ints]) -> Scores:
        return np.asarray(matrix(histories, items) @ weights, dtype=np.float32)

    return score
