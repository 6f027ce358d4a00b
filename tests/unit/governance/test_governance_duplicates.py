import json

import numpy as np
import pandas as pd
import pytest
from aisle_governance.domain.cleaning import Keep
from aisle_governance.domain.evidence import conflict, evidence
from aisle_governance.domain.kinds import ALIASES, CANONICAL, ROW_ID, DatasetKind
from aisle_governance.domain.rules.duplicates import MergeNearDuplicates, cluster
from aisle_governance.domain.rules.repeated import DropRepeatedRows
from aisle_governance.domain.similarity import ngram_counts, prepare, rival_scores, similar_pairs, tfidf


def products(*titles: str, **columns: list[object]) -> pd.DataFrame:
    count = len(titles)
    data = {
        column.name: pd.Series(
            columns.get(column.name, [None] * count), dtype="float64" if column.type.value == "double" else "str"
        )
        for column in CANONICAL[DatasetKind.PRODUCTS]
    }
    data["product_id"] = pd.Series(columns.get("product_id", [f"p{n}" for n in range(count)]), dtype="str")
    data["title"] = pd.Series(list(titles), dtype="str")
    data[ROW_ID] = pd.Series([f"r{n}" for n in range(count)], dtype="str")
    return pd.DataFrame(data)


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ("Denon DVD player DVD-3800BDCI", "Denon DVD player DVD-2930CI", "model numbers differ"),
        ("Olive oil extra virgin 500 ml", "Olive oil extra virgin 1 l", "amounts of volume differ"),
        ("Coffee beans 2 x 250g", "Coffee beans 2 x 500g", "amounts of weight differ"),
        ("T-shirt cotton, Small", "T-shirt cotton, XL", "sizes differ"),
        ("Desk lamp red", "Desk lamp blue", "colours differ"),
        ("The Wire: season 2", "The Wire: season 3", "numbers differ"),
        ("Pearl Harbor 20th anniversary", "Pearl Harbor 70th anniversary", "numbers differ"),
        ("Nail clipper 1 Count, 2-Pack", "Nail clipper 1 Count, 4-Pack", "amounts of count differ"),
    ],
)
def test_facts_that_tell_products_apart(first: str, second: str, why: str) -> None:
    assert conflict(evidence(first), evidence(second)) == why
    assert conflict(evidence(second), evidence(first)) == why


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Denon player DVD3800BDCI", "DENON Player DVD-3800 BDCI black"),
        ("Olive oil 0.5 l", "Olive oil 500ml"),
        ("Ruler 10 in", "Ruler 25.4 cm"),
        ("She's So Unusual - CD", "Shes So Unusual - CD, Small"),
        ("Desk lamp", "Desk lamp blue"),
        ("Canon PowerShot", "Canon PowerShot SX230"),
    ],
)
def test_what_is_no_contradiction(first: str, second: str) -> None:
    assert conflict(evidence(first), evidence(second)) == ""


def test_a_model_number_in_common_is_enough_only_between_shops() -> None:
    first, second = evidence("Case for iPhone4S AB123"), evidence("Case for iPhone4S CD456")
    assert conflict(first, second) == "model numbers differ"
    assert conflict(first, second, strict=False) == ""


def test_the_cosine_of_hashed_ngrams_is_that_of_the_texts() -> None:
    weighted, documents = tfidf(ngram_counts(["abc abc", "abc", "xyz"]))
    cosine = (weighted @ weighted.T).toarray()
    assert cosine[0, 1] > 0.7
    assert cosine[0, 2] == 0.0
    assert cosine.diagonal().tolist() == pytest.approx([1, 1, 1], abs=1e-5)
    assert documents.max() == 2


def test_similar_pairs_are_found_once_and_in_order() -> None:
    texts = [prepare(t) for t in ("Wooden train set for children", "Steel bucket", "Wooden trian set for children")]
    first, second, cosine = similar_pairs(texts, 0.6)
    assert (first.tolist(), second.tolist()) == ([0], [2])
    assert 0.6 <= cosine[0] < 1


def test_no_texts_make_no_pairs() -> None:
    assert [len(part) for part in similar_pairs([], 0.7)] == [0, 0, 0]
    assert cluster(["", ""], ["", ""], 0.7).tolist() == [0, 1]


def test_near_duplicates_are_put_aside_with_the_kept_product_named() -> None:
    rows = products(
        "Wooden train set for children, 20 pieces",
        "WOODEN TRAIN SET for children - 20 pieces",
        "Wooden train set for children, 40 pieces",
        "Steel bucket with lid",
        description=[None, "long", None, None],
    )
    outcome = MergeNearDuplicates().apply(rows)
    assert outcome.kept["product_id"].tolist() == ["p1", "p2", "p3"]
    assert outcome.quarantined["product_id"].tolist() == ["p0"]
    assert outcome.quarantined["_reason"].tolist() == ["near duplicate of product p1"]
    assert outcome.quarantined["_column"].tolist() == ["title"]
    assert json.loads(outcome.kept.loc[1, ALIASES]) == ["p0"]
    assert outcome.kept[ALIASES].isna().tolist() == [False, True, True]
    assert ALIASES not in rows


@pytest.mark.parametrize(("keep", "kept"), [(Keep.FIRST, "p0"), (Keep.NEWEST, "p2"), (Keep.MOST_COMPLETE, "p1")])
def test_keep_policies(keep: Keep, kept: str) -> None:
    title = "Wooden train set for children"
    rows = products(title, title + "!", title.upper(), brand=[None, "Brio", None])
    assert MergeNearDuplicates(keep=keep).apply(rows).kept["product_id"].tolist() == [kept]


def test_a_vague_title_does_not_chain_two_variants() -> None:
    titles = ["Garden hose green rubber", "Garden hose rubber", "Garden hose red rubber"]
    found = cluster([prepare(title) for title in titles], titles, 0.3)
    assert found[0] != found[2]
    assert found[1] in (found[0], found[2])


def test_the_threshold_decides() -> None:
    rows = products("Wooden train set for children", "Wooden train set for toddlers")
    assert len(MergeNearDuplicates(threshold=0.4).apply(rows).kept) == 1
    assert len(MergeNearDuplicates(threshold=0.95).apply(rows).kept) == 2


def test_a_pair_counts_less_where_one_side_has_a_better_partner() -> None:
    left = [prepare("Sony Bravia television")]
    right = [prepare("Sony Bravia television"), prepare("Sony Bravia television stand")]
    exact, other = rival_scores(left, right, np.array([[0, 0], [0, 1]]))
    alone = rival_scores(left, right[1:], np.array([[0, 0]]))[0]
    assert exact == pytest.approx(1, abs=1e-4)
    assert other < alone


def test_rows_that_are_equal_once_cleaned_are_one() -> None:
    rows = products("Lamp", "lamp", "Lamp", product_id=["a", "A", "b"])
    outcome = DropRepeatedRows(("product_id", "title", "price")).apply(rows)
    assert outcome.kept[ROW_ID].tolist() == ["r0", "r2"]
    assert outcome.quarantined["_reason"].tolist() == ["equal to an earlier row once cleaned"]
