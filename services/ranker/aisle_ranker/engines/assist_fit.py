"""Fits the classifier of messages with scikit-learn; runs in a child process, so that serving never imports it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aisle_ranker.domain.arrays import Floats, Ints
from aisle_ranker.domain.assist.classifier import (
    INTENT,
    KINDS,
    Acquaintance,
    Evaluation,
    Head,
    calibration_error,
    features,
    label_counts,
    part_of,
    softmax,
    tokens,
)
from aisle_ranker.domain.assist.knowledge import Example
from aisle_ranker.errors import TooFewLabels

FEWEST_PER_LABEL, FEWEST_LABELS_TO_REFUSE = 10, 6
PENALTIES = (1.0, 10.0, 100.0)
CALIBRATE_RATIO, TEST_RATIO = 0.15, 0.1
ROUNDS = 9
AIMED_REFUSAL, CERTAINTY, DRAWS = 0.9, 0.95, 500
"""The least score is such that this share of unseen messages stays below it, for this share of the draws of labels: intents
differ much in how near they are to others."""
FAMILIAR_RATIO = 0.95
"""With few labels: share of the calibration messages that are to be supported."""
MOST_WEIGHTS, FEWEST_MESSAGES_OF_A_FEATURE = 2_500_000, 2
TRAIN, CALIBRATE, TEST = 0, 1, 2
Progress = Callable[[float, str], None]


def fit(examples: Sequence[Example], seed: int, progress: Progress = lambda ratio, phase: None) -> dict[str, Head]:
    """Learn every kind of label of which there is enough. Deterministic. Raises TooFewLabels when there is none."""
    heads = {}
    for number, kind in enumerate(KINDS):
        labelled = [(one.text, label) for one in examples if (label := getattr(one, kind))]
        kept, left_out = _enough(labelled)
        if len({label for _, label in kept}) >= 2:

            def told(ratio: float, number: int = number, kind: str = kind) -> None:
                progress((number + ratio) / len(KINDS), f"learn {kind}")

            heads[kind] = fit_head(kind, kept, left_out, seed, told)
    if not heads:
        raise TooFewLabels(FEWEST_PER_LABEL)
    return heads


def _enough(labelled: Sequence[tuple[str, str]]) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    """Leave out labels with too few messages that differ."""
    different = {(part_of(text, 0), label) for text, label in labelled}
    counts = label_counts([label for _, label in different])
    known = {label for label, count in counts.items() if count >= FEWEST_PER_LABEL}
    return [entry for entry in labelled if entry[1] in known], tuple(sorted(counts.keys() - known))


@dataclass(frozen=True, slots=True)
class Table:
    """Labelled messages as arrays."""

    matrix: Any
    """(messages, buckets) sparse."""
    target: Ints
    """(messages,) label numbers."""
    part: Ints
    """(messages,) TRAIN, CALIBRATE or TEST."""


@dataclass(frozen=True, slots=True)
class Linear:
    """One score per label, and what was seen of each."""

    columns: Ints
    weights: Floats
    bias: Floats
    seen: Any
    """(columns, labels) bool."""
    rarity: Floats
    """(buckets,)."""

    def scores(self, matrix: Any) -> Floats:
        """(messages, labels)."""
        return np.asarray(matrix[:, self.columns] @ self.weights + self.bias)

    def signals(self, matrix: Any) -> Floats:
        """(messages, 2): margin between the two best labels, share of the message seen in the best one."""
        scores = self.scores(matrix)
        best = scores.argmax(1)
        ordered = np.sort(scores, axis=1)
        weighed = matrix.multiply(self.rarity[None, :]).tocsr()
        total = np.asarray(weighed.sum(1)).ravel()
        shares = np.asarray(weighed[:, self.columns] @ self.seen.astype(np.float64))[np.arange(len(best)), best]
        return np.stack([ordered[:, -1] - ordered[:, -2], shares / np.maximum(total, 1e-12)], axis=1)


def fit_head(
    kind: str, labelled: Sequence[tuple[str, str]], left_out: tuple[str, ...], seed: int, told: Callable[[float], None]
) -> Head:
    """Learn one kind of label: penalty, temperature and least score are chosen on the calibration part.

    Then both parts together teach the classifier that is tested and kept.
    """
    labels = sorted({label for _, label in labelled})
    number = {label: at for at, label in enumerate(labels)}
    target = np.array([number[label] for _, label in labelled], dtype=np.int64)
    texts = [text for text, _ in labelled]
    table = Table(_matrix(texts), target, _parts(texts, target, seed))
    train, calibrate, test = (table.part == one for one in (TRAIN, CALIBRATE, TEST))
    tried = []
    for at, penalty in enumerate(PENALTIES):
        scores = _linear(table, train, len(labels), penalty).scores(table.matrix[calibrate])
        tried.append((_macro_f1(scores.argmax(1), target[calibrate]), -at, penalty, scores))
        told((at + 1) / 8)
    _, _, penalty, scores = max(tried, key=lambda entry: entry[:2])
    temperature = _temperature(scores, target[calibrate])
    model = _linear(table, ~test, len(labels), penalty)
    final = model.scores(table.matrix[test])
    how_known, min_score, refusal, tells = final.max(1), 0.0, None, None
    if kind == INTENT:
        if len(labels) < FEWEST_LABELS_TO_REFUSE:
            shares = _linear(table, train, len(labels), penalty).signals(table.matrix[calibrate])[:, 1]
            weights, min_score = np.array([0.0, 1.0, 0.0]), float(np.quantile(shares, 1 - FAMILIAR_RATIO))
        else:
            weights, min_score, refusal = _refusing(
                table, len(labels), penalty, seed, lambda ratio: told((4 + 4 * ratio) / 8)
            )
        how_known = _log_odds(weights, model.signals(table.matrix[test]))
        # A feature that no message had is as rare as can be: any bucket outside the columns tells how rare.
        unknown = float(_rarity(int((~test).sum()), np.zeros(1))[0])
        rarity = model.rarity[model.columns].astype(np.float32)
        tells = Acquaintance(model.seen, rarity, unknown, *(float(weight) for weight in weights))
    return Head(
        kind=kind,
        labels=tuple(labels),
        buckets=model.columns,
        weights=model.weights.astype(np.float32),
        bias=model.bias.astype(np.float32),
        temperature=temperature,
        min_score=min_score,
        evaluation=_evaluation(
            final, target[test], how_known >= min_score, int((~test).sum()), temperature, refusal, left_out
        ),
        acquaintance=tells,
    )


def _matrix(texts: Sequence[str]) -> Any:
    from scipy.sparse import csr_matrix

    from aisle_ranker.domain.assist.classifier import BUCKETS

    found = [features(text) for text in texts]
    starts = np.concatenate([[0], np.cumsum([len(one) for one in found])])
    columns = np.fromiter((bucket for one in found for bucket in one), dtype=np.int64, count=int(starts[-1]))
    values = np.fromiter((value for one in found for value in one.values()), dtype=np.float64, count=int(starts[-1]))
    return csr_matrix((values, columns, starts), shape=(len(texts), BUCKETS))


def _parts(texts: Sequence[str], target: Ints, seed: int) -> Ints:
    """Part of each message: of every label's groups of alike messages a tenth tests, 15 % calibrate, at least one each."""
    group_of = [" ".join(sorted(set(tokens(text)))) for text in texts]
    label_of: dict[str, int] = {}
    for group, label in zip(group_of, target, strict=True):
        label_of.setdefault(group, int(label))
    part: dict[str, int] = {}
    for label in set(label_of.values()):
        groups = sorted((g for g in label_of if label_of[g] == label), key=lambda g: (part_of(g, seed), g))
        tests = math.ceil(TEST_RATIO * len(groups))
        held = tests + math.ceil(CALIBRATE_RATIO * len(groups))
        for at, group in enumerate(groups):
            part[group] = TEST if at < tests else CALIBRATE if at < held else TRAIN
    return np.array([part[group] for group in group_of], dtype=np.int64)


