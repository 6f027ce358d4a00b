"""Categories proposed for products that have none, beside the commonest category and n-grams alone.

Set: clothing_reviews (product = Clothing ID, text = its first title and its reviews, category = Class Name). A product is for testing
when the hash of its id falls into the last fifth; the fifth before chose the encoder's weight; for the figure it teaches, too.
"""

import functools
import hashlib
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from aisle_governance.engines import classifier
from aisle_governance.engines.classifier import Floats, Ints, classify, linear_margins, product_text, softmax
from aisle_governance.engines.encoder import GRAPH, TOKENIZER, EncoderFiles, OnnxEncoder

from benchmarks.cleaning.mirror import folder
from benchmarks.figures import Row

MIN_COUNT = 5
CACHE = Path("build/figures/encoder")


@dataclass(frozen=True, slots=True)
class Products:
    """Texts, categories and what each product is for; categories with fewer than five teaching products are left out."""

    texts: list[str]
    labels: list[str]
    teaches: np.ndarray
    tests: np.ndarray


def _role(text: str) -> int:
    """0 to 4: 4 tests, 3 validates."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) % 5


def _products(ids: Sequence[str], texts: Sequence[str], labels: Sequence[str], validating: bool = False) -> Products:
    role = np.array([_role(one) for one in ids])
    taught = pd.Series(labels)[role < 3].value_counts()
    known = np.array([taught.get(label, 0) >= MIN_COUNT for label in labels])
    rows = np.flatnonzero(known & ((role < 4) if validating else np.ones(len(role), dtype=bool)))
    tests = role[rows] == (3 if validating else 4)
    teaches = role[rows] < 3 if validating else role[rows] < 4
    return Products([texts[row] for row in rows], [labels[row] for row in rows], teaches, tests)


def clothing(validating: bool = False) -> Products:
    """Products of the clothing shop."""
    with zipfile.ZipFile(folder("clothing_reviews") / "womens_clothing_reviews.csv.zip") as packed:
        with packed.open("Womens Clothing E-Commerce Reviews.csv") as file:
            rows = pd.read_csv(file)
    rows = rows[rows["Class Name"].notna()]
    ids, texts, labels = [], [], []
    for product, mine in rows.groupby("Clothing ID"):
        titles, reviews = mine["Title"].dropna(), mine["Review Text"].dropna()
        ids.append(str(product))
        texts.append(product_text(titles.iloc[0] if len(titles) else "", "", " ".join(reviews)))
        labels.append(str(mine["Class Name"].mode().iloc[0]))
    return _products(ids, texts, labels, validating)


@functools.cache
def encoder() -> OnnxEncoder:
    """The graph that a training job exports, made once."""
    from aisle_trainer.domain.plan import Plan, Task, TaskPlan, completed
    from aisle_trainer.engines import bundle, export
    from aisle_trainer.engines.base_models import find_base_model
    from aisle_trainer.engines.encoder import load_tokenizer, load_trunk
    from aisle_trainer.engines.model import ExportModel, RankingModel

    plan = completed(Plan(tasks=(TaskPlan(Task.SEARCH_RELEVANCE, "datasets/none"),)))
    base = find_base_model(plan.base_model, None)
    CACHE.mkdir(parents=True, exist_ok=True)
    merged = ExportModel(RankingModel(load_trunk(base), plan).merged()).eval()
    bones = export.skeleton(merged, (base.folder / "config.json").read_text(), CACHE)
    _, graph = bundle.export_embedder(base, bones, dict(merged.named_parameters()), CACHE)
    tokenizer = load_tokenizer(base, plan.max_tokens)
    tokenizer.no_truncation()
    tokenizer.save(str(CACHE / TOKENIZER))
    assert graph.name == GRAPH
    return OnnxEncoder(EncoderFiles("", graph, CACHE / TOKENIZER))


def _measured(data: Products, told: Ints, confidence: Floats) -> tuple[dict[str, float], Ints, Ints]:
    names = sorted(set(data.labels))
    given = np.array([names.index(label) for label, test in zip(data.labels, data.tests, strict=True) if test])
    right = told == given
    return (
        {
            "macro-F1": classifier.macro_f1(given, told),
            "accuracy": float(right.mean()),
            "ECE": classifier.expected_calibration_error(confidence, right),
        },
        given,
        told,
    )


def _judged(data: Products, embed: Callable[[Sequence[str]], Floats] | None) -> tuple[Ints, Floats]:
    """What the service's job proposes for the test products, and how sure it is."""
    labels = [label if teaches else "" for label, teaches in zip(data.labels, data.teaches, strict=True)]
    told = classify(data.texts, labels, embed, MIN_COUNT)
    names = sorted(set(data.labels))
    place = np.array([names.index(category) for category in told.categories])
    return place[told.best[data.tests]], told.confidence[data.tests]


def _row(load: Callable[[bool], Products], name: str) -> Row:
    data = load(False)
    names = sorted(set(data.labels))
    given = np.array([names.index(label) for label in data.labels])
    vectors = encoder()(data.texts)
    seen = dict(zip(data.texts, vectors, strict=True))
    told, confidence = _judged(data, lambda texts: np.array([seen[text] for text in texts]))
    ours, truth, answers = _measured(data, told, confidence)
    common = np.full(int(data.tests.sum()), np.bincount(given[data.teaches]).argmax())
    margins = linear_margins(vectors[data.teaches], given[data.teaches], vectors[data.tests], len(names))
    others = {
        "majority": _measured(data, common, np.full(len(common), float((given[data.teaches] == common[0]).mean())))[0],
        "tfidf": _measured(data, *_judged(data, None))[0],
        "encoder alone (uncalibrated)": _measured(data, margins.argmax(axis=1), softmax(margins).max(axis=1))[0],
    }
    interval = classifier.resampled_f1(truth, answers, 0)
    beside = {f"{system} {metric}": value for system, figures in others.items() for metric, value in figures.items()}
    return Row(
        value=ours["macro-F1"],
        lower=interval.lower,
        upper=interval.upper,
        unit=f"macro-F1 of {len(names)} categories on unseen products, encoder and n-grams",
        protocol=(
            f"{name}: {int(data.teaches.sum()):,} products teach, {int(data.tests.sum()):,} test (hash of the id mod 5 = 4); "
            f"encoder weight {classifier.ENCODER_WEIGHT} chosen on the fifth before; "
            "all-MiniLM-L6-v2 int8 through ONNX Runtime"
        ),
        target="above tfidf",
        baselines={"accuracy": ours["accuracy"], "ECE": ours["ECE"], **beside},
        seed=0,
    )


def rows() -> dict[str, Callable[[], Row]]:
    """Figures of categories."""
    return {"categories_clothing": lambda: _row(clothing, "clothing_reviews, by product")}
