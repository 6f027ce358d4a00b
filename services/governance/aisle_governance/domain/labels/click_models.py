"""Click models: how attractive a product is to a query, apart from where it was shown.

Notation of Chuklin, Markov & de Rijke 2015: a shopper examines a position (E), and clicks (C) on what she has examined and finds
attractive. Every model is fitted by EM over arrays; pairs with little evidence are drawn to the mean of all pairs.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
_SMALL = 1e-9


class ClickModel(StrEnum):
    """How a shopper reads a list."""

    PBM = "PBM"
    """Examination depends on the position alone."""
    CASCADE = "CASCADE"
    """From the top to the first click."""
    DBN = "DBN"
    """From the top; each click may satisfy, and the shopper may give up after each result."""


@dataclass(frozen=True, slots=True)
class ClickLog:
    """Lists that were shown, and what was clicked in them."""

    pairs: Ints
    """(list, rank) index of the (query, product) shown there; -1 where the list was shorter."""
    clicks: Bools
    """(list, rank) whether it was clicked."""
    pair_count: int
    """Number of different pairs; indexes are below it."""

    @property
    def shown(self) -> Bools:
        """(list, rank) whether something was shown there."""
        return self.pairs >= 0


@dataclass(frozen=True, slots=True)
class Fit:
    """What a model has found."""

    attractiveness: Floats
    """(pair,) probability of a click once examined, 0 to 1."""
    variance: Floats
    """(pair,) variance of `relevance` given how often the pair was examined."""
    satisfaction: Floats
    """(pair,) probability that a click ends the search; 1 for models that do not know it."""
    examination: Floats
    """(rank,) share of the lists in which a position was examined; for the PBM relative to the first position."""
    continuation: float
    """Probability of going on after a result that did not satisfy; 1 for models that do not know it."""
    iteration_count: int

    @property
    def relevance(self) -> Floats:
        """(pair,) attractiveness times satisfaction, the DBN's measure of relevance."""
        return self.attractiveness * self.satisfaction


def fit(model: ClickModel, log: ClickLog, *, prior_weight: float = 1.0, iterations: int = 100) -> Fit:
    """Fit `model` to `log`; `prior_weight` is how many examinations the mean of all pairs counts. An empty log gives an empty fit."""
    match model:
        case ClickModel.PBM:
            return fit_pbm(log, prior_weight, iterations)
        case ClickModel.CASCADE:
            return fit_cascade(log, prior_weight)
        case ClickModel.DBN:
            return fit_dbn(log, prior_weight, iterations)


def fit_pbm(log: ClickLog, prior_weight: float = 1.0, iterations: int = 100, tolerance: float = 1e-6) -> Fit:
    """Position-based model: P(click) = examination(rank) * attractiveness(pair), the first rank's examination being 1.

    It needs pairs that were seen at different ranks; a pair that only ever stood at one is told apart by its prior alone.
    Source: Craswell et al. 2008, section 3; Chuklin, Markov & de Rijke 2015, sections 3.2 and 4.2 (EM).
    """
    pair, rank, shown, clicked = _cells(log)
    ranks = log.pairs.shape[1]
    clicks_of_pair = _sum(pair, clicked, log.pair_count)
    shown_at = np.maximum(_sum(rank, shown, ranks), _SMALL)
    clicks_at = _sum(rank, clicked, ranks)
    mean = clicked.sum() / max(shown.sum(), 1.0)
    attractive = np.full(log.pair_count, min(max(mean, 0.01), 0.9))
    examined = np.where(np.arange(ranks) == 0, 1.0, 0.5)  # from 1 everywhere EM could not move
    examinations = np.zeros(log.pair_count)
    done = 0
    for _ in range(iterations):
        done += 1
        # E: an unclicked result was examined with this probability; a clicked one certainly was.
        both = examined[rank] * attractive[pair]
        unclicked = (shown - clicked) * (examined[rank] - both) / np.maximum(1.0 - both, _SMALL)
        examinations = clicks_of_pair + _sum(pair, unclicked, log.pair_count)
        # M
        attractive = _shrunk(clicks_of_pair, examinations, prior_weight)
        new = np.clip((clicks_at + _sum(rank, unclicked, ranks)) / shown_at, _SMALL, 1.0)
        new[0] = 1.0  # only the product of both is seen, so one of them needs a fixed scale
        change = float(np.abs(new - examined).max(initial=0.0))
        examined = new
        if change < tolerance:
            break
    variance = _variance(attractive, examinations, prior_weight)
    return Fit(attractive, variance, np.ones(log.pair_count), examined, 1.0, done)


