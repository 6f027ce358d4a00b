"""Cells repaired as labelled rows have taught."""

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from aisle_governance.domain.model import RuleSample
from aisle_governance.domain.repair.model import RepairModel, repair
from aisle_governance.domain.rules.base import RuleOutcome, differs, keep_all, sample_changes


def as_texts(frame: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    """The named columns as texts in which a missing value is empty; columns without any value are left out."""
    table = pd.DataFrame(
        {name: frame[name].fillna("").astype("str").astype(object) for name in columns}, index=frame.index
    )
    return table[[name for name in columns if table[name].ne("").any()]]


@dataclass(frozen=True, slots=True)
class RepairCells:
    """Repair cells with a model that was learned from labelled rows.

    Source: Mahdavi & Abedjan 2019 (Raha) and 2020 (Baran); see `domain/repair` for what is learned.
    """

    columns: tuple[str, ...]
    """Columns that the model may look at."""
    model: RepairModel
    name: ClassVar[str] = "repair_cells"
    description: ClassVar[str] = (
        "Repairs spellings, merged and misspelt values as the labelled rows of the dataset have taught it."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Repair; every row goes on."""
        if self.model.is_empty or not len(frame):
            return keep_all(frame)
        before = as_texts(frame, self.columns)
        repaired = repair(self.model, before)
        changed = pd.Series(False, index=frame.index)
        result, samples, findings = frame.copy(), list[RuleSample](), list[str]()
        for column in before.columns:
            after = repaired.frame[column]
            if (where := before[column] != after).any():
                result[column] = frame[column].mask(where, after.where(after != "", None))
                changed |= differs(frame[column], result[column])
                samples += sample_changes(frame, column, frame[column], result[column])
                kinds = repaired.by[column][where].value_counts()
                findings.append(f"{column}: " + ", ".join(f"{count} by {kind}" for kind, count in kinds.items()))
        outcome = keep_all(result, int(changed.sum()))
        return RuleOutcome(
            outcome.kept, outcome.quarantined, outcome.changed_row_count, tuple(samples[:25]), tuple(findings[:20])
        )
