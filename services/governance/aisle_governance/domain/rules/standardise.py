"""Rules that bring text and attributes onto one form; what they replace is kept in `_original`."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pandas as pd
import pyarrow.compute as pc

from aisle_governance.domain.kinds import ORIGINAL
from aisle_governance.domain.model import RuleSample
from aisle_governance.domain.pii import mask_text
from aisle_governance.domain.rules.base import (
    RuleOutcome,
    differs,
    is_blank,
    keep_all,
    map_distinct,
    put_aside,
    sample_changes,
)
from aisle_governance.domain.standardisation import ChineseScript, InvalidGtin
from aisle_governance.domain.standards.brands import NO_BRAND, brand_key, learn_brands
from aisle_governance.domain.standards.characters import fold_width, language, to_simplified, to_traditional
from aisle_governance.domain.standards.colours import parse_colour
from aisle_governance.domain.standards.gtin import parse_gtin
from aisle_governance.domain.standards.taxonomy import Taxonomy
from aisle_governance.errors import shorten

_SHOWN = 10
_CONVERTERS: dict[ChineseScript, Callable[[str], str]] = {
    ChineseScript.AS_IT_IS: lambda text: text,
    ChineseScript.SIMPLIFIED: to_simplified,
    ChineseScript.TRADITIONAL: to_traditional,
}


def rewrite(
    frame: pd.DataFrame, columns: "Mapping[str, pd.Series[Any]]", findings: tuple[str, ...] = ()
) -> RuleOutcome:
    """Put new values into `columns`; the replaced ones go into `_original` as JSON by column, where the first one stays."""
    rows = {column: differs(frame[column], after) for column, after in columns.items()}
    if not any(changed.any() for changed in rows.values()):  # large tables are not copied for nothing
        return replace(keep_all(frame), findings=findings)
    samples: list[RuleSample] = []
    memory = frame[ORIGINAL].astype(object) if ORIGINAL in frame else pd.Series(None, index=frame.index, dtype=object)
    for column, changed in rows.items():
        before = frame[column]
        samples += sample_changes(frame, column, before, columns[column])
        for index in frame.index[changed & ~is_blank(before)]:
            known = memory[index]
            kept: dict[str, Any] = json.loads(known) if isinstance(known, str) else {}
            kept.setdefault(column, before[index])
            memory[index] = json.dumps(kept, ensure_ascii=False)
    count = int(pd.concat(rows.values(), axis=1).any(axis=1).sum())
    result = frame.assign(**columns, **{ORIGINAL: memory.astype("str").where(memory.notna(), None)})
    return replace(keep_all(result, count), samples=tuple(samples), findings=findings)


def most_common(values: "pd.Series[Any]") -> str:
    """The most frequent values with their rows, for a finding; personal data is masked."""
    counts = values.value_counts().head(_SHOWN)
    return ", ".join(f"{shorten(mask_text(str(name)))!r} ({count})" for name, count in counts.items())


@dataclass(frozen=True, slots=True)
class UnifyCharacters:
    """One width and, when the mapping says so, one form of Chinese characters."""

    columns: tuple[str, ...]
    chinese_script: ChineseScript = ChineseScript.AS_IT_IS
    name: ClassVar[str] = "unify_characters"
    description: ClassVar[str] = (
        "Writes full-width letters and digits in their usual width and Chinese in the form of the mapping, because a search for "
        "one spelling must find the other."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Convert each distinct text once."""
        convert = _CONVERTERS[self.chinese_script]

        def unify(text: str) -> str:
            return text if text.isascii() else convert(fold_width(text))

        return rewrite(
            frame, {column: map_distinct(frame[column], unify, pc.string_is_ascii) for column in self.columns}
        )


