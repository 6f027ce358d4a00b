"""Learns a repair model from labelled rows: what agrees with the labels is kept, what contradicts them is dropped."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from aisle_governance.domain.repair.model import TYPO, VOTE, RepairModel, repair
from aisle_governance.domain.repair.programs import Program, Split, learn_programs, learn_splits
from aisle_governance.domain.repair.typing_errors import learn_wildcards

Labels = Mapping[int, Mapping[str, str]]
"""Position of a row -> its right values; a column that is left out is right as it is."""
_SUPPORTS = (0.6, 0.7, 0.8)


def learn(frame: pd.DataFrame, labels: Labels) -> RepairModel:
    """Learn from `labels` how to repair `frame`, a table of texts in which an empty text is an empty cell.

    Formats need one labelled example. Votes and typing errors are tried on every column and kept where they mend more labelled
    cells than they break; without any labelled cell that they mend they are not used at all.
    """
    columns = [str(column) for column in frame.columns]
    rows = [_row(frame, position, right) for position, right in labels.items()]
    splits = learn_splits(rows, columns)
    programs = _programs(frame, rows, splits)
    pairs = [(before[column], after[column]) for before, after in rows for column in columns]
    base = RepairModel(programs=tuple(programs), splits=tuple(splits), wildcards=learn_wildcards(pairs))
    best, best_mended = base, _mended(frame, labels, base)
    for support in _SUPPORTS:
        for edits in (False, True):
            tried = replace(
                base,
                vote_columns=tuple(columns),
                fill_columns=tuple(columns),
                typo_columns=tuple(columns),
                support=support,
                edits=edits,
            )
            pruned = _prune(frame, labels, tried)
            mended = _mended(frame, labels, pruned)
            if mended > best_mended:
                best, best_mended = pruned, mended
    return best


def _row(frame: pd.DataFrame, position: int, right: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    before = {str(column): str(frame.iat[position, index]) for index, column in enumerate(frame.columns)}
    return before, {**before, **{column: value for column, value in right.items() if column in before}}


def _programs(
    frame: pd.DataFrame, rows: list[tuple[dict[str, str], dict[str, str]]], splits: list[Split]
) -> list[Program]:
    found: list[Program] = []
    for column in map(str, frame.columns):
        moved = {one.target for one in splits if one.column == column}
        pairs = []
        for before, after in rows:
            merged = any(before[column] == f"{after[column]} {after[target]}" for target in moved)
            filled = not before[column] and after[column]  # nothing in the cell tells what belongs there
            if not merged and not filled:
                pairs.append((before[column], after[column]))
        if any(old != new for old, new in pairs):
            found += learn_programs(column, pairs, frame[column].unique())
    return found


def _mended(frame: pd.DataFrame, labels: Labels, model: RepairModel) -> int:
    """Labelled cells mended minus labelled cells broken."""
    found = assess(frame, labels, model)
    return found.mended - found.broken


def _prune(frame: pd.DataFrame, labels: Labels, model: RepairModel) -> RepairModel:
    """Drop votes, fillings and typing errors in the columns where they break more labelled cells than they mend."""
    outcome = repair(model, frame)
    good: dict[tuple[str, str], int] = {}
    for position, right in labels.items():
        before, wanted = _row(frame, position, right)
        for index, column in enumerate(outcome.frame.columns):
            by, found = outcome.by.iat[position, index], str(outcome.frame.iat[position, index])
            if by:
                kind = "fill" if by == VOTE and not before[column] else str(by)
                step = 1 if found == wanted[column] else -1
                good[kind, column] = good.get((kind, column), 0) + step
    totals = {kind: sum(value for (name, _), value in good.items() if name == kind) for kind in (VOTE, TYPO, "fill")}

    def allowed(kind: str, columns: tuple[str, ...]) -> tuple[str, ...]:
        if totals[kind] <= 0:
            return ()
        return tuple(column for column in columns if good.get((kind, column), 0) >= 0)

    # An empty cell may be right: only columns in which a label was filled as the votes say are filled.
    fill = tuple(column for column in model.fill_columns if good.get(("fill", column), 0) > 0)
    return replace(
        model,
        vote_columns=allowed(VOTE, model.vote_columns),
        fill_columns=fill,
        typo_columns=allowed(TYPO, model.typo_columns),
    )


@dataclass(frozen=True, slots=True)
class Assessment:
    """How a model does on labelled cells."""

    wrong: int = 0
    """Cells that were wrong."""
    mended: int = 0
    """Wrong cells that the model sets right."""
    broken: int = 0
    """Cells that the model changes into something else than the labels say."""


def assess(frame: pd.DataFrame, labels: Labels, model: RepairModel) -> Assessment:
    """Compare what `model` makes of the labelled rows with their labels."""
    after = repair(model, frame).frame
    wrong = mended = broken = 0
    for position, right in labels.items():
        before, wanted = _row(frame, position, right)
        for index, column in enumerate(after.columns):
            found = str(after.iat[position, index])
            wrong += before[column] != wanted[column]
            mended += before[column] != wanted[column] == found
            broken += found not in (before[column], wanted[column])
    return Assessment(wrong, mended, broken)


_WORDS = {
    "constant": "writes {new!r} for {old!r}",
    "remove_prefix": "removes {old!r} in front",
    "remove_suffix": "removes {old!r} at the end",
    "replace": "writes {new!r} for every {old!r}",
    "trim": "removes white space and punctuation around the value",
    "leading_number": "keeps the number in front",
    "plain_number": "keeps the number in front in its shortest form",
    "lower": "writes lower case",
    "upper": "writes upper case",
    "title": "writes Title Case",
    "single_spaces": "removes extra spaces",
}


def describe(model: RepairModel) -> list[tuple[tuple[str, ...], str]]:
    """(columns, what happens to them in words) in the order in which it happens."""
    steps: list[tuple[tuple[str, ...], str]] = [
        ((one.column, one.target), f"moves the last word of {one.column} into {one.target} where that is empty")
        for one in model.splits
    ]
    steps += [((one.column,), _WORDS[one.operation].format(old=one.old, new=one.new)) for one in model.programs]
    share = f"{model.support:.0%}"
    if model.vote_columns:
        steps.append((model.vote_columns, f"writes what {share} of the votes of other columns say"))
    if model.fill_columns:
        steps.append((model.fill_columns, f"fills empty cells with what {share} of the votes of other columns say"))
    if model.typo_columns:
        how = f"reads {model.wildcards!r} as a wrong character" if model.wildcards else ""
        how = " and ".join(part for part in (how, "mends one edit in a word" if model.edits else "") if part)
        if how:
            steps.append((model.typo_columns, f"mends typing errors by frequent values: {how}"))
    return steps
