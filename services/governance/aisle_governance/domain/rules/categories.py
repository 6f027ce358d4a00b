"""Categories that people have accepted."""

import json
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from aisle_governance.domain.categories import CATEGORY_FROM, Accepted
from aisle_governance.domain.kinds import ORIGINAL
from aisle_governance.domain.rules.base import RuleOutcome, keep_all
from aisle_governance.domain.rules.standardise import rewrite


@dataclass(frozen=True, slots=True)
class ApplyCategories:
    """Put accepted categories over products; one for a product that is not there does nothing.

    Where a category comes from stands in `_original` under `_category_from`, also where it is what the product had.
    """

    accepted: tuple[Accepted, ...] = ()
    """Each product once."""
    name: ClassVar[str] = "apply_categories"
    description: ClassVar[str] = (
        "Puts the categories that people accepted over the products, because the source may still have none or a wrong one."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Look every product up."""
        known = {one.product_id: one for one in self.accepted}
        hit = frame["product_id"].isin(set(known))
        if not hit.any():
            return keep_all(frame)
        wanted = frame["category"].copy()
        wanted[hit] = [known[product].category for product in frame.loc[hit, "product_id"]]
        outcome = rewrite(frame, {"category": wanted})
        kept = outcome.kept
        memory = kept[ORIGINAL].astype(object) if ORIGINAL in kept else pd.Series(None, index=kept.index, dtype=object)
        for index in frame.index[hit]:
            before = memory[index]
            stored = json.loads(before) if isinstance(before, str) else {}
            one = known[frame["product_id"][index]]
            stored[CATEGORY_FROM] = f"{one.source} {one.job} {one.rank}"
            memory[index] = json.dumps(stored, ensure_ascii=False)
        named = kept.assign(**{ORIGINAL: memory.astype("str").where(memory.notna(), None)})
        return RuleOutcome(named, outcome.quarantined, outcome.changed_row_count, outcome.samples, outcome.findings)
