"""How good a table is: defects of raw rows, a profile of each column, and a score."""

from collections.abc import Sequence

import pandas as pd

from aisle_governance.domain.kinds import CANONICAL, MAX_GRADE, SOURCE_HASH, DatasetKind
from aisle_governance.domain.mapping import ColumnMapping
from aisle_governance.domain.model import CheckResult, ColumnProfile, Severity
from aisle_governance.domain.rules.base import is_blank
from aisle_governance.domain.rules.commerce import DropNonProducts, is_cancellation, is_no_product

_WEIGHTS = {Severity.ERROR: 3.0, Severity.WARNING: 1.0, Severity.INFO: 0.0}


def raw_defects(kind: DatasetKind, mapping: ColumnMapping, frame: pd.DataFrame) -> dict[str, int]:
    """Count the defects of the imported rows, each on its own, before any rule has run.

    `exact_duplicate` counts the rows after the first of each group of equal ones; `missing_<column>` rows without a value.
    """
    defects = {"exact_duplicate": frame[SOURCE_HASH].duplicated()}
    for column in CANONICAL[kind]:
        missing = is_blank(frame[column.name])
        if column.required or not missing.all():
            defects[f"missing_{column.name}"] = missing
    if kind is DatasetKind.ORDERS:
        defects["cancellation"] = is_cancellation(frame["order_id"], mapping.cancellation_prefix)
        defects["non_positive_quantity"] = frame["quantity"].le(0).fillna(False)
        defects["non_positive_price"] = frame["unit_price"].le(0)
        defects["non_product_code"] = is_no_product(frame["product_id"], DropNonProducts().majority)
    if kind is DatasetKind.PRODUCTS:
        defects["negative_price"] = frame["price"].lt(0)
        defects["repeated_product_id"] = frame["product_id"].duplicated()
    if kind is DatasetKind.JUDGMENTS:
        defects["grade_out_of_range"] = ~(frame["grade"] - mapping.grade_offset).between(0, MAX_GRADE)
        defects["repeated_judgment"] = frame.duplicated(["query", "title", "product_id", "rater_id"])
    if kind is DatasetKind.USER_EVENTS:
        defects["repeated_event_id"] = frame["event_id"].duplicated()
    if kind is DatasetKind.PAIRS:
        defects["label_neither_0_nor_1"] = ~frame["label"].isin([0.0, 1.0])
    return {name: int(rows.sum()) for name, rows in defects.items()}


def profile(frame: pd.DataFrame, columns: Sequence[str]) -> list[ColumnProfile]:
    """Describe the named columns of `frame`."""
    return [_profile_column(name, frame[name]) for name in columns]


def _profile_column(name: str, values: "pd.Series[float]") -> ColumnProfile:
    missing = float(values.isna().mean()) if len(values) else 0.0
    distinct = int(values.nunique())
    if not pd.api.types.is_numeric_dtype(values.dtype) or distinct == 0:
        return ColumnProfile(name, missing, distinct)
    return ColumnProfile(name, missing, distinct, float(values.min()), float(values.max()), float(values.mean()))


def score(checks: Sequence[CheckResult]) -> float:
    """Share of checks that hold, an error counting three times a warning and an info nothing, 0 to 1; 1 without checks."""
    total = sum(_WEIGHTS[check.severity] for check in checks)
    return sum(_WEIGHTS[check.severity] for check in checks if check.passed) / total if total else 1.0
