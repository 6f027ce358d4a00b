"""The rule that keeps personal data out of everything that comes after it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from aisle_governance.domain.pii import MAYBE, Find, PiiPolicy, find_pii, keyed_hash, mask, replace_pii
from aisle_governance.domain.rules.base import SECRET, RuleOutcome, differs, keep_all, map_distinct
from aisle_governance.domain.text import clean_text

_DONE = {
    PiiPolicy.MASK: "masked",
    PiiPolicy.DROP: "removed with the value that held it",
    PiiPolicy.HASH: "replaced by a keyed hash",
    PiiPolicy.REPORT: "left, because no policy of the mapping says otherwise",
}
_PLAIN = r"^[ -%'-;=-~]*$"
"""Printable ASCII without `&` and `<`: read as it is written."""
_MAYBE = MAYBE.pattern.replace(r"\u00a0", "\u00a0")


def surely_none(texts: pa.Array) -> pa.Array:
    """True where there is surely no personal data, neither in the text nor behind HTML; for many texts at once."""
    plain = pc.match_substring_regex(texts, _PLAIN)
    return pc.and_not(plain, pc.match_substring_regex(texts, _MAYBE, ignore_case=True))


@dataclass(frozen=True, slots=True)
class ProtectPii:
    """Mask, remove or hash personal data in free text; runs first, so that no later rule, reason or sample can show it.

    A text is searched as its reader sees it (HTML and broken encodings resolved), and as it is. Neither samples nor findings hold
    values.
    """

    policies: tuple[tuple[str, PiiPolicy], ...]
    """(column, policy), in the order of the columns."""
    key: bytes = field(default=b"", repr=False, metadata={SECRET: True})
    """Key of the hashes, at least 32 bytes; needed where a policy is HASH."""
    key_id: str = ""
    """Tells two keys apart in a version's `rule_set_hash`."""
    name: ClassVar[str] = "protect_pii"
    description: ClassVar[str] = (
        "Finds e-mail addresses, phone numbers, payment cards, IBANs and names after a cue in free text, and masks, removes or hashes "
        "them by the mapping's policy, because a model never forgets what it has read."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Search each distinct text once."""
        return self.outcome(frame, *self.treat(frame))

    def outcome(
        self, frame: pd.DataFrame, columns: "Mapping[str, pd.Series[Any]]", rows: Mapping[str, Mapping[str, int]]
    ) -> RuleOutcome:
        """`frame` with what `treat` has answered."""
        changed = pd.Series(False, index=frame.index)
        for column, after in columns.items():
            changed |= differs(frame[column], after)
        kept = keep_all(frame.assign(**columns), int(changed.sum()))
        return RuleOutcome(kept.kept, kept.quarantined, kept.changed_row_count, (), self.findings(rows))

    def treat(self, frame: pd.DataFrame) -> "tuple[dict[str, pd.Series[Any]], dict[str, Counter[str]]]":
        """New values of the columns in which something was found, and in how many rows each kind of it was."""
        columns, rows = {}, {}
        for column, policy in self.policies:
            kinds: dict[str, tuple[str, ...]] = {}
            after = map_distinct(
                frame[column], lambda text, policy=policy, kinds=kinds: self._treat(text, policy, kinds), surely_none
            )
            if kinds:
                rows[column] = Counter(kind for text in frame[column] if text in kinds for kind in kinds[text])
                columns[column] = after
        return columns, rows

    def findings(self, rows: Mapping[str, Mapping[str, int]]) -> tuple[str, ...]:
        """What was found, a sentence per column of `rows`; counts of parts of a table may be added up before."""
        found = []
        for column, policy in self.policies:
            if column in rows:
                counts = ", ".join(f"{kind} in {count} rows" for kind, count in sorted(rows[column].items()))
                found.append(f"{column}: {counts}; {_DONE[policy]}")
        return tuple(found)

    def _treat(self, text: str, policy: PiiPolicy, kinds: dict[str, tuple[str, ...]]) -> str | None:
        shown = text
        finds: list[Find] = find_pii(text)
        cleaned = text if text.isascii() and "&" not in text and "<" not in text else clean_text(text)
        if cleaned and cleaned != text:
            more = find_pii(cleaned)
            if len(more) >= len(finds):
                shown, finds = cleaned, more
        if not finds:
            return text
        kinds[text] = tuple(sorted({find.kind.value for find in finds}))
        match policy:
            case PiiPolicy.MASK:
                return replace_pii(shown, finds, mask)
            case PiiPolicy.HASH:
                return replace_pii(shown, finds, keyed_hash(self.key))
            case PiiPolicy.DROP:
                return None
            case PiiPolicy.REPORT:
                return text
