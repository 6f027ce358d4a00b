"""Small string programs that turn one spelling of a value into another, learned from pairs of cells.

Source: Mahdavi & Abedjan 2020 (Baran), section 4.2: value-based correctors learned from (old, new) pairs; a closed family of
typed programs is searched instead of edit scripts, so that one pair is enough and what was learned can be read.
"""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

Pair = tuple[str, str]
_NUMBER = re.compile(r"[-+]?[0-9]+(?:\.[0-9]+)?")
_NOISE_PLACES = 10


def _first_number(text: str) -> str:
    found = _NUMBER.match(text.strip())
    return found.group(0) if found else text


def _plain_number(text: str) -> str:
    """The leading number in its shortest form; binary noise (`0.055999999999999994`) is rounded away."""
    found = _first_number(text)
    if found == text and not _NUMBER.fullmatch(text):
        return text
    rounded = f"{round(float(found), _NOISE_PLACES):.{_NOISE_PLACES}f}".rstrip("0").rstrip(".")
    return rounded if rounded not in ("", "-0") else "0"


def _trimmed(text: str) -> str:
    return text.strip(" \t.,;:%*#\"'()[]")


_NAMED: dict[str, Callable[[str], str]] = {
    "trim": _trimmed,
    "leading_number": _first_number,
    "plain_number": _plain_number,
    "lower": str.lower,
    "upper": str.upper,
    "title": str.title,
    "single_spaces": lambda text: " ".join(text.split()),
}
"""Programs without arguments, from the most careful to the most far-reaching."""


@dataclass(frozen=True, slots=True)
class Program:
    """One step for the values of one column; a value that it does not fit stays as it is."""

    column: str
    operation: str
    """A name in `_NAMED`, or `constant`, `remove_prefix`, `remove_suffix`, `replace`."""
    old: str = ""
    new: str = ""

    def run(self, text: str) -> str:
        """`text` as this program would have it."""
        match self.operation:
            case "constant":
                return self.new if text == self.old else text
            case "remove_prefix":
                return text.removeprefix(self.old)
            case "remove_suffix":
                return text.removesuffix(self.old)
            case "replace":
                return text.replace(self.old, self.new)
            case name:
                return _NAMED[name](text)


@dataclass(frozen=True, slots=True)
class Split:
    """Moves the last word of `column` into `target` where `target` is empty and knows that word."""

    column: str
    target: str
    separator: str = " "


def learn_programs(column: str, pairs: Sequence[Pair], values: Collection[str] = ()) -> list[Program]:
    """Programs that together explain as many changed pairs as possible and never touch an unchanged one.

    Greedy: the program that explains most changed pairs first; among equals the one whose outcomes for the column's `values` reach
    least beyond the longest right value of the labels, then the more careful one. A pair that nothing
    general explains teaches a constant when it was seen twice, or when it empties the cell (`N/A`).
    """
    kept = [old for old, new in pairs if old == new]
    longest = max((len(new) for _, new in pairs), default=0)
    open_pairs = [pair for pair in pairs if pair[0] != pair[1]]
    chosen: list[Program] = []
    while open_pairs:
        scored = [
            (
                sum(program.run(old) == new for old, new in open_pairs),
                -sum(max(0, len(program.run(value)) - longest) for value in values),
                -rank,
                program,
            )
            for rank, program in enumerate(_candidates(column, open_pairs))
            if all(program.run(old) == old for old in kept)
            and all(program.run(old) in (old, new) for old, new in open_pairs)
        ]
        if not scored:
            break
        best = max(scored, key=lambda entry: entry[:3])[3]
        rest = [(old, new) for old, new in open_pairs if best.run(old) != new]
        if len(rest) == len(open_pairs):
            break
        chosen.append(best)
        open_pairs = rest
    return chosen


def _candidates(column: str, pairs: Iterable[Pair]) -> list[Program]:
    pairs = list(pairs)
    found = [Program(column, name) for name in _NAMED]
    for old, new in dict.fromkeys(pairs):
        if new and old.endswith(new) and not old[: -len(new)].isalnum():
            found.append(Program(column, "remove_prefix", old[: -len(new)]))
        if new and old.startswith(new) and not old[len(new) :].isalnum():
            found.append(Program(column, "remove_suffix", old[len(new) :]))
        found += _replacements(column, old, new)
        if not new or pairs.count((old, new)) >= 2:
            found.append(Program(column, "constant", old, new))
    return found


def _replacements(column: str, old: str, new: str) -> list[Program]:
    """One punctuation mark for another, as in `1,5` for `1.5`."""
    for mark in {char for char in old if not char.isalnum() and char not in new}:
        for other in ("", *sorted({char for char in new if not char.isalnum()})):
            if old.replace(mark, other) == new:
                return [Program(column, "replace", mark, other)]
    return []


def learn_splits(rows: Sequence[tuple[dict[str, str], dict[str, str]]], columns: Sequence[str]) -> list[Split]:
    """Pairs of columns in which a labelled row shows the second one merged into the end of the first.

    `rows` holds (as found, as it should be) per labelled row.
    """
    found: dict[Split, int] = {}
    for before, after in rows:
        for column in columns:
            for target in columns:
                merged = f"{after[column]} {after[target]}"
                emptied = not before[target] and after[target] and column != target
                if emptied and after[column] and before[column] == merged:
                    split = Split(column, target)
                    found[split] = found.get(split, 0) + 1
    return sorted(found, key=lambda split: (-found[split], split.column, split.target))
