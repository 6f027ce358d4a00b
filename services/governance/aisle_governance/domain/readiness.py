"""What data must hold before models of a family may be trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum

from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.model import CheckResult


class Tier(StrEnum):
    """A family of models by what they need to know; the words are those that contracts use."""

    RELEVANCE = "relevance"
    BEHAVIOUR = "behaviour"
    PERSONALISED = "personalised"


TIER_KINDS: dict[Tier, tuple[DatasetKind, ...]] = {
    Tier.RELEVANCE: (DatasetKind.JUDGMENTS,),
    Tier.BEHAVIOUR: (DatasetKind.ORDERS, DatasetKind.USER_EVENTS),
    Tier.PERSONALISED: (DatasetKind.ORDERS, DatasetKind.USER_EVENTS),
}
"""Kinds of dataset that can teach a tier."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Least figures; 0 asks for nothing."""

    queries: int = 20
    """Different queries with judgments."""
    grades: int = 2
    """Different grades over all judgments."""
    graded_queries: int = 5
    """Queries whose products have at least two grades: only they teach an order."""
    text_ratio: float = 0.95
    """Share of judgments with query and title."""
    interactions: int = 100
    """Order lines, or events with a product."""
    products: int = 5
    """Different products among them."""
    time_ratio: float = 0.99
    """Share of them with a time."""
    product_ratio: float = 0.95
    """Share of them whose product has a title, in the rows or in a dataset of products."""
    customer_ratio: float = 0.2
    """Share of them with a customer or visitor."""
    customers: int = 10
    """Customers with a history: at least two different times."""


def read_thresholds(text: str) -> Thresholds:
    """`queries=50,customers=100` over the defaults. Raises ValueError that names what is wrong."""
    known = {field.name: field.type for field in fields(Thresholds)}
    found: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = part.partition("=")
        if name not in known:
            raise ValueError(f"{name[:40]!r} is no threshold; use {', '.join(known)}")
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not 0 <= number < 1e12 or (name.endswith("_ratio") and number > 1):
            raise ValueError(f"{name} must be a number from 0" + (" to 1" if name.endswith("_ratio") else ""))
        found[name] = number
    return replace(Thresholds(), **found)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Facts:
    """What was measured on one version."""

    dataset_version: str
    kind: DatasetKind
    values: Mapping[str, float]
    checks: Sequence[CheckResult] = ()
    """Results of its contract's checks."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that a tier asks of a version."""

    name: str
    description: str
    dataset_version: str
    observed: float
    threshold: float
    next_step: str

    @property
    def passed(self) -> bool:
        """Whether enough was found."""
        return self.observed >= self.threshold


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether models of a tier can be trained."""

    tier: Tier
    ready: bool
    requirements: tuple[Requirement, ...] = field(default=())


_RELEVANCE = (
    ("queries", "queries with judgments", "queries", "Import judgments of more queries."),
    ("grades", "different grades", "grades", "Import judgments with at least two grades, or correct grade_offset."),
    (
        "graded_queries",
        "queries whose products have at least two grades",
        "graded_queries",
        "Judge several products per query, bad ones too.",
    ),
    (
        "text_ratio",
        "share of judgments with query and title",
        "text_ratio",
        "Map the column title to the product's text.",
    ),
)
_BEHAVIOUR = (
    ("interactions", "rows with a product", "interactions", "Import more of the shop's history."),
    ("products", "different products", "products", "Import the history of more products."),
    ("time_ratio", "share of rows with a time", "time_ratio", "Correct the mapping of the time column."),
    (
        "product_ratio",
        "share of rows whose product has a title",
        "product_ratio",
        "Map the column title, or import the products and name their dataset too.",
    ),
)
_PERSONALISED = (
    ("customer_ratio", "share of rows with a customer", "customer_ratio", "Map the column customer_id."),
    (
        "customers",
        "customers with at least two different times",
        "customers",
        "Import a longer history, or map the column customer_id.",
    ),
)
_ASKED = {Tier.RELEVANCE: _RELEVANCE, Tier.BEHAVIOUR: _BEHAVIOUR, Tier.PERSONALISED: (*_BEHAVIOUR, *_PERSONALISED)}


def readiness(tier: Tier, facts: Sequence[Facts], thresholds: Thresholds) -> Readiness:
    """Judge the versions in `facts` for a tier; datasets of other kinds count only by checks that are bound to the tier."""
    found: list[Requirement] = []
    able, held_back = False, False
    for one in facts:
        bound = [_bound_check(one, check) for check in one.checks if tier.value in check.tiers]
        found += bound
        if one.kind in TIER_KINDS[tier]:
            asked = [_asked(one, *parts, thresholds) for parts in _ASKED[tier]]
            found += asked
            able = able or all(requirement.passed for requirement in (*asked, *bound))
        else:
            held_back = held_back or not all(requirement.passed for requirement in bound)
    if not any(one.kind in TIER_KINDS[tier] for one in facts):
        found.append(_nothing(tier))
    return Readiness(tier, able and not held_back, tuple(found))


def _asked(facts: Facts, name: str, words: str, threshold: str, next_step: str, thresholds: Thresholds) -> Requirement:
    least = float(getattr(thresholds, threshold))
    prefix = facts.kind.lower()
    return Requirement(
        f"{prefix}.{name}",
        f"{words}: at least {least:g}",
        facts.dataset_version,
        float(facts.values.get(name, 0.0)),
        least,
        next_step,
    )


def _bound_check(facts: Facts, check: CheckResult) -> Requirement:
    return Requirement(
        f"check:{check.check}",
        check.message,
        facts.dataset_version,
        float(check.passed),
        1.0,
        "Correct the source, then run governance again; the contract binds this check to the tier.",
    )


def _nothing(tier: Tier) -> Requirement:
    kinds = " or ".join(kind.lower().replace("_", " ") for kind in TIER_KINDS[tier])
    return Requirement(
        "versions",
        f"published versions of {kinds}: at least 1",
        "",
        0.0,
        1.0,
        f"Import a dataset of {kinds}, then run governance.",
    )
