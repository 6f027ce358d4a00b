"""The ordered rules of each kind of dataset, and how a chain is run."""

import hashlib
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import pandas as pd

from aisle_governance.domain.categories import Accepted
from aisle_governance.domain.cleaning import Cleaning
from aisle_governance.domain.kinds import CANONICAL, ESSENTIAL_RULES, RULE_NAMES, DatasetKind
from aisle_governance.domain.mapping import ColumnMapping
from aisle_governance.domain.model import RuleReport
from aisle_governance.domain.repair.model import RepairModel
from aisle_governance.domain.rules.base import Rule, fingerprint
from aisle_governance.domain.rules.categories import ApplyCategories
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
from aisle_governance.domain.rules.judgments import (
    ApplyLabelFixes,
    AssignJudgmentIds,
    BuildLabels,
    MergeRepeatedJudgments,
)
from aisle_governance.domain.rules.optional import with_optional
from aisle_governance.domain.rules.pairs import DropUnlabelledPairs
from aisle_governance.domain.rules.released import excuse
from aisle_governance.domain.rules.standard_rules import (
    convert_prices,
    product_rules,
    protect_pii,
    read_price_text,
    unify_characters,
)

RULE = "_rule"


def build_chain(
    kind: DatasetKind,
    mapping: ColumnMapping,
    disabled: Collection[str] = (),
    pii_key: bytes = b"",
    label_fixes: tuple[tuple[str, str, float], ...] = (),
    *,
    cleaning: Cleaning | None = None,
    repairs: RepairModel | None = None,
    categories: tuple[Accepted, ...] = (),
) -> list[Rule]:
    """Return the rules of `kind` in order, without those named in `disabled` (essential ones always stay).

    `pii_key` is the key of the hashes that take the place of personal data; needed where the mapping has that policy.
    `label_fixes` are (query_id, product_id, grade) that a label review has accepted. `cleaning` adds optional rules, `repairs` is what
    was learned about the dataset's errors. `categories` are those that were accepted; without any there is no rule for them.
    """
    rules: list[Rule] = [protect_pii(kind, mapping, pii_key), *_all_rules(kind, mapping, label_fixes)]
    rules = with_optional(
        rules, kind, cleaning or Cleaning(), repairs or RepairModel(), cancellation_prefix=mapping.cancellation_prefix
    )
    if categories and kind is DatasetKind.PRODUCTS:
        rules.append(ApplyCategories(categories))
    return [rule for rule in rules if rule.name not in disabled or rule.name in ESSENTIAL_RULES]


def _all_rules(
    kind: DatasetKind, mapping: ColumnMapping, label_fixes: tuple[tuple[str, str, float], ...]
) -> list[Rule]:
    columns = CANONICAL[kind]
    first: list[Rule] = [
        DropExactDuplicates(),
        RepairText(tuple(column.name for column in columns if column.free_text)),
        NormaliseIds(tuple(column.name for column in columns if column.is_id)),
        unify_characters(kind, mapping),
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
                convert_prices(kind, mapping),
            ]
        case DatasetKind.JUDGMENTS:
            merge = MergeRepeatedJudgments(mapping.label_conflict)
            labels: list[Rule] = [BuildLabels(mapping.grade_offset), AssignJudgmentIds(), merge]
            return [*first, required, *labels, ApplyLabelFixes(label_fixes)]
        case DatasetKind.PRODUCTS:
            price = DropInvalidPrices("price", zero_allowed=True)
            currency = DefaultCurrency("currency", mapping.default_currency)
            once: list[Rule] = [required, read_price_text(mapping), price, currency, KeepNewestProduct()]
            return [*first, *once, *product_rules(mapping)]
        case DatasetKind.USER_EVENTS:
            return [*first, required, DropRepeatedEvents(), TimesToUtc("event_time", mapping.time_zone)]
        case DatasetKind.PAIRS:
            return [*first, required, DropUnlabelledPairs()]


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
    chain: list[Rule],
    frame: pd.DataFrame,
    on_rule: Callable[[int, str], None] | None = None,
    excused: Mapping[str, Collection[str]] | None = None,
) -> ChainOutcome:
    """Pass `frame` through the rules; `on_rule(index, name)` is called before each.

    `excused` names, by rule, the rows that pass whatever the rule says of them.
    """
    put_aside: list[pd.DataFrame] = []
    reports: list[RuleReport] = []
    for index, rule in enumerate(chain):
        if on_rule is not None:
            on_rule(index, rule.name)
        started = time.perf_counter()
        outcome = excuse(rule.apply(frame), (excused or {}).get(rule.name, ()))
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
                samples=outcome.samples,
                findings=outcome.findings,
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