def _linear(table: Table, rows: Any, count: int, penalty: float) -> Linear:
    """Fit one logistic regression per label against the others, on features that two messages have."""
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    matrix, target = table.matrix[rows], table.target[rows]
    having = np.asarray((matrix > 0).sum(0)).ravel()
    columns = np.flatnonzero(having)
    if len(columns) > MOST_WEIGHTS // count:
        columns = np.sort(columns[np.argsort(-having[columns], kind="stable")[: MOST_WEIGHTS // count]])
    learnt = having[columns] >= FEWEST_MESSAGES_OF_A_FEATURE
    taught = matrix[:, columns[learnt]]
    weights, bias = np.zeros((len(columns), count)), np.full(count, -1e3)
    for label in np.unique(target):
        model = LogisticRegression(C=penalty, solver="liblinear", random_state=0, max_iter=200)
        model.fit(taught, target == label)
        # Half precision is what is stored, so it is what is measured.
        weights[learnt, label] = model.coef_[0].astype(np.float16)
        bias[label] = model.intercept_[0]
    belongs = csr_matrix((np.ones(len(target)), (np.arange(len(target)), target)), shape=(len(target), count))
    seen = ((matrix[:, columns] > 0).astype(np.float32).T @ belongs).toarray() > 0
    return Linear(columns.astype(np.int64), weights, bias, seen, _rarity(len(target), having))


def _rarity(count: int, having: Any) -> Floats:
    rarity = np.log(1 + (count - having + 0.5) / (having + 0.5))
    return np.asarray(rarity.astype(np.float16).astype(np.float64))


def _temperature(scores: Floats, target: Ints) -> float:
    """Return the divisor with the least negative log-likelihood. Source: Guo et al. 2017, section 4.2."""
    tried = np.logspace(-1.0, 1.5, 101)
    rows = np.arange(len(target))
    losses = [-np.log(softmax(scores, one)[rows, target] + 1e-12).mean() for one in tried]
    return float(tried[int(np.argmin(losses))])


def _refusing(
    table: Table, count: int, penalty: float, seed: int, told: Callable[[float], None]
) -> tuple[Floats, float, float]:
    """Return weights of (margin, share, 1), the least score, and the share of unseen test messages below it.

    Each round keeps a ninth of the labels from the classifier; to it, their messages are questions that nobody foresaw.
    """
    from sklearn.linear_model import LogisticRegression

    shuffled = np.random.default_rng(seed).permutation(count)
    familiar, unseen, unseen_labels, unseen_test = [], [], [], []
    for at in range(ROUNDS):
        out = np.isin(table.target, shuffled[at::ROUNDS])
        model = _linear(table, (table.part == TRAIN) & ~out, count, penalty)
        held = table.part == CALIBRATE
        familiar.append(model.signals(table.matrix[held & ~out]))
        # Messages that taught nothing because of their label need no part of their own.
        final = _linear(table, (table.part != TEST) & ~out, count, penalty)
        unseen.append(final.signals(table.matrix[(table.part != TEST) & out]))
        unseen_labels.append(table.target[(table.part != TEST) & out])
        unseen_test.append(final.signals(table.matrix[(table.part == TEST) & out]))
        told((at + 1) / ROUNDS)
    signals = np.concatenate([*familiar, *unseen])
    belongs = np.arange(len(signals)) < sum(len(one) for one in familiar)
    scale = signals.std(0) + 1e-9
    model = LogisticRegression(class_weight="balanced").fit(signals / scale, belongs)
    weights = np.array([*(model.coef_[0] / scale), model.intercept_[0]])
    least = _bound(_log_odds(weights, np.concatenate(unseen)), np.concatenate(unseen_labels), seed)
    return weights, least, float((_log_odds(weights, np.concatenate(unseen_test)) < least).mean())


def _bound(scores: Floats, labels: Ints, seed: int) -> float:
    """Return the score that `AIMED_REFUSAL` of unseen messages stay below, with `CERTAINTY` over which labels are unseen."""
    rng = np.random.default_rng(seed)
    by_label = [scores[labels == label] for label in np.unique(labels)]
    drawn = rng.integers(0, len(by_label), (DRAWS, len(by_label)))
    quantiles = [np.quantile(np.concatenate([by_label[at] for at in draw]), AIMED_REFUSAL) for draw in drawn]
    return float(np.quantile(quantiles, CERTAINTY))


def _log_odds(weights: Floats, signals: Floats) -> Floats:
    return np.asarray(signals @ weights[:2] + weights[2])


def _evaluation(
    scores: Floats,
    target: Ints,
    covered: NDArray[np.bool_],
    train_count: int,
    temperature: float,
    refusal: float | None,
    left_out: tuple[str, ...],
) -> Evaluation:
    told = scores.argmax(1)
    right = (told == target).astype(np.float64)
    return Evaluation(
        train_count=train_count,
        test_count=len(target),
        macro_f1=_macro_f1(told, target),
        accuracy=float(right.mean()),
        calibration_error=calibration_error(softmax(scores, temperature).max(1), right),
        coverage=float(covered.mean()),
        covered_accuracy=float(right[covered].mean()) if covered.any() else 0.0,
        refusal=refusal,
        left_out=left_out,
    )


def _macro_f1(told: Ints, target: Ints) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(target, told, labels=np.unique(target), average="macro", zero_division=0))
