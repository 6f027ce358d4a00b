import json
import random

import numpy as np
import pandas as pd
import pytest
from aisle_governance.domain.categories import CATEGORY_FROM, Accepted, Source
from aisle_governance.domain.rules.categories import ApplyCategories
from aisle_governance.engines.classifier import (
    classify,
    expected_calibration_error,
    fit_temperature,
    macro_f1,
    softmax,
)
from aisle_governance.errors import FailedPrecondition
from sklearn.metrics import f1_score

WORDS = {"lamp": "light bulb shade glow", "chair": "seat legs armrest cushion", "rug": "wool woven fringe pile"}


def shop(count: int = 90) -> tuple[list[str], list[str]]:
    random.seed(1)
    texts, labels = [], []
    for number in range(count):
        category = list(WORDS)[number % 3]
        texts.append(
            " ".join([*random.sample(WORDS[category].split(), 2), random.choice(["oak", "red", "big", "new"])])
        )
        labels.append(category)
    return texts, labels


def test_categories_are_learned_proposed_and_measured() -> None:
    texts, labels = shop()
    asked = [*texts, "a glow of light", "something else"]
    told = classify(asked, [*labels, "", ""], None)
    assert told.categories == ("chair", "lamp", "rug")
    assert told.categories[told.best[90]] == "lamp"
    assert told.confidence[90] > told.confidence[91]
    figures = dict(told.figures)
    assert figures["accuracy"].value > 0.95
    assert figures["accuracy:majority"].value == pytest.approx(1 / 3)
    assert figures["macro_f1"].lower <= figures["macro_f1"].value <= figures["macro_f1"].upper
    assert figures["ece"].value < 0.15


def test_an_encoder_helps_where_words_say_nothing() -> None:
    random.seed(2)
    labels = [random.choice(["a", "b"]) for _ in range(60)]
    texts = [f"item {number}x{number * 7 % 11}" for number in range(60)]
    seen = {text: (1.0, 0.0) if label == "a" else (0.0, 1.0) for text, label in zip(texts, labels, strict=True)}
    with_encoder = classify(texts, labels, lambda asked: np.array([seen[text] for text in asked]))
    assert dict(with_encoder.figures)["accuracy"].value == 1.0
    assert dict(classify(texts, labels, None).figures)["accuracy"].value < 0.8


def test_what_cannot_teach_is_refused_with_counts() -> None:
    texts, labels = shop(12)
    with pytest.raises(FailedPrecondition) as caught:
        classify(texts, labels, None)
    assert (caught.value.reason, caught.value.facts["product_count"]) == ("TOO_FEW_CATEGORISED", "0")
    texts, labels = shop(90)
    rare = classify([*texts, "odd thing"], [*labels, "only one"], None)
    assert (rare.rare_count, rare.categories) == (1, ("chair", "lamp", "rug"))


def test_the_temperature_mends_overconfidence() -> None:
    rng = np.random.default_rng(0)
    given = rng.integers(0, 3, 3000)
    margins = rng.normal(0, 1, (3000, 3))
    margins[np.arange(3000), given] += 1
    right = margins.argmax(axis=1) == given

    def error(temperature: float) -> float:
        return expected_calibration_error(softmax(margins / temperature).max(axis=1), right)

    assert fit_temperature(margins * 8, given) == pytest.approx(8 * fit_temperature(margins, given), rel=0.05)
    assert error(0.1) > 0.2 > error(fit_temperature(margins, given))
    assert error(fit_temperature(margins, given)) < 0.04


def test_macro_f1_is_that_of_the_library() -> None:
    rng = np.random.default_rng(4)
    given, told = rng.integers(0, 5, 200), rng.integers(0, 5, 200)
    assert macro_f1(given, told) == pytest.approx(f1_score(given, told, average="macro"))


def products() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "product_id": ["1", "2", "3"],
            "category": ["Lamps", None, "Rugs"],
            "title": ["a", "b", "c"],
            "_row_id": ["r1", "r2", "r3"],
            "_original": ['{"title": "A"}', None, None],
        }
    )


def test_accepted_categories_lie_over_products_and_say_where_they_come_from() -> None:
    rule = ApplyCategories(
        (Accepted("1", "Chairs", Source.REVIEW, "cat-1", 4), Accepted("2", "Rugs", Source.CONFIDENCE, "cat-1", 9))
    )
    outcome = rule.apply(products())
    assert outcome.kept["category"].tolist() == ["Chairs", "Rugs", "Rugs"]
    assert outcome.changed_row_count == 2
    first, second, third = outcome.kept["_original"]
    assert json.loads(first) == {"title": "A", "category": "Lamps", CATEGORY_FROM: "review cat-1 4"}
    assert json.loads(second) == {CATEGORY_FROM: "confidence cat-1 9"}
    assert pd.isna(third)


def test_a_category_for_nobody_changes_nothing() -> None:
    before = products()
    outcome = ApplyCategories((Accepted("9", "Chairs", Source.REVIEW, "cat-1", 4),)).apply(before)
    assert outcome.kept.equals(before)
