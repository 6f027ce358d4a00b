"""What governance knows about label builds and reviews."""

from dataclasses import dataclass

SURPRISE, RANKING = "SURPRISE", "RANKING"
"""Orders of a label review: the likeliest mistakes first, or those that cost a ranking most."""


@dataclass(frozen=True, slots=True)
class LabelBuild:
    """Labels out of user events; its id is also that of its job and of the import that it brings."""

    id: str
    sequence: int
    dataset: str
    """Dataset that takes the labels."""
    events_version: str
    """Name of the version of user events."""
    products_version: str
    """Name of the version of products; empty when titles are product ids."""
    method: str
    """A LabelMethod."""
    is_done: bool = False
    run: str = ""
    """Id of the governance run that publishes the labels; empty before the build has succeeded."""
    label_count: int = 0
    list_count: int = 0
    unattributed_event_count: int = 0
    unknown_product_count: int = 0
    examination: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class LabelReview:
    """A search for wrong labels; its id is also that of its job."""

    id: str
    sequence: int
    dataset: str
    version: int
    """Number of the version that is looked at."""
    label_count: int = 0
    suspect_count: int = 0
    accuracy_ratio: float = 0.0
    accepted_count: int = 0


@dataclass(frozen=True, slots=True)
class Suspect:
    """A label that is probably wrong."""

    rank: int
    """Place in its review, from 1."""
    row_id: str
    query_id: str
    product_id: str
    query: str
    title: str
    grade: float
    proposed_grade: float
    surprise: float
    probability: float
    accepted_grade: float | None = None
    accept_time: float | None = None
    """Seconds since the epoch."""
