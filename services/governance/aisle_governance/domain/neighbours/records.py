"""Picks the translation of a record, and the small readers that all translations share."""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.model import RecordSchema

Row = dict[str, Any]
"""Canonical column -> text, number or None."""
Translation = Callable[[Mapping[str, Any]], list[Row] | None]
"""Rows of a record; None when it says nothing about the kind. Raises RecordProblem."""

_MILLISECONDS = 100_000_000_000
"""Epoch numbers from here on are milliseconds: as seconds they would lie after the year 5000."""


class RecordProblem(ValueError):
    """A record cannot be translated; the words go on after `line N:`."""

    def __init__(self, words: str, field: str = "") -> None:
        """`field` is the record's field at fault."""
        super().__init__(words)
        self.field = field


def rows_of(schema: RecordSchema, kind: DatasetKind, record: Mapping[str, Any]) -> list[Row] | None:
    """Rows for a dataset of `kind`; None for a record of another kind, such as users. Raises RecordProblem."""
    from aisle_governance.domain.neighbours import google_retail, gorse, metarank, opensearch_ubi

    tables: dict[RecordSchema, Mapping[DatasetKind, Translation]] = {
        RecordSchema.GOOGLE_RETAIL: google_retail.TRANSLATIONS,
        RecordSchema.OPENSEARCH_UBI: opensearch_ubi.TRANSLATIONS,
        RecordSchema.METARANK: metarank.TRANSLATIONS,
        RecordSchema.GORSE: gorse.TRANSLATIONS,
    }
    translate = tables[schema].get(kind)
    return None if translate is None else translate(record)


def kinds_of(schema: RecordSchema) -> list[DatasetKind]:
    """Kinds of dataset that records of a schema can feed."""
    return {
        RecordSchema.OPENSEARCH_UBI: [DatasetKind.USER_EVENTS],
        RecordSchema.NONE: list(DatasetKind),
    }.get(schema, [DatasetKind.PRODUCTS, DatasetKind.USER_EVENTS])


def text(value: Any, field: str, *, required: bool = False) -> str | None:
    """A text, or a number as text; None for nothing. Raises RecordProblem for anything else."""
    if isinstance(value, bool | dict | list):
        raise RecordProblem(f"{field} is no text", field)
    if value is None or value == "":
        if required:
            raise RecordProblem(f"has no {field}", field)
        return None
    return str(value)


def mapping(value: Any, field: str) -> Mapping[str, Any]:
    """An object, {} for nothing. Raises RecordProblem."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RecordProblem(f"{field} is no object", field)
    return value


def items(value: Any, field: str) -> list[Any]:
    """A list, [] for nothing. Raises RecordProblem."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise RecordProblem(f"{field} is no list", field)
    return value


def moment(value: Any, field: str) -> str:
    """ISO 8601 of a time: ISO as it is, epoch seconds or milliseconds (as number or digits) in UTC. Raises RecordProblem."""
    found = text(value, field, required=True) or ""
    digits = found.removesuffix(".0")
    if not digits.lstrip("-").isascii() or not digits.lstrip("-").isdigit():
        return found
    number = int(digits[:20])
    try:
        return datetime.fromtimestamp(number / 1000 if abs(number) >= _MILLISECONDS else number, UTC).isoformat()
    except (ValueError, OverflowError, OSError) as error:
        raise RecordProblem(f"{field} is no time", field) from error


def joined(value: Any, field: str, between: str = ", ") -> str | None:
    """A list of texts, or one, as one text."""
    if not isinstance(value, list):
        return text(value, field)
    return between.join(part for part in (text(one, field) for one in value) if part) or None


def made_id(record: Mapping[str, Any]) -> str:
    """An event id made from all that a record says: the same record again counts once."""
    whole = json.dumps(record, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def numbered(event_id: str, rows: list[Row]) -> list[Row]:
    """Give each row of one event its own `event_id`."""
    several = len(rows) > 1
    return [{"event_id": f"{event_id}-{number}" if several else event_id, **row} for number, row in enumerate(rows, 1)]
