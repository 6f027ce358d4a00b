"""The smoke test of a loaded model: it must answer the requests of its bundle as the trainer recorded them."""

import json
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aisle_ranker.domain.answer import Ordering, Trail
from aisle_ranker.domain.budget import Deadline
from aisle_ranker.domain.catalog import LiveModel
from aisle_ranker.domain.engine import EMBEDDER, EMBEDDING, RANKER
from aisle_ranker.domain.profile import taste
from aisle_ranker.domain.recommend import Recommend
from aisle_ranker.domain.search import Search
from aisle_ranker.errors import BundleInvalid, GoldenMismatch

INT8 = "int8"
DEFAULT_TOLERANCE = 0.05
LARGEST_TURN = 0.5
"""Largest length of the difference of two embeddings, relative to the expected one; unrelated texts are near 1.4."""
SMALLEST_OVERLAP = 0.5
"""Mean share of the expected first products that must be among the first ones; int8 may swap near-equal ones."""


@dataclass(frozen=True, slots=True)
class Golden:
    """Contents of `golden.json`, as far as its examples are well formed."""

    pairs: Sequence[Mapping[str, Any]]
    embeddings: Sequence[Mapping[str, Any]]
    search: Sequence[Mapping[str, Any]]
    recommend: Sequence[Mapping[str, Any]]


def parse_golden(data: bytes) -> Golden:
    """Read `golden.json`; raises BundleInvalid when it is malformed or holds no example that tests the model."""
    try:
        raw = json.loads(data)
        golden = Golden(*(_examples(raw, kind) for kind in ("pairs", "embeddings", "search", "recommend")))
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise BundleInvalid("golden.json is malformed") from None
    if not golden.pairs and not golden.embeddings:
        raise BundleInvalid("golden.json holds no example")
    return golden


@dataclass(frozen=True, slots=True)
class SmokeTest:
    """Compares a loaded model with its golden requests."""

    search: Search
    recommend: Recommend
    precision: str
    """`int8` or `fp32`: which of the bundle's graphs the engine runs."""

    async def check(self, live: LiveModel, golden: Golden) -> None:
        """Raise GoldenMismatch at the first example that differs, EngineUnavailable when the engine does not answer."""
        try:
            for number, example in enumerate(golden.pairs):
                await self._pair(live, example, f"pairs[{number}]")
            for number, example in enumerate(golden.embeddings):
                await self._embedding(live, example, f"embeddings[{number}]")
            await self._tops(golden.search, "search", lambda example: self._searched(live, example))
            await self._tops(golden.recommend, "recommend", lambda example: self._recommended(live, example))
        except (KeyError, TypeError, ValueError, IndexError):
            raise BundleInvalid("golden.json holds an example without its fields") from None

    async def _pair(self, live: LiveModel, example: Mapping[str, Any], name: str) -> None:
        first, second = live.tokenizer.ids(example["text_a"]), live.tokenizer.ids(example["text_b"])
        head = str(example["head"])
        if head not in live.manifest.heads:
            raise BundleInvalid("golden.json tests a head that the manifest does not name")
        inference = await live.engine.run(RANKER, live.tokenizer.pairs(first, [second]), (head,), None)
        found, expected = float(inference.outputs[head][0]), float(example["expected"])
        tolerance = float(example.get("tolerance", DEFAULT_TOLERANCE))
        if self.precision == INT8:
            tolerance = float(example.get("tolerance_int8", tolerance))
        if not math.isfinite(found) or abs(found - expected) > tolerance:
            raise GoldenMismatch(name, f"logit {found:.4f} instead of {expected:.4f}")

    async def _embedding(self, live: LiveModel, example: Mapping[str, Any], name: str) -> None:
        batch = live.tokenizer.singles([live.tokenizer.ids(example["text"])])
        inference = await live.engine.run(EMBEDDER, batch, (EMBEDDING,), None)
        vector = inference.outputs[EMBEDDING][0]
        expected = np.asarray(example["expected_first8"], dtype=np.float64)
        if len(vector) != live.manifest.embedding_dim:
            raise GoldenMismatch(name, "the embedding has another size than the manifest says")
        turn = float(np.linalg.norm(vector[: len(expected)] - expected))
        if not turn <= LARGEST_TURN * float(np.linalg.norm(expected)) + 1e-3:
            raise GoldenMismatch(name, "the embedding points elsewhere")

    async def _searched(self, live: LiveModel, example: Mapping[str, Any]) -> Ordering:
        deadline, trail = Deadline(None), Trail()
        return await self.search.order(live, str(example["query"]), skip_neural=False, deadline=deadline, trail=trail)

    async def _recommended(self, live: LiveModel, example: Mapping[str, Any]) -> Ordering:
        shopper = taste(live, str(example["customer_id"]), (), ())
        return await self.recommend.for_you(live, shopper, skip_neural=False, deadline=Deadline(None), trail=Trail())

    async def _tops(
        self,
        examples: Sequence[Mapping[str, Any]],
        kind: str,
        answer: Callable[[Mapping[str, Any]], Awaitable[Ordering]],
    ) -> None:
        """Compare the first products of every example; what counts is the mean, since near-equal ones may swap."""
        shares = []
        for example in examples:
            expected = list(example["top_product_ids"])
            if expected:
                found = (await answer(example)).product_ids[: len(expected)]
                shares.append(len(set(expected) & set(found)) / len(set(expected)))
        if shares and sum(shares) / len(shares) < SMALLEST_OVERLAP:
            raise GoldenMismatch(kind, f"{sum(shares) / len(shares):.0%} of the expected first products came first")


def _examples(raw: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    entries = raw.get(kind) or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise TypeError
    return entries
