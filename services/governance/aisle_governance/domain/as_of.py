"""Joins that never look into the future."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

PREFIX = "as_of_"
_PLACE = "_as_of_place"


@dataclass(frozen=True, slots=True)
class AsOf:
    """How rows of two tables meet in time."""

    keys: tuple[str, ...]
    """Columns that must be equal in both."""
    time_column: str
    other_time_column: str
    """When the values of the other table were known."""
    columns: tuple[str, ...]
    """Columns of the other table to add."""
    include_equal_times: bool = False
    """Whether a row of the other table with exactly the same time counts as known."""
    tolerance_seconds: int = 0
    """Greatest age of a row of the other table; 0 means any age."""


def join_as_of(rows: pd.DataFrame, other: pd.DataFrame, join: AsOf) -> pd.DataFrame:
    """`rows`, in their order, with `as_of_{column}` from the newest row of `other` that has the same keys and was known before.

    Of rows with the same time the last one counts. A row without a time or with a missing key finds nothing. The columns `time_column`
    and `other_time_column` must be times with the same zone.
    """
    added = {column: f"{PREFIX}{column}" for column in join.columns}
    left = rows[[join.time_column, *join.keys]].reset_index(drop=True)
    left[_PLACE] = left.index
    left = left.dropna().sort_values(join.time_column, kind="stable")
    right = _known(other, join, added)
    if left.empty or right.empty:
        matched = right.iloc[:0].assign(**{_PLACE: pd.Series(dtype="int64")})
    else:
        matched = pd.merge_asof(
            left,
            right,
            left_on=join.time_column,
            right_on=_right_time(join),
            by=list(join.keys),
            allow_exact_matches=join.include_equal_times,
            tolerance=pd.Timedelta(seconds=join.tolerance_seconds) if join.tolerance_seconds else None,
        )
    values = matched.set_index(_PLACE)[list(added.values())].reindex(range(len(rows)))
    values.index = rows.index
    return pd.concat([rows, values], axis=1)


def _right_time(join: AsOf) -> str:
    return f"{PREFIX}time of {join.other_time_column}"


def _known(other: pd.DataFrame, join: AsOf, added: dict[str, str]) -> pd.DataFrame:
    """Rows of the other table that can be found, in order of time."""
    needed: Sequence[str] = [join.other_time_column, *join.keys]
    usable = other.loc[other[list(needed)].notna().all(axis=1)]
    parts = {key: usable[key] for key in join.keys}
    parts |= {_right_time(join): usable[join.other_time_column]}
    parts |= {name: usable[column] for column, name in added.items()}
    return pd.DataFrame(parts).sort_values(_right_time(join), kind="stable")
