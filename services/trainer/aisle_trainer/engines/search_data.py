"""Judgments as arrays: who asked what, which title was judged how, and on which side of the split."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from aisle_trainer.domain.metrics import HIGHEST_GRADE
from aisle_trainer.domain.splits import Role, search_role
from aisle_trainer.errors import EmptyTrainingData, InvalidLabels, SingleClassLabels, TooFewUnits, WrongColumns

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
COLUMNS = ("query", "query_id", "product_id", "title", "grade")
LONGEST_LIST = 100
"""Judged products per query that evaluation looks at; a uniform draw by product id where there are more."""
LONGEST_VALIDATION_LIST = 20
"""Judged products per query in the validations during training."""


@dataclass(frozen=True, slots=True)
class SearchData:
    """Judged pairs, sorted by (query_id, product_id): pair rows index `queries` and `titles`."""

    dataset_version: str
    queries: list[str]
    query_ids: list[str]
    titles: list[str]
    product_ids: list[str]
    query_of: Ints
    product_of: Ints
    grades: Floats
    """0..3 per pair."""
    weights: Floats
    """Label weight per pair, mean 1."""
    roles: Ints
    """`Role` per pair."""

    def rows(self, role: Role) -> Ints:
        """Return the pair rows of one side of the split."""
        return np.flatnonzero(self.roles == role).astype(np.int64)

    def groups(self, role: Role, longest: int = LONGEST_LIST) -> list[Ints]:
        """Return the pair rows of each query of one side, at most `longest` each."""
        rows = self.rows(role)
        starts = np.flatnonzero(np.diff(self.query_of[rows], prepend=-1))
        return [group[:longest] for group in np.split(rows, starts[1:])] if len(rows) else []


def build_search_data(table: pa.Table, dataset_version: str) -> SearchData:
    """Check and index a JUDGMENTS table; repeated (query, product) pairs become one with the mean grade."""
    require_columns(table, COLUMNS, dataset_version)
    frame = _checked(table, dataset_version)
    keep = frame.groupby(["query_id", "product_id"], sort=True, as_index=False).agg(
        query=("query", "first"),
        title=("title", "first"),
        grade=("grade", "mean"),
        label_weight=("label_weight", "mean"),
    )
    if keep["grade"].nunique() < 2:
        raise SingleClassLabels(
            "All judgments have the same grade, so there is nothing to learn.",
            next_step="Import judgments with at least two different grades.",
            facts={"dataset_version": dataset_version, "grade": f"{keep['grade'].iloc[0]:g}"},
        )
    queries = keep.drop_duplicates("query_id")
    products = keep.drop_duplicates("product_id").sort_values("product_id")
    query_number = {value: i for i, value in enumerate(queries["query_id"])}
    product_number = {value: i for i, value in enumerate(products["product_id"])}
    roles = np.array([search_role(value) for value in queries["query_id"]], dtype=np.int64)
    _require_every_role(roles, dataset_version)
    query_of = keep["query_id"].map(query_number).to_numpy(np.int64)
    weights = keep["label_weight"].to_numpy(np.float64)
    return SearchData(
        dataset_version=dataset_version,
        queries=queries["query"].tolist(),
        query_ids=queries["query_id"].tolist(),
        titles=products["title"].tolist(),
        product_ids=products["product_id"].tolist(),
        query_of=query_of,
        product_of=keep["product_id"].map(product_number).to_numpy(np.int64),
        grades=keep["grade"].to_numpy(np.float64),
        weights=weights / weights.mean(),
        roles=roles[query_of],
    )


def require_columns(table: pa.Table, columns: tuple[str, ...], dataset_version: str) -> None:
    """Raise WrongColumns when `table` lacks one of `columns`."""
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise WrongColumns(
            f"The dataset version lacks the columns {', '.join(missing)}.",
            next_step="Name a dataset whose kind fits the task: judgments for search relevance, orders for purchase.",
            facts={"dataset_version": dataset_version, "missing": ", ".join(missing)},
        )


def _checked(table: pa.Table, dataset_version: str) -> pd.DataFrame:
    extra = [name for name in ("label_weight",) if name in table.column_names]
    frame = table.select([*COLUMNS, *extra]).to_pandas()
    facts = {"dataset_version": dataset_version}
    if not len(frame):
        raise EmptyTrainingData(
            "The dataset version holds no judgments.",
            next_step="Import judgments and run governance again.",
            facts=facts,
        )
    grades = frame["grade"].to_numpy(np.float64)
    bad = ~np.isfinite(grades) | (grades < 0) | (grades > HIGHEST_GRADE)
    if bad.any():
        raise InvalidLabels(
            f"{int(bad.sum())} of {len(frame)} judgments have a grade that is missing or outside 0 to 3.",
            next_step="Correct the column mapping (grade_offset) or the contract, and run governance again.",
            facts={**facts, "first_bad_row": str(int(np.flatnonzero(bad)[0]))},
        )
    if "label_weight" not in frame:
        frame["label_weight"] = 1.0
    weights = frame["label_weight"].fillna(1.0).to_numpy(np.float64)
    if not np.isfinite(weights).all() or (weights < 0).any() or weights.sum() <= 0:
        raise InvalidLabels(
            "Label weights must be finite, not negative, and not all zero.",
            next_step="Correct how governance derives label weights.",
            facts=facts,
        )
    frame["label_weight"] = weights
    usable: pd.DataFrame = frame.loc[(frame["query"].fillna("") != "") & (frame["title"].fillna("") != "")]
    return usable


def _require_every_role(roles: Ints, dataset_version: str) -> None:
    counts = {role.name.lower(): int((roles == role).sum()) for role in Role}
    if min(counts.values()) == 0:
        raise TooFewUnits(
            "There are too few queries to hold some back: every side of the split needs at least one.",
            next_step="Import judgments of more queries; about thirty are enough to fill every side.",
            facts={"dataset_version": dataset_version, **{f"{k}_queries": str(v) for k, v in counts.items()}},
        )
