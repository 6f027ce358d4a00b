"""Token batches: what a model is fed with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from aisle_ranker.domain.arrays import Ints, TokenIds


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """Inputs of one model run, each (batch, seq); seq is the longest row, padding has mask 0."""

    input_ids: Ints
    attention_mask: Ints
    token_type_ids: Ints

    @property
    def cells(self) -> int:
        """Padded tokens in the batch: the measure of its cost."""
        return int(self.input_ids.size)


class Tokenizer(Protocol):
    """Splits texts into token ids and lays them out for the model."""

    def ids(self, text: str) -> TokenIds:
        """Return the ids of a text without special tokens."""
        ...

    def ids_of(self, texts: Sequence[str]) -> list[TokenIds]:
        """Return the ids of many texts."""
        ...

    def singles(self, texts: Sequence[TokenIds]) -> TokenBatch:
        """Lay out texts for the embedder, cut to the model's length."""
        ...

    def pairs(self, first: TokenIds, seconds: Sequence[TokenIds]) -> TokenBatch:
        """Lay out one pair per entry of `seconds` for the ranker, longest part cut first."""
        ...


@dataclass(frozen=True, slots=True)
class TokenStore:
    """Token ids of many titles in one array."""

    flat: TokenIds
    offsets: Ints
    """(titles + 1,): title i is flat[offsets[i]:offsets[i + 1]]."""

    @classmethod
    def of(cls, rows: Sequence[TokenIds]) -> "TokenStore":
        """Pack `rows`."""
        offsets = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum([len(row) for row in rows], out=offsets[1:])
        flat = np.concatenate(rows).astype(np.int32) if len(rows) else np.zeros(0, dtype=np.int32)
        return cls(flat, offsets)

    def row(self, number: int) -> TokenIds:
        """Return the ids of one title."""
        return self.flat[self.offsets[number] : self.offsets[number + 1]]

    def rows(self, numbers: Ints) -> list[TokenIds]:
        """Return the ids of several titles."""
        return [self.row(int(number)) for number in numbers]
