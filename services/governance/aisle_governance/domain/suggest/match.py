"""Matches the columns of a file with those of a kind: names and values together, each source column at most once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from aisle_governance.domain.kinds import CANONICAL, MAX_GRADE, CanonicalColumn, DatasetKind, ValueType
from aisle_governance.domain.mapping import ColumnMapping
from aisle_governance.domain.suggest.names import SAME, likeness
from aisle_governance.domain.suggest.values import Fits, judge, share

LEAST_CONFIDENCE = 0.4
"""Below this a guess is worse than none."""
_NAME_WEIGHT = 0.65
_BY_VALUES_ALONE = 0.5
_MOST_ALTERNATIVES = 3
_MOST_REFUSED = 0.02


@dataclass(frozen=True, slots=True)
class Sample:
    """Some rows of a file."""

    columns: Mapping[str, Sequence[str]]
    """Source column -> its values, without empty ones; in the order of the file."""
    row_count: int


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A source column that probably feeds a canonical one."""

    column: str
    source: str
    confidence: float
    evidence: tuple[str, ...]
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Suggested:
    """A mapping to be confirmed, and why."""

    mapping: ColumnMapping
    suggestions: tuple[Suggestion, ...]
    missing: tuple[str, ...]
    """Required columns for which none was found."""
    unused: tuple[str, ...]
    warnings: tuple[str, ...] = field(default=())


def suggest(kind: DatasetKind, sample: Sample, fits: Fits) -> Suggested:
    """Suggest a mapping; `fits` says for each type whether a text can be read as it is by an import."""
    wanted, sources = CANONICAL[kind], list(sample.columns)
    scores = np.zeros((len(wanted), len(sources)))
    reasons: dict[tuple[int, int], tuple[str, ...]] = {}
    for row, column in enumerate(wanted):
        for place, source in enumerate(sources):
            scores[row, place], reasons[row, place] = _score(column, source, sample.columns[source], fits)
    chosen = {}
    if sources:
        rows, places = linear_sum_assignment(-np.where(scores >= LEAST_CONFIDENCE, scores + 0.1, 0.0))
        chosen = {
            int(row): int(place)
            for row, place in zip(rows, places, strict=True)
            if scores[row, place] >= LEAST_CONFIDENCE
        }
    suggestions = []
    for row, place in sorted(chosen.items()):
        order = [int(other) for other in np.argsort(-scores[row], kind="stable") if other != place]
        others = tuple(sources[other] for other in order if scores[row, other] >= LEAST_CONFIDENCE)
        suggestions.append(
            Suggestion(
                wanted[row].name,
                sources[place],
                round(float(scores[row, place]), 2),
                reasons[row, place],
                others[:_MOST_ALTERNATIVES],
            )
        )
    used = {one.source for one in suggestions}
    found = {one.column: one.source for one in suggestions}
    missing = tuple(column.name for column in wanted if column.required and column.name not in found)
    mapping, warnings = _settings(kind, found, sample, fits)
    return Suggested(
        mapping, tuple(suggestions), missing, tuple(name for name in sources if name not in used), warnings
    )


def _score(column: CanonicalColumn, source: str, cells: Sequence[str], fits: Fits) -> tuple[float, tuple[str, ...]]:
    by_name, name_words = likeness(column.name, source)
    by_values, value_words, telling = judge(column, cells, fits)
    evidence = tuple(words for words in (name_words, value_words) if words)
    if by_name == SAME and by_values > 0:
        return max(0.5, _NAME_WEIGHT + (1 - _NAME_WEIGHT) * by_values), evidence
    by_both = by_name * (_NAME_WEIGHT * by_values**0.5 + (1 - _NAME_WEIGHT) * by_values)
    # A name that is only a little alike says no more than one that is not.
    return max(by_both, _BY_VALUES_ALONE * by_values if telling else 0.0), evidence


def _settings(
    kind: DatasetKind, found: Mapping[str, str], sample: Sample, fits: Fits
) -> tuple[ColumnMapping, tuple[str, ...]]:
    """The mapping with what the values say beyond columns, and what an import would refuse."""
    warnings = []
    columns = dict(found)
    for column in CANONICAL[kind]:
        cells = sample.columns.get(found.get(column.name, ""), ())
        if column.type is ValueType.TEXT or not cells:
            continue
        refused = 1 - share(cells, fits[column.type])
        if refused > _MOST_REFUSED:
            warnings.append(
                f"{refused:.0%} of the values of {found[column.name]!r} cannot be read for {column.name!r}; "
                "their rows would be refused."
            )
    offset, prefix = 0.0, ""
    grades = _numbers(sample.columns.get(found.get("grade", ""), ()), fits)
    if grades and min(grades) >= 1 and max(grades) <= MAX_GRADE + 1:
        offset = 1.0
        warnings.append(
            "Grades run from 1 to 4, so 1 is subtracted (grade_offset); set it to 0 if they are meant as 0 to 3."
        )
    elif grades and max(grades) > MAX_GRADE:
        warnings.append(f"Grades reach {max(grades):g}; canonical ones run from 0 to {MAX_GRADE:g}.")
    if kind is DatasetKind.ORDERS:
        prefix = _cancellation_prefix(sample.columns.get(found.get("order_id", ""), ()))
        if prefix:
            warnings.append(f"Some order ids begin with {prefix!r}; it is taken for the mark of a cancellation.")
    times = [name for name in ("order_time", "event_time") if name in found]
    for name in times:
        if share(sample.columns[found[name]] or ["Z"], _has_no_zone) > 0:
            warnings.append(f"Times of {found[name]!r} have no zone; they are taken for UTC unless time_zone is set.")
    priced = {"price", "unit_price"} & set(found)
    if priced and "currency" not in found:
        warnings.append("Prices have no currency column; set default_currency.")
    return ColumnMapping(columns=columns, grade_offset=offset, cancellation_prefix=prefix), tuple(warnings)


def _numbers(cells: Sequence[str], fits: Fits) -> list[float]:
    return [float(cell) for cell in cells if fits[ValueType.NUMBER](cell)]


def _has_no_zone(cell: str) -> bool:
    stripped = cell.strip()
    return not stripped.endswith(("Z", "z")) and "+" not in stripped[10:] and "-" not in stripped[10:]


def _cancellation_prefix(cells: Sequence[str]) -> str:
    """A letter before a minority of numbers that stand alone elsewhere."""
    letters = {cell[0] for cell in cells if cell[:1].isalpha() and cell[1:].isdigit()}
    plain = share(cells, str.isdigit) if cells else 0.0
    return letters.pop() if len(letters) == 1 and plain > 0.5 else ""
