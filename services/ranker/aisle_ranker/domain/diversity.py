"""Orders in which products unlike those above them are preferred."""

import numpy as np

from aisle_ranker.domain.arrays import Floats, Ints, Vectors

SHARPNESS = 4.0
"""How much a difference in relevance counts with DPP at strength 0.5: quality = exp(SHARPNESS * relevance)."""
_NOTHING_LEFT = 1e-9


def scaled(scores: Floats) -> Floats:
    """Map scores to 0..1 within the list; equal scores all give 1."""
    low, high = (float(scores.min()), float(scores.max())) if len(scores) else (0.0, 0.0)
    return np.asarray((scores - low) / (high - low)) if high > low else np.ones(len(scores))


def mmr(scores: Floats, vectors: Vectors, strength: float) -> Ints:
    """Return the order by maximal marginal relevance.

    scores (n,), vectors (n, dim) normalised or 0 where unknown -> (n,) positions. Each next product has the highest
    (1 - strength) * relevance - strength * max(0, cosine to the most alike one above); equal ones keep their order.
    Source: Carbonell & Goldstein 1998.
    """
    count = len(scores)
    if not strength or count < 2:
        return np.argsort(-scores, kind="stable").astype(np.int64)
    relevance = (1 - strength) * scaled(scores)
    alike = np.asarray(vectors @ vectors.T, dtype=np.float64)
    nearest, chosen = np.zeros(count), np.zeros(count, dtype=np.int64)
    left = np.ones(count, dtype=bool)
    for place in range(count):
        # With nothing above, likeness says nothing, so the most relevant one is first at any strength.
        value = scores if not place else relevance - strength * nearest
        best = int(np.argmax(np.where(left, value, -np.inf)))
        chosen[place], left[best] = best, False
        np.maximum(nearest, alike[best], out=nearest)
    return chosen


def dpp(scores: Floats, vectors: Vectors, strength: float) -> Ints:
    """Return the order in which a determinantal point process grows greedily.

    Kernel: quality_i * quality_j * likeness_ij with quality = exp(SHARPNESS * (1 - strength) / strength * relevance / 2) and
    likeness (1 + cosine) / 2. Products that add nothing any more follow by score.
    Source: Chen, Zhang & Zhou 2018, algorithm 1.
    """
    count = len(scores)
    if not strength or count < 2:
        return np.argsort(-scores, kind="stable").astype(np.int64)
    log_quality = SHARPNESS * (1 - strength) / strength * scaled(scores)
    likeness = np.asarray((1 + vectors @ vectors.T) / 2, dtype=np.float64)
    np.fill_diagonal(likeness, 1.0)
    volume, basis = np.ones(count), np.zeros((count, count))
    left, order = np.ones(count, dtype=bool), []
    for place in range(count):
        gain = np.where(
            left & (volume > _NOTHING_LEFT), log_quality + np.log(np.maximum(volume, _NOTHING_LEFT)), -np.inf
        )
        best = int(np.argmax(gain)) if place else int(np.argmax(scores))
        if not np.isfinite(gain[best]):
            break
        order.append(best)
        left[best] = False
        row = (likeness[best] - basis[:, :place] @ basis[best, :place]) / np.sqrt(volume[best])
        basis[:, place] = row
        volume = volume - row**2
    rest = np.flatnonzero(left)
    return np.concatenate([np.array(order, dtype=np.int64), rest[np.argsort(-scores[rest], kind="stable")]])
