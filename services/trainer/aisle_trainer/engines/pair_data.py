"""Labelled pairs of product records as arrays: which records, which pairs, which side of the split."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from aisle_trainer.domain.matching import Record
from aisle_trainer.domain.splits import Role, search_role
from aisle_trainer.errors import EmptyTrainingData, InvalidLabels, SingleClassLabels, TooFewUnits, WrongColumns

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
SIDES = ("left", "right")
COLUMNS = ("left_title", "right_title", "label")
MORE_COLUMNS = (*(f"{side}_{name}" for side in SIDES for name in ("id", "description", "brand", "price")), "split")
_ROLES = {"train": Role.TRAIN, "validation": Role.VALIDATION, "valid": Role.VALIDATION, "test": Role.TEST}


@dataclass(frozen=True, slots=True)
class PairData:
    """Pairs of positions in two lists of records."""

    dataset_version: str
    left: list[Record]
    right: list[Record]
    pairs: Ints
    """(pairs, 2)."""
    labels: Floats
    """1 the same product, 0 not."""
    roles: Ints
    """`Role` per pair."""
    split: str
    """How the sides were drawn, in words."""

    def rows(self, role: Role) -> Ints:
        """Return the pairs of one side of the split."""
        return np.flatnonzero(self.roles == role).astype(np.int64)


def build_pair_data(table: pa.Table, dataset_version: str) -> PairData:
    """Check and index a PAIRS table.

    Records of equal content are one. The split is the column `split` where every row has it, else that of a hash of the left
    record, so that no left record is on two sides. Raises what is wrong with the rows.
    """
    if missing := [name for name in COLUMNS if name not in table.column_names]:
        raise WrongColumns(
            f"The dataset version lacks the columns {', '.join(missing)}.",
            next_step="Name a dataset of the kind pairs.",
            facts={"dataset_version": dataset_version, "missing": ", ".join(missing)},
        )
    frame = table.to_pandas()
    facts = {"dataset_version": dataset_version}
    if not len(frame):
        raise EmptyTrainingData(
            "The dataset version holds no pairs.", next_step="Import pairs and run governance again.", facts=facts
        )
    labels = _labels(frame, facts)
    sides = [_records(frame, side) for side in SIDES]
    numbers = [{record: number for number, record in enumerate(dict.fromkeys(side))} for side in sides]
    pairs = np.column_stack([[number[record] for record in side] for number, side in zip(numbers, sides, strict=True)])
    roles, words = _roles(frame, sides[0], facts)
    _require_both_labels(labels, roles, facts)
    return PairData(dataset_version, list(numbers[0]), list(numbers[1]), pairs, labels, roles, words)


def _labels(frame: pd.DataFrame, facts: dict[str, str]) -> Floats:
    labels = pd.to_numeric(frame["label"], errors="coerce").to_numpy(np.float64)
    bad = ~np.isin(labels, (0.0, 1.0))
    if bad.any():
        raise InvalidLabels(
            f"{int(bad.sum())} of {len(frame)} pairs have a label that is neither 0 nor 1.",
            next_step="Correct the column mapping or the source, and run governance again.",
            facts={**facts, "first_bad_row": str(int(np.flatnonzero(bad)[0]))},
        )
    return labels


def _records(frame: pd.DataFrame, side: str) -> list[Record]:
    texts = [_texts(frame, f"{side}_{name}") for name in ("title", "description", "brand")]
    prices: Iterable[float] = [float("nan")] * len(frame)
    if f"{side}_price" in frame:
        prices = pd.to_numeric(frame[f"{side}_price"], errors="coerce")
    return [
        Record(title, description, brand, float(price) if price > 0 else None)
        for title, description, brand, price in zip(*texts, prices, strict=True)
    ]


def _texts(frame: pd.DataFrame, name: str) -> list[str]:
    return frame[name].fillna("").astype(str).tolist() if name in frame else [""] * len(frame)


def _roles(frame: pd.DataFrame, left: list[Record], facts: dict[str, str]) -> tuple[Ints, str]:
    named = [value.strip().lower() for value in _texts(frame, "split")]
    if any(named):
        if unknown := sorted(set(named) - _ROLES.keys()):
            raise InvalidLabels(
                f"The column split holds {unknown[0]!r}; it may be train, validation or test.",
                next_step="Give every row one of them, or leave the column out.",
                facts=facts,
            )
        return np.array([_ROLES[name] for name in named], dtype=np.int64), "column split"
    ids = _texts(frame, "left_id")
    keys = [one or f"{record.name}/{record.text}" for one, record in zip(ids, left, strict=True)]
    words = "sha256(left_id, else the left record's text)[:8] mod 10 in {6, 7, 8, 9} (validation: 5)"
    return np.array([search_role(key) for key in keys], dtype=np.int64), words


def _require_both_labels(labels: Floats, roles: Ints, facts: dict[str, str]) -> None:
    if np.ptp(labels) == 0:
        raise SingleClassLabels(
            "All pairs have the same label, so there is nothing to learn.",
            next_step="Import pairs that match and pairs that do not.",
            facts=facts,
        )
    for role in Role:
        if len(np.unique(labels[roles == role])) < 2:
            raise TooFewUnits(
                f"The {role.name.lower()} side of the split lacks matches or non-matches.",
                next_step="Import more pairs, or set the column split; every side needs both labels.",
                facts=facts,
            )
