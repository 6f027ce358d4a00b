"""Serving configs: what is done to an order after it was scored, checked when they are stored."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from aisle_ranker.domain.conditions import (
    MOST_REMEMBERED,
    PRODUCT_ID,
    TITLE,
    Condition,
    Fact,
    Facts,
)
from aisle_ranker.errors import InvalidField

MOST_RULES, MOST_BOOSTS, LARGEST_BOOST = 100, 20, 1000.0
LAST_POSITION = 200
BOOST, BURY, PIN, EXCLUDE, KEEP_ONLY, CAP = "boost", "bury", "pin", "exclude", "keep_only", "cap"
MMR, DPP = "mmr", "dpp"
EPSILON, PLACKETT_LUCE = "epsilon", "plackett_luce"
Attributes = Mapping[str, Mapping[str, str]]
"""Attributes by product id."""


@dataclass(frozen=True, slots=True)
class Selector:
    """Says which products a rule means; remembers its answers where they can't change."""

    condition: Condition
    _known: dict[Hashable, bool] = field(default_factory=dict, repr=False, compare=False)

    def means(self, product_ids: Sequence[str], titles: Sequence[str], attributes: Attributes) -> list[bool]:
        """Say of each product whether it is meant."""
        asked, holds = self.condition.fields, self.condition.holds
        if not asked <= {PRODUCT_ID, TITLE}:
            return [
                holds({**attributes.get(one, {}), PRODUCT_ID: one, TITLE: title})
                for one, title in zip(product_ids, titles, strict=True)
            ]
        # Looking answers up by what they depend on is ten times as fast as asking again.
        keys: Sequence[Hashable] = list(zip(product_ids, titles, strict=True))
        if len(asked) == 1:
            keys = product_ids if PRODUCT_ID in asked else titles
        known = self._known
        found = [known.get(key) for key in keys]
        if None not in found:
            return found  # type: ignore[return-value]
        if len(known) > MOST_REMEMBERED:
            known.clear()
        answers = []
        for key, one, title, before in zip(keys, product_ids, titles, found, strict=True):
            answer = holds({PRODUCT_ID: one, TITLE: title}) if before is None else before
            known[key] = answer
            answers.append(answer)
        return answers


@dataclass(frozen=True, slots=True)
class Rule:
    """One business rule."""

    id: str
    action: str
    """`boost`, `bury`, `pin`, `exclude`, `keep_only` or `cap`."""
    when: Condition
    products: Selector
    amount: float = 0.0
    """Of a boost (above 0) or bury (below 0): what is added to the score."""
    position: int = 0
    """Of a pin, from 1."""
    attribute: str = ""
    """Of a cap."""
    most: int = 0
    """Products per value that a cap allows."""
    window: int = 0
    """First positions that a cap bounds."""

    @property
    def source(self) -> str:
        """Name of its contribution to a score."""
        return f"rule:{self.id}"


@dataclass(frozen=True, slots=True)
class Diversity:
    """Prefer products unlike those above."""

    method: str
    """`mmr` or `dpp`."""
    strength: float
    window: int


@dataclass(frozen=True, slots=True)
class Exploration:
    """Show other products than the best ones with a known probability."""

    kind: str
    """`epsilon` or `plackett_luce`."""
    position: int
    window: int
    epsilon: float = 0.0
    temperature: float = 1.0


@dataclass(frozen=True, slots=True)
class Placement:
    """One version of a serving config."""

    name: str
    """`default`, without the collection."""
    version: int = 0
    """0 for the built-in one without rules."""
    rules: Sequence[Rule] = ()
    diversity: Diversity | None = None
    exploration: Exploration | None = None

    def changes(self, circumstances: "Circumstances") -> bool:
        """Say whether there is anything to do."""
        return bool(self.rules or circumstances.boosts or self.diversity or self.exploration)


@dataclass(frozen=True, slots=True)
class Boost:
    """A boost of one request."""

    source: str
    """`boosts[n]`."""
    products: Selector
    amount: float


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What rules know of a request."""

    facts: Mapping[str, Fact]
    boosts: Sequence[Boost] = ()
    invalid: Sequence[tuple[str, str]] = ()
    """(field, problem) of conditions that are ignored."""
    attributes: Attributes = field(default_factory=dict)
    """What the caller said of its candidates."""
    may_add: bool = False
    """Whether a pin may put in a product that was not found."""

    def active(self, rules: Sequence[Rule]) -> list[Rule]:
        """Return the rules whose condition holds."""
        facts: Facts = self.facts
        return [rule for rule in rules if rule.when.holds(facts)]


def checked_amount(value: float, path: str) -> float:
    """Return the amount of a boost or bury; raises InvalidField."""
    if not (math.isfinite(value) and 0 < value <= LARGEST_BOOST):
        raise InvalidField(path, f"must be above 0 and at most {LARGEST_BOOST:,.0f}")
    return value


def checked_whole(value: int, path: str, low: int, high: int) -> int:
    """Return a whole number from `low` to `high`; raises InvalidField."""
    if not low <= value <= high:
        raise InvalidField(path, f"must be from {low} to {high}")
    return value


def checked_share(value: float, path: str, *, zero: bool) -> float:
    """Return a number from 0 (or above it) to 1; raises InvalidField."""
    if not (math.isfinite(value) and (value >= 0 if zero else value > 0) and value <= 1):
        raise InvalidField(path, "must be from 0 to 1" if zero else "must be above 0 and at most 1")
    return value
