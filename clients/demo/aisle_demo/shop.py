"""What the demo needs to know about a shop, wherever its data came from."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A raw file with the mapping that turns its columns into canonical ones."""

    path: Path
    columns: dict[str, str]
    """Canonical column -> source column."""
    delimiter: str = ","


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One bought product, as replayed in the held-back day."""

    customer_id: str
    product_id: str
    title: str
    time: datetime


@dataclass(slots=True)
class Shop:
    """Raw data of one shop, split in time: what is known at the start, one day to replay, and what arrives later."""

    name: str
    origin: str
    """One sentence for people: where the data came from and under which terms it is used."""
    judgments: list[SourceFile]
    grade_offset: float
    """Subtracted from the source grade to get 0 to 3."""
    orders_known: SourceFile
    orders_later: SourceFile
    """Everything after the known part, the replayed day included."""
    replay_day: list[OrderLine]
    time_zone: str
    currency: str
    cancellation_prefix: str
    queries: list[str]
    """Judged queries, most judged first; the demo searches with some of them."""
    grades: dict[tuple[str, str], float] = field(default_factory=dict)
    """(query, title) -> grade 0 to 3; the simulated shopper of the replay clicks by these."""
    published_defects: dict[str, int] = field(default_factory=dict)
    """Defect counts that the data set's documentation states for all rows; empty when there are none."""
