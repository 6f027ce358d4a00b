"""What governance knows about category jobs, and the rule that puts accepted categories over products."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

CATEGORY_FROM = "_category_from"
"""Key in `_original` that says where a category comes from: `review` or `confidence`, job and rank."""
MAX_CATEGORY = 200


class Method(StrEnum):
    """What texts are read with."""

    AUTO = "AUTO"
    TFIDF = "TFIDF"
    ENCODER = "ENCODER"


class Source(StrEnum):
    """Why an accepted category was accepted."""

    REVIEW = "review"
    """A person looked at the product."""
    CONFIDENCE = "confidence"
    """The classifier was sure enough; such a category never teaches a later job."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A category that lies over a product."""

    product_id: str
    category: str
    source: Source
    job: str
    rank: int


@dataclass(frozen=True, slots=True)
class CategoryJob:
    """A job that learns and proposes categories; its id is also that of its job."""

    id: str
    sequence: int
    dataset: str
    version: int
    method: Method
    used_method: str = ""
    encoder_sha256: str = ""
    fallback_reason: str = ""
    taught_product_count: int = 0
    category_count: int = 0
    rare_category_count: int = 0
    metrics: tuple[dict[str, Any], ...] = ()
    """Each with name, value, lower, upper and sample_count."""
    proposal_count: int = 0
    accepted_count: int = 0


@dataclass(frozen=True, slots=True)
class Proposal:
    """A category for one product."""

    rank: int
    """Place in its job, from 1: the least certain first."""
    product_id: str
    title: str
    category: str
    """Category that the product has; empty when it has none."""
    proposed_category: str
    confidence: float
    second_category: str
    accepted_category: str | None = None
    accept_time: float | None = None
    """Seconds since the epoch."""
