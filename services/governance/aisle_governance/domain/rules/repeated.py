"""Rows that say the same once they are cleaned."""

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from aisle_governance.domain.rules.base import RuleOutcome, put_aside


@dataclass(frozen=True, slots=True)
class DropRepeatedRows:
    """Keep the first of rows that are equal in all canonical columns, whatever they looked like in the source."""

    columns: tuple[str, ...]
    name: ClassVar[str] = "drop_repeated_rows"
    description: ClassVar[str] = (
        "Keeps the first of rows that are equal once spaces, encodings and id endings are cleaned, because a row exported by two "
        "tools counts twice."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Compare texts without regard to case."""
        table = {}
        for column in self.columns:
            values = frame[column]
            table[column] = values.str.lower() if pd.api.types.is_string_dtype(values.dtype) else values
        return put_aside(frame, pd.DataFrame(table).duplicated(), "equal to an earlier row once cleaned", "")
