"""Finds texts that are nearly the same among hundreds of thousands, without comparing all pairs.

Source: TF-IDF over character n-grams hashed into a fixed number of columns (Weinberger et al. 2009); candidates share at least
two of each text's rarest n-grams (prefix filtering, Chaudhuri et al. 2006; Bayardo et al. 2007); those that an upper bound leaves
are decided by the exact cosine.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from aisle_governance.domain.evidence import normalise

_NOT_ALNUM = re.compile(r"[\W_]+")
_BUCKETS = 1 << 20
_CHUNK_ROWS = 20_000
_RAREST = 12
_MOST_COMMON = 400
"""An n-gram in more texts than this says too little to make two of them candidates."""
_SKETCH = 256
_BOUND_ROWS = 8192
_ROUNDING = 1e-3
_PRIMES = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9))
Pairs = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]


def prepare(text: str) -> str:
    """`text` as it is compared: folded, words apart by one space."""
    return _NOT_ALNUM.sub(" ", normalise(text)).strip()


def ngram_counts(texts: Sequence[str], sizes: Sequence[int] = (3, 4)) -> Any:
    """Counts of hashed character n-grams per prepared text as a sparse matrix (texts, 2^20); words count with their borders."""
    from scipy import sparse

    blocks = [_count_block(texts[start : start + _CHUNK_ROWS], sizes) for start in range(0, len(texts), _CHUNK_ROWS)]
    return sparse.vstack(blocks, format="csr") if blocks else sparse.csr_matrix((0, _BUCKETS), dtype=np.float32)


def _count_block(texts: Sequence[str], sizes: Sequence[int]) -> Any:
    from scipy import sparse

    padded = [f" {text} " for text in texts]
    lengths = np.array([len(text) for text in padded], dtype=np.int64)
    letters = np.frombuffer("".join(padded).encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    rows = np.repeat(np.arange(len(texts), dtype=np.int64), lengths)
    keys = []
    with np.errstate(over="ignore"):
        for size in sizes:
            count = len(letters) - size + 1
            if count <= 0:
                continue
            hashed = np.full(count, np.uint64(size))
            for offset in range(size):
                hashed = (hashed ^ letters[offset : offset + count]) * _PRIMES[offset % 3]
                hashed ^= hashed >> np.uint64(29)
            inside = rows[:count] == rows[size - 1 :]
            keys.append(rows[:count][inside] * _BUCKETS + (hashed[inside] % np.uint64(_BUCKETS)).astype(np.int64))
    joined = np.concatenate(keys) if keys else np.empty(0, dtype=np.int64)
    unique, counts = np.unique(joined, return_counts=True)
    starts = np.searchsorted(unique, np.arange(len(texts) + 1, dtype=np.int64) * _BUCKETS)
    return sparse.csr_matrix(
        (counts.astype(np.float32), (unique % _BUCKETS).astype(np.int32), starts), shape=(len(texts), _BUCKETS)
    )


def tfidf(counts: Any) -> tuple[Any, npt.NDArray[np.float32]]:
    """Rows of length 1 weighed by (1 + log count) x smoothed idf, and how many texts hold each n-gram."""
    documents = np.bincount(counts.indices, minlength=counts.shape[1])
    idf = (np.log((1 + counts.shape[0]) / (1 + documents)) + 1).astype(np.float32)
    weighted = counts.copy()
    weighted.data = (1 + np.log(weighted.data)) * idf[weighted.indices]
    owner = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    norms = np.sqrt(np.bincount(owner, weights=weighted.data.astype(np.float64) ** 2, minlength=counts.shape[0]))
    weighted.data = (weighted.data / np.maximum(norms, 1e-9)[owner]).astype(np.float32)
    return weighted, documents.astype(np.float32)


def similar_pairs(texts: Sequence[str], threshold: float) -> Pairs:
    """All found pairs (first < second) of prepared texts whose cosine reaches `threshold`, 0 to 1."""
    weighted, documents = tfidf(ngram_counts(texts))
    sketch = _sketch(weighted)
    firsts, seconds, cosines = [], [], []
    for first, second in _candidates(weighted, documents):
        maybe = _bound(sketch, first, second) >= threshold - _ROUNDING
        first, second = first[maybe], second[maybe]
        cosine = np.asarray(weighted[first].multiply(weighted[second]).sum(axis=1), dtype=np.float64).ravel()
        near = cosine >= threshold
        firsts.append(first[near])
        seconds.append(second[near])
        cosines.append(cosine[near])
    empty = np.empty(0, dtype=np.int64)
    if not firsts:
        return empty, empty, np.empty(0)
    return np.concatenate(firsts), np.concatenate(seconds), np.concatenate(cosines)


def _sketch(weighted: Any) -> npt.NDArray[np.float32]:
    """Each row with its weights added up into few columns, (texts, 256)."""
    sketch = np.empty((weighted.shape[0], _SKETCH), dtype=np.float32)
    for start in range(0, weighted.shape[0], _CHUNK_ROWS):
        block = weighted[start : start + _CHUNK_ROWS]
        owner = np.repeat(np.arange(block.shape[0], dtype=np.int64), np.diff(block.indptr))
        place = owner * _SKETCH + block.indices % _SKETCH
        summed = np.bincount(place, weights=block.data, minlength=block.shape[0] * _SKETCH)
        sketch[start : start + _CHUNK_ROWS] = summed.reshape(-1, _SKETCH)
    return sketch


def _bound(
    sketch: npt.NDArray[np.float32], first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """A number that no cosine of the pairs exceeds: weights are never negative, so adding columns up only adds products."""
    bounds = np.empty(len(first), dtype=np.float32)
    for start in range(0, len(first), _BOUND_ROWS):
        end = start + _BOUND_ROWS
        bounds[start:end] = np.einsum("ij,ij->i", sketch[first[start:end]], sketch[second[start:end]])
    return bounds


def _candidates(weighted: Any, documents: npt.NDArray[np.float32]) -> Iterator[tuple[Any, Any]]:
    """Blocks of pairs that share at least two of their rarest n-grams that occur in two texts or more."""
    from scipy import sparse

    count = weighted.shape[0]
    owner = np.repeat(np.arange(count), np.diff(weighted.indptr))
    spread = documents[weighted.indices]
    useful = (spread >= 2) & (spread <= _MOST_COMMON)
    owner, columns, spread = owner[useful], weighted.indices[useful], spread[useful]
    order = np.lexsort((spread, owner))
    owner, columns = owner[order], columns[order]
    starts = np.searchsorted(owner, np.arange(count))
    first = np.arange(len(owner)) - starts[owner] < _RAREST
    owner, columns = owner[first], columns[first]
    rare = sparse.csr_matrix((np.ones(len(owner), dtype=np.int16), (owner, columns)), shape=weighted.shape)
    transposed = rare.T.tocsr()
    for start in range(0, count, 4096):
        shared = (rare[start : start + 4096] @ transposed).tocoo()
        rows, others = shared.row.astype(np.int64) + start, shared.col.astype(np.int64)
        chosen = (others > rows) & (shared.data >= 2)
        if chosen.any():
            yield rows[chosen], others[chosen]


def rival_scores(left: Sequence[str], right: Sequence[str], pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Score pairs (n, 2) of positions in two catalogues of prepared texts, 0 to 1.

    cosine x cosine^2 / (best cosine of the left text x best of the right): a pair counts less where one side has a better
    partner, because a product is sold once in each catalogue. Needs no label.
    """
    weighted, _ = tfidf(ngram_counts([*left, *right], sizes=(2, 3, 4)))
    one, two = weighted[: len(left)], weighted[len(left) :]
    best_left, best_right = np.zeros(len(left)), np.zeros(len(right))
    for start in range(0, len(left), 2048):
        block = one[start : start + 2048] @ two.T
        best_left[start : start + 2048] = block.max(axis=1).toarray().ravel()
        best_right = np.maximum(best_right, block.max(axis=0).toarray().ravel())
    first, second = pairs[:, 0], pairs[:, 1]
    cosine = np.asarray(one[first].multiply(two[second]).sum(axis=1), dtype=np.float64).ravel()
    return cosine**3 / np.maximum(best_left[first] * best_right[second], 1e-9)
