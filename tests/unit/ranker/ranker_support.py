"""Parts of the ranker's unit tests: an engine whose time obeys a clock, and a model that is all stubs."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from aisle_ranker.domain.arrays import TokenIds
from aisle_ranker.domain.catalog import LiveModel
from aisle_ranker.domain.engine import RANKER, Inference
from aisle_ranker.domain.golden import Golden
from aisle_ranker.domain.manifest import Manifest
from aisle_ranker.domain.tokens import TokenBatch
from aisle_ranker.engines.loader import BundleLoader, OnnxMaker
from aisle_ranker.errors import EngineUnavailable
from aisle_runtime.testing import FakeClock
from bundle_factory import Bundle, Reference


@dataclass(frozen=True)
class Opened:
    """A bundle with its model and the answers that it must give."""

    bundle: Bundle
    reference: Reference
    live: LiveModel
    golden: Golden


async def opened(bundle: Bundle, folder: Path, name: str = "models/m/versions/1") -> tuple[LiveModel, Golden]:
    maker = OnnxMaker(ThreadPoolExecutor(1), 1, 1, "int8")
    return await BundleLoader(maker).open(name, bundle.digest, bundle.write(folder), bundle.digests)


async def at_once(work: Callable[[], Any]) -> Any:
    """Run offloaded work in place."""
    return work()


@dataclass
class ScriptedEngine:
    """Takes `seconds_per_cell` of the clock's time; a pair's logit is the first token of its second text."""

    clock: FakeClock = field(default_factory=lambda: FakeClock(0.0))
    seconds_per_cell: float = 0.0
    workers: int = 1
    fails: type[Exception] | None = None
    name: str = "onnxruntime"
    runs: list[tuple[str, int]] = field(default_factory=list)
    """(model, rows) of every run."""
    closed: int = 0

    async def run(self, model: str, batch: TokenBatch, outputs: Sequence[str], timeout: float | None) -> Inference:
        self.runs.append((model, len(batch.input_ids)))
        await asyncio.sleep(0)
        if self.fails is not None:
            raise self.fails()
        seconds = batch.cells * self.seconds_per_cell
        if timeout is not None and seconds > timeout:
            self.clock.advance(timeout)
            raise TimeoutError
        self.clock.advance(seconds)
        column = batch.input_ids[:, -1].astype(np.float32)
        values = column if model == RANKER else np.stack([column, np.ones_like(column)], axis=1)
        return Inference(dict.fromkeys(outputs, values), seconds)

    async def close(self) -> None:
        self.closed += 1


class StubTokenizer:
    """One cell per text: its first token."""

    def singles(self, texts: Sequence[TokenIds]) -> TokenBatch:
        ids = np.array([[text[0]] for text in texts], dtype=np.int64)
        return TokenBatch(ids, np.ones_like(ids), np.zeros_like(ids))

    def pairs(self, first: TokenIds, seconds: Sequence[TokenIds]) -> TokenBatch:
        return self.singles(seconds)


def stub_model(engine: ScriptedEngine | None = None, name: str = "models/m/versions/1", **manifest: Any) -> LiveModel:
    """Return a model without indexes."""
    nothing: Any = None
    return LiveModel(
        name=name,
        bundle_digest="0" * 64,
        manifest=Manifest(max_tokens=8, embedding_dim=2, heads=("relevance",), **manifest),
        engine=engine or ScriptedEngine(),
        tokenizer=StubTokenizer(),  # type: ignore[arg-type]
        search=nothing,
        recommend=nothing,
        histories=nothing,
        idf={},
        live_time=datetime(2026, 1, 1, tzinfo=UTC),
    )


def tokens(*ids: int) -> list[TokenIds]:
    """Return one text per token."""
    return [np.array([number], dtype=np.int32) for number in ids]


class Away(ScriptedEngine):
    """An endpoint that does not answer."""

    def __init__(self) -> None:
        super().__init__(fails=EngineUnavailable)
