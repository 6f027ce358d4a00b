"""Recommendation from who bought what: item neighbours, EASE-R and implicit matrix factorisation."""

from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Matrix = NDArray[np.float32]
KNN_NEIGHBOURS = 200
KNN_SHRINK = 10.0
EASE_PENALTY = 250.0
EASE_MOST_PRODUCTS = 13_000
"""EASE-R inverts a matrix of products by products; only the most bought ones take part, the others score 0."""
ALS_FACTORS, ALS_ROUNDS, ALS_PENALTY, ALS_CONFIDENCE = 64, 8, 20.0, 10.0
_BATCH = 512


def item_neighbours(
    bought: sp.csr_matrix, neighbours: int = KNN_NEIGHBOURS, shrink: float = KNN_SHRINK
) -> sp.csr_matrix:
    """Return cosines of products over customers, shrunk where few bought both, the strongest per product; (products, products).

    bought (customers, products) holds 0/1. Source: Deshpande & Karypis 2004; shrinkage as in Bell & Koren 2007.
    """
    counts = np.asarray(bought.sum(axis=0), dtype=np.float64).ravel()
    together = (bought.T @ bought).tocsr()
    together.setdiag(0)
    together.eliminate_zeros()
    rows = np.repeat(np.arange(together.shape[0]), np.diff(together.indptr))
    norm = np.sqrt(counts[rows] * counts[together.indices]) + shrink
    together.data = (together.data / norm).astype(np.float32)
    for row in range(together.shape[0]):
        low, high = together.indptr[row], together.indptr[row + 1]
        if high - low > neighbours:
            values = together.data[low:high]
            values[values < np.partition(values, -neighbours)[-neighbours]] = 0
    together.eliminate_zeros()
    return together


@dataclass(frozen=True, slots=True)
class Ease:
    """Weights between the products that take part."""

    products: Ints
    weights: Matrix
    """(taking part, taking part), zero diagonal."""

    def scores(self, bought: sp.csr_matrix) -> Matrix:
        """Return scores of every product for rows of 0/1 purchases, (rows, products)."""
        found = np.zeros(bought.shape, dtype=np.float32)
        found[:, self.products] = bought[:, self.products] @ self.weights
        return found


def fit_ease(bought: sp.csr_matrix, penalty: float = EASE_PENALTY, most: int = EASE_MOST_PRODUCTS) -> Ease:
    """Return the closed-form item-item weights. Source: Steck 2019, "Embarrassingly Shallow Autoencoders", eq. 8."""
    counts = np.asarray(bought.sum(axis=0)).ravel()
    products = np.sort(np.argsort(-counts, kind="stable")[:most]).astype(np.int64)
    kept = bought[:, products].astype(np.float32)
    gram = np.asfortranarray((kept.T @ kept).toarray(), dtype=np.float32)
    gram[np.diag_indices_from(gram)] += penalty
    factor, problem = scipy.linalg.lapack.spotrf(gram, lower=1, overwrite_a=1)
    inverse, second = scipy.linalg.lapack.spotri(factor, lower=1, overwrite_c=1)
    if problem or second:
        raise np.linalg.LinAlgError("the matrix of EASE-R is not positive definite")
    lower = np.tril(inverse)
    inverse = lower + np.tril(lower, -1).T
    inverse /= -np.diag(inverse)[None, :]
    inverse[np.diag_indices_from(inverse)] = 0
    return Ease(products, inverse)


def fit_als(bought: sp.csr_matrix, seed: int, factors: int = ALS_FACTORS, rounds: int = ALS_ROUNDS) -> Matrix:
    """Return product factors of implicit feedback, (products, factors). Source: Hu, Koren and Volinsky 2008, section 4."""
    rng = np.random.default_rng([seed, 23])
    factors = max(1, min(factors, *bought.shape))
    items = (rng.standard_normal((bought.shape[1], factors)) / factors).astype(np.float32)
    by_customer, by_product = bought.tocsr(), bought.T.tocsr()
    for _ in range(rounds):
        customers = fold_in(by_customer, items)
        items = fold_in(by_product, customers)
    return items


def fold_in(bought: sp.csr_matrix, items: Matrix) -> Matrix:
    """Return the factors of the rows of `bought` given those of its columns, (rows, factors); an empty row gives zeros."""
    size = items.shape[1]
    base = items.T @ items + ALS_PENALTY * np.eye(size, dtype=np.float32)
    found = np.zeros((bought.shape[0], size), dtype=np.float32)
    for start in range(0, bought.shape[0], _BATCH):
        rows = range(start, min(start + _BATCH, bought.shape[0]))
        systems = np.repeat(base[None], len(rows), axis=0)
        wanted = np.zeros((len(rows), size), dtype=np.float32)
        for place, row in enumerate(rows):
            mine = items[bought.indices[bought.indptr[row] : bought.indptr[row + 1]]]
            systems[place] += ALS_CONFIDENCE * (mine.T @ mine)
            wanted[place] = (1 + ALS_CONFIDENCE) * mine.sum(axis=0)
        found[start : start + len(rows)] = np.linalg.solve(systems, wanted[:, :, None])[:, :, 0]
    return found
