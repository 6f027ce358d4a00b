"""What every rule has in common."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from aisle_governance.domain.kinds import ROW_ID
from aisle_governance.domain.model import RuleSample
from aisle_governance.domain.pii import mask_text
from aisle_governance.errors import shorten

REASON = "_reason"
COLUMN = "_column"
SECRET = "secret"
"""Key in the metadata of a field whose value no fingerprint, log or report may hold."""
MAX_SAMPLES = 5


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """What a rule did with the rows that it was given; kept and quarantined rows together are all of them."""

    kept: pd.DataFrame
    """Rows that go on, in their order."""
    quarantined: pd.DataFrame
    """Rows put aside: the same columns plus `_reason` and `_column`."""
    changed_row_count: int = 0
    """Kept rows in which the rule changed a value."""
    samples: tuple[RuleSample, ...] = ()
    """A few of the changes; none from a rule that hides values."""
    findings: tuple[str, ...] = ()
    """What people should know besides the counts, one sentence each."""


class Rule(Protocol):
    """One step of the chain: a frozen dataclass whose fields are its parameters.

    A rule neither changes the frame it is given nor looks at anything outside it, so the same rows always give the same outcome.
    """

    name: ClassVar[str]
    """Stable name in reports and `disabled_rules`."""
    description: ClassVar[str]
    """One sentence for people: what it does and why."""

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Sort the rows of `frame` into kept and quarantined ones."""
        ...


def fingerprint(rule: Rule) -> str:
    """Name and parameters of a rule as canonical JSON; part of a version's `rule_set_hash`."""
    parameters: dict[str, Any] = asdict(rule)  # type: ignore[call-overload]
    for field in fields(rule):  # type: ignore[arg-type]
        if field.metadata.get(SECRET):
            del parameters[field.name]
    return json.dumps([rule.name, parameters], sort_keys=True, ensure_ascii=False)


def put_aside(
    frame: pd.DataFrame, bad: "pd.Series[bool]", reason: "str | pd.Series[str]", column: str, changed_row_count: int = 0
) -> RuleOutcome:
    """Split `frame` by `bad`; `reason` is one text for all, or one per row of `frame`."""
    if not bad.any():  # large tables are not copied for nothing
        return RuleOutcome(frame, frame.iloc[:0].assign(**{REASON: "", COLUMN: ""}), changed_row_count)
    quarantined = frame[bad].copy()
    quarantined[REASON] = reason if isinstance(reason, str) else reason[bad]
    quarantined[COLUMN] = column
    return RuleOutcome(frame[~bad], quarantined, changed_row_count)


def keep_all(frame: pd.DataFrame, changed_row_count: int = 0) -> RuleOutcome:
    """Pass every row on."""
    return RuleOutcome(frame, frame.iloc[:0].assign(**{REASON: "", COLUMN: ""}), changed_row_count)


def is_blank(values: "pd.Series[Any]") -> "pd.Series[bool]":
    """True where there is no value, or only white space."""
    missing = values.isna()
    if pd.api.types.is_string_dtype(values.dtype):
        missing |= values.str.strip().eq("").fillna(False).astype(bool)
    return missing


def differs(before: "pd.Series[Any]", after: "pd.Series[Any]") -> "pd.Series[bool]":
    """True where the value changed; two missing values are equal."""
    if after is before:
        return pd.Series(False, index=before.index)
    both_missing = before.isna() & after.isna()
    return ~(before.eq(after).fillna(False).astype(bool) | both_missing)


def map_distinct(
    values: "pd.Series[Any]", function: Any, unchanged: "Callable[[pa.Array], pa.Array] | None" = None
) -> "pd.Series[Any]":
    """Apply `function(text) -> text | None` once per distinct text; missing values stay missing.

    `unchanged` says of many texts at once for which of them `function` is known to answer the text itself; where that is so for all,
    `values` itself is returned.
    """
    if unchanged is not None:
        rest = _rest(values, unchanged)
        if not rest.any():
            return values
        result = values.copy()
        result[rest] = map_distinct(values[rest], function)
        return result
    codes, distinct = pd.factorize(values)
    mapped = pd.Series([function(text) for text in distinct], dtype=values.dtype)
    result = mapped.reindex(pd.Index(codes))  # code -1 (missing) has no label, so it gives a missing value
    result.index = values.index
    return result


def _rest(values: "pd.Series[Any]", unchanged: "Callable[[pa.Array], pa.Array]") -> npt.NDArray[np.bool_]:
    """Where there is a text that may change."""
    array = pa.array(values)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    rest: npt.NDArray[np.bool_] = pc.fill_null(pc.invert(unchanged(array)), False).to_numpy(zero_copy_only=False)
    return rest


def sample_changes(
    frame: pd.DataFrame, column: str, before: "pd.Series[Any]", after: "pd.Series[Any]", limit: int = MAX_SAMPLES
) -> Iterable[RuleSample]:
    """Yield up to `limit` rows of `frame` in which `after` differs from `before`, each different change once.

    Personal data is masked whatever the mapping's policy, because reports are read by more people than rows.
    """
    changed = differs(before, after)
    rows = pd.DataFrame({"row": frame.loc[changed, ROW_ID], "before": before[changed], "after": after[changed]})
    for row in rows.drop_duplicates(["before", "after"]).head(limit).itertuples():
        yield RuleSample(str(row.row), column, _shown(row.before), _shown(row.after))


def _shown(value: Any) -> str:
    return "" if pd.isna(value) else shorten(mask_text(str(value)), 200)