def fit_cascade(log: ClickLog, prior_weight: float = 1.0) -> Fit:
    """Cascade model: everything down to the first click was examined, nothing below it; the maximum has a closed form.

    Clicks after the first contradict the model and are left out.
    Source: Craswell et al. 2008, section 3.4.
    """
    earlier: Ints = np.cumsum(log.clicks, axis=1) - log.clicks
    examined = log.shown & (earlier == 0)
    pair = log.pairs[examined]
    clicks = _sum(pair, log.clicks[examined].astype(np.float64), log.pair_count)
    examinations = _sum(pair, np.ones(len(pair)), log.pair_count)
    attractive = _shrunk(clicks, examinations, prior_weight)
    share = examined.sum(axis=0) / np.maximum(log.shown.sum(axis=0), 1)
    variance = _variance(attractive, examinations, prior_weight)
    return Fit(attractive, variance, np.ones(log.pair_count), share, 1.0, 1)


def fit_dbn(log: ClickLog, prior_weight: float = 1.0, iterations: int = 100, tolerance: float = 1e-6) -> Fit:
    """Dynamic Bayesian network: attractiveness, satisfaction after a click, and one probability of going on.

    Down to the last click everything was examined and no click had satisfied; below it, examination is inferred from the
    silence. Source: Chapelle & Zhang 2009, section 3 and appendix (EM); relevance = attractiveness * satisfaction.
    """
    lists, ranks = log.pairs.shape
    pair, shown, clicks = np.maximum(log.pairs, 0), log.shown, log.clicks
    place = np.arange(ranks)
    last = np.where(clicks.any(axis=1), ranks - 1 - np.argmax(clicks[:, ::-1], axis=1), -1)
    before, at, after = (place < last[:, None]) & shown, place == last[:, None], (place > last[:, None]) & shown
    ends = ~np.concatenate([shown[:, 1:], np.zeros((lists, 1), bool)], axis=1)
    clicks_of_pair = _sum(pair[clicks], np.ones(int(clicks.sum())), log.pair_count)
    judged_clicks = _sum(pair[clicks & ~(at & ends)], np.ones(int((clicks & ~(at & ends)).sum())), log.pair_count)
    attractive = _shrunk(clicks_of_pair, _sum(pair[shown], np.ones(int(shown.sum())), log.pair_count), prior_weight)
    satisfied, going_on = np.full(log.pair_count, 0.5), 0.8
    examined = np.zeros((lists, ranks))
    examinations = np.zeros(log.pair_count)
    done = 0
    for _ in range(iterations):
        done += 1
        silence = _silence(np.where(shown, attractive[pair], 0.0), shown, going_on)
        go = going_on * silence[:, 1:]  # (list, rank) going on after the rank, and no click below
        stay = 1.0 - going_on + go
        happy = satisfied[pair]
        weight = happy + (1.0 - happy) * stay
        examined = _examined(before | at, at, after, last, go, stay, happy, weight)
        content = np.where(at & ~ends, happy / np.maximum(weight, _SMALL), 0.0)
        examinations = _sum(pair[shown], examined[shown], log.pair_count)
        attractive = _shrunk(clicks_of_pair, examinations, prior_weight)
        satisfied = _shrunk(_sum(pair[at & ~ends], content[at & ~ends], log.pair_count), judged_clicks, prior_weight)
        unsatisfied = np.where(ends, 0.0, examined - content)
        went_on = np.where(ends[:, :-1], 0.0, examined[:, 1:]).sum()
        new = float(np.clip(went_on / max(unsatisfied.sum(), _SMALL), _SMALL, 1.0))
        change, going_on = abs(new - going_on), new
        if change < tolerance:
            break
    share = np.where(shown, examined, 0.0).sum(axis=0) / np.maximum(shown.sum(axis=0), 1)
    spread = _product_variance(attractive, examinations, satisfied, judged_clicks, prior_weight)
    return Fit(attractive, spread, satisfied, share, going_on, done)


