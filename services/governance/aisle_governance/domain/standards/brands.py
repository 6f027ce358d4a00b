"""Names of brands: what makes two spellings one brand, learned from a catalogue itself."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aisle_governance.domain.standards.characters import fold_width, to_simplified
from aisle_governance.domain.standards.vocabulary import words

_LEGAL = words("legal_forms")
_LEGAL_HAN = re.compile(r"(?:股份有限公司|有限责任公司|有限公司|集团公司|集团|公司|旗舰店|官方旗舰店)+$")
_MARKS = re.compile(r"[®™©℠]|\((?:r|tm|c)\)", re.IGNORECASE)
_DOTTED = re.compile(r"\b(?:[A-Za-z]\.){2,}(?:[A-Za-z]\b)?")
_SWAP_LENGTH, _EDIT_LENGTH = 5, 7
_PUNCTUATION = re.compile(r"[^\w]+|_")
NO_BRAND = words("no_brand")
"""Keys of texts that say that there is no brand."""


def brand_key(name: str) -> str:
    """What is left of a brand when case, width, accents, punctuation, trade marks, legal form and a leading `the` do not count.

    Empty for a text without letters and digits. A name that is nothing but a legal form keeps it (`Co`).
    """
    plain = unicodedata.normalize("NFKD", to_simplified(_MARKS.sub(" ", fold_width(name)))).casefold()
    plain = "".join(char for char in plain if not unicodedata.combining(char)).replace("'", "").replace("’", "")
    plain = _DOTTED.sub(lambda found: found.group().replace(".", ""), plain)
    stripped = _LEGAL_HAN.sub("", plain.strip()) or plain
    short = _PUNCTUATION.sub(" ", stripped).split()
    while len(short) > 1 and short[-1] in _LEGAL:
        short.pop()
    if len(short) > 1 and short[0] == "the":
        short = short[1:]
    return "".join(short)


@dataclass(frozen=True, slots=True)
class Folding:
    """Why one spelling became another."""

    spelling: str
    row_count: int
    """Rows with the spelling."""
    canonical: str
    canonical_row_count: int
    """Rows of the canonical form, before anything was folded into it."""
    why: str
    """`spelling` for another case, punctuation or legal form; `misspelling` for one edit."""


@dataclass(frozen=True, slots=True)
class Brands:
    """What a catalogue says about its brands."""

    canonical: Mapping[str, str] = field(default_factory=dict)
    """Every spelling -> canonical form."""
    foldings: tuple[Folding, ...] = ()
    """The spellings that change, most rows first."""


def learn_brands(rows: Mapping[tuple[str, str], int], *, most_rows: int = 2, least_ratio: float = 20.0) -> Brands:
    """Learn canonical brands from `rows`: (brand, category) -> number of rows.

    Spellings with one `brand_key` are one brand, named by its most frequent spelling. A brand of at most `most_rows` rows is a
    misspelling of the only other brand that is one edit (a swap of neighbours from 5 characters on; an insertion, deletion or
    substitution from 7 on, because `Canyon` is not `Canon`) away, begins with the same letter, has at least `least_ratio` times the
    rows and the same digits, and is sold in every category in which the rare one is.
    Source: Damerau 1964, A technique for computer detection and correction of spelling errors (one edit covers 80 % of errors).
    """
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    categories: dict[str, set[str]] = defaultdict(set)
    for (name, category), count in rows.items():
        key = brand_key(name)
        if not key or key in NO_BRAND:
            continue
        spellings[key][name] += count
        if category:
            categories[key].add(category)
    names = {key: _best(counts) for key, counts in spellings.items()}
    totals = {key: sum(counts.values()) for key, counts in spellings.items()}
    target = _misspellings(totals, categories, most_rows, least_ratio)
    canonical: dict[str, str] = {}
    foldings = []
    for key, counts in spellings.items():
        home = target.get(key, key)
        for name, count in counts.items():
            canonical[name] = names[home]
            if name != names[home]:
                why = "spelling" if home == key else "misspelling"
                foldings.append(Folding(name, count, names[home], spellings[home][names[home]], why))
    return Brands(canonical, tuple(sorted(foldings, key=lambda item: (-item.row_count, item.spelling))))


def _best(counts: Counter[str]) -> str:
    """The most frequent spelling; of equals the one in mixed case, then the shorter, then the first in the alphabet."""
    return min(counts, key=lambda name: (-counts[name], name.isupper() or name.islower(), len(name), name))


def _misspellings(
    totals: Mapping[str, int], categories: Mapping[str, set[str]], most_rows: int, least_ratio: float
) -> dict[str, str]:
    rare = [key for key, count in totals.items() if count <= most_rows and len(key) >= _SWAP_LENGTH]
    frequent = [key for key, count in totals.items() if count >= least_ratio and len(key) >= _SWAP_LENGTH]
    neighbours: dict[str, set[str]] = defaultdict(set)
    for key in frequent:
        for form in _shorter(key):
            neighbours[form].add(key)
    found = {}
    for key in rare:
        near = {
            other
            for form in _shorter(key)
            for other in neighbours.get(form, ())
            if other != key
            and totals[other] >= least_ratio * totals[key]
            and _digits(other) == _digits(key)
            and categories.get(key, set()) <= categories.get(other, set())
            and key[0] == other[0]
            and is_one_edit(key, other)
            and (len(key) >= _EDIT_LENGTH or sorted(key) == sorted(other))
        }
        if len(near) == 1:
            found[key] = near.pop()
    return found


def _shorter(key: str) -> Iterable[str]:
    """`key` and every text that it becomes without one character; words one edit apart share one of these."""
    return {key, *(key[:index] + key[index + 1 :] for index in range(len(key)))}


def _digits(key: str) -> str:
    return "".join(char for char in key if char.isdigit())


def is_one_edit(one: str, other: str) -> bool:
    """Whether an insertion, deletion, substitution, or swap of two neighbours turns `one` into `other`."""
    if len(one) > len(other):
        one, other = other, one
    if len(other) - len(one) > 1 or one == other:
        return False
    start = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    if len(one) != len(other):
        return one[start:] == other[start + 1 :]
    if one[start + 1 :] == other[start + 1 :]:
        return True
    return one[start : start + 2] == other[start : start + 2][::-1] and one[start + 2 :] == other[start + 2 :]
