"""What an answer says about itself and about each result, and how it comes to be stage by stage."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from aisle_ranker.domain.arrays import Floats, Ints

LEXICAL, EMBED, VECTOR_STAGE, FUSE, NEURAL_STAGE, RECALL = "lexical", "embed", "vector", "fuse", "neural", "recall"
RULES = "rules"
DEADLINE, ENGINE_UNAVAILABLE, NO_MODEL = "DEADLINE", "ENGINE_UNAVAILABLE", "NO_MODEL"


@dataclass(frozen=True, slots=True)
class Component:
    """One source's view of a result."""

    source: str
    score: float
    rank: int
    """From 1; 0 when the source only re-scored."""


@dataclass(frozen=True, slots=True)
class Move:
    """What changed the position of a result."""

    kind: str
    """`boost`, `bury`, `pin`, `cap`, `diversity` or `exploration`."""
    rule: str
    """Id of the rule, "" for diversity and exploration."""
    before: int
    """Position from 1; 0 for a product that was not found."""
    after: int


@dataclass(frozen=True, slots=True)
class Result:
    """One product of an answer."""

    product_id: str
    title: str
    score: float
    components: tuple[Component, ...]
    contributions: tuple[tuple[str, float], ...] = ()
    """What each feature and boost adds; their sum from the first to the last is the score to the bit."""
    moves: tuple[Move, ...] = ()
    propensity: float = 1.0
    """Probability of being shown at this position."""


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
class Step:
    """Moves of many candidates for one reason; who has the same position before and after was not moved."""

    kind: str
    rule: str
    before: Ints
    """Positions from 1; 0 for a candidate that was not found."""
    after: Ints

    def taken(self, order: Ints) -> "Step":
        """Return the step for the candidates in another order."""
        return Step(self.kind, self.rule, self.before[order], self.after[order])


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
    parts: Mapping[str, Floats] = field(default_factory=dict)
    """What each feature and boost adds to each score, in the order of adding."""
    steps: Sequence["Step"] = ()
    """What moved candidates, in the order of happening."""
    propensities: Floats | None = None
    """None: every product is where it is for certain."""
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
        return Result(
            self.product_ids[at],
            self.titles[at],
            float(self.scores[at]),
            components,
            contributions=tuple((name, float(values[at])) for name, values in self.parts.items()),
            moves=tuple(
                Move(step.kind, step.rule, int(step.before[at]), int(step.after[at]))
                for step in self.steps
                if step.before[at] != step.after[at]
            ),
            propensity=1.0 if self.propensities is None else float(self.propensities[at]),
        )


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
    serving_config: str = ""
    serving_config_version: int = 0
    invalid: Sequence[tuple[str, str]] = ()
    """(field, problem) of conditions of the request that were ignored."""

    def later(self, stages: Sequence[Stage]) -> "Ranking":
        """Return the same ranking as read again from memory, with the timings of that."""
        return replace(self, stages=tuple(stages))
