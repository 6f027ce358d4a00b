"""What the rules ask of an inference engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from aisle_ranker.domain.arrays import Vectors
from aisle_ranker.domain.tokens import TokenBatch

RANKER, EMBEDDER = "ranker", "embedder"
EMBEDDING = "embedding"


@dataclass(frozen=True, slots=True)
class Inference:
    """Outputs of one run."""

    outputs: dict[str, Vectors]
    """By name; the first axis is the batch."""
    seconds: float
    """Time of the run itself, waiting for a free worker left out where the engine knows."""


class Engine(Protocol):
    """Runs the two models of a bundle. Every implementation gives the same answers for the same files."""

    @property
    def name(self) -> str:
        """`onnxruntime` or `kserve`."""
        ...

    @property
    def workers(self) -> int:
        """Runs at the same time; 0 when the engine decides."""
        ...

    async def run(self, model: str, batch: TokenBatch, outputs: Sequence[str], timeout: float | None) -> Inference:
        """Run `ranker` or `embedder`; raises EngineUnavailable when there is no answer within `timeout` seconds."""
        ...

    async def close(self) -> None:
        """Free what it holds; runs under way end first."""
        ...
