"""Parameters of the rules that a run may add to the chain of its kind; pandas stays out, so that doors can check them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from aisle_governance.domain.kinds import CANONICAL, DatasetKind, ValueType
from aisle_governance.errors import InvalidField

OPTIONAL_RULES: dict[DatasetKind, tuple[str, ...]] = {
    DatasetKind.PRODUCTS: (
        "repair_cells",
        "fill_missing_values",
        "drop_repeated_rows",
        "drop_outliers",
        "merge_near_duplicates",
        "apply_categories",
    ),
    DatasetKind.JUDGMENTS: ("repair_cells", "fill_missing_values", "drop_repeated_rows", "drop_outliers"),
    DatasetKind.ORDERS: (
        "match_cancellations",
        "repair_cells",
        "fill_missing_values",
        "drop_repeated_rows",
        "drop_outliers",
    ),
    DatasetKind.USER_EVENTS: (
        "repair_cells",
        "fill_missing_values",
        "drop_repeated_rows",
        "drop_outliers",
        "drop_bots",
    ),
    DatasetKind.PAIRS: ("repair_cells", "fill_missing_values", "drop_repeated_rows", "drop_outliers"),
}
"""Rules of each kind that run only when they are asked for (`repair_cells`: when something was learned), in order."""

MISSING_WORDS = ("n/a", "na", "nan", "null", "none", "nil", "unknown", "-", "--", "?", "tbd")
"""Words that stand for no value; compared in lower case."""


class Keep(StrEnum):
    """Which product of a cluster stays."""

    MOST_COMPLETE = "MOST_COMPLETE"
    """The one with most filled columns; the first among equals."""
    FIRST = "FIRST"
    NEWEST = "NEWEST"


class FillMethod(StrEnum):
    """What happens to a row without a value."""

    DROP = "DROP"
    """Put aside."""
    DEFAULT = "DEFAULT"
    """The value that is given."""
    GROUP = "GROUP"
    """Median (numbers) or commonest value (text) of the rows with the same values in the group columns."""
    MODEL = "MODEL"
    """Predicted from the group columns by the rows that have a value; text only where the model is sure enough."""


class OutlierMethod(StrEnum):
    """How far is too far."""

    MAD = "MAD"
    """Distance from the median in robust standard deviations."""
    IQR = "IQR"
    """Distance from the quartiles in widths between them."""
    ISOLATION_FOREST = "ISOLATION_FOREST"
    """Isolated by few random cuts (Liu, Ting & Zhou 2008)."""


@dataclass(frozen=True, slots=True)
class NearDuplicates:
    """Parameters of `merge_near_duplicates`."""

    threshold: float = 0.75
    """Cosine of TF-IDF vectors of character 3- and 4-grams, above 0 to 1."""
    columns: tuple[str, ...] = ("title",)
    """Columns whose texts are compared, joined by a space."""
    keep: Keep = Keep.MOST_COMPLETE


@dataclass(frozen=True, slots=True)
class MissingValues:
    """What `fill_missing_values` does in one column."""

    column: str
    method: FillMethod
    default: str = ""
    """The value of DEFAULT."""
    group_columns: tuple[str, ...] = ()
    """Groups of GROUP, inputs of MODEL."""
    confidence: float = 0.8
    """Probability, above 0 to 1, that MODEL must give a text before it is written."""
    words: tuple[str, ...] = MISSING_WORDS
    """Texts that stand for no value, in lower case."""


@dataclass(frozen=True, slots=True)
class Outliers:
    """What `drop_outliers` looks for in one column of numbers."""

    column: str
    method: OutlierMethod = OutlierMethod.MAD
    group_column: str = ""
    """Rows are compared within the same value of this column; empty means all rows together."""
    limit: float = 6.0
    """MAD: robust standard deviations; IQR: widths. Not used by ISOLATION_FOREST."""
    log_scale: bool = True
    """Compare ratios instead of differences; values that are not above 0 are then left to other rules."""
    contamination: float = 0.01
    """Share of rows that ISOLATION_FOREST puts aside, above 0 to 0.5."""


@dataclass(frozen=True, slots=True)
class Cancellations:
    """Parameters of `match_cancellations`."""

    within_days: int = 365
    """How long before its cancellation a line may have been ordered."""


@dataclass(frozen=True, slots=True)
class Bots:
    """Parameters of `drop_bots`; an actor is the visitor, or the customer where there is no visitor."""

    max_actions_per_minute: int = 40
    """Within any 60 seconds."""
    max_products_per_day: int = 1000
    """Different products within any 24 hours."""
    max_repeats_per_hour: int = 20
    """Clicks of one product within any hour."""
    min_regular_actions: int = 30
    """Actions from which on regularity is judged."""
    regular_variation: float = 0.15
    """Standard deviation of the gaps divided by their mean, 0 to 1, below which nobody acts by hand."""


_WORDS: dict[Any, dict[str, Any]] = {
    NearDuplicates: {"keep": Keep},
    MissingValues: {"method": FillMethod},
    Outliers: {"method": OutlierMethod},
}


@dataclass(frozen=True, slots=True)
class Cleaning:
    """The optional rules of a run; a part that is absent adds no rule."""

    near_duplicates: NearDuplicates | None = None
    missing_values: tuple[MissingValues, ...] = ()
    outliers: tuple[Outliers, ...] = ()
    cancellations: Cancellations | None = None
    bots: Bots | None = None
    repeated_rows: bool = False
    """Whether rows that are equal in every canonical column, once cleaned, are one row."""

    def to_json(self) -> dict[str, Any]:
        """As plain data for storage."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Cleaning":
        """Back from `to_json`."""

        def part(kind: Any, value: Any) -> Any:
            if value is None:
                return None
            known = {field.name for field in fields(kind)}
            given = {k: tuple(v) if isinstance(v, list) else v for k, v in value.items() if k in known}
            for name, words in _WORDS.get(kind, {}).items():
                given[name] = words(given[name])
            return kind(**given)

        return cls(
            near_duplicates=part(NearDuplicates, data.get("near_duplicates")),
            missing_values=tuple(part(MissingValues, one) for one in data.get("missing_values", ())),
            outliers=tuple(part(Outliers, one) for one in data.get("outliers", ())),
            cancellations=part(Cancellations, data.get("cancellations")),
            bots=part(Bots, data.get("bots")),
            repeated_rows=bool(data.get("repeated_rows")),
        )


