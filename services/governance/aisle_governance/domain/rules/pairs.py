"""Rules for labelled pairs of product records."""

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from aisle_governance.domain.rules.base import RuleOutcome, put_aside


@dataclass(frozen=True, slots=True)
class DropUnlabelledPairs:
    """Put aside pairs whose label says neither yes nor no."""

    name: ClassVar[str] = "drop_unlabelled_pairs"
    description: ClassVar[str] = "Puts aside pairs whose label is neither 1 (the same product) nor 0."

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Compare with 0 and 1."""
        return put_aside(frame, ~frame["label"].isin([0.0, 1.0]), "label is neither 0 nor 1", "label")
