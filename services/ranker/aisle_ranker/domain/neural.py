"""The neural stages: embeddings and the cross-encoder, within what is left of the caller's time."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from aisle_ranker.domain.answer import DEADLINE, ENGINE_UNAVAILABLE, NO_MODEL
from aisle_ranker.domain.arrays import Floats, TokenIds, Vectors
from aisle_ranker.domain.blend import sigmoid
from aisle_ranker.domain.budget import CostModel, Deadline
from aisle_ranker.domain.catalog import LiveModel
from aisle_ranker.domain.engine import EMBEDDER, EMBEDDING, RANKER, Inference
from aisle_ranker.domain.tokens import TokenBatch
from aisle_ranker.errors import EngineUnavailable

DEFAULT_BATCH = 8


class StageSkipped(Exception):
    """A neural stage gives nothing, or nothing more; `cause` says why."""

    def __init__(self, cause: str) -> None:
        """Keep the cause of the answer's degradation."""
        super().__init__(cause)
        self.cause = cause


@dataclass(slots=True)
class Neural:
    """Runs the live model's engine piece by piece and learns what the pieces cost."""

    batch_size: int = DEFAULT_BATCH
    """Pairs per piece: small enough to stop in time, large enough to use the processor."""
    costs: dict[str, CostModel] = field(default_factory=dict)
    """By model of the bundle."""

    async def embed(self, live: LiveModel, text: TokenIds, deadline: Deadline) -> Vectors:
        """Return the embedding (dim,) of a text; raises StageSkipped."""
        batch = live.tokenizer.singles([text])
        inference = await self._run(live, EMBEDDER, batch, EMBEDDING, deadline)
        vector: Vectors = inference.outputs[EMBEDDING][0]
        return vector

    async def embed_all(self, live: LiveModel, texts: Sequence[TokenIds], deadline: Deadline) -> tuple[Vectors, str]:
        """Return embeddings (texts, dim), zeros from where time ran out, and the cause of that ("" when all are there)."""
        found = np.zeros((len(texts), live.manifest.embedding_dim), dtype=np.float32)
        for start in range(0, len(texts), self.batch_size):
            batch = live.tokenizer.singles(texts[start : start + self.batch_size])
            try:
                inference = await self._run(live, EMBEDDER, batch, EMBEDDING, deadline)
            except StageSkipped as skipped:
                return found, skipped.cause
            found[start : start + self.batch_size] = inference.outputs[EMBEDDING]
        return found, ""

    async def score(
        self, live: LiveModel, head: str, first: TokenIds, seconds: Sequence[TokenIds], deadline: Deadline
    ) -> tuple[Floats, str]:
        """Return sigmoid(logit) per entry of `seconds`, NaN from where time ran out, and the cause of that or ""."""
        scores = np.full(len(seconds), np.nan)
        if head not in live.manifest.heads:
            return scores, NO_MODEL
        done = 0
        while done < len(seconds):
            try:
                batch, count = self._fitting(live, first, seconds[done : done + self.batch_size], deadline)
                inference = await self._run(live, RANKER, batch, head, deadline)
            except StageSkipped as skipped:
                return scores, skipped.cause
            scores[done : done + count] = sigmoid(inference.outputs[head])
            done += count
        return scores, ""

    def _fitting(
        self, live: LiveModel, first: TokenIds, seconds: Sequence[TokenIds], deadline: Deadline
    ) -> tuple[TokenBatch, int]:
        """Return the largest piece, of these pairs or half of them and so on, that is predicted to end in time."""
        count, cost = len(seconds), self._cost(live, RANKER)
        while True:
            batch = live.tokenizer.pairs(first, seconds[:count])
            if count == 1 or deadline.allows(cost.predict(batch.cells)):
                return batch, count
            count //= 2

    async def _run(self, live: LiveModel, model: str, batch: TokenBatch, output: str, deadline: Deadline) -> Inference:
        cost, left = self._cost(live, model), deadline.left()
        if left <= 0 or cost.predict(batch.cells) > left:
            cost.relax()
            raise StageSkipped(DEADLINE)
        cost.backlog += batch.cells
        try:
            inference = await live.engine.run(model, batch, (output,), None if left == float("inf") else left)
        except TimeoutError:
            cost.learn(batch.cells, left)
            raise StageSkipped(DEADLINE) from None
        except EngineUnavailable:
            raise StageSkipped(ENGINE_UNAVAILABLE) from None
        finally:
            cost.backlog -= batch.cells
        cost.learn(batch.cells, inference.seconds)
        return inference

    def _cost(self, live: LiveModel, model: str) -> CostModel:
        cost = self.costs.get(model)
        if cost is None or cost.workers != live.engine.workers:
            cost = self.costs[model] = CostModel(workers=live.engine.workers)
        return cost
