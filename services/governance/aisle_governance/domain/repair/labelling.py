"""Labelled rows and what was learned from them, as plain records; pandas stays out, so that doors can use them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aisle_governance.domain.kinds import CANONICAL, DatasetKind, ValueType

MAX_LABELLED_ROWS = 100
DEFAULT_SUGGESTIONS = 20
MAX_CELL = 10_000
_PERSONAL = frozenset({"customer_id", "visitor_id", "rater_id", "attribution_token"})


def label_columns(kind: DatasetKind) -> tuple[str, ...]:
    """Columns of `kind` that cell repair looks at: texts, which are imported as they were written, and no ids of people."""
    return tuple(
        column.name for column in CANONICAL[kind] if column.type is ValueType.TEXT and column.name not in _PERSONAL
    )


@dataclass(frozen=True, slots=True)
class LabelledRow:
    """A row and its right values; a column that is left out is right as it is."""

    row_id: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RepairRecord:
    """A repair model as it is stored; its id is also that of its job."""

    id: str
    dataset: str
    label_count: int
    sequence: int = 0
    model: Mapping[str, Any] | None = None
    """What RepairModel.from_json reads; None until the job has succeeded, or when it changes nothing."""
    steps: tuple[tuple[tuple[str, ...], str], ...] = ()
    """(columns, what happens to them in words)."""
    wrong: int = 0
    """Labelled cells that were wrong."""
    mended: int = 0
    """Those that the model repairs as the labels say."""
    broken: int = 0
    """Labelled cells that the model changes into something else."""
    suggested: tuple[LabelledRow, ...] = ()
