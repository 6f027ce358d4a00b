"""Which chains and contracts can run in batches, and where a chain must bring rows with equal keys together."""

from collections.abc import Sequence
from dataclasses import dataclass

from aisle_governance.domain.cleaning import FillMethod
from aisle_governance.domain.contract import (
    Check,
    EnumCheck,
    LengthCheck,
    MetricCheck,
    PatternCheck,
    RangeCheck,
    RequiredCheck,
    TypeCheck,
    UniqueCheck,
)
from aisle_governance.domain.kinds import SOURCE_HASH, DatasetKind
from aisle_governance.domain.rules.base import Rule
from aisle_governance.domain.rules.bots import DropBots
from aisle_governance.domain.rules.commerce import DropRepeatedEvents
from aisle_governance.domain.rules.general import (
    DropExactDuplicates,
    DropMissingRequired,
    NormaliseIds,
    RepairText,
    TimesToUtc,
)
from aisle_governance.domain.rules.missing import FillMissingValues
from aisle_governance.domain.rules.privacy import ProtectPii
from aisle_governance.domain.rules.repeated import DropRepeatedRows
from aisle_governance.domain.rules.standardise import UnifyCharacters

KINDS = frozenset({DatasetKind.USER_EVENTS})
"""Kinds whose chain can run in batches."""
_LOCAL = (ProtectPii, RepairText, NormaliseIds, UnifyCharacters, DropMissingRequired, TimesToUtc, FillMissingValues)
_CHECKS = (TypeCheck, RequiredCheck, RangeCheck, LengthCheck, PatternCheck, EnumCheck, UniqueCheck, MetricCheck)
_ROW_WISE_FILLS = frozenset({FillMethod.DROP, FillMethod.DEFAULT})


@dataclass(frozen=True, slots=True)
class Key:
    """What a rule must see together: all rows whose `columns` are equal."""

    columns: tuple[str, ...]
    """Columns that the rule reads."""
    by: tuple[str, ...]
    """Those whose values, together, are the key; of several `first_of` counts the first that is not missing."""
    first_of: bool = False
    fold_case: bool = False
    """Whether texts that differ in case only are one key."""
    least: int = 2
    """Rows that a key must have before the rule can do anything with them."""


def key_of(rule: Rule) -> Key | None:
    """The key of a rule that looks at several rows; None for a rule that looks at each row alone."""
    match rule:
        case DropExactDuplicates():
            return Key((SOURCE_HASH,), (SOURCE_HASH,))
        case DropRepeatedEvents():
            return Key(("event_id",), ("event_id",))
        case DropRepeatedRows():
            return Key(rule.columns, rule.columns, fold_case=True)
        case DropBots():
            limits = rule.settings
            least = min(
                limits.max_actions_per_minute,
                limits.max_products_per_day,
                limits.min_regular_actions,
                limits.max_repeats_per_hour + 1,
            )
            columns = ("visitor_id", "customer_id", "event_type", "event_time", "product_id")
            return Key(columns, ("visitor_id", "customer_id"), first_of=True, least=least)
        case _:
            return None


def obstacle(kind: DatasetKind, chain: Sequence[Rule], checks: Sequence[Check]) -> str:
    """Why a chain and its contract cannot run in batches, in words; empty when they can."""
    if kind not in KINDS:
        return f"datasets of {kind.lower()} are governed in memory only"
    for rule in chain:
        if key_of(rule) is None and not isinstance(rule, _LOCAL):
            return f"the rule {rule.name} needs the whole table"
        if isinstance(rule, FillMissingValues) and any(one.method not in _ROW_WISE_FILLS for one in rule.columns):
            return f"the rule {rule.name} learns from the whole table"
    for check in checks:
        if not isinstance(check, _CHECKS):
            return f"the check {check.name} needs the whole table"
    return ""