def check_cleaning(cleaning: Cleaning, kind: DatasetKind, path: str) -> None:
    """Raise InvalidField with the path below `path` when a rule does not fit the kind or a parameter cannot be meant."""
    texts = tuple(column.name for column in CANONICAL[kind] if column.type is ValueType.TEXT)
    numbers = tuple(column.name for column in CANONICAL[kind] if column.type in (ValueType.NUMBER, ValueType.INTEGER))
    fitting = {
        "near_duplicates": (cleaning.near_duplicates, DatasetKind.PRODUCTS),
        "cancellations": (cleaning.cancellations, DatasetKind.ORDERS),
        "bots": (cleaning.bots, DatasetKind.USER_EVENTS),
    }
    for name, (part, wanted) in fitting.items():
        if part is not None and kind is not wanted:
            raise InvalidField(f"{path}.{name}", f"is for {wanted.lower()}, not for {kind.lower()}")
    if (near := cleaning.near_duplicates) is not None:
        _share(near.threshold, f"{path}.near_duplicates.threshold")
        _columns(near.columns, texts, f"{path}.near_duplicates.columns", required=True)
    _once([one.column for one in cleaning.missing_values], f"{path}.missing_values")
    for index, missing in enumerate(cleaning.missing_values):
        _check_missing(missing, texts, numbers, f"{path}.missing_values[{index}]")
    _once([one.column for one in cleaning.outliers], f"{path}.outliers")
    for index, outlier in enumerate(cleaning.outliers):
        _check_outliers(outlier, texts, numbers, f"{path}.outliers[{index}]")
    if cleaning.cancellations is not None and not 1 <= cleaning.cancellations.within_days <= 3660:
        raise InvalidField(f"{path}.cancellations.within_days", "must be 1 to 3,660")
    if (bots := cleaning.bots) is not None:
        for name in ("max_actions_per_minute", "max_products_per_day", "max_repeats_per_hour", "min_regular_actions"):
            if not 3 <= getattr(bots, name) <= 1_000_000:
                raise InvalidField(f"{path}.bots.{name}", "must be 3 to 1,000,000")
        _share(bots.regular_variation, f"{path}.bots.regular_variation")


def _check_missing(missing: MissingValues, texts: Sequence[str], numbers: Sequence[str], path: str) -> None:
    _columns((missing.column,), (*texts, *numbers), f"{path}.column", required=True)
    needs_groups = missing.method in (FillMethod.GROUP, FillMethod.MODEL)
    _columns(missing.group_columns, (*texts, *numbers), f"{path}.group_columns", required=needs_groups)
    if missing.column in missing.group_columns:
        raise InvalidField(f"{path}.group_columns", "must not hold the column itself")
    _share(missing.confidence, f"{path}.confidence")
    if missing.method is FillMethod.DEFAULT:
        if not missing.default.strip():
            raise InvalidField(f"{path}.default", "is required by DEFAULT")
        if missing.column in numbers:
            _number(missing.default, f"{path}.default")


def _number(text: str, path: str) -> None:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise InvalidField(path, "must be a number, because the column holds numbers", next_step="Write it as 12.5.")


def _check_outliers(outlier: Outliers, texts: Sequence[str], numbers: Sequence[str], path: str) -> None:
    _columns((outlier.column,), numbers, f"{path}.column", required=True)
    if outlier.group_column:
        _columns((outlier.group_column,), texts, f"{path}.group_column", required=True)
    if not 1 <= outlier.limit <= 1000:
        raise InvalidField(f"{path}.limit", "must be 1 to 1,000")
    if not 0 < outlier.contamination <= 0.5:
        raise InvalidField(f"{path}.contamination", "must be above 0 and at most 0.5")
    if outlier.method is OutlierMethod.ISOLATION_FOREST and outlier.group_column:
        raise InvalidField(f"{path}.group_column", "cannot be used with ISOLATION_FOREST", next_step="Use MAD or IQR.")


def _columns(names: Sequence[str], known: Sequence[str], path: str, *, required: bool) -> None:
    if required and not names:
        raise InvalidField(path, "must name a column", next_step=f"Use one of {', '.join(known)}.")
    for name in names:
        if name not in known:
            raise InvalidField(
                path, f"{name[:64]!r} is no column that this rule can use", next_step=f"Use one of {', '.join(known)}."
            )
    _once(names, path)


def _once(names: Sequence[str], path: str) -> None:
    if len(set(names)) < len(names):
        raise InvalidField(path, "names a column twice")


def _share(value: float, path: str) -> None:
    if not 0 < value <= 1:
        raise InvalidField(path, "must be above 0 and at most 1")
