"""Rows that somebody let come back although a rule had put them aside."""

from collections.abc import Collection
from dataclasses import replace

import pandas as pd

from aisle_governance.domain.kinds import ROW_ID
from aisle_governance.domain.rules.base import RuleOutcome


def excuse(outcome: RuleOutcome, row_ids: Collection[str]) -> RuleOutcome:
    """Move the named rows from those put aside back to their places among those kept."""
    if not row_ids or outcome.quarantined.empty:
        return outcome
    back = outcome.quarantined[ROW_ID].isin(list(row_ids))
    if not back.any():
        return outcome
    rows = outcome.quarantined.loc[back, list(outcome.kept.columns)]
    kept = pd.concat([outcome.kept, rows]).sort_index(kind="stable")
    return replace(outcome, kept=kept, quarantined=outcome.quarantined[~back])
