"""The label doctor: which graded query-product labels are probably wrong, and what they should be.

Every label is predicted by a model that has seen no label of its query; a label far from that prediction is suspect.
Source: Northcutt, Jiang & Chuang 2021 (confident learning), sections 3 and 4: rank by out-of-fold probabilities, then fix. Grades are
ordered, so suspects are ranked by the expected distance between the given and the predicted grade, and the median of the prediction is
proposed. The counts of their confident joint are left out: with unequal classes it called half of all labels wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aisle_governance.domain.kinds import MAX_GRADE
from aisle_governance.engines.label_context import context_features, title_vectors
from aisle_governance.engines.text_match import match_features
from aisle_governance.errors import FailedPrecondition

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
FOLDS = 5
MIN_QUERIES, MIN_ROWS = 10, 100
GRADES = int(MAX_GRADE) + 1
ROUNDS = 2
"""Draws of which half of a query speaks for which; their predictions are averaged."""
NOISE_RATIO = 0.05
"""Share of wrong grades that `ranking_harm` expects; from 0.02 to 0.1 its order is worth the same."""
TOP = 10
"""Places of a ranking that count."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the doctor says of every label; arrays are (row,) in the order of the rows given."""

    probabilities: Floats
    """(row, grade) out-of-fold probability of the grades 0 to 3."""
    surprise: Floats
    """Expected distance between the given and the predicted grade, 0 to 3; the measure by which suspects are ranked."""
    proposed: Ints
    """Median of the prediction."""
    accuracy_ratio: float
    """Share of labels that the model predicts exactly, 0 to 1; with a low one suspects mean little."""

    given: Ints
    """Grades given, as whole numbers."""
    harm: Floats
    """What the order of the query's best products is expected to lose by the label; see `ranking_harm`."""

    @property
    def suspects(self) -> Ints:
        """Rows with another grade proposed than given, from the most to the least suspect."""
        order = np.argsort(-self.surprise, kind="stable")
        return np.asarray(order[self.proposed[order] != self.given[order]])

    @property
    def worth_a_look(self) -> Ints:
        """All rows, those first whose label, were it wrong, would cost the ranking most; many will turn out right."""
        return np.asarray(np.argsort(-self.harm, kind="stable"))


def diagnose(frame: pd.DataFrame, seed: int = 0) -> Diagnosis:
    """Judge each label of `frame`, which has query_id, query, title, description and grade (0 to 3).

    Raises FailedPrecondition (TOO_FEW_LABELS) below 10 queries or 100 rows, or when there is one grade only.
    """
    query_ids = pd.factorize(frame["query_id"])[0].astype(np.int64)
    grade = frame["grade"].to_numpy(np.float64)
    given = np.clip(np.rint(grade), 0, MAX_GRADE).astype(np.int64)
    if len(frame) < MIN_ROWS or query_ids.max(initial=-1) + 1 < MIN_QUERIES or len(np.unique(given)) < 2:
        raise FailedPrecondition(
            f"A label review needs {MIN_ROWS} labels of {MIN_QUERIES} queries and two grades; fewer teach a model nothing.",
            reason="TOO_FEW_LABELS",
            next_step="Import more judgments.",
        )
    texts = [frame[column].fillna("").astype(str).tolist() for column in ("query", "title", "description")]
    features = match_features(query_ids, *texts)
    probabilities = predict(features, texts[1], given, query_ids, seed)
    return judge(probabilities, grade, given, query_ids)


def predict(features: Floats, titles: Sequence[str], given: Ints, groups: Ints, seed: int = 0) -> Floats:
    """(row, grade) probabilities of each label that saw neither the label nor a model that was trained on its query.

    A first model reads the texts; a second also reads the other labels of the query (`context_features`).
    """
    first, vectors = out_of_fold(features, given, groups, seed), title_vectors(titles)
    rounds = []
    for number in range(ROUNDS):
        context = context_features(vectors, given, groups, first, seed + number)
        rounds.append(out_of_fold(np.column_stack([features, first, context]), given, groups, seed + number))
    return np.asarray(np.mean(rounds, axis=0))


def out_of_fold(features: Floats, given: Ints, groups: Ints, seed: int = 0) -> Floats:
    """(row, grade) probabilities by gradient-boosted trees that were trained on other groups.

    One thread: on cores that others use too, OpenMP threads that wait for each other took ten times as long.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        return _out_of_fold(features, given, groups, seed)


def _out_of_fold(features: Floats, given: Ints, groups: Ints, seed: int) -> Floats:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import GroupKFold

    probabilities = np.zeros((len(given), GRADES))
    for train, test in GroupKFold(FOLDS, shuffle=True, random_state=seed).split(features, given, groups):
        if len(np.unique(given[train])) == 1:
            probabilities[test, given[train][0]] = 1.0
            continue
        model = HistGradientBoostingClassifier(
            learning_rate=0.08,
            max_iter=80,
            max_leaf_nodes=15,
            min_samples_leaf=40,
            l2_regularization=1.0,
            early_stopping=False,
            random_state=seed,
        )
        model.fit(features[train], given[train])
        probabilities[np.ix_(test, model.classes_)] = model.predict_proba(features[test])
    return probabilities


def judge(probabilities: Floats, grade: Floats, given: Ints, groups: Ints | None = None) -> Diagnosis:
    """Compare given grades with predictions; without `groups` all rows are of one query."""
    scale = np.arange(GRADES, dtype=np.float64)
    surprise = (probabilities * np.abs(scale - grade[:, None])).sum(axis=1)
    proposed = (np.cumsum(probabilities, axis=1) < 0.5 - 1e-12).sum(axis=1)
    accuracy = float((probabilities.argmax(axis=1) == given).mean())
    harm = ranking_harm(probabilities, given, np.zeros(len(given), dtype=np.int64) if groups is None else groups)
    return Diagnosis(probabilities, surprise, proposed.astype(np.int64), accuracy, given, harm)


def ranking_harm(probabilities: Floats, given: Ints, groups: Ints) -> Floats:
    """How much the order of a query's best products is expected to lose by each label, (row,), 0 and up.

    Expected change of the gain 2^grade, the given grade being right but for `NOISE_RATIO` of all labels, times the share of
    the query's NDCG@10 that its place carries. Labels of one grade share their places.
    """
    rows = np.arange(len(given))
    chances = np.full((len(given), GRADES), NOISE_RATIO / (GRADES - 1))
    chances[rows, given] = 1 - NOISE_RATIO
    posterior = probabilities * chances
    posterior /= np.maximum(posterior.sum(axis=1, keepdims=True), 1e-12)
    gains = np.exp2(np.arange(GRADES))
    change = (posterior * np.abs(gains - gains[given][:, None])).sum(axis=1)
    return np.asarray(change * _place_shares(given, groups))


def _place_shares(given: Ints, groups: Ints) -> Floats:
    """Mean discount of the places that the labels of a row's grade take in its query, over the query's ideal DCG."""
    shares, gains = np.zeros(len(given)), np.exp2(np.arange(GRADES)) - 1
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    for rows in np.split(order, starts[1:]):
        ranked = rows[np.argsort(-given[rows], kind="stable")]
        discounts = np.zeros(len(ranked))
        discounts[:TOP] = 1 / np.log2(np.arange(2, len(discounts[:TOP]) + 2))
        ideal = float((gains[given[ranked]] * discounts).sum())
        counts = np.bincount(given[ranked], minlength=GRADES)
        sums = np.bincount(given[ranked], weights=discounts, minlength=GRADES)
        shares[ranked] = (sums / np.maximum(counts, 1))[given[ranked]] / max(ideal, 1e-9)
    return shares
