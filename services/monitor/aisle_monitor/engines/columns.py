"""What is compared between two versions of a dataset, by the kind of its rows: from Arrow tables to numpy columns."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aisle_monitor.domain.drift import category_drift, number_drift
from aisle_monitor.domain.reports import ColumnDrift

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
Values = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One compared column: which source column feeds it, and how."""

    name: str
    source: str
    categorical: bool
    values: Callable[[pa.ChunkedArray], Values]


def _number(column: pa.ChunkedArray) -> Values:
    values = pc.cast(column, pa.float64()).to_numpy()
    return np.where(np.isfinite(values), values, np.nan)


def _category(column: pa.ChunkedArray) -> Values:
    return np.array(pc.cast(column, pa.string()).to_pylist(), dtype=object)


def _length(column: pa.ChunkedArray) -> Values:
    return _number(pc.utf8_length(pc.cast(column, pa.string())))


def _hour(column: pa.ChunkedArray) -> Values:
    return np.array([None if hour is None else f"{hour:02d}" for hour in pc.hour(column).to_pylist()], dtype=object)


def _weekday(column: pa.ChunkedArray) -> Values:
    return np.array(
        [None if day is None else WEEKDAYS[day] for day in pc.day_of_week(column).to_pylist()], dtype=object
    )


COMPARISONS: dict[str, tuple[Comparison, ...]] = {
    "ORDERS": (
        Comparison("product_id", "product_id", True, _category),
        Comparison("quantity", "quantity", False, _number),
        Comparison("unit_price", "unit_price", False, _number),
        Comparison("country", "country", True, _category),
        Comparison("order_hour", "order_time", True, _hour),
        Comparison("order_weekday", "order_time", True, _weekday),
    ),
    "JUDGMENTS": (
        Comparison("grade", "grade", False, _number),
        Comparison("title_length", "title", False, _length),
        Comparison("query_length", "query", False, _length),
    ),
    "PRODUCTS": (
        Comparison("price", "price", False, _number),
        Comparison("category", "category", True, _category),
        Comparison("title_length", "title", False, _length),
    ),
    "USER_EVENTS": (
        Comparison("event_type", "event_type", True, _category),
        Comparison("product_id", "product_id", True, _category),
    ),
}
"""By the name of the dataset kind without its prefix. A source column that a version lacks is left out."""


def wanted_columns(kind: str, available: Iterable[str]) -> list[str]:
    """Return the source columns that a comparison of this kind reads, each once, out of those that exist."""
    existing = set(available)
    return sorted({comparison.source for comparison in COMPARISONS.get(kind, ()) if comparison.source in existing})


def compare(kind: str, reference: pa.Table, current: pa.Table, threshold: float) -> list[ColumnDrift]:
    """Compare every column that both tables hold; times of day and weekdays are those of UTC."""
    both = set(reference.column_names) & set(current.column_names)
    found: list[ColumnDrift] = []
    for comparison in COMPARISONS.get(kind, ()):
        if comparison.source in both:
            before = comparison.values(reference[comparison.source])
            now = comparison.values(current[comparison.source])
            drift = category_drift if comparison.categorical else number_drift
            found.append(drift(comparison.name, before, now, threshold))
    return found