@dataclass(frozen=True, slots=True)
class CheckGtins:
    """GTINs with 14 digits and a right check digit."""

    invalid: InvalidGtin = InvalidGtin.CLEAR
    name: ClassVar[str] = "check_gtins"
    description: ClassVar[str] = (
        "Writes article numbers (GTIN-8, 12, 13, 14) with 14 digits and checks their check digits, because a wrong number joins "
        "two different products."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Parse each distinct number once."""
        before = frame["gtin"]
        parsed = map_distinct(before, parse_gtin)
        bad = ~is_blank(before) & parsed.isna()
        after = parsed.where(~bad, before) if self.invalid is not InvalidGtin.CLEAR else parsed
        findings = (f"{int(bad.sum())} rows hold no valid GTIN: {most_common(before[bad])}",) if bad.any() else ()
        outcome = rewrite(frame, {"gtin": after}, findings)
        if self.invalid is not InvalidGtin.QUARANTINE:
            return outcome
        split = put_aside(
            outcome.kept, bad, "gtin has a wrong length or check digit", "gtin", outcome.changed_row_count
        )
        return RuleOutcome(split.kept, split.quarantined, outcome.changed_row_count, outcome.samples, findings)


@dataclass(frozen=True, slots=True)
class StandardiseBrands:
    """One name per brand, learned from the catalogue."""

    most_rows: int = 2
    """Most rows of a brand that may be a misspelling of another."""
    least_ratio: float = 20.0
    """How many times the rows of the misspelling the other brand must have."""
    name: ClassVar[str] = "standardise_brands"
    description: ClassVar[str] = (
        "Writes each brand as the catalogue writes it most often (case, punctuation, legal forms, rare misspellings), because a "
        "brand in five spellings is five weak brands."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Learn from all rows, then rename; a text that says that there is no brand becomes missing."""
        brand = frame["brand"]
        known = frame.loc[~is_blank(brand), ["brand", "category"]].fillna({"category": ""})
        rows = Counter(zip(known["brand"].tolist(), known["category"].tolist(), strict=True))
        learned = learn_brands(rows, most_rows=self.most_rows, least_ratio=self.least_ratio)
        after = map_distinct(
            brand, lambda name: None if brand_key(name) in NO_BRAND else learned.canonical.get(name, name)
        )
        evidence = tuple(
            f"{fold.spelling!r} ({fold.row_count} rows) is a {fold.why} of {fold.canonical!r} ({fold.canonical_row_count} rows)"
            for fold in sorted(learned.foldings, key=lambda fold: (fold.why != "misspelling", -fold.row_count))
        )
        more = (f"and {len(evidence) - _SHOWN} more",) if len(evidence) > _SHOWN else ()
        return rewrite(frame, {"brand": after}, evidence[:_SHOWN] + more)


@dataclass(frozen=True, slots=True)
class StandardiseColours:
    """Colour families instead of colour names."""

    name: ClassVar[str] = "standardise_colours"
    description: ClassVar[str] = (
        "Writes colours, English or Chinese, as one of 18 families, because shoppers filter by blue and not by midnight navy."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Parse each distinct colour once; an unknown one stays as it is."""
        before = frame["colour"]
        parsed = map_distinct(before, parse_colour)
        unknown = ~is_blank(before) & parsed.isna()
        findings = (
            (f"{int(unknown.sum())} rows name an unknown colour: {most_common(before[unknown])}",)
            if unknown.any()
            else ()
        )
        return rewrite(frame, {"colour": parsed.where(~unknown, before)}, findings)


@dataclass(frozen=True, slots=True)
class MapCategories:
    """Paths of the given taxonomy instead of the shop's categories."""

    taxonomy: tuple[str, ...]
    """Paths; empty leaves categories as they are."""
    aliases: tuple[tuple[str, str], ...] = ()
    """(shop's category, path)."""
    name: ClassVar[str] = "map_categories"
    description: ClassVar[str] = (
        "Finds the place of each category in the mapping's taxonomy by its path or name; a category without a place stays."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Place each distinct category once."""
        if not self.taxonomy:
            return keep_all(frame)
        taxonomy = Taxonomy.of(self.taxonomy, dict(self.aliases))
        before = frame["category"]
        placed = map_distinct(before, taxonomy.place)
        lost = ~is_blank(before) & placed.isna()
        findings = (
            (f"{int(lost.sum())} rows have a category without a place: {most_common(before[lost])}",)
            if lost.any()
            else ()
        )
        return rewrite(frame, {"category": placed.where(~lost, before)}, findings)


@dataclass(frozen=True, slots=True)
class DetectLanguage:
    """Language and script of each product's text, into `language`."""

    columns: tuple[str, ...] = ("title", "description")
    name: ClassVar[str] = "detect_language"
    description: ClassVar[str] = (
        "Names the language of each row (`en`, `zh-Hans`, `zh-Hant`, otherwise the script), because a model for one language "
        "learns noise from another."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Look at the first column; where it only tells the script, at all of them together."""
        found = map_distinct(frame[self.columns[0]], language)
        unsure = found.isna() | found.str.startswith("und").fillna(False)
        if unsure.any() and len(self.columns) > 1:
            text = frame.loc[unsure, list(self.columns)].fillna("").agg(" ".join, axis=1)
            found = found.mask(unsure, map_distinct(text.astype("str"), language).reindex(frame.index))
        return keep_all(frame.assign(language=found), int(found.notna().sum()))
