"""Numbers that are too far from the others to be meant."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from aisle_governance.domain.cleaning import OutlierMethod, Outliers
from aisle_governance.domain.rules.base import COLUMN, REASON, RuleOutcome

_MIN_GROUP = 8
"""Groups with fewer values are compared with all rows together."""
_TO_SIGMA = 1.4826
_SMALLEST_RATIO = 0.5
"""Spread below which a group counts as this wide on a log scale; a price that hardly moves may still be reduced, or be a set's."""
_BAND = (0.8, 1.2)
"""How far the spread of a group may lie from that of all groups on a log scale: few rows say little about a spread."""
_SEED = 7


@dataclass(frozen=True, slots=True)
class DropOutliers:
    """Put aside rows with a number far from the median of its group.

    Source: Iglewicz & Hoaglin 1993 (modified z-score, MAD x 1.4826); Tukey 1977 (fences); Liu, Ting & Zhou 2008 (isolation forest).
    """

    columns: tuple[Outliers, ...]
    name: ClassVar[str] = "drop_outliers"
    description: ClassVar[str] = (
        "Puts aside rows with a number far outside of what is usual in its group, because a slipped decimal point outweighs a "
        "thousand right values."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Judge each column on all rows; the first one that finds fault names the reason."""
        reason = pd.Series("", index=frame.index, dtype="str")
        column = pd.Series("", index=frame.index, dtype="str")
        for one in self.columns:
            bad, words = find_outliers(one, frame)
            new = bad & reason.eq("")
            reason, column = reason.mask(new, words), column.mask(new, one.column)
        bad = reason.ne("")
        quarantined = frame[bad].copy()
        quarantined[REASON], quarantined[COLUMN] = reason[bad], column[bad]
        return RuleOutcome(frame[~bad], quarantined)


def find_outliers(one: Outliers, frame: pd.DataFrame) -> "tuple[pd.Series[bool], pd.Series[str]]":
    """(which rows are outliers, why in words); a missing number is none."""
    raw = frame[one.column].astype("float64")
    values = pd.Series(np.log(raw.where(raw > 0)), index=frame.index) if one.log_scale else raw
    if one.method is OutlierMethod.ISOLATION_FOREST:
        bad = _isolated(values, one.contamination)
        return bad, pd.Series(f"{one.column} is isolated from the other values", index=frame.index, dtype="str")
    everything = pd.Series("", index=frame.index)
    centre, low, high = _fences(one, values, everything)
    if one.group_column:
        keys = frame[one.group_column].fillna("")
        large = values.groupby(keys).transform("count") >= _MIN_GROUP
        own = _fences(one, values, keys)
        centre, low, high = (
            mine.where(large, all_rows) for mine, all_rows in zip(own, (centre, low, high), strict=True)
        )
    bad = pd.Series((values < low) | (values > high), index=frame.index)
    usual = pd.Series(np.exp(centre), index=frame.index) if one.log_scale else centre
    words = [
        f"{one.column} is {value:.6g} where {middle:.6g} is usual" if wrong else ""
        for value, middle, wrong in zip(raw, usual, bad, strict=True)
    ]
    return bad, pd.Series(words, index=frame.index, dtype="str")


def _fences(
    one: Outliers, values: "pd.Series[float]", keys: "pd.Series[str]"
) -> "tuple[pd.Series[float], pd.Series[float], pd.Series[float]]":
    """Median, lowest and highest value of each row's group that is still usual."""
    groups = values.groupby(keys)
    centre = groups.transform("median")
    smallest = _SMALLEST_RATIO if one.log_scale else 1e-9 + 0.01 * centre.abs()
    if one.method is OutlierMethod.MAD:
        distance = (values - centre).abs()
        spread = distance.groupby(keys).transform("median") * _TO_SIGMA
        if one.log_scale:
            common = distance.median() * _TO_SIGMA
            spread = spread.clip(_BAND[0] * common, _BAND[1] * common)
        spread = spread.clip(lower=smallest)
        return centre, centre - one.limit * spread, centre + one.limit * spread
    first = keys.map(groups.quantile(0.25))
    third = keys.map(groups.quantile(0.75))
    width = (third - first).clip(lower=smallest)
    return centre, first - one.limit * width, third + one.limit * width


def _isolated(values: "pd.Series[float]", contamination: float) -> "pd.Series[bool]":
    from sklearn.ensemble import IsolationForest

    known = values.notna()
    result = pd.Series(False, index=values.index)
    if known.sum() >= _MIN_GROUP:
        table = values[known].to_numpy().reshape(-1, 1)
        forest = IsolationForest(contamination=contamination, random_state=_SEED, n_jobs=1)
        result[known] = forest.fit_predict(table) == -1
    return result
