"""What an answer says about itself and about each result, and how it comes to be stage by stage."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from aisle_ranker.domain.arrays import Floats, Ints

LEXICAL, EMBED, VECTOR_STAGE, FUSE, NEURAL_STAGE, RECALL = "lexical", "embed", "vector", "fuse", "neural", "recall"
DEADLINE, ENGINE_UNAVAILABLE, NO_MODEL = "DEADLINE", "ENGINE_UNAVAILABLE", "NO_MODEL"


@dataclass(frozen=True, slots=True)
class Component:
    """One source's view of a result."""

    source: str
    score: float
    rank: int
    """From 1; 0 when the source only re-scored."""


@dataclass(frozen=True, slots=True)
class Result:
    """One product of an answer."""

    product_id: str
    title: str
    score: float
    components: tuple[Component, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """How long one stage took and how many candidates it left."""

    name: str
    duration_ms: float
    candidate_count: int


@dataclass(frozen=True, slots=True)
class Degradation:
    """A stage that was skipped or cut short, and why."""

    stage: str
    cause: str


@dataclass(frozen=True, slots=True)
class Source:
    """Scores of one source for the candidates of an answer; NaN where it said nothing."""

    scores: Floats
    ranks: Ints

    @classmethod
    def unranked(cls, scores: Floats) -> "Source":
        """Make a source that only re-scored."""
        return cls(scores, np.zeros(len(scores), dtype=np.int64))

    def taken(self, order: Ints) -> "Source":
        """Return the source for the candidates in another order."""
        return Source(self.scores[order], self.ranks[order])


@dataclass(frozen=True, slots=True)
class Count:
    """How many matching products have one value."""

    value: str
    count: int
    filter: str
    """Expression that keeps just these."""


@dataclass(frozen=True, slots=True)
class Relaxation:
    """One thing that was given up because nothing matched."""

    reason: str
    dropped_filter: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a search of the catalogue says beside its results."""

    total_count: int = 0
    facets: tuple[tuple[str, tuple[Count, ...]], ...] = ()
    """Counts by key, in the order asked for."""
    corrected_query: str = ""
    relaxations: tuple[Relaxation, ...] = ()
    dataset_version: str = ""
    """Dataset version of the catalogue; "" without one."""


NO_FINDING = Finding()


@dataclass(frozen=True, slots=True)
class Ordering:
    """All candidates of an answer, best first."""

    product_ids: Sequence[str]
    titles: Sequence[str]
    scores: Floats
    sources: Mapping[str, Source]
    finding: Finding = NO_FINDING

    def __len__(self) -> int:
        """Return the number of candidates."""
        return len(self.product_ids)

    def results(self, offset: int, count: int) -> list[Result]:
        """Return one page."""
        return [self._result(position) for position in range(offset, min(offset + count, len(self)))]

    def _result(self, at: int) -> Result:
        components = tuple(
            Component(name, float(source.scores[at]), int(source.ranks[at]))
            for name, source in self.sources.items()
            if source.scores[at] == source.scores[at]
        )
        return Result(self.product_ids[at], self.titles[at], float(self.scores[at]), components)


@dataclass(slots=True)
class Trail:
    """Stages of one answer as they happen."""

    clock: Callable[[], float] = time.perf_counter
    stages: list[Stage] = field(default_factory=list)
    degradations: list[Degradation] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator["StageCount"]:
        """Time the block as one stage; the block sets how many candidates are left."""
        started, left = self.clock(), StageCount()
        try:
            yield left
        finally:
            self.stages.append(Stage(name, (self.clock() - started) * 1000, left.candidates))

    def degrade(self, stage: str, cause: str) -> None:
        """Note that a stage was left out or cut short; "" as cause notes nothing."""
        found = Degradation(stage, cause)
        if cause and found not in self.degradations:
            self.degradations.append(found)


@dataclass(slots=True)
class StageCount:
    """Candidates that a stage left."""

    candidates: int = 0


@dataclass(frozen=True, slots=True)
class Ranking:
    """An ordering with the story of how it was made."""

    ordering: Ordering
    model_version: str
    dataset_version: str
    """Dataset version behind the index that was asked; "" when the manifest names none."""
    stages: tuple[Stage, ...]
    degradations: tuple[Degradation, ...]

    def later(self, stages: Sequence[Stage]) -> "Ranking":
        """Return the same ranking as read again from memory, with the timings of that."""
        return replace(self, stages=tuple(stages))
