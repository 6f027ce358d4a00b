"""What an evaluator says of an arm, unit by unit, and how two of them are compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aisle_governance.domain.paired import Lift, mean_lift, sign_flip_p
from aisle_governance.errors import FailedPrecondition

Floats = NDArray[np.float64]
MIN_UNITS = 20


@dataclass(frozen=True, slots=True)
class UnitValues:
    """Scores of one arm; arrays are (unit,)."""

    units: tuple[str, ...]
    """Queries or customers, each once."""
    main: Floats
    """NDCG@10 or Recall@20."""
    auc: Floats | None
    """Area under the ROC curve within the unit, NaN where it has one class only; None when it is not known per unit."""
    auc_point: float = float("nan")
    """Area over all rows; NaN when `auc` tells it."""
    split: str = ""
    """How units were held back, in words."""
    training_jobs: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain data for a file; NaN becomes null."""
        auc = None if self.auc is None else [None if np.isnan(one) else one for one in self.auc.tolist()]
        point = None if np.isnan(self.auc_point) else self.auc_point
        return {
            "units": list(self.units),
            "main": self.main.tolist(),
            "auc": auc,
            "auc_point": point,
            "split": self.split,
            "training_jobs": list(self.training_jobs),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "UnitValues":
        """Back from `to_json`."""
        auc = None if data["auc"] is None else np.array(data["auc"], dtype=np.float64)
        point = float("nan") if data["auc_point"] is None else float(data["auc_point"])
        main = np.array(data["main"], dtype=np.float64)
        return cls(tuple(data["units"]), main, auc, point, data["split"], tuple(data["training_jobs"]))


@dataclass(frozen=True, slots=True)
class Comparison:
    """(one - other) over the units that both have."""

    lift: Lift
    auc_lift: Lift | None
    p_value: float


def compare(one: UnitValues, other: UnitValues, seed: int) -> Comparison:
    """Pair the units of two arms. Raises FailedPrecondition (TOO_FEW_UNITS) below 20 common ones."""
    places = {unit: place for place, unit in enumerate(other.units)}
    mine = np.array([place for place, unit in enumerate(one.units) if unit in places], dtype=np.int64)
    theirs = np.array([places[one.units[place]] for place in mine], dtype=np.int64)
    check_units(len(mine))
    difference = one.main[mine] - other.main[theirs]
    return Comparison(
        mean_lift(difference, seed), _auc_lift(one, other, mine, theirs, seed), sign_flip_p(difference, seed)
    )


def check_units(count: int) -> None:
    """Raise FailedPrecondition (TOO_FEW_UNITS) when a mean over so many units would say nothing."""
    if count < MIN_UNITS:
        raise FailedPrecondition(
            f"{count} queries or customers can be compared; at least {MIN_UNITS} are needed.",
            reason="TOO_FEW_UNITS",
            next_step="Import judgments of more queries, or orders of more customers over a longer time.",
            facts={"unit_count": str(count)},
        )


def _auc_lift(
    one: UnitValues, other: UnitValues, mine: NDArray[np.int64], theirs: NDArray[np.int64], seed: int
) -> Lift | None:
    if one.auc is None or other.auc is None:
        point = one.auc_point - other.auc_point
        return None if np.isnan(point) else Lift(point, point, point, 0)
    difference = one.auc[mine] - other.auc[theirs]
    known = difference[~np.isnan(difference)]
    return mean_lift(known, seed) if len(known) else None


def averaged(values: Sequence[UnitValues]) -> UnitValues:
    """The mean over seeds; units are those that every one has, in the order of the first."""
    first = values[0]
    if len(values) == 1:
        return first
    common = [unit for unit in first.units if all(unit in set(one.units) for one in values[1:])]
    rows = [np.array([one.units.index(unit) for unit in common], dtype=np.int64) for one in values]
    main = np.mean([one.main[row] for one, row in zip(values, rows, strict=True)], axis=0)
    auc = None
    if all(one.auc is not None for one in values):
        auc = np.mean([one.auc[row] for one, row in zip(values, rows, strict=True) if one.auc is not None], axis=0)
    point = float(np.mean([one.auc_point for one in values]))
    jobs = tuple(job for one in values for job in one.training_jobs)
    return UnitValues(tuple(common), main, auc, point, first.split, jobs)
