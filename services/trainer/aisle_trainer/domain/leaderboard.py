"""A leaderboard: systems judged on the same units, ranked, each tested against a reference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from aisle_trainer.domain.metrics import Figure, Floats, mean_figure
from aisle_trainer.domain.paired_tests import Paired, holm, paired_test
from aisle_trainer.domain.plan import Task
from aisle_trainer.domain.shelf import Exposure
from aisle_trainer.errors import InvalidField

RANDOM, ZERO_SHOT = "random", "zero_shot"
BM25, TFIDF = "bm25", "tfidf_ridge"
POPULARITY, RECENT, OWN, KNN, EASE, ALS = "popularity", "recent_popularity", "own_purchases", "item_knn", "ease", "als"
BASELINES: Final[Mapping[Task, tuple[str, ...]]] = {
    Task.SEARCH_RELEVANCE: (RANDOM, BM25, TFIDF, ZERO_SHOT),
    Task.PURCHASE: (RANDOM, POPULARITY, RECENT, OWN, KNN, EASE, ALS, ZERO_SHOT),
}
DEFAULT_CUTOFF = {Task.SEARCH_RELEVANCE: 10, Task.PURCHASE: 20}
DEFAULT_UNITS = {Task.SEARCH_RELEVANCE: 2_000, Task.PURCHASE: 500}
MOST_MODELS = 10
SMALLEST_SLICE = 5
"""Slices with fewer units are left out."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is compared; `task` None means whatever the columns of the dataset fit, 0 in a number its default."""

    dataset: str
    task: Task | None = None
    training_jobs: tuple[str, ...] = ()
    baselines: tuple[str, ...] = ()
    """Empty means all of the task."""
    without_baselines: bool = False
    cutoff: int = 0
    max_units: int = 0
    seed: int = 0
    reference: str = ""
    exclude_bought: bool = False
    products: str = ""

    def chosen(self, task: Task) -> tuple[str, ...]:
        """Return the baselines for `task`; raises InvalidField when one is not for it."""
        if self.without_baselines:
            return ()
        for index, name in enumerate(self.baselines):
            if name not in BASELINES[task]:
                known = ", ".join(BASELINES[task])
                raise InvalidField(f"spec.baselines[{index}]", f"is not for {task}", next_step=f"Choose from {known}.")
        return self.baselines or BASELINES[task]

    def filled(self, task: Task) -> "Question":
        """Return the question about `task` with defaults in place of zeros."""
        units, cutoff = self.max_units or DEFAULT_UNITS[task], self.cutoff or DEFAULT_CUTOFF[task]
        return replace(self, task=task, cutoff=cutoff, max_units=units)


def checked(question: Question) -> Question:
    """Return `question`, with defaults where the task is known; raises InvalidField with the path of the first bad field."""
    tasks = (question.task,) if question.task is not None else tuple(BASELINES)
    if any(task not in BASELINES for task in tasks):
        raise InvalidField(
            "spec.task", "has no leaderboard", next_step="Use SEARCH_RELEVANCE or PURCHASE, or leave it open."
        )
    known = {name for task in tasks for name in BASELINES[task]}
    for index, name in enumerate(question.baselines):
        if name not in known:
            raise InvalidField(
                f"spec.baselines[{index}]",
                "is not a known baseline",
                next_step=f"Choose from {', '.join(sorted(known))}.",
            )
    for field_name, values in (("baselines", question.baselines), ("training_jobs", question.training_jobs)):
        if len(set(values)) < len(values):
            raise InvalidField(f"spec.{field_name}", "names one twice")
    if len(question.training_jobs) > MOST_MODELS:
        raise InvalidField("spec.training_jobs", f"must be at most {MOST_MODELS}")
    if question.without_baselines and (question.baselines or not question.training_jobs):
        raise InvalidField("spec.without_baselines", "needs training_jobs, and no baselines beside it")
    if question.exclude_bought and question.task is Task.SEARCH_RELEVANCE:
        raise InvalidField("spec.exclude_bought", "is for PURCHASE only")
    for field_name, value, low, high in (
        ("cutoff", question.cutoff, 1, 100),
        ("max_units", question.max_units, 10, 100_000),
        ("seed", question.seed, 0, 2**63 - 1),
    ):
        if value and not low <= value <= high:
            raise InvalidField(f"spec.{field_name}", f"must be 0 or from {low} to {high}")
    allowed = {*question.training_jobs, *(question.baselines or (() if question.without_baselines else known))}
    if question.reference and question.reference not in allowed:
        raise InvalidField("spec.reference", "is not among the systems that are compared")
    return question if question.task is None else question.filled(question.task)


