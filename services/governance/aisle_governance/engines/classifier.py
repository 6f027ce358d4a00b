"""Product -> category: a linear layer over n-grams and, where one is at hand, the states of a sentence encoder.

Confidence is the softmax of the layer's margins divided by one temperature, which is fitted on margins of products that the layer had
not seen (Guo et al. 2017, section 4.2).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aisle_governance.domain.paired import Lift, mean_lift
from aisle_governance.errors import FailedPrecondition

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Embed = Callable[[Sequence[str]], Floats]
MIN_PRODUCTS, MAX_TAUGHT, FOLDS, BINS = 20, 30_000, 5, 15
ENCODER_WEIGHT = 1.0
"""Length of an embedding beside the two n-gram vectors of length 1; chosen on validation products."""
PENALTY = 1.0
DESCRIPTION_CHARACTERS = 1_500
_RESAMPLES = 200


def product_text(title: str, brand: str, description: str) -> str:
    """What is read of a product."""
    return f"{title}. {brand}. {description[:DESCRIPTION_CHARACTERS]}"


class TextReader:
    """Turns texts into rows of numbers; fitted to the texts that teach."""

    def __init__(self, embed: Embed | None) -> None:
        """`embed` gives unit vectors, (text, dim); None reads n-grams alone."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._embed = embed
        self._ngrams = (
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=1, max_features=200_000),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2, max_features=200_000),
        )
        self._used: list[Any] = []

    def fit(self, texts: Sequence[str]) -> "TextReader":
        """Learn vocabularies and weights; a kind of n-gram that no text has is left out."""
        self._used = []
        for ngrams in self._ngrams:
            try:
                self._used.append(ngrams.fit(texts))
            except ValueError:  # no text has one
                continue
        return self

    def rows(self, texts: Sequence[str], vectors: Floats | None) -> Any:
        """(text, feature); `vectors` are the embeddings of the texts where there is an encoder."""
        from scipy import sparse

        parts = [ngrams.transform(texts) for ngrams in self._used]
        if vectors is not None:
            parts.append(sparse.csr_matrix(vectors * ENCODER_WEIGHT))
        return sparse.hstack(parts, format="csr")

    def vectors(self, texts: Sequence[str]) -> Floats | None:
        """Embeddings of texts, None without an encoder."""
        return None if self._embed is None else self._embed(texts)


@dataclass(frozen=True, slots=True)
class Classified:
    """What was learned and what it says; arrays are (product,) in the order of the rows given."""

    categories: tuple[str, ...]
    """Those that can be proposed."""
    rare_count: int
    """Categories that too few products have."""
    taught: Ints
    """Rows that taught."""
    best: Ints
    """Category proposed for each row, an index into `categories`."""
    confidence: Floats
    second: Ints
    """Runner-up; -1 when there is none."""
    temperature: float
    figures: tuple[tuple[str, Lift], ...]
    """Out of fold, over the rows that taught."""


def classify(
    texts: Sequence[str],
    labels: Sequence[str],
    embed: Embed | None,
    min_count: int = 5,
    say: Callable[[float, str], None] = lambda ratio, phase: None,
    seed: int = 0,
) -> Classified:
    """Learn from the rows with a label and judge every row; rows that taught are judged by layers that had not seen them.

    `labels` are empty where a product has no category. Raises FailedPrecondition (TOO_FEW_CATEGORISED) below 20 products or two
    categories with at least `min_count` products each.
    """
    names, counts = np.unique([label for label in labels if label], return_counts=True)
    categories = tuple(str(name) for name in names[counts >= min_count])
    number = {name: place for place, name in enumerate(categories)}
    given = np.array([number.get(label, -1) for label in labels], dtype=np.int64)
    taught = _sample(np.flatnonzero(given >= 0), seed)
    if len(categories) < 2 or len(taught) < MIN_PRODUCTS:
        raise FailedPrecondition(
            f"{len(taught)} products in {len(categories)} categories of at least {min_count} products teach nothing; "
            f"{MIN_PRODUCTS} products in two categories are needed.",
            reason="TOO_FEW_CATEGORISED",
            next_step="Fill the category of more products, or lower min_category_product_count.",
            facts={"category_count": str(len(categories)), "product_count": str(len(taught))},
        )
    say(0.1, "read")
    reader = TextReader(embed)
    vectors = reader.vectors(texts)
    margins, unseen = np.zeros((len(texts), len(categories))), np.full((len(taught), len(categories)), -np.inf)
    folds = _folds(given[taught], seed)
    for fold in range(FOLDS):
        say(0.3 + 0.5 * fold / FOLDS, "learn")
        rest, held = taught[folds != fold], taught[folds == fold]
        unseen[folds == fold] = _judge(reader, texts, vectors, rest, given, held, len(categories))
    temperature = fit_temperature(unseen, given[taught])
    say(0.85, "propose")
    margins[taught] = unseen
    others = np.setdiff1d(np.arange(len(texts)), taught)
    if len(others):
        margins[others] = _judge(reader, texts, vectors, taught, given, others, len(categories))
    probability = softmax(margins / temperature)
    order = np.argsort(-probability, axis=1, kind="stable")
    figures = tuple(_figures(probability[taught], given[taught], seed).items())
    best, second = order[:, 0].astype(np.int64), order[:, 1].astype(np.int64)
    rare = int((counts < min_count).sum())
    return Classified(
        categories, rare, taught, best, probability[np.arange(len(texts)), best], second, temperature, figures
    )


