"""What each rule of a dataset is worth: the arms of a study, and what may be said once they are measured."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import Any

from aisle_governance.domain.cleaning import OPTIONAL_RULES, Cleaning
from aisle_governance.domain.kinds import ESSENTIAL_RULES, RULE_NAMES, DatasetKind
from aisle_governance.domain.paired import ALPHA, Lift, holm

MEASURED_KINDS = (DatasetKind.JUDGMENTS, DatasetKind.ORDERS)
MAIN_METRIC = {DatasetKind.JUDGMENTS: "ndcg@10", DatasetKind.ORDERS: "recall@20"}
ANONYMOUS_RULES = frozenset({"protect_pii"})
"""Rules that are there for people, not for the ranking; a study never leaves them out."""
PART_OF_RULE = {
    "merge_near_duplicates": "near_duplicates",
    "fill_missing_values": "missing_values",
    "drop_outliers": "outliers",
    "match_cancellations": "cancellations",
    "drop_bots": "bots",
    "drop_repeated_rows": "repeated_rows",
}
"""Optional rule -> field of Cleaning that adds it."""


class Evaluator(StrEnum):
    """What is trained and evaluated on the rows of an arm."""

    FAST = "FAST"
    TRAINER = "TRAINER"


class Change(StrEnum):
    """How an arm differs from the reference."""

    LEFT_OUT = "LEFT_OUT"
    ADDED = "ADDED"
    SEEDS_ONLY = "SEEDS_ONLY"


class Verdict(StrEnum):
    """What may be said of a rule."""

    UNSPECIFIED = "UNSPECIFIED"
    USEFUL = "USEFUL"
    HARMFUL = "HARMFUL"
    NEUTRAL = "NEUTRAL"
    INERT = "INERT"
    FAILED = "FAILED"


DEFAULT_SEEDS = {Evaluator.FAST: 3, Evaluator.TRAINER: 1}


@dataclass(frozen=True, slots=True)
class Arm:
    """One way of governing one dataset, and what came of it; lifts are (with the rule - without it)."""

    dataset: str
    change: Change
    rule: str = ""
    done: bool = False
    verdict: Verdict = Verdict.UNSPECIFIED
    lift: Lift | None = None
    auc_lift: Lift | None = None
    p_value: float = 1.0
    adjusted_p_value: float = 1.0
    rule_seconds: float = 0.0
    changed_row_count: int = 0
    quarantined_row_count: int = 0
    elapsed_seconds: float = 0.0
    training_jobs: tuple[str, ...] = ()
    failure: str = ""

    @property
    def is_tested(self) -> bool:
        """Whether it is one of the comparisons that are adjusted for their number."""
        return self.change is not Change.SEEDS_ONLY and self.verdict not in (Verdict.INERT, Verdict.FAILED)

    def to_json(self) -> dict[str, Any]:
        """As plain data for storage."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Arm":
        """Back from `to_json`; unknown keys of a newer release are ignored."""
        known = {one.name: data[one.name] for one in fields(cls) if one.name in data}
        known["change"], known["verdict"] = Change(known["change"]), Verdict(known["verdict"])
        known["training_jobs"] = tuple(known["training_jobs"])
        for name in ("lift", "auc_lift"):
            known[name] = None if known[name] is None else Lift(**known[name])
        return cls(**known)


