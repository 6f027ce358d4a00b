"""Rules that turn human judgments into labels."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd

from aisle_governance.domain.kinds import HUMAN, LABEL_ROWS, LABEL_SOURCES, MAX_GRADE, REVIEW, ROW_ID
from aisle_governance.domain.labels.raters import LabelConflict, agree
from aisle_governance.domain.rules.base import (
    COLUMN,
    RuleOutcome,
    differs,
    is_blank,
    keep_all,
    map_distinct,
    put_aside,
    sample_changes,
)
from aisle_governance.domain.text import text_id


@dataclass(frozen=True, slots=True)
class BuildLabels:
    """Put grades onto 0 to 3, give each a weight and say where it comes from.

    `label_weight` = 1 / (1 + grade_variance): 1 where the raters agree, 1/2 at a variance of 1; 1 where no variance is known.
    A row without `label_source` is a human's judgment.
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
        source = frame["label_source"].mask(is_blank(frame["label_source"]), HUMAN)
        labelled["label_source"] = source.str.strip().str.lower()
        outside, unknown = ~grade.between(0, self.maximum), ~labelled["label_source"].isin(LABEL_SOURCES)
        changed = int(differs(frame["grade"], grade)[~(outside | unknown)].sum())
        out_of_range = f"grade is not within 0 to {self.maximum:g} after the offset"
        reason = pd.Series(out_of_range, index=frame.index, dtype="str").where(
            outside, f"label_source is none of {', '.join(LABEL_SOURCES)}"
        )
        outcome = put_aside(labelled, outside | unknown, reason, "grade", changed)
        outcome.quarantined.loc[~outside & unknown, COLUMN] = "label_source"
        return outcome


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
    """One row per (query, product), out of the judgments of its best source.

    What people said overrules what behaviour says, in the order of LABEL_SOURCES. The judgments that are left become one grade by
    `conflict`. The variance is the pooled one: the mean within the judgments plus that between them, so labels that contradict each
    other weigh less. The row of the first judgment stays; `_label_rows` names all rows that are in it.
    """

    conflict: LabelConflict = LabelConflict.MEAN
    """How grades that differ become one; RATER_QUALITY learns each `rater_id`'s errors from all rows."""
    name: ClassVar[str] = "merge_repeated_judgments"
    description: ClassVar[str] = (
        "Merges judgments of the same query and product into one, the better source first, because one pair must not teach two grades."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Merge groups of two or more; other rows pass untouched."""
        key = ["query_id", "product_id"]
        if not frame.duplicated(key).any():
            return keep_all(frame)
        rank = frame["label_source"].map({source: place for place, source in enumerate(LABEL_SOURCES)})
        outranked = rank > rank.groupby([frame[column] for column in key]).transform("min")
        best = frame[~outranked]
        repeated = best.duplicated(key, keep=False)
        group = best[repeated]
        merged = frame.copy()
        if len(group):
            merged.update(self._merged(best, repeated))
            rows = group.groupby(key, sort=False)[LABEL_ROWS].transform(" ".join)
            merged.loc[group.index, LABEL_ROWS] = rows
            merged.loc[group.index, "rater_id"] = group["rater_id"].where(_one_rater(group, key))
        first = frame[key].merge(best.drop_duplicates(key)[[*key, ROW_ID]], on=key, how="left")[ROW_ID]
        first.index = frame.index
        later = outranked | best.duplicated(key).reindex(frame.index, fill_value=False)
        reason = (
            pd.Series("merged into row ", index=frame.index, dtype="str").where(~outranked, "outranked by row ") + first
        )
        changed = int((differs(frame["grade"], merged["grade"]) & ~later).sum())
        outcome = put_aside(merged, later, reason, "", changed)
        for column in ("grade", "grade_variance", "label_weight", "rater_id", LABEL_ROWS):
            outcome.quarantined[column] = frame.loc[later, column]
        return outcome

    def _merged(self, best: pd.DataFrame, repeated: "pd.Series[bool]") -> pd.DataFrame:
        """Grade, variance and weight for the rows of every repeated pair."""
        learns = self.conflict is LabelConflict.RATER_QUALITY
        taught = best if learns else best[repeated]
        item = taught.groupby(["query_id", "product_id"], sort=False).ngroup().to_numpy().astype(np.int64)
        rater = pd.factorize(taught["rater_id"].fillna("").astype(str))[0].astype(np.int64)
        weight = taught["label_weight"].to_numpy(np.float64)
        found = agree(self.conflict, item, rater, taught["grade"].to_numpy(np.float64), weight)
        own = taught["grade_variance"].fillna(0).to_numpy(np.float64)
        within = np.bincount(item, weights=weight * own) / np.bincount(item, weights=weight)
        grade = np.clip(found.grade, 0.0, MAX_GRADE)[item]  # rounding must not leave the scale
        variance = (within + found.variance)[item]
        columns = {"grade": grade, "grade_variance": variance, "label_weight": 1 / (1 + variance)}
        return pd.DataFrame(columns, index=taught.index).loc[repeated.index[repeated]]


def _one_rater(group: pd.DataFrame, key: list[str]) -> "pd.Series[bool]":
    """True for the rows of pairs that one known rater judged alone."""
    raters = group.groupby(key, sort=False)["rater_id"].transform("nunique")
    return raters.eq(1) & group["rater_id"].notna()


@dataclass(frozen=True, slots=True)
class ApplyLabelFixes:
    """Put accepted corrections over the labels.

    A corrected label has the source `review`, no variance and weight 1. A fix for a pair that is not there does nothing.
    """

    fixes: tuple[tuple[str, str, float], ...] = ()
    """(query_id, product_id, grade 0 to 3), each pair once."""
    name: ClassVar[str] = "apply_label_fixes"
    description: ClassVar[str] = (
        "Puts the corrections that people accepted in a label review over the labels, because the source may still hold the old grade."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Look every pair up."""
        if not self.fixes:
            return keep_all(frame)
        grades = {(query, product): grade for query, product, grade in self.fixes}
        pairs = zip(frame["query_id"], frame["product_id"], strict=True)
        wanted = pd.Series([grades.get(pair) for pair in pairs], index=frame.index, dtype="float64")
        hit = wanted.notna()
        fixed = frame.copy()
        fixed.loc[hit, "grade"] = wanted[hit]
        fixed.loc[hit, ["grade_variance", "label_weight"]] = [0.0, 1.0]
        fixed.loc[hit, "label_source"] = REVIEW
        outcome = keep_all(fixed, int(differs(frame["grade"], fixed["grade"]).sum()))
        return replace(outcome, samples=tuple(sample_changes(frame, "grade", frame["grade"], fixed["grade"])))
