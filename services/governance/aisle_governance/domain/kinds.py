"""What the rows of each kind of dataset hold, and which rules they pass through."""

from dataclasses import dataclass
from enum import StrEnum

ROW_ID = "_row_id"
IMPORT = "_import"
SOURCE_LINE = "_source_line"
SOURCE_HASH = "_source_hash"
SOURCE_MEMBER = "_source_member"
TIME_IS_UTC = "_time_is_utc"
CONTENT_KEY = "_content_key"
LABEL_ROWS = "_label_rows"
ORIGINAL = "_original"
ALIASES = "_aliases"

MAX_GRADE = 3.0
REVIEW, HUMAN = "review", "human"
LABEL_SOURCES = (REVIEW, HUMAN, "purchase", "cart", "click_model", "rule")
"""Where a label may come from, the one to be believed first in front; `review` is a correction that a person accepted."""


class DatasetKind(StrEnum):
    """What a row means; the names are those of the contract's enum without its prefix."""

    PRODUCTS = "PRODUCTS"
    JUDGMENTS = "JUDGMENTS"
    ORDERS = "ORDERS"
    USER_EVENTS = "USER_EVENTS"
    PAIRS = "PAIRS"


class ValueType(StrEnum):
    """How the values of a column are read and stored."""

    TEXT = "string"
    INTEGER = "int64"
    NUMBER = "double"
    TIME = "timestamp[us, tz=UTC]"


@dataclass(frozen=True, slots=True)
class CanonicalColumn:
    """A column that every dataset of a kind has, filled or not."""

    name: str
    type: ValueType = ValueType.TEXT
    required: bool = False
    """Whether a row without a value is put aside, and a file without the column is refused."""
    free_text: bool = False
    """Whether people wrote it, so that HTML and broken unicode are repaired."""
    is_id: bool = False
    """Whether it names something, so that stray white space and float endings are removed."""


_TEXT, _INT, _NUM, _TIME = ValueType.TEXT, ValueType.INTEGER, ValueType.NUMBER, ValueType.TIME

CANONICAL: dict[DatasetKind, tuple[CanonicalColumn, ...]] = {
    DatasetKind.PRODUCTS: (
        CanonicalColumn("product_id", required=True, is_id=True),
        CanonicalColumn("title", required=True, free_text=True),
        CanonicalColumn("description", free_text=True),
        CanonicalColumn("brand", free_text=True),
        CanonicalColumn("category", free_text=True),
        CanonicalColumn("price", _NUM),
        CanonicalColumn("currency"),
        CanonicalColumn("image_url"),
        CanonicalColumn("gtin", is_id=True),
        CanonicalColumn("colour", free_text=True),
        CanonicalColumn("size", free_text=True),
        CanonicalColumn("price_text"),
    ),
    DatasetKind.JUDGMENTS: (
        CanonicalColumn("query", required=True, free_text=True),
        CanonicalColumn("query_id", is_id=True),
        CanonicalColumn("product_id", is_id=True),
        CanonicalColumn("title", required=True, free_text=True),
        CanonicalColumn("description", free_text=True),
        CanonicalColumn("grade", _NUM, required=True),
        CanonicalColumn("grade_variance", _NUM),
        CanonicalColumn("rater_id", is_id=True),
        CanonicalColumn("label_source"),
    ),
    DatasetKind.ORDERS: (
        CanonicalColumn("order_id", required=True, is_id=True),
        CanonicalColumn("product_id", required=True, is_id=True),
        CanonicalColumn("title", free_text=True),
        CanonicalColumn("quantity", _INT, required=True),
        CanonicalColumn("unit_price", _NUM),
        CanonicalColumn("currency"),
        CanonicalColumn("customer_id", is_id=True),
        CanonicalColumn("country", free_text=True),
        CanonicalColumn("order_time", _TIME, required=True),
    ),
    DatasetKind.USER_EVENTS: (
        CanonicalColumn("event_id", required=True, is_id=True),
        CanonicalColumn("event_type", required=True),
        CanonicalColumn("event_time", _TIME, required=True),
        CanonicalColumn("customer_id", is_id=True),
        CanonicalColumn("visitor_id", is_id=True),
        CanonicalColumn("product_id", is_id=True),
        CanonicalColumn("query", free_text=True),
        CanonicalColumn("position", _INT),
        CanonicalColumn("attribution_token"),
    ),
    DatasetKind.PAIRS: (
        CanonicalColumn("left_id", is_id=True),
        CanonicalColumn("left_title", required=True, free_text=True),
        CanonicalColumn("left_description", free_text=True),
        CanonicalColumn("left_brand", free_text=True),
        CanonicalColumn("left_price", _NUM),
        CanonicalColumn("right_id", is_id=True),
        CanonicalColumn("right_title", required=True, free_text=True),
        CanonicalColumn("right_description", free_text=True),
        CanonicalColumn("right_brand", free_text=True),
        CanonicalColumn("right_price", _NUM),
        CanonicalColumn("label", _NUM, required=True),
        CanonicalColumn("split"),
    ),
}
"""Columns that a source can feed, in their published order."""

