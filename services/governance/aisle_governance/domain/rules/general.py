"""Rules that fit every kind of dataset."""

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from aisle_governance.domain.kinds import SOURCE_HASH, TIME_IS_UTC
from aisle_governance.domain.rules.base import RuleOutcome, differs, is_blank, keep_all, map_distinct, put_aside
from aisle_governance.domain.text import clean_text

_FLOAT_ENDING = re.compile(r"([0-9]+)\.0+")


@dataclass(frozen=True, slots=True)
class DropExactDuplicates:
    """Keep the first of rows whose source fields are all equal."""

    name: ClassVar[str] = "drop_exact_duplicates"
    description: ClassVar[str] = (
        "Keeps the first of rows that are equal in every source column, because a row delivered twice counts twice."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Compare the digests of the source rows, unmapped columns included."""
        return put_aside(frame, frame[SOURCE_HASH].duplicated(), "equal to an earlier row in every source column", "")


@dataclass(frozen=True, slots=True)
class RepairText:
    """Resolve HTML, mojibake, control characters and white space in text that people wrote."""

    columns: tuple[str, ...]
    name: ClassVar[str] = "repair_text"
    description: ClassVar[str] = (
        "Resolves HTML, broken encodings, invisible characters and white space, because the model would learn them as words."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Repair each distinct text once; a text of which nothing is left becomes missing."""
        changed = pd.Series(False, index=frame.index)
        repaired = {}
        for column in self.columns:
            repaired[column] = map_distinct(frame[column], clean_text, _is_clean)
            changed |= differs(frame[column], repaired[column])
        return keep_all(frame.assign(**repaired), int(changed.sum()))


def normalise_id(text: str) -> str | None:
    """`text` without outer white space, control characters, and the `.0` that a spreadsheet adds to whole numbers."""
    stripped = "".join(char for char in text if char.isprintable()).strip()
    number = _FLOAT_ENDING.fullmatch(stripped)
    return (number.group(1) if number else stripped) or None


def _is_clean(texts: pa.Array) -> pa.Array:
    """Texts of which `clean_text` surely changes nothing: printable ASCII without `&`, `<`, double or outer spaces."""
    return pc.match_substring_regex(texts, r"^[!-%'-;=-~]+(?: [!-%'-;=-~]+)*$")


def _is_normal(texts: pa.Array) -> pa.Array:
    """Ids of which `normalise_id` surely changes nothing: printable ASCII without outer spaces or a `.0`."""
    return pc.and_not(pc.match_substring_regex(texts, r"^[!-~](?:[ -~]*[!-~])?$"), pc.match_substring(texts, ".0"))


@dataclass(frozen=True, slots=True)
class NormaliseIds:
    """Remove from ids what tools have added to them."""

    columns: tuple[str, ...]
    name: ClassVar[str] = "normalise_ids"
    description: ClassVar[str] = (
        "Removes white space and spreadsheet endings (`17850.0`) from ids, because one thing must have one id."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Normalise each distinct id once."""
        changed = pd.Series(False, index=frame.index)
        normalised = {}
        for column in self.columns:
            normalised[column] = map_distinct(frame[column], normalise_id, _is_normal)
            changed |= differs(frame[column], normalised[column])
        return keep_all(frame.assign(**normalised), int(changed.sum()))


@dataclass(frozen=True, slots=True)
class DropMissingRequired:
    """Put aside rows without a value that the kind requires."""

    columns: tuple[str, ...]
    name: ClassVar[str] = "drop_missing_required"
    description: ClassVar[str] = "Puts aside rows without a value that every use of the dataset needs."

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Name the first required column that is empty."""
        column = pd.Series("", index=frame.index, dtype="str")
        for name in reversed(self.columns):
            column = column.mask(is_blank(frame[name]), name)
        outcome = put_aside(frame, column.ne(""), column + " is missing", "")
        outcome.quarantined["_column"] = column[column.ne("")]
        return outcome


@dataclass(frozen=True, slots=True)
class DefaultCurrency:
    """Write the shop's currency where a price has none."""

    column: str
    currency: str
    """ISO 4217; empty leaves the column as it is."""
    name: ClassVar[str] = "default_currency"
    description: ClassVar[str] = (
        "Writes the mapping's currency where none is given and upper-cases codes, because an amount without currency means nothing."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Fill and upper-case the column."""
        before = frame[self.column]
        after = before.str.strip().str.upper()
        if self.currency:
            after = after.mask(is_blank(after), self.currency)
        return keep_all(frame.assign(**{self.column: after}), int(differs(before, after).sum()))


@dataclass(frozen=True, slots=True)
class TimesToUtc:
    """Turn local times into UTC by the rules of their time zone."""

    column: str
    time_zone: str
    """IANA name; empty means UTC."""
    name: ClassVar[str] = "times_to_utc"
    description: ClassVar[str] = (
        "Turns local times into UTC; a time that the spring change skips moves to its end, one that the autumn change repeats "
        "is taken as summer time."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Convert each distinct time once; times that came with an offset are UTC already."""
        codes, distinct = pd.factorize(frame[self.column])
        local = pd.DatetimeIndex(distinct)
        zoned = local.tz_localize(
            self.time_zone or "UTC", ambiguous=np.ones(len(local), dtype=bool), nonexistent="shift_forward"
        )
        converted = pd.Series(zoned.tz_convert("UTC")).astype("datetime64[us, UTC]").reindex(pd.Index(codes))
        converted.index = frame.index
        as_utc = frame[self.column].dt.tz_localize("UTC").astype("datetime64[us, UTC]")
        result = converted.where(~frame[TIME_IS_UTC], as_utc)
        return keep_all(frame.assign(**{self.column: result}), int(differs(as_utc, result).sum()))
