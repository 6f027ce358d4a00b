"""Finds the frequent value that a rare one was meant to be.

Two channels: characters that the labelled rows show to be written in place of others (`cullmxn` for `cullman`) may stand for
anything; and one edit (insertion, deletion, substitution, swap) inside a word. A tie is left alone, never guessed.
Source: Damerau 1964 for the four edits; Garbe's symmetric deletes for finding them without comparing all pairs.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

_MIN_WORD = 5
_RATIO = 5
"""A candidate must be this many times as frequent as the value, and as the next candidate."""


def learn_wildcards(pairs: Iterable[tuple[str, str]]) -> str:
    """Characters that stand in place of others in at least two labelled cells, sorted."""
    seen: Counter[str] = Counter()
    for old, new in pairs:
        if old != new and len(old) == len(new):
            wrong = {before for before, after in zip(old, new, strict=True) if before != after}
            if len(wrong) == 1:
                seen.update(wrong)
    return "".join(sorted(char for char, count in seen.items() if count >= 2))


@dataclass(frozen=True, slots=True)
class _Lexicon:
    """Frequent texts, found by length and by what is left after one deletion."""

    counts: dict[str, int]
    by_length: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    by_deletion: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    @classmethod
    def of(cls, counts: dict[str, int], *, minimum: int) -> "_Lexicon":
        lexicon = cls({text: count for text, count in counts.items() if count >= minimum and text})
        for text in lexicon.counts:
            lexicon.by_length[len(text)].append(text)
            if len(text) >= _MIN_WORD and text.isalpha():
                for part in (text, *_deletions(text)):
                    lexicon.by_deletion[part].add(text)
        return lexicon

    def behind(self, text: str, wildcards: str) -> list[str]:
        """Texts that `text` becomes when its wildcards are read as other characters."""
        if not any(char in text for char in wildcards):
            return []
        return [option for option in self.by_length.get(len(text), ()) if _fits(text, option, wildcards)]

    def one_edit(self, text: str) -> list[str]:
        """Frequent words at one edit from the word `text`."""
        if len(text) < _MIN_WORD or not text.isalpha():
            return []
        found: set[str] = set()
        for part in (text, *_deletions(text)):
            found |= self.by_deletion.get(part, set())
        return [option for option in found if option != text and _is_one_edit(text, option)]


def _deletions(text: str) -> list[str]:
    return [text[:index] + text[index + 1 :] for index in range(len(text))]


def _fits(text: str, option: str, wildcards: str) -> bool:
    return text != option and all(a == b or a in wildcards for a, b in zip(text, option, strict=True))


def _is_one_edit(first: str, second: str) -> bool:
    if len(first) == len(second):
        wrong = [index for index, (a, b) in enumerate(zip(first, second, strict=True)) if a != b]
        if len(wrong) == 1:
            return True
        swapped = len(wrong) == 2 and wrong[1] == wrong[0] + 1
        return swapped and first[wrong[0]] == second[wrong[1]] and first[wrong[1]] == second[wrong[0]]
    longer, shorter = (first, second) if len(first) > len(second) else (second, first)
    return len(longer) == len(shorter) + 1 and shorter in _deletions(longer)


def fix_values(values: Sequence[str], counts: dict[str, int], wildcards: str, *, edits: bool) -> dict[str, str]:
    """Map each misspelt value of a column to what it was meant to be; `counts` holds how often each value occurs.

    Whole values are tried first, then words. With `edits`, words may also differ by one edit.
    """
    minimum = 3
    whole = _Lexicon.of(counts, minimum=minimum)
    words: Counter[str] = Counter()
    for value, count in counts.items():
        for word in value.split(" "):
            words[word] += count
    lexicon = _Lexicon.of(words, minimum=minimum)
    fixed = {}
    for value in values:
        better = _pick(value, counts.get(value, 0), whole.behind(value, wildcards), counts)
        if better is None:
            better = " ".join(_fix_word(word, words, lexicon, wildcards, edits) for word in value.split(" "))
        if better != value:
            fixed[value] = better
    return fixed


def _fix_word(word: str, words: Counter[str], lexicon: _Lexicon, wildcards: str, edits: bool) -> str:
    if not any(char.isalpha() and char not in wildcards for char in word):
        return word  # a number, or nothing that could be recognised
    found = _pick(word, words[word], lexicon.behind(word, wildcards), words)
    if found is None and edits:
        found = _pick(word, words[word], lexicon.one_edit(word), words)
    return word if found is None else found


def _pick(text: str, count: int, options: list[str], counts: dict[str, int] | Counter[str]) -> str | None:
    ranked = sorted(options, key=lambda option: (-counts[option], option))
    if not ranked or counts[ranked[0]] < _RATIO * max(1, count) // (2 if count <= 1 else 1):
        return None
    if len(ranked) > 1 and counts[ranked[0]] < _RATIO * counts[ranked[1]]:
        return None
    return ranked[0]
