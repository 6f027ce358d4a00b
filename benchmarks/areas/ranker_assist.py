"""Customer service: intents, answers and refusals on support_intents, emotion on zh_shopping_reviews.

The classifier gets 80 % of the groups of messages that differ only in numbers and order of words, and splits those itself to learn,
calibrate and test; the figures are of the other 20 %, which it never sees. `fit` is what the service's job calls.
"""

import csv
import functools
import io
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from aisle_ranker.domain.arrays import Floats
from aisle_ranker.domain.assist.answer import SHOWN_INTENTS, Understanding, by_template, evenly, hand_off
from aisle_ranker.domain.assist.classifier import EMOTION, INTENT, Guess, Head, calibration_error, part_of
from aisle_ranker.domain.assist.knowledge import Example, Template, best_template
from aisle_ranker.engines.assist_fit import fit

from benchmarks.cleaning.mirror import folder
from benchmarks.figures import Row

SEED, HELD = 7, 0.2
SPLIT_SEED = 901
ROUNDS = 3
MOST_REVIEWS = 20_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A message with its label and the answer it got."""

    text: str
    label: str
    response: str = ""

    @property
    def held(self) -> bool:
        """Whether it is in the part that is only measured on."""
        return part_of(self.text, SPLIT_SEED) < HELD


@functools.cache
def support() -> list[Asked]:
    """All messages of support_intents."""
    with (folder("support_intents") / "bitext_customer_support.csv").open(encoding="utf-8", newline="") as file:
        return [Asked(row["instruction"], row["intent"], row["response"]) for row in csv.DictReader(file)]


@functools.cache
def reviews() -> list[Asked]:
    """A sample of the reviews, drawn by the seed."""
    with zipfile.ZipFile(folder("zh_shopping_reviews") / "online_shopping_10_cats.zip") as archive:
        name = next(name for name in archive.namelist() if name.endswith(".csv"))
        rows = list(csv.DictReader(io.StringIO(archive.read(name).decode("utf-8-sig"))))
    usable = [
        Asked(row["review"][:4000], "negative" if row["label"] == "0" else "positive") for row in rows if row["review"]
    ]
    chosen = np.random.default_rng(SEED).permutation(len(usable))[:MOST_REVIEWS]
    return [usable[at] for at in chosen]


def learn(asked: list[Asked], kind: str) -> Head:
    """Fit one kind of label as the service does."""
    labelled = [Example(str(at), one.text, **{kind: one.label}) for at, one in enumerate(asked)]
    return fit(labelled, SEED)[kind]


def linear(train: list[Asked], test: list[Asked], **vectorizer: object) -> tuple[list[str], Floats]:
    """The baseline: TF-IDF and logistic regression; labels told, and the confidence of each."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(TfidfVectorizer(**vectorizer), LogisticRegression(max_iter=1000))
    model.fit([one.text for one in train], [one.label for one in train])
    shares = model.predict_proba([one.text for one in test])
    return [model.classes_[at] for at in shares.argmax(1)], shares.max(1)


def macro_f1(told: list[str], asked: list[Asked]) -> float:
    """Mean F1 over labels."""
    from sklearn.metrics import f1_score

    return float(f1_score([one.label for one in asked], told, average="macro"))


def interval(measure: Callable[[list[int]], float], count: int) -> tuple[float, float]:
    """95 % of `measure(messages drawn with replacement)`."""
    rng = np.random.default_rng(SEED)
    lower, upper = np.quantile([measure(list(rng.integers(0, count, count))) for _ in range(500)], [0.025, 0.975])
    return float(lower), float(upper)


@functools.cache
def intents() -> tuple[Head, list[Asked], list[Asked], list[Guess], float]:
    """Classifier, both parts, what it makes of the held one, and the CPU seconds of learning."""
    train = [one for one in support() if not one.held]
    test = [one for one in support() if one.held]
    begun = time.process_time()
    head = learn(train, INTENT)
    spent = time.process_time() - begun
    return head, train, test, [head.guess(one.text) for one in test], spent


def intent_f1() -> Row:
    """Macro-F1 of the intent."""
    head, train, test, guesses, spent = intents()
    told = [guess.ranked[0][0] for guess in guesses]
    baseline, baseline_share = linear(train, test)
    lower, upper = interval(lambda rows: macro_f1([told[at] for at in rows], [test[at] for at in rows]), len(test))
    right = np.array([label == one.label for label, one in zip(told, test, strict=True)], dtype=np.float64)
    baseline_right = np.array([label == one.label for label, one in zip(baseline, test, strict=True)], dtype=np.float64)
    share = np.array([guess.ranked[0][1] for guess in guesses])
    return Row(
        value=macro_f1(told, test),
        lower=lower,
        upper=upper,
        unit="macro-F1 over 27 intents",
        protocol=(
            f"support_intents, {len(train):,} messages taught ({head.evaluation.train_count:,} the weights), {len(test):,} held "
            f"out by groups of alike messages, bootstrap over messages; learning took {spent:.1f} CPU seconds"
        ),
        target="at least 0.95",
        baselines={
            "macro-F1, TF-IDF words + logistic regression": macro_f1(baseline, test),
            "calibration error": calibration_error(share, right),
            "calibration error of the baseline": calibration_error(baseline_share, baseline_right),
            "macro-F1 that the job itself told": head.evaluation.macro_f1,
        },
        seed=SEED,
    )