def _silence(attractive: Floats, shown: Bools, going_on: float) -> Floats:
    """(list, rank + 1) probability of no click from a rank on when it is examined; 1 behind the end of the list."""
    lists, ranks = attractive.shape
    silence = np.ones((lists, ranks + 1))
    for rank in range(ranks - 1, -1, -1):
        below = (1.0 - attractive[:, rank]) * (1.0 - going_on + going_on * silence[:, rank + 1])
        silence[:, rank] = np.where(shown[:, rank], below, 1.0)
    return silence


def _examined(
    known: Bools, at: Bools, after: Bools, last: Ints, go: Floats, stay: Floats, happy: Floats, weight: Floats
) -> Floats:
    """(list, rank) probability that a rank was examined, given all clicks of its list."""
    examined = known.astype(np.float64)
    examined[:, 0] = np.where(last < 0, 1.0, examined[:, 0])  # the first result always is
    for rank in range(1, known.shape[1]):
        from_click = (1.0 - happy[:, rank - 1]) * go[:, rank - 1] / np.maximum(weight[:, rank - 1], _SMALL)
        from_none = examined[:, rank - 1] * go[:, rank - 1] / np.maximum(stay[:, rank - 1], _SMALL)
        inferred = np.where(at[:, rank - 1], from_click, from_none)
        examined[:, rank] = np.where(after[:, rank], inferred, examined[:, rank])
    return examined


def _cells(log: ClickLog) -> tuple[Ints, Ints, Floats, Floats]:
    """Pair, rank, times shown and times clicked of every (pair, rank) that occurs: all that the PBM needs."""
    lists, ranks = np.nonzero(log.shown)
    code = log.pairs[lists, ranks] * log.pairs.shape[1] + ranks
    distinct, place = np.unique(code, return_inverse=True)
    shown = _sum(place, np.ones(len(place)), len(distinct))
    clicked = _sum(place, log.clicks[lists, ranks].astype(np.float64), len(distinct))
    return distinct // log.pairs.shape[1], distinct % log.pairs.shape[1], shown, clicked


def _sum(index: Ints, values: Floats, size: int) -> Floats:
    return np.bincount(index, weights=values, minlength=size).astype(np.float64)


def _shrunk(successes: Floats, trials: Floats, prior_weight: float) -> Floats:
    """Rate of each pair, drawn to the rate of all."""
    mean = successes.sum() / max(float(trials.sum()), _SMALL)
    rate = (successes + prior_weight * mean) / np.maximum(trials + prior_weight, _SMALL)
    return np.asarray(np.clip(rate, _SMALL, 1.0 - _SMALL))


def _variance(rate: Floats, trials: Floats, prior_weight: float) -> Floats:
    """Variance of the Beta posterior of a rate."""
    return np.asarray(rate * (1.0 - rate) / (trials + prior_weight + 1.0))


def _product_variance(
    attractive: Floats, examinations: Floats, satisfied: Floats, clicks: Floats, prior_weight: float
) -> Floats:
    """Variance of the product of two independent rates."""
    one, two = _variance(attractive, examinations, prior_weight), _variance(satisfied, clicks, prior_weight)
    return np.asarray(one * two + one * satisfied**2 + two * attractive**2)
