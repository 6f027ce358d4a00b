"""Puts the optional rules of a run at their places in the chain of its kind."""

from collections.abc import Sequence

from aisle_governance.domain.cleaning import Cleaning
from aisle_governance.domain.kinds import CANONICAL, DatasetKind
from aisle_governance.domain.repair.labelling import label_columns
from aisle_governance.domain.repair.model import RepairModel
from aisle_governance.domain.rules.base import Rule
from aisle_governance.domain.rules.bots import DropBots
from aisle_governance.domain.rules.cancellations import MatchCancellations
from aisle_governance.domain.rules.duplicates import MergeNearDuplicates
from aisle_governance.domain.rules.missing import FillMissingValues
from aisle_governance.domain.rules.outliers import DropOutliers
from aisle_governance.domain.rules.repair import RepairCells
from aisle_governance.domain.rules.repeated import DropRepeatedRows


def with_optional(
    chain: Sequence[Rule], kind: DatasetKind, cleaning: Cleaning, repairs: RepairModel, cancellation_prefix: str
) -> list[Rule]:
    """`chain` with the rules that `cleaning` asks for and, where something was learned, `repair_cells`.

    Cells are repaired and filled before rows are judged by them; duplicates are sought last, in standardised texts.
    """
    before_required: list[Rule] = []
    if not repairs.is_empty:
        before_required.append(RepairCells(label_columns(kind), repairs))
    if cleaning.missing_values:
        before_required.append(FillMissingValues(cleaning.missing_values))
    result = list(chain)
    if cleaning.cancellations is not None:
        _insert(result, "drop_cancellations", [MatchCancellations(cancellation_prefix, cleaning.cancellations)])
    _insert(result, "drop_missing_required", before_required)
    after_required: list[Rule] = []
    if cleaning.repeated_rows:
        after_required.append(DropRepeatedRows(tuple(column.name for column in CANONICAL[kind])))
    _insert(result, "drop_missing_required", after_required, after=True)
    last: list[Rule] = []
    if cleaning.outliers:
        last.append(DropOutliers(cleaning.outliers))
    if kind in (DatasetKind.ORDERS, DatasetKind.PRODUCTS):
        _insert(result, "default_currency", last)
        last = []
    if cleaning.near_duplicates is not None:
        near = cleaning.near_duplicates
        last.append(MergeNearDuplicates(near.threshold, near.columns, near.keep))
    if cleaning.bots is not None:
        last.append(DropBots(cleaning.bots))
    return [*result, *last]


def _insert(chain: list[Rule], anchor: str, rules: Sequence[Rule], *, after: bool = False) -> None:
    """Put `rules` before (or after) the rule named `anchor`; when that one is left out, before the first rule that would follow."""
    names = [rule.name for rule in chain]
    place = names.index(anchor) + after if anchor in names else len(chain)
    chain[place:place] = rules
