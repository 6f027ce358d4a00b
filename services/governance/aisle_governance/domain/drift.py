"""How far a column's values moved between two samples."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr
from scipy.stats import ks_2samp

QUANTILE_BINS = 10
TOP_CATEGORIES = 20
FEW_VALUES = 20
"""A number with at most so many different values in the yardstick is compared value by value."""
MANY_CATEGORIES = 200
"""With more categories than this, groups of equal popularity are compared instead of named ones."""
POPULARITY_GROUPS = 10
SHARE_FLOOR = 1e-4
"""Least share of a bin inside a logarithm, so that an empty bin gives a large and finite term."""
PSI_DRIFT = 0.2
"""Index above which a column counts as drifted. Source: Siddiqi 2006, Credit Risk Scorecards, chapter on monitoring."""

Shares = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Drift:
    """Measures of one column; NaN where one does not fit the column's type."""

    psi: float
    js_distance: float
    ks_statistic: float = float("nan")
    ks_p_value: float = float("nan")

    @property
    def drifted(self) -> bool:
        """Whether the column counts as drifted."""
        return self.psi > PSI_DRIFT


def column_drift(base: "pd.Series[Any]", current: "pd.Series[Any]") -> Drift:
    """Compare two samples of a column; missing values are a bin of their own.

    Numbers and times are cut at the base's deciles, texts into the base's twenty most frequent values and the rest, or, with more
    than 200 values, into ten groups of equal popularity and the new ones. Both samples empty, or one of them: all measures are 0.
    """
    if base.empty or current.empty:
        return Drift(0.0, 0.0)
    if pd.api.types.is_datetime64_any_dtype(base.dtype):
        base, current = (_seconds(one) for one in (base, current))
    if pd.api.types.is_numeric_dtype(base.dtype) and pd.api.types.is_numeric_dtype(current.dtype):
        return _number_drift(base.astype("float64"), current.astype("float64"))
    return _measures(*_category_counts(base, current))


def _seconds(values: "pd.Series[Any]") -> "pd.Series[Any]":
    micros = values.astype("datetime64[us, UTC]").astype("int64").astype("float64") / 1e6
    return micros.mask(values.isna())


def population_stability_index(expected: Shares, actual: Shares) -> float:
    """Sum over bins of (a - e) ln(a / e), symmetric, at least 0; shares below 1e-4 count as 1e-4.

    expected (bins,), actual (bins,), each with sum 1. Source: Yurdakul 2018, Statistical Properties of PSI, section 2.1: it is the
    sum of the two Kullback-Leibler divergences.
    """
    first, second = np.maximum(expected, SHARE_FLOOR), np.maximum(actual, SHARE_FLOOR)
    return float(np.sum(rel_entr(first, second) + rel_entr(second, first)))


def _number_drift(base: "pd.Series[Any]", current: "pd.Series[Any]") -> Drift:
    known, now = base.dropna().to_numpy(), current.dropna().to_numpy()
    if len(np.unique(known)) <= FEW_VALUES:
        counts = _category_counts(
            base.map("{:g}".format, na_action="ignore"), current.map("{:g}".format, na_action="ignore")
        )
    else:
        edges = np.unique(np.quantile(known, np.arange(1, QUANTILE_BINS) / QUANTILE_BINS))
        missing = (len(base) - len(known), len(current) - len(now))
        binned = [
            np.bincount(np.searchsorted(edges, one, side="right"), minlength=len(edges) + 1) for one in (known, now)
        ]
        counts = tuple(np.append(one, gap) for one, gap in zip(binned, missing, strict=True))  # type: ignore[assignment]
    drift = _measures(*counts)
    if not len(known) or not len(now):
        return drift
    test = ks_2samp(known, now, method="asymp")
    return Drift(drift.psi, drift.js_distance, float(test.statistic), float(test.pvalue))


def _category_counts(base: "pd.Series[Any]", current: "pd.Series[Any]") -> tuple[NDArray[Any], NDArray[Any]]:
    """Bin counts of both samples: named categories (or groups of equal popularity), the rest, missing ones."""
    totals = base.dropna().astype(str).value_counts()
    order = sorted(totals.index, key=lambda value: (-int(totals[value]), value))
    if len(order) > MANY_CATEGORIES:
        counts = totals.loc[order].to_numpy()
        before = np.cumsum(counts) - counts
        groups = np.minimum((before / counts.sum() * POPULARITY_GROUPS).astype(int), POPULARITY_GROUPS - 1)
        place, size = dict(zip(order, groups.tolist(), strict=True)), POPULARITY_GROUPS
    else:
        place, size = (
            {value: index for index, value in enumerate(order[:TOP_CATEGORIES])},
            min(len(order), TOP_CATEGORIES),
        )

    def count(sample: "pd.Series[Any]") -> NDArray[Any]:
        found = sample.dropna().astype(str).value_counts()
        result = np.zeros(size + 2)
        for value, number in found.items():
            result[place.get(value, size)] += number
        result[size + 1] = int(sample.isna().sum())
        return result

    return count(base), count(current)


def _measures(base: NDArray[Any], current: NDArray[Any]) -> Drift:
    used = (base > 0) | (current > 0)
    expected, actual = base[used] / base.sum(), current[used] / current.sum()
    distance = float(jensenshannon(expected, actual, base=2))
    return Drift(population_stability_index(expected, actual), 0.0 if np.isnan(distance) else distance)
