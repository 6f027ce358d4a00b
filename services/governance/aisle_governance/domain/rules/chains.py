"""The ordered rules of each kind of dataset, and how a chain is run."""

import hashlib
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

import pandas as pd

from aisle_governance.domain.kinds import CANONICAL, ESSENTIAL_RULES, RULE_NAMES, DatasetKind
from aisle_governance.domain.mapping import ColumnMapping
from aisle_governance.domain.model import RuleReport
from aisle_governance.domain.rules.base import Rule, fingerprint
from aisle_governance.domain.rules.commerce import (
    DropCancellations,
    DropInvalidPrices,
    DropInvalidQuantities,
    DropNonProducts,
    DropRepeatedEvents,
    DropUnknownCustomers,
    KeepNewestProduct,
)
from aisle_governance.domain.rules.general import (
    DefaultCurrency,
    DropExactDuplicates,
    DropMissingRequired,
    NormaliseIds,
    RepairText,
    TimesToUtc,
)
from aisle_governance.domain.rules.judgments import AssignJudgmentIds, BuildLabels, MergeRepeatedJudgments

RULE = "_rule"


def build_chain(kind: DatasetKind, mapping: ColumnMapping, disabled: Collection[str] = ()) -> list[Rule]:
    """Return the rules of `kind` in order, without those named in `disabled` (essential ones always stay)."""
    return [rule for rule in _all_rules(kind, mapping) if rule.name not in disabled or rule.name in ESSENTIAL_RULES]


def _all_rules(kind: DatasetKind, mapping: ColumnMapping) -> list[Rule]:
    columns = CANONICAL[kind]
    first: list[Rule] = [
        DropExactDuplicates(),
        RepairText(tuple(column.name for column in columns if column.free_text)),
        NormaliseIds(tuple(column.name for column in columns if column.is_id)),
    ]
    required = DropMissingRequired(tuple(column.name for column in columns if column.required))
    match kind:
        case DatasetKind.ORDERS:
            return [
                *first,
                DropCancellations(mapping.cancellation_prefix),
                required,
                DropUnknownCustomers(),
                DropInvalidQuantities(),
                DropInvalidPrices("unit_price"),
                DropNonProducts(),
                TimesToUtc("order_time", mapping.time_zone),
                DefaultCurrency("currency", mapping.default_currency),
            ]
        case DatasetKind.JUDGMENTS:
            labels: list[Rule] = [BuildLabels(mapping.grade_offset), AssignJudgmentIds(), MergeRepeatedJudgments()]
            return [*first, required, *labels]
        case DatasetKind.PRODUCTS:
            price = DropInvalidPrices("price", zero_allowed=True)
            return [*first, required, price, DefaultCurrency("currency", mapping.default_currency), KeepNewestProduct()]
        case DatasetKind.USER_EVENTS:
            return [*first, required, DropRepeatedEvents(), TimesToUtc("event_time", mapping.time_zone)]


def rule_set_hash(chain: list[Rule]) -> str:
    """SHA-256 over the ordered rules with their parameters, 64 hex digits."""
    return hashlib.sha256("\n".join(fingerprint(rule) for rule in chain).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ChainOutcome:
    """Rows that came through, rows put aside by any rule, and what each rule did."""

    kept: pd.DataFrame
    quarantined: pd.DataFrame
    """All rows put aside in the order of the rules, with `_rule`, `_reason` and `_column`."""
    reports: list[RuleReport]


def run_chain(
    chain: list[Rule], frame: pd.DataFrame, on_rule: Callable[[int, str], None] | None = None
) -> ChainOutcome:
    """Pass `frame` through the rules; `on_rule(index, name)` is called before each."""
    put_aside: list[pd.DataFrame] = []
    reports: list[RuleReport] = []
    for index, rule in enumerate(chain):
        if on_rule is not None:
            on_rule(index, rule.name)
        started = time.perf_counter()
        outcome = rule.apply(frame)
        if len(outcome.quarantined):
            put_aside.append(outcome.quarantined.assign(**{RULE: rule.name}))
        reports.append(
            RuleReport(
                rule=rule.name,
                description=rule.description,
                input_row_count=len(frame),
                output_row_count=len(outcome.kept),
                quarantined_row_count=len(outcome.quarantined),
                changed_row_count=outcome.changed_row_count,
                elapsed_seconds=time.perf_counter() - started,
            )
        )
        frame = outcome.kept
    quarantined = (
        pd.concat(put_aside, ignore_index=True)
        if put_aside
        else frame.iloc[:0].assign(_rule="", _reason="", _column="")
    )
    return ChainOutcome(frame.reset_index(drop=True), quarantined, reports)


def rule_names(kind: DatasetKind) -> tuple[str, ...]:
    """Names of the rules of `kind` in order."""
    return RULE_NAMES[kind]
