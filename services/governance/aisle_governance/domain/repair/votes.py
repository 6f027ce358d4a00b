"""What other columns say a cell should hold: approximate functional dependencies vote, each weighted by how well it holds.

Source: Mahdavi & Abedjan 2019 (Raha), section 3.1 (rule violations by column pairs) and 2020 (Baran), section 4.2 (vicinity
models), with leave-one-out shares so that no cell votes for itself.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Codes = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]
_MOST_DETERMINANTS = 6
_MIN_GROUP = 3
_MIN_GAIN = 0.5
"""Share of the errors of always guessing the column's commonest value that a dependency must avoid."""


@dataclass(frozen=True, slots=True)
class Dependency:
    """`determinant` decides `column` in all but a few rows."""

    determinant: str
    column: str
    confidence: float
    """Share of rows that agree with the commonest value of their group, 0 to 1."""


@dataclass(frozen=True, slots=True)
class _Groups:
    """Per row: the commonest value of its group without the row itself, and shares among the others (NaN: too small)."""

    winner: Codes
    winner_share: Numbers
    own_share: Numbers


def encode(frame: pd.DataFrame) -> dict[str, tuple[Codes, list[str]]]:
    """Codes and distinct values of every column; an empty cell has the code -1."""
    encoded = {}
    for column in frame.columns:
        codes, values = pd.factorize(frame[column].where(frame[column] != ""))
        encoded[column] = (codes.astype(np.int64), [str(value) for value in values])
    return encoded


def find_dependencies(
    encoded: dict[str, tuple[Codes, list[str]]], only: Collection[str] | None = None, *, floor: float = 0.85
) -> list[Dependency]:
    """The strongest determinants of every column (or of `only`), six each at most, that hold in `floor` of the rows they cover."""
    found: list[Dependency] = []
    for column, (target, values) in encoded.items():
        if len(values) < 2 or (only is not None and column not in only):
            continue
        common = np.bincount(target[target >= 0]).max() / max(1, int((target >= 0).sum()))
        options = []
        for determinant, (source, _) in encoded.items():
            if determinant != column and (confidence := _confidence(source, target)) is not None:
                gain = (confidence - common) / max(1e-9, 1 - common)
                if confidence >= floor and gain >= _MIN_GAIN:
                    options.append(Dependency(determinant, column, float(confidence)))
        found += sorted(options, key=lambda one: (-one.confidence, one.determinant))[:_MOST_DETERMINANTS]
    return found


def _confidence(source: Codes, target: Codes) -> float | None:
    both = (source >= 0) & (target >= 0)
    if not both.any():
        return None
    width = int(target.max()) + 1
    pairs, counts = np.unique(source[both] * width + target[both], return_counts=True)
    owner = pairs // width
    sizes = np.bincount(owner, weights=counts)
    best = np.zeros(len(sizes))
    np.maximum.at(best, owner, counts)
    large = sizes >= _MIN_GROUP
    covered = float(sizes[large].sum())
    if covered < 0.2 * len(source):
        return None
    return float(best[large].sum() / covered)


def _groups(source: Codes, target: Codes) -> _Groups:
    width = int(target.max()) + 2
    known = source >= 0
    pairs, inverse, counts = np.unique(
        source[known] * width + target[known] + 1, return_inverse=True, return_counts=True
    )
    owner, value = pairs // width, pairs % width - 1
    sizes = np.bincount(owner, weights=counts)
    voting = np.where(value >= 0, counts, 0)  # an empty cell is no opinion
    order = np.lexsort((-pairs, voting, owner))
    last = np.flatnonzero(np.r_[owner[order][1:] != owner[order][:-1], True])
    top = order[last]
    winner_of, count_of = np.full(len(sizes), -1), np.zeros(len(sizes))
    winner_of[owner[top]], count_of[owner[top]] = value[top], voting[top]
    rows = source[known]
    others = np.where(sizes[rows] >= _MIN_GROUP, sizes[rows] - 1, np.nan)
    mine = target[known] == winner_of[rows]
    winner = np.full(len(source), -1)
    winner_share, own_share = np.full(len(source), np.nan), np.full(len(source), np.nan)
    winner[known] = winner_of[rows]
    winner_share[known] = (count_of[rows] - mine) / others
    own_share[known] = (counts[inverse] - 1) / others
    return _Groups(winner, winner_share, own_share)


@dataclass(frozen=True, slots=True)
class Votes:
    """Per row of one column: the proposed code (-1: none), how much speaks for it, and how much for the present value."""

    proposal: Codes
    support: Numbers
    own: Numbers


def vote(encoded: dict[str, tuple[Codes, list[str]]], dependencies: list[Dependency], column: str) -> Votes:
    """Let every dependency of `column` vote with the log-odds of its confidence."""
    target = encoded[column][0]
    groups, weights = [], []
    for one in dependencies:
        if one.column == column and one.determinant in encoded:
            groups.append(_groups(encoded[one.determinant][0], target))
            weights.append(-np.log(max(1e-3, 1 - one.confidence)))
    none = np.full(len(target), -1)
    if not groups:
        return Votes(none, np.zeros(len(target)), np.zeros(len(target)))
    winners = np.stack([group.winner for group in groups])
    shares = np.stack([group.winner_share for group in groups])
    usable = ~np.isnan(shares) & (winners >= 0)
    weight = np.where(usable, np.array(weights)[:, None], 0.0)
    total = np.maximum(weight.sum(0), 1e-9)
    strength = np.where(usable, shares, 0.0) * weight
    score = np.stack([np.where(winners == winners[k], strength, 0.0).sum(0) for k in range(len(groups))])
    best = score.argmax(0)
    rows = np.arange(len(target))
    own = np.where(usable, np.nan_to_num(np.stack([group.own_share for group in groups])), 0.0) * weight
    proposal = np.where(weight.sum(0) > 0, winners[best, rows], -1)
    return Votes(proposal, score[best, rows] / total, own.sum(0) / total)