@dataclass(frozen=True, slots=True)
class Reference:
    """A dataset governed as asked."""

    dataset: str
    metric: str
    score: Lift
    row_count: int
    split: str
    noise_floor: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """As plain data for storage."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Reference":
        """Back from `to_json`."""
        return cls(**{**data, "score": Lift(**data["score"])})


@dataclass(frozen=True, slots=True)
class RoiStudy:
    """A study; its id is also that of its job."""

    id: str
    sequence: int
    spec: bytes
    """Serialized RoiSpec, defaults filled in."""
    references: tuple[Reference, ...] = ()
    arms: tuple[Arm, ...] = field(default=())


def plan_arms(
    dataset: str,
    kind: DatasetKind,
    disabled: Collection[str],
    cleaning: Cleaning,
    candidates: Cleaning,
    wanted: Collection[str] = (),
    repairs: bool = False,
) -> list[Arm]:
    """The arms of a dataset: new seeds first, then each rule of the reference left out, then each rule that it lacks added.

    `repairs` says whether the dataset has a usable repair model, which brings the rule `repair_cells`.
    """
    present = [rule for rule, part in PART_OF_RULE.items() if getattr(cleaning, part)]
    present += ["repair_cells"] if repairs else []
    chain = [rule for rule in (*RULE_NAMES[kind], *OPTIONAL_RULES[kind]) if rule in {*RULE_NAMES[kind], *present}]
    free = [rule for rule in chain if rule not in ESSENTIAL_RULES and rule not in ANONYMOUS_RULES]
    left_out = [rule for rule in free if rule not in disabled and not _has(candidates, rule)]
    added = [rule for rule in free if rule in disabled and not _has(candidates, rule)]
    added += [rule for rule in PART_OF_RULE if _has(candidates, rule)]
    arms = [Arm(dataset, Change.SEEDS_ONLY)]
    arms += [Arm(dataset, Change.LEFT_OUT, rule) for rule in left_out if not wanted or rule in wanted]
    return arms + [Arm(dataset, Change.ADDED, rule) for rule in added if not wanted or rule in wanted]


def _has(candidates: Cleaning, rule: str) -> bool:
    return rule in PART_OF_RULE and bool(getattr(candidates, PART_OF_RULE[rule]))


def without(disabled: Sequence[str], cleaning: Cleaning, candidates: Cleaning) -> tuple[list[str], Cleaning]:
    """(rules left out, optional rules) of the reference: a rule that is a candidate is not in it."""
    parts = {part: getattr(Cleaning(), part) for rule, part in PART_OF_RULE.items() if _has(candidates, rule)}
    return list(disabled), replace(cleaning, **parts)


def arm_rules(
    arm: Arm, disabled: Sequence[str], cleaning: Cleaning, candidates: Cleaning
) -> tuple[list[str], Cleaning]:
    """(rules left out, optional rules) of an arm, from those of the reference."""
    if arm.change is Change.LEFT_OUT:
        return [*disabled, arm.rule], cleaning
    if arm.change is Change.ADDED:
        rest = [rule for rule in disabled if rule != arm.rule]
        part = PART_OF_RULE.get(arm.rule)
        if part is not None and getattr(candidates, part):
            return rest, replace(cleaning, **{part: getattr(candidates, part)})
        return rest, cleaning
    return list(disabled), cleaning


def judged(arms: Sequence[Arm], noise_floors: dict[str, float]) -> list[Arm]:
    """The arms with adjusted p-values and verdicts, the largest lift first; what has no lift comes last.

    A rule is called useful or harmful when its p-value, adjusted for all rules of the study that were tested, is below 0.05 and its
    lift is outside of what new seeds alone did to the dataset's score.
    """
    tested = [index for index, arm in enumerate(arms) if arm.done and arm.is_tested]
    adjusted = dict(zip(tested, holm([arms[index].p_value for index in tested]), strict=True))
    found = []
    for index, arm in enumerate(arms):
        if index not in adjusted or arm.lift is None:
            found.append(arm)
            continue
        verdict = Verdict.NEUTRAL
        if adjusted[index] < ALPHA and abs(arm.lift.value) > noise_floors.get(arm.dataset, 0.0):
            verdict = Verdict.USEFUL if arm.lift.value > 0 else Verdict.HARMFUL
        found.append(replace(arm, adjusted_p_value=adjusted[index], verdict=verdict))
    return sorted(found, key=_rank)


def _rank(arm: Arm) -> tuple[bool, float]:
    value = None if arm.lift is None or not arm.is_tested else arm.lift.value
    return value is None, 0.0 if value is None else -value
