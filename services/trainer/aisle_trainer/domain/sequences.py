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


@dataclass(frozen=True, slots=True)
class NextItems:
    """The answer for one history."""

    product_ids: list[str]
    scores: list[float]
    known: int
    """Items of the history that the model knows; with none, popularity answers."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """Ranks of the same targets in two rankings."""

    among_all: Floats
    without_seen: Floats
    """With the items of the history taken out, but for the target."""

    def best(self) -> Floats:
        """Return those with the higher NDCG@10."""
        return self.without_seen if self.hides_seen() else self.among_all

    def hides_seen(self) -> bool:
        """Say whether taking out the items of the history ranks better."""
        return float(ndcg_rows(self.without_seen).mean()) > float(ndcg_rows(self.among_all).mean())

    def of(self, without_seen: bool) -> Floats:
        """Return one of both."""
        return self.without_seen if without_seen else self.among_all


def split_in_words(shuffle_days: bool) -> str:
    """Say how the test split is drawn."""
    order = "the order inside a customer's day drawn at random" if shuffle_days else "events ordered by time"
    return f"last item of each customer with {FEWEST_EVENTS} or more, last but one for validation; all items ranked; {order}"


def ranks(scorer: Scorer, histories: Sequence[Ints], targets: Ints) -> Ranks:
    """Return the rank 0.. of each target among all items; of equal scores half count as higher."""
    plain, hidden = np.zeros(len(targets)), np.zeros(len(targets))
    for start in range(0, len(targets), BLOCK):
        part, wanted = histories[start : start + BLOCK], targets[start : start + BLOCK]
        scores = scorer(part)
        rows = np.arange(len(part))
        own = scores[rows, wanted].copy()
        plain[start : start + BLOCK] = _ranks_of(own, scores)
        for row, history in enumerate(part):
            scores[row, history] = -np.inf
        scores[rows, wanted] = own
        hidden[start : start + BLOCK] = _ranks_of(own, scores)
    return Ranks(plain, hidden)


def _ranks_of(own: Scores, scores: Scores) -> Floats:
    higher, equal = (scores > own[:, None]).sum(1), (scores == own[:, None]).sum(1) - 1
    return np.asarray(higher + equal / 2)


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
