"""How far a column's values moved between two samples: the population stability index over the yardstick's own bins."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aisle_monitor.domain.reports import Bin, ColumnDrift

QUANTILE_BINS = 10
TOP_CATEGORIES = 20
FEW_VALUES = 20
"""A number with at most so many different values in the yardstick is compared value by value."""
SHARE_FLOOR = 1e-4
"""Least share of a bin inside the logarithm, so that an empty bin gives a large and finite term."""
MANY_CATEGORIES = 200
"""With more categories than this, named bins would hold too little; groups of equal popularity are compared instead."""
POPULARITY_GROUPS = 10
MISSING, OTHER, NEW = "(missing)", "(other)", "(new)"

Numbers = NDArray[np.float64]
Labels = NDArray[np.object_]


def number_drift(column: str, reference: Numbers, current: Numbers, threshold: float) -> ColumnDrift:
    """Compare a numeric column; NaN means missing and has a bin of its own.

    reference (n,), current (m,) -> the index over at most ten quantile bins of the reference. A value that fills whole
    quantiles gets a bin for itself. With few different values each is its own bin, so that a shift of a constant shows
    too.
    """
    known = reference[~np.isnan(reference)]
    distinct = np.unique(known)
    if len(distinct) <= FEW_VALUES:
        return category_drift(column, _as_labels(reference), _as_labels(current), threshold)
    edges = _edges(known, distinct)
    names = [*_interval_labels(edges), MISSING]
    return _compare(column, names, _count_numbers(reference, edges), _count_numbers(current, edges), threshold)


def category_drift(column: str, reference: Labels, current: Labels, threshold: float) -> ColumnDrift:
    """Compare a column of categories; None means missing.

    The reference's twenty most frequent categories (ties by name) are bins; all others share one. More than 200
    categories, such as product ids, are put in order of frequency and cut into ten groups that hold a tenth of the
    reference each; what the reference does not know is a group of its own.
    """
    values, counts = np.unique(_filled(reference), return_counts=True)
    known = sorted(
        ((value, count) for value, count in zip(values.tolist(), counts.tolist(), strict=True) if value != MISSING),
        key=lambda pair: (-pair[1], pair[0]),
    )
    if len(known) > MANY_CATEGORIES:
        return _popularity_drift(column, known, reference, current, threshold)
    names = [value for value, _ in known[:TOP_CATEGORIES]] + [OTHER, MISSING]
    return _compare(column, names, _count_labels(reference, names), _count_labels(current, names), threshold)


def _popularity_drift(
    column: str, known: list[tuple[str, int]], reference: Labels, current: Labels, threshold: float
) -> ColumnDrift:
    """Compare shares of groups of categories that are alike in popularity; `known` most frequent first."""
    counts = np.array([count for _, count in known], dtype=np.float64)
    before = np.cumsum(counts) - counts
    groups = np.minimum((before / counts.sum() * POPULARITY_GROUPS).astype(int), POPULARITY_GROUPS - 1)
    group_of = {value: int(group) for (value, _), group in zip(known, groups, strict=True)}
    names = [f"popularity tenth {number + 1}" for number in range(POPULARITY_GROUPS)] + [NEW, MISSING]
    place = group_of | {MISSING: POPULARITY_GROUPS + 1}

    def count(values: Labels) -> NDArray[np.int64]:
        found, numbers = np.unique(_filled(values), return_counts=True)
        places = [place.get(value, POPULARITY_GROUPS) for value in found.tolist()]
        return np.bincount(places, weights=numbers, minlength=len(names)).astype(np.int64)

    return _compare(column, names, count(reference), count(current), threshold)


def population_stability_index(reference: Sequence[float] | Numbers, current: Sequence[float] | Numbers) -> float:
    """Return the sum over bins of (c - r) ln(c / r) of two samples' bin counts; 0 = same shares, symmetric, at least 0.

    reference (bins,), current (bins,), both with a positive sum. Shares below 1e-4 count as 1e-4 and the shares are
    not scaled again.
    Source: Siddiqi 2006, Credit Risk Scorecards, chapter on monitoring; Yurdakul 2018, Statistical Properties of PSI,
    section 2.1.
    """
    expected = np.maximum(np.asarray(reference, float) / np.sum(reference), SHARE_FLOOR)
    actual = np.maximum(np.asarray(current, float) / np.sum(current), SHARE_FLOOR)
    return float(np.sum((actual - expected) * np.log(actual / expected)))


def _compare(
    column: str, names: list[str], reference: NDArray[Any], current: NDArray[Any], threshold: float
) -> ColumnDrift:
    used = (reference > 0) | (current > 0)
    if reference.sum() == 0 or current.sum() == 0:
        return ColumnDrift(column, 0.0, False, ())
    psi = population_stability_index(reference[used], current[used])
    shares = zip(names, reference / reference.sum(), current / current.sum(), used, strict=True)
    bins = tuple(Bin(name, float(before), float(now)) for name, before, now, kept in shares if kept)
    return ColumnDrift(column, psi, psi > threshold, bins)


def _edges(known: Numbers, distinct: Numbers) -> Numbers:
    """Return inner bin edges (ascending, distinct); bin i holds edges[i-1] <= x < edges[i]."""
    inner = np.quantile(known, np.arange(1, QUANTILE_BINS) / QUANTILE_BINS, method="inverted_cdf")
    values, repeats = np.unique(inner, return_counts=True)
    following = np.searchsorted(distinct, values[repeats > 1], side="right")
    after = distinct[following[following < len(distinct)]]
    return np.unique(np.concatenate([values, after]))


def _interval_labels(edges: Numbers) -> list[str]:
    ends = [f"{edge:.6g}" for edge in edges]
    inner = [f"[{low}, {high})" for low, high in pairwise(ends)]
    return [f"below {ends[0]}", *inner, f"from {ends[-1]}"]


def _count_numbers(values: Numbers, edges: Numbers) -> NDArray[np.int64]:
    missing = np.isnan(values)
    places = np.searchsorted(edges, values[~missing], side="right")
    return np.append(np.bincount(places, minlength=len(edges) + 1), missing.sum()).astype(np.int64)


def _count_labels(values: Labels, names: list[str]) -> NDArray[np.int64]:
    found, counts = np.unique(_filled(values), return_counts=True)
    place = {name: index for index, name in enumerate(names)}
    totals = np.zeros(len(names), np.int64)
    for value, count in zip(found.tolist(), counts.tolist(), strict=True):
        totals[place.get(value, place[OTHER])] += count
    return totals


def _as_labels(values: Numbers) -> Labels:
    return np.array([None if np.isnan(value) else f"{value:g}" for value in values], dtype=object)


def _filled(values: Labels) -> NDArray[Any]:
    return np.array([MISSING if value is None else str(value) for value in values], dtype=str)
