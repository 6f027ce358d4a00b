"""Product records and what their texts say for certain; how good found matches are."""

import math
import re
import unicodedata
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aisle_trainer.domain.metrics import Figure, bootstrap_weights

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
_WORD = re.compile(r"[^\W_]+")
_TOKEN = re.compile(r"[^\W_]+(?:[-/.][^\W_]+)*")
_NUMBER = re.compile(r"(?<![\w.])[0-9]+(?:\.[0-9]+)?(?!\w)")
_SHORTEST_CODE = 4


@dataclass(frozen=True, slots=True)
class Record:
    """What one shop says of a product."""

    title: str
    description: str = ""
    brand: str = ""
    price: float | None = None
    """Above 0; None when unknown."""

    @property
    def name(self) -> str:
        """Brand and title, folded."""
        return fold(f"{self.brand} {self.title}").strip()

    @property
    def text(self) -> str:
        """Brand, title and description, folded."""
        return fold(f"{self.brand} {self.title} {self.description}").strip()

    @property
    def reading(self) -> str:
        """What an encoder reads: name, price, and the part of the description that does not repeat the title.

        The order puts first what tells most, because long texts are cut.
        """
        more = self.description.strip()
        more = more[len(self.title) :].strip() if self.title and more.startswith(self.title) else more
        price = f" $ {self.price:.0f}" if self.price else ""
        return f"{self.brand} {self.title}{price} {more}".strip()


def fold(text: str) -> str:
    """Lower case, compatibility forms resolved, accents removed."""
    if text.isascii():
        return text.lower()
    return "".join(char for char in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(char))


def words(folded: str) -> list[str]:
    """Runs of letters and digits."""
    return _WORD.findall(folded)


def char_grams(folded: str) -> list[str]:
    """Two, three and four characters in a row of the words with one space between them."""
    padded = f" {' '.join(words(folded))} "
    return [padded[at : at + size] for size in (2, 3, 4) for at in range(len(padded) - size + 1)]


def joined(folded: str) -> str:
    """All letters and digits in one word, in which model numbers are looked up."""
    return "".join(words(folded))


def codes(folded: str) -> frozenset[str]:
    """Model numbers: tokens of at least four letters and digits that have both, punctuation left out."""
    found = ("".join(_WORD.findall(token)) for token in _TOKEN.findall(folded))
    return frozenset(
        code
        for code in found
        if len(code) >= _SHORTEST_CODE and any(map(str.isdigit, code)) and any(map(str.isalpha, code))
    )


def numbers(folded: str) -> frozenset[str]:
    """Numbers that stand alone: volume 2, version 2007."""
    return frozenset(number.lstrip("0") or "0" for number in _NUMBER.findall(folded))


def price_gap(left: float | None, right: float | None) -> float:
    """How far two prices are apart, |log ratio|, at most 3; NaN when one is unknown."""
    if not left or not right or left <= 0 or right <= 0:
        return math.nan
    return min(3.0, abs(math.log(left / right)))


def match_quality(labels: Floats, found: Floats) -> tuple[float, float, float]:
    """Return (F1, precision, recall) of matches found, both 0/1; 0 where there is nothing to divide by."""
    hits, said, true = float((labels * found).sum()), float(found.sum()), float(labels.sum())
    return 2 * hits / max(said + true, 1), hits / max(said, 1), hits / max(true, 1)


def best_threshold(labels: Floats, scores: Floats) -> float:
    """Return the score from which on a pair counts as a match for the best F1.

    Half-way to the next score below, so that a score that differs in its last bits stays on its side.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(labels[order])
    values = 2 * hits / (np.arange(1, len(order) + 1) + labels.sum())
    values[:-1][ranked[:-1] == ranked[1:]] = -1.0  # equal scores fall on one side
    best = int(values.argmax())
    below = ranked[best + 1] if best + 1 < len(ranked) else ranked[best] - 0.1
    return float(np.clip((ranked[best] + below) / 2, 0.0, 1.0))


def match_figures(labels: Floats, found: Floats, units: Ints, seed: int) -> tuple[Figure, ...]:
    """Return F1, precision and recall with intervals over units: pairs of one left record are drawn together."""
    _, unit = np.unique(units, return_inverse=True)
    sums = [np.bincount(unit, weights=values) for values in (labels * found, found, labels)]
    draws = bootstrap_weights(len(sums[0]), seed)
    hits, said, true = (draws @ values for values in sums)
    samples = (2 * hits / np.maximum(said + true, 1), hits / np.maximum(said, 1), hits / np.maximum(true, 1))
    return tuple(
        _with_interval(name, value, drawn, len(labels))
        for name, value, drawn in zip(("f1", "precision", "recall"), match_quality(labels, found), samples, strict=True)
    )


def f1_difference(name: str, labels: Floats, one: Floats, other: Floats, units: Ints, seed: int) -> Figure:
    """Return F1 of the matches `one` minus F1 of `other`, paired over the same draws of units."""
    _, unit = np.unique(units, return_inverse=True)
    draws = bootstrap_weights(int(unit.max()) + 1, seed)

    def sampled(found: Floats) -> Floats:
        hits, both = (np.bincount(unit, weights=values) for values in (labels * found, found + labels))
        return np.asarray(2 * (draws @ hits) / np.maximum(draws @ both, 1))

    value = match_quality(labels, one)[0] - match_quality(labels, other)[0]
    return _with_interval(name, value, sampled(one) - sampled(other), len(labels))


def _with_interval(name: str, value: float, samples: Floats, count: int) -> Figure:
    lower, upper = np.percentile(samples, [2.5, 97.5])
    return Figure(name, value, min(float(lower), value), max(float(upper), value), count)
