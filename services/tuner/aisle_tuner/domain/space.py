"""What a study searches: which fields of a training spec, between which bounds, and how often it tries."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from aisle_runtime.errors import FieldViolation

from aisle_tuner.errors import InvalidStudy

MAXIMUM_TRIALS = 1_000
MAXIMUM_STEPS = 1_000_000
LARGEST_SEED = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Searchable:
    """A field of the training spec that may be searched, and its legal values."""

    least: float
    most: float
    is_integer: bool = False
    least_is_excluded: bool = False

    def rule(self) -> str:
        """Return the legal values in words."""
        low = f"above {self.least:g}" if self.least_is_excluded else f"at least {self.least:g}"
        return f"must be {'a whole number, ' if self.is_integer else ''}{low} and at most {self.most:g}"

    def allows(self, value: float) -> bool:
        """Say whether `value` is legal."""
        if not math.isfinite(value) or value > self.most or value < self.least:
            return False
        if self.least_is_excluded and value == self.least:
            return False
        return not self.is_integer or float(value).is_integer()


SEARCHABLE = {
    "learning_rate": Searchable(0.0, 0.1, least_is_excluded=True),
    "lora_rank": Searchable(1, 256, is_integer=True),
    "batch_size": Searchable(1, 1024, is_integer=True),
    "weight_decay": Searchable(0.0, 1.0),
}


@dataclass(frozen=True, slots=True)
class Range:
    """The search range of one field, both ends included."""

    field: str
    low: float
    high: float
    log_scale: bool = False

    @property
    def is_integer(self) -> bool:
        """Whether only whole numbers are drawn."""
        return SEARCHABLE[self.field].is_integer


@dataclass(frozen=True, slots=True)
class Plan:
    """How a study goes about."""

    trial_count: int
    """Trials to run, pruned and failed ones included."""
    max_steps: int
    """Steps of a trial that is never pruned; 0 means the training spec's own."""
    ranges: tuple[Range, ...]
    seed: int = 0


def validate_plan(plan: Plan, task_count: int, field: str = "stage") -> Plan:
    """Return the plan; raises InvalidStudy naming every field that does not fit."""
    found = [*_counts(plan, field), *_ranges(plan.ranges, f"{field}.parameters")]
    if task_count < 1:
        found.append(FieldViolation("base_spec.tasks", "needs at least one task"))
    if found:
        raise InvalidStudy(found)
    return plan


def _counts(plan: Plan, field: str) -> list[FieldViolation]:
    found = []
    if not 1 <= plan.trial_count <= MAXIMUM_TRIALS:
        found.append(FieldViolation(f"{field}.trial_count", f"must be 1 to {MAXIMUM_TRIALS}"))
    if not 0 <= plan.max_steps <= MAXIMUM_STEPS:
        found.append(FieldViolation(f"{field}.max_steps", f"must be 0 to {MAXIMUM_STEPS}"))
    if not plan.ranges:
        found.append(FieldViolation(f"{field}.parameters", "needs at least one range"))
    return found


def _ranges(ranges: Sequence[Range], field: str) -> list[FieldViolation]:
    found: list[FieldViolation] = []
    seen: set[str] = set()
    for index, entry in enumerate(ranges):
        path = f"{field}[{index}]"
        rule = SEARCHABLE.get(entry.field)
        if rule is None:
            found.append(FieldViolation(f"{path}.field", f"must be one of {', '.join(SEARCHABLE)}"))
            continue
        if entry.field in seen:
            found.append(FieldViolation(f"{path}.field", "is searched twice"))
        seen.add(entry.field)
        found += _bounds(entry, rule, path)
    return found


def _bounds(entry: Range, rule: Searchable, path: str) -> list[FieldViolation]:
    if entry.log_scale and entry.low <= 0:
        return [FieldViolation(f"{path}.low", "must be above 0 on a logarithmic scale")]
    found = [
        FieldViolation(f"{path}.{end}", rule.rule())
        for end, value in (("low", entry.low), ("high", entry.high))
        if not rule.allows(value)
    ]
    if not found and entry.low > entry.high:
        found.append(FieldViolation(f"{path}.low", "must not be above high"))
    return found
