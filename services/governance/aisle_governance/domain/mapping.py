"""Which source column feeds which canonical column, and how its values are meant."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from aisle_governance.domain.kinds import CANONICAL, DatasetKind
from aisle_governance.domain.labels.raters import LabelConflict
from aisle_governance.domain.pii import PiiPolicy
from aisle_governance.domain.standardisation import Standards, check_standards
from aisle_governance.errors import ColumnMissing, InvalidField

_CURRENCY = re.compile(r"[A-Z]{3}")
_MAX_NAME = 256


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Canonical column -> source column, and the meaning of times, prices, order ids and grades."""

    columns: Mapping[str, str] = field(default_factory=dict)
    time_zone: str = ""
    """IANA name for times without an offset; empty means UTC."""
    default_currency: str = ""
    """ISO 4217 code of prices without a currency; empty means unknown."""
    cancellation_prefix: str = ""
    """Prefix of `order_id` that marks a cancellation; empty means there is none."""
    grade_offset: float = 0.0
    """Subtracted from the source grade to get 0 to 3."""
    standards: Standards = field(default_factory=Standards)
    """How values are brought onto one scale."""
    pii_policies: Mapping[str, PiiPolicy] = field(default_factory=dict)
    """Free-text column -> what happens to personal data in it."""

    label_conflict: LabelConflict = LabelConflict.MEAN
    """How grades of one query and product that differ become one."""

    def __post_init__(self) -> None:
        """Give parts that came through JSON their types."""
        object.__setattr__(self, "label_conflict", LabelConflict(self.label_conflict))
        standards: Any = self.standards
        if not isinstance(standards, Standards):
            object.__setattr__(self, "standards", Standards(**standards))
        policies = {column: PiiPolicy(policy) for column, policy in self.pii_policies.items()}
        object.__setattr__(self, "pii_policies", policies)


def check_mapping(mapping: ColumnMapping, kind: DatasetKind, path: str = "mapping") -> None:
    """Raise InvalidField with the path below `path` when a part of the mapping cannot be meant."""
    known = {column.name for column in CANONICAL[kind]}
    for canonical, source in mapping.columns.items():
        where = f"{path}.columns[{canonical[:64]!r}]"
        if canonical not in known:
            raise InvalidField(
                where, f"is no column of {kind.lower()}", next_step=f"Use one of {', '.join(sorted(known))}."
            )
        if not source or len(source) > _MAX_NAME:
            raise InvalidField(where, f"must name a source column of 1 to {_MAX_NAME} characters")
    if mapping.time_zone and not is_time_zone(mapping.time_zone):
        raise InvalidField(f"{path}.time_zone", "is no IANA time zone", next_step="Use a name like Europe/London.")
    if mapping.default_currency and not _CURRENCY.fullmatch(mapping.default_currency):
        raise InvalidField(f"{path}.default_currency", "must be three upper-case letters")
    if len(mapping.cancellation_prefix) > 16:
        raise InvalidField(f"{path}.cancellation_prefix", "must be at most 16 characters")
    if not -1000 <= mapping.grade_offset <= 1000:
        raise InvalidField(f"{path}.grade_offset", "must be a number from -1000 to 1000")
    check_standards(mapping.standards, f"{path}.standards")
    _check_pii_policies(mapping, kind, path)


def _check_pii_policies(mapping: ColumnMapping, kind: DatasetKind, path: str) -> None:
    columns = {column.name: column for column in CANONICAL[kind] if column.free_text}
    for name, policy in mapping.pii_policies.items():
        where = f"{path}.pii_policies[{name[:64]!r}]"
        if name not in columns:
            known = ", ".join(sorted(columns))
            raise InvalidField(where, f"is no free text of {kind.lower()}", next_step=f"Use one of {known}.")
        if policy is PiiPolicy.DROP and columns[name].required:
            raise InvalidField(where, "is required, so its values cannot be dropped", next_step="Use MASK or HASH.")


def is_time_zone(name: str) -> bool:
    """Whether `name` is a known IANA time zone."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def resolve(mapping: ColumnMapping, kind: DatasetKind, header: Sequence[str]) -> dict[str, int]:
    """Return canonical column -> position in `header`, for every canonical column that the source has.

    Raises ColumnMissing when a column that the mapping names, or one that the kind requires, is not there.
    """
    positions = {name: index for index, name in reversed(list(enumerate(header)))}
    found: dict[str, int] = {}
    for column in CANONICAL[kind]:
        source = mapping.columns.get(column.name, column.name)
        if source in positions:
            found[column.name] = positions[source]
        elif column.name in mapping.columns or column.required:
            raise ColumnMissing(source, column.name, header)
    return found


def found_columns(mapping: ColumnMapping, kind: DatasetKind, header: Sequence[str]) -> int:
    """How many canonical columns `header` can feed; used to tell delimiters apart."""
    names = set(header)
    return sum(mapping.columns.get(column.name, column.name) in names for column in CANONICAL[kind])
