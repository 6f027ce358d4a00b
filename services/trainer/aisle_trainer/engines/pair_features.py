"""What two product records have in common, in numbers, beside the other records of both shops.

A pair is judged in its company: where one side has a better partner, the pair is less likely to match, since a shop lists a
product once. The records of both catalogues are looked at for that, never a label. Needs no torch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aisle_trainer.domain.matching import Record, char_grams, codes, joined, numbers, price_gap, words

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
BUCKETS = 1 << 18
_BLOCK_CELLS = 4_000_000
"""Similarities held at once."""
VIEWS = ("chars", "words", "text", "vector")
_COMPANY = ("cosine", "lead_left", "lead_right", "before_left", "before_right", "rival")
_OVERLAP = ("cover_left", "cover_right", "jaccard", "missed_left", "missed_right", "common", "lack_left", "lack_right")
_FACTS = (
    *(
        "codes_left",
        "codes_right",
        "codes_found_left",
        "codes_found_right",
        "longest_code",
        "codes_differ",
        "code_prefix",
    ),
    *("numbers_left", "numbers_right", "numbers_common", "numbers_only_left", "numbers_only_right", "numbers_differ"),
    *("numbers_jaccard", "price_known", "price_gap", "price_same", "brand_found", "first_word_found"),
)
FEATURES = (
    *(f"{view}_{name}" for view in VIEWS for name in _COMPANY),
    *(f"{view}_{name}" for view in ("words", "text") for name in _OVERLAP),
    *_FACTS,
)
"""Names of the columns that `PairFeatures.of` returns, in order."""


@dataclass(frozen=True, slots=True)
class Lexicon:
    """How many of the training records hold each hashed unit: (buckets,) per lexical view, and the number of records."""

    counts: dict[str, NDArray[np.float32]]
    records: int

    def idf(self, view: str) -> Floats:
        """Smoothed inverse document frequency, (buckets,)."""
        return np.asarray(np.log((1 + self.records) / (1 + self.counts[view].astype(np.float64))) + 1)


@dataclass(frozen=True, slots=True)
class Side:
    """The records of one shop, read."""

    records: list[Record]
    counts: dict[str, Any]
    """Hashed counts per lexical view, sparse (records, BUCKETS)."""
    vectors: NDArray[np.float32]
    """Unit-length vectors of the encoder as it is, (records, dim)."""
    facts: list["_Facts"]

    @classmethod
    def read(cls, records: Sequence[Record], vectors: NDArray[np.float32]) -> "Side":
        """Count words and characters and read the facts."""
        names, texts = [one.name for one in records], [one.text for one in records]
        counts = {
            "chars": _counts(names, char_grams),
            "words": _counts(names, words),
            "text": _counts(texts, words),
        }
        return cls(list(records), counts, vectors, [_Facts.of(one) for one in records])

    def joined(self, more: "Side") -> "Side":
        """Return these records followed by `more`."""
        from scipy import sparse

        counts = {view: sparse.vstack([mine, more.counts[view]], format="csr") for view, mine in self.counts.items()}
        vectors = np.concatenate([self.vectors, more.vectors])
        return Side([*self.records, *more.records], counts, vectors, [*self.facts, *more.facts])


class PairFeatures:
    """Two catalogues, ready to be compared."""

    def __init__(self, left: Side, right: Side, lexicon: Lexicon | None = None) -> None:
        """Weigh both sides; without `lexicon` frequencies are counted in these records."""
        self._sides = left, right
        self.lexicon = lexicon or _lexicon(left, right)
        self._vectors: dict[str, tuple[Any, Any]] = {
            "vector": (left.vectors.astype(np.float64), right.vectors.astype(np.float64))
        }
        for view in left.counts:
            idf = self.lexicon.idf(view)
            self._vectors[view] = _weighted(left.counts[view], idf), _weighted(right.counts[view], idf)
        keys = {record: number for number, record in enumerate(dict.fromkeys([*left.records, *right.records]))}
        self._keys = tuple(np.array([keys[one] for one in side.records], dtype=np.int64) for side in self._sides)

    def of(self, pairs: Ints) -> Floats:
        """Return the features of pairs (n, 2) of positions in both catalogues, (n, features)."""
        first, second = pairs[:, 0], pairs[:, 1]
        columns = [column for view in VIEWS for column in self._company(view, first, second)]
        for view in ("words", "text"):
            columns += self._overlap(view, first, second)
        left, right = (side.facts for side in self._sides)
        facts = [_compare(left[one], right[two]) for one, two in zip(first, second, strict=True)]
        return np.column_stack([*columns, np.array(facts, dtype=np.float64).reshape(len(pairs), len(_FACTS))])

    def _company(self, view: str, first: Ints, second: Ints) -> list[Floats]:
        """The cosine of each pair, and how it stands beside the other partners of its left and of its right record.

        rival = cosine^3 / (best cosine of the left record x best of the right).
        """
        one, two = self._vectors[view]
        cosine, best_left, lead_left, before_left = self._rivals(one, two, self._keys, first, second)
        _, best_right, lead_right, before_right = self._rivals(two, one, self._keys[::-1], second, first)
        rival = np.maximum(cosine, 0) ** 3 / np.maximum(best_left * best_right, 1e-9)
        return [cosine, lead_left, lead_right, before_left, before_right, rival]

    @staticmethod
    def _rivals(one: Any, two: Any, keys: Sequence[Ints], first: Ints, second: Ints) -> tuple[Floats, ...]:
        """(cosine, best cosine of the first record, lead over its best other partner, log(1 + partners before)).

        A record that stands on both sides is not its own rival. Blocks of rows bound the memory.
        """
        cosine, best, other, before = (np.zeros(len(first)) for _ in range(4))
        order = np.argsort(first, kind="stable")
        size = max(1, _BLOCK_CELLS // max(1, two.shape[0]))
        for start in range(0, len(order), size):
            here = order[start : start + size]
            asked, row = np.unique(first[here], return_inverse=True)
            block = one[asked] @ two.T
            block = np.asarray(block.toarray() if hasattr(block, "toarray") else block, dtype=np.float64)
            cosine[here] = block[row, second[here]]
            block[keys[0][asked][:, None] == keys[1][None, :]] = -1.0
            others = block[row]
            others[np.arange(len(here)), second[here]] = -1.0
            other[here] = others.max(axis=1, initial=-1.0)
            best[here] = np.maximum(other[here], cosine[here])
            before[here] = np.log1p((others > cosine[here][:, None] + 1e-9).sum(axis=1))
        return cosine, best, cosine - other, before

    def _overlap(self, view: str, first: Ints, second: Ints) -> list[Floats]:
        """Shares of the rarity that both names have in common, and the rarest unit that one lacks."""
        from scipy import sparse

        rarity = sparse.diags(self.lexicon.idf(view))
        one, two = (side.counts[view][rows].sign() for side, rows in zip(self._sides, (first, second), strict=True))
        both = one.multiply(two).tocsr()
        weights = [_row_sums(part @ rarity) for part in (one, two, both)]
        most = [_row_max(part @ rarity) for part in (one - both, two - both, both)]
        left, right, common = weights
        return [
            common / np.maximum(left, 1e-9),
            common / np.maximum(right, 1e-9),
            common / np.maximum(left + right - common, 1e-9),
            *most,
            left - common,
            right - common,
        ]


@dataclass(frozen=True, slots=True)
class _Facts:
    """What one record says for certain."""

    codes: frozenset[str]
    numbers: frozenset[str]
    words: frozenset[str]
    first_word: str
    joined: str
    brand: str
    price: float | None

    @classmethod
    def of(cls, record: Record) -> "_Facts":
        """Read the facts of a record."""
        name, text = record.name, record.text
        said = words(name)
        brand = joined(record.brand.lower())
        return cls(
            codes(name), numbers(name), frozenset(said), said[0] if said else "", joined(text), brand, record.price
        )


def _compare(one: _Facts, two: _Facts) -> tuple[float, ...]:
    found_left = [code for code in one.codes if code in two.joined]
    found_right = [code for code in two.codes if code in one.joined]
    common = len(one.numbers & two.numbers)
    only_left, only_right = len(one.numbers) - common, len(two.numbers) - common
    gap = price_gap(one.price, two.price)
    known = gap == gap
    return (
        len(one.codes),
        len(two.codes),
        len(found_left),
        len(found_right),
        max(map(len, found_left), default=0),
        float(bool(one.codes and two.codes) and not found_left and not found_right),
        _longest_prefix(one.codes, two.codes),
        len(one.numbers),
        len(two.numbers),
        common,
        only_left,
        only_right,
        float(only_left > 0 and only_right > 0),
        common / max(1, len(one.numbers | two.numbers)),
        float(known),
        gap if known else 0.0,
        float(known and gap < 0.01),
        float(bool(one.brand and one.brand in two.joined) or bool(two.brand and two.brand in one.joined)),
        float(one.first_word in two.words),
    )


def _longest_prefix(one: frozenset[str], two: frozenset[str]) -> float:
    """The longest common beginning of two model numbers as a share of the longer one."""
    best = 0.0
    for left in one:
        for right in two:
            same = next(
                (at for at, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right))
            )
            best = max(best, same / max(len(left), len(right)))
    return best


def _counts(texts: Sequence[str], analyzer: Callable[[str], list[str]]) -> Any:
    """Hashed counts, a sparse matrix (texts, BUCKETS)."""
    from sklearn.feature_extraction.text import HashingVectorizer

    hasher = HashingVectorizer(analyzer=analyzer, n_features=BUCKETS, norm=None, alternate_sign=False, dtype=np.float64)
    return hasher.transform(texts)


def _lexicon(left: Side, right: Side) -> Lexicon:
    held = {
        view: (
            np.bincount(left.counts[view].indices, minlength=BUCKETS)
            + np.bincount(right.counts[view].indices, minlength=BUCKETS)
        ).astype(np.float32)
        for view in left.counts
    }
    return Lexicon(held, len(left.records) + len(right.records))


def _weighted(counts: Any, idf: Floats) -> Any:
    """Rows of length 1, (1 + log count) x idf."""
    from scipy import sparse

    weighted = counts.copy()
    weighted.data = (1 + np.log(weighted.data)) * idf[weighted.indices]
    norms = np.sqrt(_row_sums(weighted.multiply(weighted)))
    return sparse.diags(1 / np.maximum(norms, 1e-9)) @ weighted


def _row_sums(matrix: Any) -> Floats:
    return np.asarray(matrix.sum(axis=1), dtype=np.float64).ravel()


def _row_max(matrix: Any) -> Floats:
    return np.asarray(matrix.max(axis=1).toarray(), dtype=np.float64).ravel()