LABELS: dict[DatasetKind, tuple[CanonicalColumn, ...]] = {
    DatasetKind.JUDGMENTS: (CanonicalColumn("label_weight", _NUM),),
    DatasetKind.PRODUCTS: (
        CanonicalColumn("standard_price", _NUM),
        CanonicalColumn("standard_currency"),
        CanonicalColumn("language"),
        CanonicalColumn("size_standard"),
        CanonicalColumn("length_mm", _NUM),
        CanonicalColumn("dimensions_mm"),
        CanonicalColumn("weight_g", _NUM),
        CanonicalColumn("volume_ml", _NUM),
        CanonicalColumn("power_w", _NUM),
        CanonicalColumn("pack_count", _INT),
    ),
    DatasetKind.ORDERS: (CanonicalColumn("standard_price", _NUM), CanonicalColumn("standard_currency")),
}
"""Columns that the rules add."""

RULE_NAMES: dict[DatasetKind, tuple[str, ...]] = {
    DatasetKind.PRODUCTS: (
        "protect_pii",
        "drop_exact_duplicates",
        "repair_text",
        "normalise_ids",
        "unify_characters",
        "drop_missing_required",
        "read_price_text",
        "drop_invalid_prices",
        "default_currency",
        "keep_newest_product",
        "convert_prices",
        "check_gtins",
        "standardise_brands",
        "standardise_colours",
        "parse_sizes",
        "map_categories",
        "detect_language",
    ),
    DatasetKind.JUDGMENTS: (
        "protect_pii",
        "drop_exact_duplicates",
        "repair_text",
        "normalise_ids",
        "unify_characters",
        "drop_missing_required",
        "build_labels",
        "assign_judgment_ids",
        "merge_repeated_judgments",
        "apply_label_fixes",
    ),
    DatasetKind.ORDERS: (
        "protect_pii",
        "drop_exact_duplicates",
        "repair_text",
        "normalise_ids",
        "unify_characters",
        "drop_cancellations",
        "drop_missing_required",
        "drop_unknown_customers",
        "drop_invalid_quantities",
        "drop_invalid_prices",
        "drop_non_products",
        "times_to_utc",
        "default_currency",
        "convert_prices",
    ),
    DatasetKind.USER_EVENTS: (
        "protect_pii",
        "drop_exact_duplicates",
        "repair_text",
        "normalise_ids",
        "unify_characters",
        "drop_missing_required",
        "drop_repeated_events",
        "times_to_utc",
    ),
    DatasetKind.PAIRS: (
        "protect_pii",
        "drop_exact_duplicates",
        "repair_text",
        "normalise_ids",
        "unify_characters",
        "drop_missing_required",
        "drop_unlabelled_pairs",
    ),
}
"""The chain of each kind in order; a test holds it against the rules themselves, so that doors can check names without pandas."""

ESSENTIAL_RULES = frozenset({"build_labels", "assign_judgment_ids", "times_to_utc"})
"""Rules that give columns their published meaning and type; they cannot be left out."""


STANDARDISED = frozenset(DatasetKind)
"""Kinds whose rows keep in `_original` what a rule has replaced, as JSON by column."""


def columns_of(kind: DatasetKind) -> dict[str, CanonicalColumn]:
    """Every published column of `kind` without lineage, by name and in order."""
    return {column.name: column for column in (*CANONICAL[kind], *LABELS.get(kind, ()))}


_NAMED = frozenset({"brand", "category", "colour", "size", "country"})
"""Columns of written text whose values are names of groups, not sentences."""
_NOT_NAMED = frozenset({"attribution_token", "image_url", "price_text", "dimensions_mm"})
"""Columns that are neither ids nor written text, and yet hold a value of their own in nearly every row."""


def is_listed(column: CanonicalColumn) -> bool:
    """Whether profiles and contracts may list the column's values: those of groups, never ids or what people wrote."""
    return not column.is_id and (not column.free_text or column.name in _NAMED) and column.name not in _NOT_NAMED
