"""The classifier of messages: hashed n-grams, one linear score per label, a temperature, and a least score."""

import itertools
import math
import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aisle_ranker.domain.arrays import Floats, Ints, Vectors

BUCKETS = 1 << 18
INTENT, EMOTION, URGENCY = "intent", "emotion", "urgency"
KINDS = (INTENT, EMOTION, URGENCY)
_WORD = re.compile(r"[^\W\d_\u3400-\u9fff]+(?:['’][^\W\d_]+)?|\d+|[\u3400-\u9fff]")


def tokens(text: str) -> list[str]:
    """Lower-case words and single Han characters in order; every number is `0`, so that no order number is learnt."""
    return ["0" if word.isdigit() else word for word in _WORD.findall(text.lower())]


def features(text: str) -> dict[int, float]:
    """Return weights by bucket, of length 1: words, pairs of neighbours, and three to five letters of each word."""
    found = tokens(text)
    grams = [f"w {word}" for word in found]
    grams += [f"b {first} {second}" for first, second in itertools.pairwise(found)]
    for word in found:
        edged = f"<{word}>"
        grams += [f"c {edged[at : at + size]}" for size in (3, 4, 5) for at in range(len(edged) - size + 1)]
    counts = Counter(zlib.crc32(gram.encode()) % BUCKETS for gram in grams)
    weights = {bucket: 1 + math.log(count) for bucket, count in counts.items()}
    length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
    return {bucket: weight / length for bucket, weight in weights.items()}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures of the part that nothing was chosen on; see the contract's AssistHead."""

    train_count: int
    test_count: int
    macro_f1: float
    accuracy: float
    calibration_error: float
    coverage: float
    covered_accuracy: float
    refusal: float | None
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Guess:
    """What a head makes of a message."""

    ranked: tuple[tuple[str, float], ...]
    """(label, calibrated probability), best first."""
    score: float
    """How much speaks for the message belonging to the first label at all."""
    supported: bool
    """Whether the score reaches the head's least score."""


@dataclass(frozen=True, slots=True)
class Acquaintance:
    """Tells messages of the labels that were learnt from messages of others, which resemble them but use other words.

    What counts is the margin between the two best labels, and the share of the message, by weight and rarity, that was ever seen
    in a message of the best label.
    """

    seen: NDArray[np.bool_]
    """(features, labels): whether a message of the label had the feature."""
    rarity: Vectors
    """(features,): weight of each feature."""
    unknown_rarity: float
    """Weight of a feature that no message had."""
    margin_weight: float = 0.0
    share_weight: float = 1.0
    bias: float = 0.0

    def score(self, margin: float, share: float) -> float:
        """Return the log-odds that the message belongs to a label that was learnt, were both kinds equally frequent."""
        return self.margin_weight * margin + self.share_weight * share + self.bias


@dataclass(frozen=True, slots=True)
class Head:
    """One kind of label."""

    kind: str
    labels: tuple[str, ...]
    buckets: Ints
    """(features,) ascending: buckets that the weights belong to."""
    weights: Vectors
    """(features, labels)."""
    bias: Vectors
    """(labels,)."""
    temperature: float
    min_score: float
    evaluation: Evaluation
    acquaintance: Acquaintance | None = None
    """Only of intents; without it the score is that of the best label."""

    def guess(self, text: str) -> Guess:
        """Label a message; one without a single known feature, or of numbers only, is never supported."""
        found = features(text)
        wanted = np.fromiter(found, dtype=np.int64, count=len(found))
        values = np.fromiter(found.values(), dtype=np.float64, count=len(found))
        at = np.minimum(np.searchsorted(self.buckets, wanted), len(self.buckets) - 1)
        known = self.buckets[at] == wanted
        rows = at[known]
        scores = self.bias.astype(np.float64) + values[known] @ self.weights[rows].astype(np.float64)
        probability = softmax(scores[None, :], self.temperature)[0]
        order = np.argsort(-scores, kind="stable")
        best = float(scores[order[0]])
        if self.acquaintance is not None:
            rarity = np.full(len(found), self.acquaintance.unknown_rarity)
            rarity[known] = self.acquaintance.rarity[rows]
            seen = np.zeros(len(found), dtype=bool)
            seen[known] = self.acquaintance.seen[rows, order[0]]
            total = float(values @ rarity)
            share = float((values * rarity)[seen].sum()) / total if total else 0.0
            best = self.acquaintance.score(best - float(scores[order[1]]), share)
        ranked = tuple((self.labels[int(label)], float(probability[label])) for label in order)
        says_something = bool(known.any()) and any(token != "0" for token in tokens(text))
        return Guess(ranked, best, says_something and best >= self.min_score)


def softmax(scores: Floats, temperature: float) -> Floats:
    """Return probabilities per row of `scores` (rows, labels)."""
    scaled = scores / temperature
    raised = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


@dataclass(frozen=True, slots=True)
class Classifier:
    """What one training has learnt."""

    training_id: str
    create_time: float
    """Seconds since the epoch."""
    heads: Mapping[str, Head] = field(default_factory=dict)

    def guess(self, kind: str, text: str) -> Guess | None:
        """Label a message; None when labels of this kind were not learnt."""
        head = self.heads.get(kind)
        return head.guess(text) if head is not None else None


def part_of(text: str, seed: int) -> float:
    """Return a number in 0..1 that messages share which differ only in numbers and the order of their words."""
    key = " ".join(sorted(set(tokens(text))))
    return zlib.crc32(f"{seed} {key}".encode()) / 2**32


def calibration_error(confidence: Floats, right: Floats, bins: int = 10) -> float:
    """Return the expected calibration error over bins of equal width. Source: Guo et al. 2017, section 2."""
    which = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    error = 0.0
    for one in range(bins):
        inside = which == one
        if inside.any():
            error += inside.mean() * abs(float(right[inside].mean()) - float(confidence[inside].mean()))
    return float(error)


def label_counts(labels: Sequence[str]) -> Counter[str]:
    """Count labels that are not empty."""
    return Counter(label for label in labels if label)
