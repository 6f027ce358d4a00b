"""Histories of customers, what is held back of each, and how well the held-back item is ranked among all items.

The last item of a customer is the test, the one before it the validation (Kang & McAuley 2018, section IV). Every item
of the data is ranked, none is sampled (Krichene & Rendle 2020).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aisle_trainer.domain.metrics import Figure, bootstrap_weights, mean_figure

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Scores = NDArray[np.float32]
Scorer = Callable[[Sequence[Ints]], Scores]
"""Histories -> a score for every item as the next, (histories, items)."""
TOP = 10
FEWEST_EVENTS = 3
"""Events of a customer from which on the last two are held back."""
BLOCK = 256
"""Histories that are scored at once."""


@dataclass(frozen=True, slots=True)
class SequenceData:
    """Items in the order in which each customer took them."""

    dataset_version: str
    product_ids: list[str]
    titles: list[str]
    """Title of each item, "" where none is known."""
    sequences: list[Ints]
    """Item numbers 0.. per customer, oldest first."""

    def training(self) -> list[Ints]:
        """What may be learned from: all but the two items held back; customers with too few items wholly."""
        return [found[:-2] if len(found) >= FEWEST_EVENTS else found for found in self.sequences]

    def held(self, back: int) -> tuple[list[Ints], Ints]:
        """Histories and the items that follow: `back` 1 the test, 2 the validation."""
        judged = [found for found in self.sequences if len(found) >= FEWEST_EVENTS]
        return [found[:-back] for found in judged], np.array([found[-back] for found in judged], dtype=np.int64)


def split_in_words(shuffle_days: bool) -> str:
    """Say how the test split is drawn."""
    order = "the order inside a customer's day drawn at random" if shuffle_days else "events ordered by time"
    return f"last item of each customer with {FEWEST_EVENTS} or more, last but one for validation; all items ranked; {order}"


def ranks(scorer: Scorer, histories: Sequence[Ints], targets: Ints, without_seen: bool) -> Floats:
    """Return the rank 0.. of each target among all items; of equal scores half count as higher.

    `without_seen` takes the items of the history out of the ranking, but for the target.
    """
    found = np.zeros(len(targets))
    for start in range(0, len(targets), BLOCK):
        part, wanted = histories[start : start + BLOCK], targets[start : start + BLOCK]
        scores = scorer(part)
        rows = np.arange(len(part))
        own = scores[rows, wanted].copy()
        if without_seen:
            for row, history in enumerate(part):
                scores[row, history] = -np.inf
            scores[rows, wanted] = own
        higher, equal = (scores > own[:, None]).sum(1), (scores == own[:, None]).sum(1) - 1
        found[start : start + BLOCK] = higher + equal / 2
    return found


def ndcg_rows(found: Floats) -> Floats:
    """NDCG@10 of each target by its rank 0..; there is one right item, so the ideal is 1."""
    return np.where(found < TOP, 1 / np.log2(found + 2), 0.0)


def recall_rows(found: Floats) -> Floats:
    """Whether each target is among the first 10."""
    return (found < TOP).astype(np.float64)


def figures(found: Floats, seed: int) -> tuple[Figure, ...]:
    """NDCG@10 and Recall@10 with intervals over customers."""
    draws = bootstrap_weights(len(found), seed)
    return (
        mean_figure(f"ndcg@{TOP}", ndcg_rows(found), draws),
        mean_figure(f"recall@{TOP}", recall_rows(found), draws),
    )


def difference(name: str, one: Floats, other: Floats, seed: int) -> Figure:
    """NDCG@10 of the ranks `one` minus that of `other`, paired over customers."""
    return mean_figure(name, ndcg_rows(one) - ndcg_rows(other), bootstrap_weights(len(one), seed))
