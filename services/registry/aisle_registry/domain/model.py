"""What the registry keeps: versions with their evidence, verdicts, and the moves of aliases.

Times are seconds since the epoch, rounded to microseconds.
"""

from dataclasses import dataclass
from enum import StrEnum


class Task(StrEnum):
    """What an evaluation is about."""

    SEARCH_RELEVANCE = "search_relevance"
    PURCHASE = "purchase"


class Comparator(StrEnum):
    """What a gate compares the candidate with."""

    ABSOLUTE = "absolute"
    BEATS_CHAMPION = "beats_champion"
    NOT_WORSE_THAN_CHAMPION = "not_worse_than_champion"


class VersionState(StrEnum):
    """How far a version has come."""

    REGISTERED = "registered"
    REJECTED = "rejected"
    ACCEPTED = "accepted"


class Cause(StrEnum):
    """Why an alias moved."""

    PROMOTION = "promotion"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class BundleFile:
    """One file of a bundle."""

    path: str
    """Relative name inside the bundle, for example `ranker.int8.onnx`."""
    sha256: str
    """64 lower-case hex digits."""
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure with its 95 % interval; `lower == upper == value` when none was computed."""

    name: str
    value: float
    lower: float
    upper: float
    sample_count: int


@dataclass(frozen=True, slots=True)
class SystemScore:
    """How one system did."""

    system: str
    """`model` or the name of a baseline."""
    metrics: tuple[Metric, ...] = ()
    unit_values: tuple[float, ...] = ()
    """Per-unit values of the task's main metric, in the order of the evaluation's units; may be empty."""

    def metric(self, name: str) -> Metric | None:
        """Return the figure called `name`."""
        return next((metric for metric in self.metrics if metric.name == name), None)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The evidence on one task."""

    task: Task
    dataset_version: str = ""
    unit_ids: tuple[str, ...] = ()
    """Queries or customers, each once."""
    systems: tuple[SystemScore, ...] = ()

    def system(self, name: str) -> SystemScore | None:
        """Return the score of the system called `name`."""
        return next((score for score in self.systems if score.system == name), None)


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition of promotion; a missing score fails it."""

    metric: str
    comparator: Comparator
    threshold: float
    task: Task = Task.SEARCH_RELEVANCE


@dataclass(frozen=True, slots=True)
class GateResult:
    """What one gate found; values that are missing are NaN."""

    gate: Gate
    passed: bool
    candidate_value: float
    champion_value: float
    explanation: str
    """One sentence for people."""
    difference: Metric | None = None
    """Paired difference candidate - champion; None when no pairs were compared."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What all gates said of a version."""

    passed: bool
    champion: str
    """`models/{model}/versions/{version}`, or the name of a baseline."""
    results: tuple[GateResult, ...]
    create_time: float


@dataclass(frozen=True, slots=True)
class Submission:
    """A verified bundle with its evidence, on its way to become a version."""

    model: str
    """Id of the model."""
    files: tuple[BundleFile, ...]
    training_job: str = ""
    dataset_versions: tuple[str, ...] = ()
    training_spec: bytes = b""
    """Serialized TrainingSpec; the rules never look into it."""
    evaluations: tuple[Evaluation, ...] = ()


@dataclass(frozen=True, slots=True)
class Rewrite:
    """One rewriting of a version's bundle by the erasure of a person."""

    sequence: int
    """Counts up from 1 per version."""
    erasure: str
    """`erasures/{erasure}`; empty when the bundle arrived after the erasure."""
    digest_before: str
    digest_after: str
    paths: tuple[str, ...]
    create_time: float


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A bundle with its evidence, the newest verdict, and the aliases that point at it now."""

    number: int
    bundle_digest: str
    submission: Submission
    create_time: float
    verdict: Verdict | None = None
    aliases: tuple[str, ...] = ()
    rewrites: tuple[Rewrite, ...] = ()

    @property
    def name(self) -> str:
        """`models/{model}/versions/{version}`."""
        return version_name(self.submission.model, self.number)

    @property
    def state(self) -> VersionState:
        """Follows from the newest verdict."""
        if self.verdict is None:
            return VersionState.REGISTERED
        return VersionState.ACCEPTED if self.verdict.passed else VersionState.REJECTED


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """A named line of versions."""

    model: str
    version_count: int
    latest_version: int
    aliases: tuple[tuple[str, int], ...]
    """(alias, version number) pairs by alias."""


def version_name(model: str, number: int) -> str:
    """Return `models/{model}/versions/{version}`; "" for number 0, which stands for no version."""
    return f"models/{model}/versions/{number}" if number else ""