@dataclass(frozen=True, slots=True)
class Standing:
    """How one system did; its first figure is the main one."""

    system: str
    figures: tuple[Figure, ...]
    values: Floats
    """Main metric per unit, (units,)."""
    slices: tuple[Figure, ...] = ()
    """Main metric on parts of the units; the name is the part's."""
    reliability: tuple[tuple[float, float, int], ...] = ()
    exposure: tuple[Exposure, ...] = ()
    cpu_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Skipped:
    """A system that could not take part, and why."""

    system: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Board:
    """The result."""

    task: Task
    dataset_version: str
    split: str
    main_metric: str
    unit_count: int
    reference: str
    standings: tuple[Standing, ...]
    """Best first."""
    tests: Mapping[str, Paired] = field(default_factory=dict)
    """By system, all but the reference."""
    skipped: tuple[Skipped, ...] = ()


def ranked(
    standings: Sequence[Standing], reference: str, seed: int
) -> tuple[tuple[Standing, ...], str, dict[str, Paired]]:
    """Return the standings best first, the reference, and every other system's test against it.

    An asked-for reference that could not take part gives way to the best.
    """
    order = tuple(sorted(standings, key=lambda one: -one.figures[0].value))
    best = next((one for one in order if one.system == reference), order[0])
    others = [one for one in order if one is not best]
    name = best.figures[0].name
    raw = [paired_test(name, one.values, best.values, seed) for one in others]
    corrected = holm([one.sign_flip_p for one in raw])
    tests = {one.system: replace(test, holm_p=p) for one, test, p in zip(others, raw, corrected, strict=True)}
    return order, best.system, tests


def figure_of(name: str, values: Floats, draws: NDArray[np.int32]) -> Figure:
    """Return the mean over the units that have a value (not NaN), with its interval; NaN figures have no units."""
    known = ~np.isnan(values)
    if known.all():
        return mean_figure(name, values, draws)
    return weighted_figure(name, np.where(known, values, 0.0), known.astype(np.float64), draws)


def weighted_figure(name: str, values: Floats, weights: Floats, draws: NDArray[np.int32]) -> Figure:
    """Return the weighted mean over units with its bootstrap interval."""
    count = int((weights > 0).sum())
    if not count:
        return Figure.point(name, float("nan"), 0)
    value = float((values * weights).sum() / weights.sum())
    below = draws @ weights
    kept = below > 0
    samples = (draws @ (values * weights))[kept] / below[kept]
    lower, upper = np.percentile(samples, [2.5, 97.5])
    return Figure(name, value, min(float(lower), value), max(float(upper), value), count)


def slices_of(parts: Mapping[str, NDArray[np.bool_]], values: Floats, draws: NDArray[np.int32]) -> tuple[Figure, ...]:
    """Return the main metric on each part of the units that is not tiny."""
    return tuple(
        weighted_figure(name, values, mask.astype(np.float64), draws)
        for name, mask in parts.items()
        if mask.sum() >= SMALLEST_SLICE
    )


def commonest(labels: Sequence[str], name: str, most: int = 5) -> dict[str, NDArray[np.bool_]]:
    """Return the units of each of the commonest labels; "" means unknown."""
    found = np.array(labels, dtype=object)
    known, counts = np.unique(np.array([one for one in labels if one], dtype=str), return_counts=True)
    top = known[np.argsort(-counts, kind="stable")[:most]]
    return {f"{name}={label}": np.asarray(found == label, dtype=np.bool_) for label in top.tolist()}
