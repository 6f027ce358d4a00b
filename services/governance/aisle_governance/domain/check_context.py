"""What a check may look at beside its table."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa


class CannotCheck(Exception):
    """A check cannot be computed; the message is fit for a report and quotes no value of the data."""


def _no_reference(number: int | None, column: str) -> "pd.Series[Any] | None":
    if number is None:
        return None
    raise CannotCheck(f"version {number} cannot be read here")


def _no_lookup(dataset: str, column: str) -> pa.ChunkedArray:
    raise CannotCheck(f"dataset {dataset!r} cannot be read here")


def _no_expression(table: pa.Table, text: str) -> int:
    raise CannotCheck("expressions cannot be computed here")


def _no_query(table: pa.Table, text: str, column: str) -> float:
    raise CannotCheck("queries cannot be computed here")


@dataclass(frozen=True, slots=True)
class CheckContext:
    """The world around a table that is checked."""

    dataset: str = ""
    """Id of the dataset whose table it is."""
    now: float = 0.0
    """Seconds since the epoch."""
    last_row_count: int | None = None
    """Rows of the newest version before; None when there is none."""
    reference: Callable[[int | None, str], "pd.Series[Any] | None"] = _no_reference
    """(number, or None for the newest version before; column) -> its values; None when no version was before. Raises CannotCheck."""
    lookup: Callable[[str, str], pa.ChunkedArray] = _no_lookup
    """(dataset, column) -> values that another dataset of the run has, or else its newest version. Raises CannotCheck."""
    count_broken: Callable[[pa.Table, str], int] = _no_expression
    """(table, expression) -> rows for which it is false. Raises CannotCheck."""
    query: Callable[[pa.Table, str, str], float] = _no_query
    """(table, query, column that its placeholder stands for) -> the one number that it answers. Raises CannotCheck."""
