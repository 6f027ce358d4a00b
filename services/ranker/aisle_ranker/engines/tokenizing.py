"""The bundle's tokenizer: texts to ids once, then rows laid out by numpy instead of being tokenised again."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Encoding
from tokenizers import Tokenizer as Backend

from aisle_ranker.domain.arrays import Ints, TokenIds
from aisle_ranker.domain.tokens import TokenBatch
from aisle_ranker.errors import BundleInvalid

_BATCH = 4096


@dataclass(frozen=True, slots=True)
class _Frame:
    """Special tokens around and between texts, as (ids, type ids), with the type ids of the texts themselves."""

    parts: tuple[tuple[list[int], list[int]], ...]
    """Before the first text, (between,) after the last."""
    types: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many special tokens there are."""
        return sum(len(ids) for ids, _ in self.parts)


class BundleTokenizer:
    """Lays out single texts and pairs exactly as the tokenizer file does; safe to use from several threads."""

    def __init__(self, path: Path, max_tokens: int) -> None:
        """Open `tokenizer.json`; raises BundleInvalid when it is not one."""
        try:
            self._backend = Backend.from_file(str(path))
        except Exception as error:
            raise BundleInvalid("tokenizer.json cannot be read") from error
        self._backend.no_truncation()
        self._backend.no_padding()
        self._single = _frame(self._backend.encode("a"), 1)
        self._pair = _frame(self._backend.encode("a", "a"), 2)
        self._limit = max_tokens
        if self._pair.size >= max_tokens:
            raise BundleInvalid("max_tokens leaves no room for text")

    def ids(self, text: str) -> TokenIds:
        """Return the ids of a text without special tokens."""
        return np.array(self._backend.encode(text, add_special_tokens=False).ids, dtype=np.int32)

    def ids_of(self, texts: Sequence[str]) -> list[TokenIds]:
        """Return the ids of many texts."""
        found: list[TokenIds] = []
        for start in range(0, len(texts), _BATCH):
            part = self._backend.encode_batch_fast(list(texts[start : start + _BATCH]), add_special_tokens=False)
            found += [np.array(entry.ids, dtype=np.int32) for entry in part]
        return found

    def singles(self, texts: Sequence[TokenIds]) -> TokenBatch:
        """Lay out texts, cut to the model's length."""
        room = self._limit - self._single.size
        return _fill(self._single, [(text[:room],) for text in texts])

    def pairs(self, first: TokenIds, seconds: Sequence[TokenIds]) -> TokenBatch:
        """Lay out one pair per entry of `seconds`, the longer text of each cut first."""
        room = self._limit - self._pair.size
        rows: list[tuple[TokenIds, ...]] = []
        for second in seconds:
            one, two = cut(len(first), len(second), room)
            rows.append((first[:one], second[:two]))
        return _fill(self._pair, rows)


def cut(first: int, second: int, room: int) -> tuple[int, int]:
    """Return how many tokens of two texts stay, as the tokenizer's `longest_first` truncation cuts them."""
    if first + second <= room:
        return first, second
    swapped = first > second
    short, long = (second, first) if swapped else (first, second)
    long = short if short > room else max(short, room - short)
    if short + long > room:
        short, long = room // 2, room // 2 + room % 2
    return (long, short) if swapped else (short, long)


def _frame(probe: Encoding, texts: int) -> _Frame:
    """Read the special tokens off a probe whose texts have at least one token each."""
    parts: list[tuple[list[int], list[int]]] = [([], []) for _ in range(texts + 1)]
    types, before = [0] * texts, 0
    for token, kind, sequence, special in zip(
        probe.ids, probe.type_ids, probe.sequence_ids, probe.special_tokens_mask, strict=True
    ):
        if special or sequence is None:
            parts[before][0].append(token)
            parts[before][1].append(kind)
        else:
            before = sequence + 1
            types[sequence] = kind
    return _Frame(tuple(parts), tuple(types))


def _fill(frame: _Frame, rows: Sequence[tuple[TokenIds, ...]]) -> TokenBatch:
    """Lay out rows of (text, ...) with the frame's special tokens; padding is 0 everywhere."""
    longest = max((frame.size + sum(len(text) for text in row) for row in rows), default=0)
    ids: Ints = np.zeros((len(rows), longest), dtype=np.int64)
    types: Ints = np.zeros((len(rows), longest), dtype=np.int64)
    mask: Ints = np.zeros((len(rows), longest), dtype=np.int64)
    for number, row in enumerate(rows):
        at = 0
        for place, (special, special_types) in enumerate(frame.parts):
            end = at + len(special)
            ids[number, at:end], types[number, at:end] = special, special_types
            at = end
            if place < len(row):
                end = at + len(row[place])
                ids[number, at:end], types[number, at:end] = row[place], frame.types[place]
                at = end
        mask[number, :at] = 1
    return TokenBatch(ids, mask, types)