def answers() -> Row:
    """Whether one of the three templates that the outcome names belongs to the asked intent, and how many are answered outright."""
    _, train, test, guesses, _ = intents()
    library: dict[str, list[Template]] = {}
    for at, one in enumerate(train):
        library.setdefault(one.label, []).append(Template(f"t{at:05d}", one.label, "en", one.response))
    # Ten templates per intent, the first in the file: more than a shop writes.
    library = {intent: found[:10] for intent, found in library.items()}
    intent_of = {template.id: template.intent for found in library.values() for template in found}
    hit, first, answered = [], [], []
    for one, guess in zip(test, guesses, strict=True):
        question = evenly(one.text)
        shown = [label for label, _ in guess.ranked[:SHOWN_INTENTS]]
        choices = [best_template(question, library[label], "en") for label in shown]
        understood = Understanding("en", guess, None, None)
        reply = by_template(understood, choices) or hand_off(one.text, understood, choices)
        answered.append(reply.template is not None)
        ids = ([reply.template.id] if reply.template is not None else []) + list(reply.alternatives)
        hit.append(any(intent_of[known] == one.label for known in ids))
        first.append(reply.template is not None and intent_of[reply.template.id] == one.label)
    values = np.array(hit, dtype=np.float64)
    lower, upper = interval(lambda rows: float(values[rows].mean()), len(values))
    found, given = np.array(first, dtype=np.float64), np.array(answered)
    return Row(
        value=float(values.mean()),
        lower=lower,
        upper=upper,
        unit="hit@3: a template of the asked intent among the three that the outcome names (answer or hand-off)",
        protocol=f"support_intents, {len(test):,} held-out messages, 10 templates for each of 27 intents; bootstrap over messages",
        target="at least 0.9",
        baselines={
            "answered by itself and right": float(found.mean()),
            "answered by itself": float(given.mean()),
            "right of those answered by itself": float(found[given].mean()),
            "hit@3, any 3 of 27 intents": 3 / 27,
        },
        seed=SEED,
    )


def refusal() -> Row:
    """Questions of intents that the classifier was never taught, and whether it knows that it does not know them."""
    train = [one for one in support() if not one.held]
    test = [one for one in support() if one.held]
    labels = sorted({one.label for one in train})
    order = np.random.default_rng(SPLIT_SEED).permutation(len(labels))
    refused: list[bool] = []
    supported: list[bool] = []
    naive: list[bool] = []
    naive_supported: list[bool] = []
    for round_ in range(ROUNDS):
        unknown = {labels[at] for at in order[round_::ROUNDS]}
        known = [one for one in train if one.label not in unknown]
        head = learn(known, INTENT)
        _, share = linear(known, test)
        # The baseline refuses where its confidence is below one half.
        for one, confidence in zip(test, share, strict=True):
            guess = head.guess(one.text)
            (refused if one.label in unknown else supported).append(guess.supported != (one.label in unknown))
            (naive if one.label in unknown else naive_supported).append((confidence < 0.5) == (one.label in unknown))
    values = np.array(refused, dtype=np.float64)
    lower, upper = interval(lambda rows: float(values[rows].mean()), len(values))
    return Row(
        value=float(values.mean()),
        lower=lower,
        upper=upper,
        unit="share of unsupported questions that the classifier refuses",
        protocol=(
            f"support_intents, {ROUNDS} rounds that each keep 9 of 27 intents from the classifier altogether; "
            f"{len(values):,} held-out questions of these; the least score is chosen without them; bootstrap over questions"
        ),
        target="at least 0.9",
        baselines={
            "supported questions not refused": float(np.mean(supported)),
            "refused, TF-IDF words + logistic regression below 0.5": float(np.mean(naive)),
            "supported not refused, the same": float(np.mean(naive_supported)),
        },
        seed=SEED,
    )


def emotion() -> Row:
    """Accuracy of positive or negative in Chinese reviews."""
    train = [one for one in reviews() if not one.held]
    test = [one for one in reviews() if one.held]
    begun = time.process_time()
    head = learn(train, EMOTION)
    spent = time.process_time() - begun
    guesses = [head.guess(one.text) for one in test]
    right = np.array(
        [guess.ranked[0][0] == one.label for guess, one in zip(guesses, test, strict=True)], dtype=np.float64
    )
    told, share = linear(train, test, analyzer="char", ngram_range=(1, 2))
    baseline = np.array([label == one.label for label, one in zip(told, test, strict=True)], dtype=np.float64)
    lower, upper = interval(lambda rows: float(right[rows].mean()), len(right))
    return Row(
        value=float(right.mean()),
        lower=lower,
        upper=upper,
        unit="accuracy, positive or negative",
        protocol=(
            f"zh_shopping_reviews, {MOST_REVIEWS:,} drawn, {len(train):,} taught, {len(test):,} held out; bootstrap over reviews; "
            f"learning took {spent:.1f} CPU seconds"
        ),
        target="the baseline's",
        baselines={
            "accuracy, character 1-2-gram TF-IDF + logistic regression": float(baseline.mean()),
            "calibration error": calibration_error(np.array([guess.ranked[0][1] for guess in guesses]), right),
            "calibration error of the baseline": calibration_error(share, baseline),
        },
        seed=SEED,
    )


def rows() -> dict[str, Callable[[], Row]]:
    """Figures of customer service."""
    return {
        "assist": intent_f1,
        "assist_answers": answers,
        "assist_refusal": refusal,
        "assist_emotion": emotion,
    }
