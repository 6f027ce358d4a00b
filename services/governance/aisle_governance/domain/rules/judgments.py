"""Rules that turn human judgments into labels."""

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from aisle_governance.domain.kinds import LABEL_ROWS, MAX_GRADE, ROW_ID
from aisle_governance.domain.rules.base import RuleOutcome, differs, is_blank, keep_all, map_distinct, put_aside
from aisle_governance.domain.text import text_id


@dataclass(frozen=True, slots=True)
class BuildLabels:
    """Put grades onto 0 to 3 and give each a weight.

    `label_weight` = 1 / (1 + grade_variance): 1 where the raters agree, 1/2 at a variance of 1; 1 where no variance is known.
    """

    grade_offset: float
    """Subtracted from the source grade."""
    maximum: float = MAX_GRADE
    """Highest grade after the offset; the lowest is 0."""
    name: ClassVar[str] = "build_labels"
    description: ClassVar[str] = (
        "Puts grades onto 0 to 3 and weighs each by how much its raters agree; grades outside are put aside."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Shift, check the range (a missing grade is outside) and weigh."""
        grade = frame["grade"] - self.grade_offset
        variance = frame["grade_variance"].clip(lower=0)
        labelled = frame.assign(grade=grade, grade_variance=variance, label_weight=1 / (1 + variance.fillna(0)))
        labelled[LABEL_ROWS] = labelled[ROW_ID]
        bad = ~grade.between(0, self.maximum)
        changed = int(differs(frame["grade"], grade)[~bad].sum())
        return put_aside(labelled, bad, f"grade is not within 0 to {self.maximum:g} after the offset", "grade", changed)


@dataclass(frozen=True, slots=True)
class AssignJudgmentIds:
    """Name queries and products that came without an id by their text."""

    name: ClassVar[str] = "assign_judgment_ids"
    description: ClassVar[str] = (
        "Names a query by its text, and a product without id by its title, so that spellings in other case or spacing are one thing."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Fill `query_id` and `product_id` where they are missing."""
        query_id = frame["query_id"].mask(is_blank(frame["query_id"]), map_distinct(frame["query"], text_id))
        by_title = map_distinct(frame["title"], lambda title: f"t-{text_id(title)}")
        product_id = frame["product_id"].mask(is_blank(frame["product_id"]), by_title)
        changed = differs(frame["query_id"], query_id) | differs(frame["product_id"], product_id)
        return keep_all(frame.assign(query_id=query_id, product_id=product_id), int(changed.sum()))


@dataclass(frozen=True, slots=True)
class MergeRepeatedJudgments:
    """One row per (query, product): the mean of its judgments by their weights.

    The variance is the pooled one: the mean within the judgments plus that between them, so labels that contradict each other
    weigh less. The row of the first judgment stays; `_label_rows` names all rows that are in it.
    """

    name: ClassVar[str] = "merge_repeated_judgments"
    description: ClassVar[str] = (
        "Merges judgments of the same query and product into their weighted mean, because one pair must not teach two grades."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Merge groups of two or more; other rows pass untouched."""
        key = ["query_id", "product_id"]
        repeated = frame.duplicated(key, keep=False)
        if not repeated.any():
            return keep_all(frame)
        later = frame.duplicated(key)
        group = frame[repeated]
        weight = group["label_weight"]
        parts = pd.DataFrame(
            {
                "w": weight,
                "wg": weight * group["grade"],
                "wgg": weight * group["grade"] ** 2,
                "wv": weight * group["grade_variance"].fillna(0),
            }
        )
        keys = [group[column] for column in key]
        totals = parts.groupby(keys, sort=False).transform("sum")
        mean = (totals["wg"] / totals["w"]).clip(0, MAX_GRADE)  # rounding must not leave the scale
        between = (totals["wgg"] / totals["w"] - mean**2).clip(lower=0)
        variance = totals["wv"] / totals["w"] + between
        rows = group.groupby(key, sort=False)[LABEL_ROWS].transform(" ".join)
        merged = frame.copy()
        merged.loc[repeated, "grade"] = mean
        merged.loc[repeated, "grade_variance"] = variance
        merged.loc[repeated, "label_weight"] = 1 / (1 + variance)
        merged.loc[repeated, LABEL_ROWS] = rows
        reason = "merged into row " + rows.str.partition(" ")[0].reindex(frame.index).fillna("").astype("str")
        changed = int((differs(frame["grade"], merged["grade"]) & ~later).sum())
        outcome = put_aside(merged, later, reason, "", changed)
        for column in ("grade", "grade_variance", "label_weight"):
            outcome.quarantined[column] = frame.loc[later, column]
        return outcome