def _judge(
    reader: TextReader, texts: Sequence[str], vectors: Floats | None, rows: Ints, given: Ints, asked: Ints, count: int
) -> Floats:
    """(asked, category) margins of a layer that `rows` have taught; a category that none of them has gets the least margin."""
    fitted = reader.fit([texts[row] for row in rows])
    known = fitted.rows([texts[row] for row in rows], None if vectors is None else vectors[rows])
    wanted = fitted.rows([texts[row] for row in asked], None if vectors is None else vectors[asked])
    return linear_margins(known, given[rows], wanted, count)


def linear_margins(known: Any, given: Ints, wanted: Any, count: int) -> Floats:
    """(wanted, category) margins of one-against-the-rest support vector machines."""
    from sklearn.svm import LinearSVC

    present = np.unique(given)
    found = np.full((wanted.shape[0], count), -5.0)
    if len(present) == 1:
        found[:, present[0]] = 5.0
        return found
    margins = LinearSVC(C=PENALTY, random_state=0).fit(known, given).decision_function(wanted)
    if margins.ndim == 1:
        margins = np.column_stack([-margins, margins])
    found[:, present] = margins
    return found


def softmax(margins: Floats) -> Floats:
    """Probabilities by row."""
    shifted = np.exp(margins - margins.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def fit_temperature(margins: Floats, given: Ints) -> float:
    """The temperature with the least log loss, 0.02 to 10."""
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        probability = softmax(margins / np.exp(log_temperature))[np.arange(len(given)), given]
        return float(-np.log(np.maximum(probability, 1e-12)).mean())

    found = minimize_scalar(loss, bounds=(np.log(0.02), np.log(10.0)), method="bounded")
    return float(np.exp(found.x))


def expected_calibration_error(confidence: Floats, right: NDArray[np.bool_]) -> float:
    """Mean distance between confidence and share of right answers over 15 bins of equal width, by size. Source: Naeini et al. 2015."""
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    size = np.bincount(bins, minlength=BINS)
    gap = np.abs(np.bincount(bins, confidence, BINS) - np.bincount(bins, right.astype(np.float64), BINS))
    return float(gap.sum() / max(size.sum(), 1))


def macro_f1(given: Ints, told: Ints) -> float:
    """Mean F1 over the categories that are given."""
    size = int(max(given.max(), told.max())) + 1
    hit = np.bincount(given[given == told], minlength=size)
    both = np.bincount(given, minlength=size) + np.bincount(told, minlength=size)
    there = np.bincount(given, minlength=size) > 0
    return float((2 * hit[there] / both[there]).mean())


def _figures(probability: Floats, given: Ints, seed: int) -> dict[str, Lift]:
    told = probability.argmax(axis=1)
    right = told == given
    common = np.full(len(given), np.bincount(given).argmax())
    error = expected_calibration_error(probability.max(axis=1), right)
    return {
        "accuracy": mean_lift(right.astype(np.float64), seed),
        "macro_f1": resampled_f1(given, told, seed),
        "ece": Lift(error, error, error, len(given)),
        "accuracy:majority": mean_lift((common == given).astype(np.float64), seed),
        "macro_f1:majority": resampled_f1(given, common, seed),
    }


def resampled_f1(given: Ints, told: Ints, seed: int) -> Lift:
    """Macro-F1 with a 95 % percentile bootstrap over products."""
    rng, value = np.random.default_rng([seed, len(given), 2]), macro_f1(given, told)
    drawn = [rng.integers(0, len(given), len(given)) for _ in range(_RESAMPLES)]
    lower, upper = np.percentile([macro_f1(given[rows], told[rows]) for rows in drawn], [2.5, 97.5])
    return Lift(value, min(float(lower), value), max(float(upper), value), len(given))


def _sample(rows: Ints, seed: int) -> Ints:
    if len(rows) <= MAX_TAUGHT:
        return rows.astype(np.int64)
    chosen = np.random.default_rng(seed).choice(rows, MAX_TAUGHT, replace=False)
    return np.sort(chosen).astype(np.int64)


def _folds(given: Ints, seed: int) -> Ints:
    """A fold for each row, so that every category is spread evenly."""
    rng = np.random.default_rng([seed, 3])
    order = np.lexsort((rng.random(len(given)), given))
    folds = np.empty(len(given), dtype=np.int64)
    folds[order] = np.arange(len(given)) % FOLDS
    return folds
