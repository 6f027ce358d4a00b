"""Several jobs judged on the same queries or customers, held against the first of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aisle_trainer.domain.metrics import Figure, bootstrap_weights, mean_figure
from aisle_trainer.errors import FailedPrecondition

MOST_JOBS = 20
_SEED = 23


@dataclass(frozen=True, slots=True)
class Judged:
    """How one job's model did."""

    job: str
    metric: str
    value: float
    data: str
    """What it was judged on: task, dataset version and split, in words."""
    unit_ids: tuple[str, ...] = ()
    """Queries or customers; empty when the job was not evaluated."""
    unit_values: tuple[float, ...] = ()


def paired_with_first(jobs: Sequence[Judged]) -> list[Figure | None]:
    """Return each job's mean difference to the first, with a bootstrap interval over units; None where there is none.

    Raises FailedPrecondition when the jobs were not judged on the same data.
    """
    first = jobs[0]
    for other in jobs[1:]:
        if (other.metric, other.data) != (first.metric, first.data) or other.unit_ids != first.unit_ids:
            raise FailedPrecondition(
                "The jobs were judged on different data.",
                reason="JOBS_NOT_COMPARABLE",
                next_step="Compare jobs of the same tasks, dataset versions and folds, all with a bundle or all without.",
                facts={"training_job": other.job, "compared_with": first.job},
            )
    draws = bootstrap_weights(len(first.unit_ids), _SEED) if first.unit_ids else None
    found: list[Figure | None] = [None]
    for other in jobs[1:]:
        if draws is None:
            found.append(None)
            continue
        apart = np.asarray(other.unit_values) - np.asarray(first.unit_values)
        found.append(mean_figure(first.metric, apart, draws))
    return found
