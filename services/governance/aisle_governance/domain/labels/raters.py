"""What several raters mean together."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MAX_CLASSES = 20


class LabelConflict(StrEnum):
    """How grades of one query and product that differ become one."""

    MEAN = "MEAN"
    """Mean by weight."""
    MEDIAN = "MEDIAN"
    """Lower weighted median: a grade that somebody gave."""
    MAJORITY = "MAJORITY"
    """Heaviest grade; of equally heavy ones that nearest to the mean, then the lower."""
    RATER_QUALITY = "RATER_QUALITY"
    """Expected grade after each rater's errors were estimated from all judgments (Dawid & Skene)."""


@dataclass(frozen=True, slots=True)
class Consensus:
    """One grade per item."""

    grade: Floats
    variance: Floats
    """(item,) mean squared distance of the raters' grades to `grade`, or the posterior's variance for RATER_QUALITY."""


def agree(policy: LabelConflict, item: Ints, rater: Ints, grade: Floats, weight: Floats) -> Consensus:
    """One grade for each item 0 to max(item); every item needs a judgment, and all arrays are (judgment,).

    RATER_QUALITY looks at all judgments at once, so it should be given items with one judgment too; with more than 20 different
    grades there are no classes to confuse, and it falls back to MEAN.
    """
    count = int(item.max()) + 1 if len(item) else 0
    total = np.bincount(item, weights=weight, minlength=count).astype(np.float64)
    mean = np.bincount(item, weights=weight * grade, minlength=count) / total
    match policy:
        case LabelConflict.MEAN:
            chosen = mean
        case LabelConflict.MEDIAN:
            chosen = _median(item, grade, weight, total)
        case LabelConflict.MAJORITY:
            chosen = _majority(item, grade, weight, mean)
        case LabelConflict.RATER_QUALITY:
            classes, code = np.unique(grade, return_inverse=True)
            if len(classes) > MAX_CLASSES:
                return agree(LabelConflict.MEAN, item, rater, grade, weight)
            posterior = dawid_skene(item, rater, code.astype(np.int64), len(classes)).posterior
            chosen = posterior @ classes
            return Consensus(chosen, np.maximum(posterior @ classes**2 - chosen**2, 0.0))
    spread = np.bincount(item, weights=weight * (grade - chosen[item]) ** 2, minlength=count) / total
    return Consensus(chosen, spread)


def _median(item: Ints, grade: Floats, weight: Floats, total: Floats) -> Floats:
    order = np.lexsort((grade, item))
    item, grade, weight = item[order], grade[order], weight[order]
    running = np.cumsum(weight)
    starts = np.searchsorted(item, np.arange(len(total)))
    before = np.where(starts > 0, running[starts - 1], 0.0)
    reached = running - before[item] >= total[item] / 2 - 1e-12
    first = np.full(len(total), len(item))
    np.minimum.at(first, item[reached], np.flatnonzero(reached))
    return np.asarray(grade[first])


def _majority(item: Ints, grade: Floats, weight: Floats, mean: Floats) -> Floats:
    classes, code = np.unique(grade, return_inverse=True)
    cell, place = np.unique(item * len(classes) + code, return_inverse=True)
    heavy = np.round(np.bincount(place, weights=weight), 9)  # sums in another order must still tie
    owner, value = cell // len(classes), classes[cell % len(classes)]
    order = np.lexsort((value, np.round(np.abs(value - mean[owner]), 9), -heavy, owner))
    first = np.searchsorted(owner[order], np.arange(len(mean)))
    return np.asarray(value[order][first])


@dataclass(frozen=True, slots=True)
class RaterFit:
    """What `dawid_skene` has found."""

    posterior: Floats
    """(item, class) probability of each true class."""
    confusion: Floats
    """(rater, true class, given class); each row sums to 1."""
    prior: Floats
    """(class,) share of the items."""


def dawid_skene(
    item: Ints, rater: Ints, given: Ints, class_count: int, *, iterations: int = 50, smoothing: float = 1.0
) -> RaterFit:
    """Estimate each item's true class and each rater's confusion matrix together, by EM from the raters' shares.

    `smoothing` judgments are added to each row of a confusion matrix, spread like the mean row of all raters, so that a rater with
    few judgments is taken for an average one. Source: Dawid & Skene 1979, section 3.
    """
    items, raters = int(item.max(initial=-1)) + 1, int(rater.max(initial=-1)) + 1
    posterior = np.zeros((items, class_count))
    np.add.at(posterior, (item, given), 1.0)
    posterior /= posterior.sum(axis=1, keepdims=True)
    confusion, prior = np.zeros((raters, class_count, class_count)), np.zeros(class_count)
    for _ in range(iterations):
        prior = (posterior.sum(axis=0) + 1.0) / (items + class_count)
        counts = np.zeros((raters, class_count, class_count))
        np.add.at(counts.transpose(0, 2, 1), (rater, given), posterior[item])
        pooled = counts.sum(axis=0) + smoothing / class_count
        pooled /= pooled.sum(axis=1, keepdims=True)
        confusion = counts + smoothing * pooled
        confusion /= confusion.sum(axis=2, keepdims=True)
        evidence = np.tile(np.log(prior), (items, 1))
        np.add.at(evidence, item, np.log(confusion[rater, :, given]))
        evidence -= evidence.max(axis=1, keepdims=True)
        new = np.exp(evidence)
        new /= new.sum(axis=1, keepdims=True)
        change = float(np.abs(new - posterior).max(initial=0.0))
        posterior = new
        if change < 1e-6:
            break
    return RaterFit(posterior, confusion, prior)
