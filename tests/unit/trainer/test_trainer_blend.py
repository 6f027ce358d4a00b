"""Blends, co-visitation, candidates and the manifest."""

import json
import math

import numpy as np
import pyarrow as pa
import pytest
from aisle_trainer.domain import blend as rules
from aisle_trainer.domain.manifest import BundleFacts, build_manifest
from aisle_trainer.domain.recommend import History, Recommender
from aisle_trainer.domain.report import BundleFile
from aisle_trainer.domain.text_match import ridge_weights
from aisle_trainer.engines import purchase_data
from aisle_trainer.engines.lexical import TitleIndex
from aisle_trainer.engines.purchase_data import Lines, PairDraw, build_purchase_data, covisits, draw_pairs

DAY = 24 * 3600 * 1_000_000


def lines(*rows: tuple[int, int, int, int]) -> Lines:
    """Rows of (customer, product, order, time)."""
    return Lines(*(np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)))


def test_the_parts_of_a_score() -> None:
    assert rules.sigmoid(np.array([0.0, 1e4, -1e4])) == pytest.approx([0.5, 1, 0])
    assert rules.squashed_bm25(np.array([0.0, 5.0, 15.0])) == pytest.approx([0, 0.5, 0.75])
    assert rules.repeat_purchase(np.array([1.0, 3.0, 9.0])) == pytest.approx([1 / 3, 1, 1])
    assert rules.popularity(np.array([0, 9, 99])) == pytest.approx([0, 0.5, 1])
    assert (rules.popularity(np.zeros(2)) == 0).all()
    features = {"vector": np.array([1.0, 2.0]), "bm25": np.array([10.0, 0.0]), "unweighted": np.array([9.0, 9.0])}
    assert rules.blend({"vector": 2.0, "bm25": 0.1}, features) == pytest.approx([3, 4])


def test_the_blend_is_as_good_as_the_best_and_otherwise_near_the_expected_one() -> None:
    grades = np.array([3.0, 0.0, 3.0, 0.0])
    features = {
        "neural_relevance": np.array([0.4, 0.5, 0.5, 0.4]),
        "vector": np.array([0.9, 0.1, 0.5, 0.5]),
        "word_coverage": np.array([0.9, 0.1, 0.5, 0.5]),
    }
    groups = [np.array([0, 1]), np.array([2, 3])]
    linear = {"vector": 0.5, "word_coverage": 0.25}
    expected = {"neural_relevance": 1.0, "vector": 0.5 * 2 + 1, "word_coverage": 0.5}
    assert rules.choose_search_blend(grades, features, linear, groups) == (expected, 1)
    misleading = {
        "neural_relevance": np.array([0.6, 0.5, 0.6, 0.5]),
        "vector": np.array([0.1, 0.9, 0.1, 0.9]),
        "word_coverage": np.zeros(4),
    }
    weights, score = rules.choose_search_blend(grades, misleading, linear, groups)
    assert (weights["vector"], score) == (0.0, 1)


def test_coordinate_ascent_never_gets_worse() -> None:
    found, score = rules.coordinate_ascent(
        {"a": 0.0, "b": 0.0}, {"a": (0, 1, 2), "b": (0, 1)}, lambda w: -((w["a"] - 1) ** 2) - (w["b"] - 1) ** 2
    )
    assert (found, score) == ({"a": 1, "b": 1}, 0)


def test_bm25_is_the_formula_of_the_rankers_index() -> None:
    index = TitleIndex(["red shoe", "red red hat", "blue sock with stripes"])
    scores = index.scores("RED-shoe")
    average = 9 / 3

    def part(found: int, times: int, length: int) -> float:
        idf = math.log(1 + (3 - found + 0.5) / (found + 0.5))
        return idf * times * 2.2 / (times + 1.2 * (0.25 + 0.75 * length / average))

    assert scores == pytest.approx([part(2, 1, 2) + part(1, 1, 2), part(2, 2, 3), 0], rel=1e-5)
    assert (index.scores("unknown") == 0).all()


def test_covisits_are_cosines_over_weighted_baskets() -> None:
    found = covisits(lines((0, 0, 0, 1), (0, 1, 0, 1), (1, 0, 1, 2), (1, 2, 1, 2), (1, 1, 1, 2), (2, 3, 2, 3)), 4)
    assert found.neighbours[0, :3].tolist() == [1, 2, -1]
    expected = (1 / math.log2(3) + 1 / math.log2(4)) / math.sqrt(2 * 2)
    assert found.scores[0, 0] == pytest.approx(expected)
    assert (found.neighbours[3] == -1).all()


def test_candidates_come_from_every_source_with_their_features() -> None:
    baskets = lines((0, 0, 0, 1), (0, 1, 0, 1), (0, 0, 1, 2))
    vectors = np.eye(3, dtype=np.float32)
    recommender = Recommender(covisits(baskets, 3), np.array([2, 1, 0]), vectors)
    history = History(np.array([0, 1, 0]))
    assert history.recent().tolist() == [0, 1]
    assert history.recent(1).tolist() == [0]
    found = recommender.candidates(history)
    assert found.products.tolist() == [0, 1, 2]
    assert found.features["repeat_purchase"] == pytest.approx([2 / 3, 1 / 3, 0])
    assert found.features["popularity"] == pytest.approx([1, math.log(2) / math.log(3), 0])
    assert found.features["vector"] == pytest.approx([math.sqrt(0.5), math.sqrt(0.5), 0])
    assert found.features["covisit"][0] == pytest.approx(1 / math.log2(3) / math.sqrt(2))
    assert found.ranked({"repeat_purchase": 1.0}, 2).tolist() == [0, 1]


def orders(customers: int = 8, days: int = 100) -> pa.Table:
    rows = [
        (f"o{day}-{customer}", f"p{(day + customer + item) % 12}", f"c{customer}", day * DAY)
        for day in range(0, days, 5)
        for customer in range(customers)
        for item in range(3)
    ]
    return pa.table(
        {
            "order_id": [row[0] for row in rows],
            "product_id": [row[1] for row in rows],
            "title": [f"title of {row[1]}" for row in rows],
            "customer_id": [row[2] for row in rows],
            "order_time": pa.array([row[3] for row in rows], pa.timestamp("us", "UTC")),
        }
    )


def test_pairs_know_nothing_of_the_order_they_predict() -> None:
    data = build_purchase_data(orders(), "datasets/o/versions/1")
    draw = PairDraw(count=40, negatives=3, history_items=3, seed=1, stream=2)
    pairs = draw_pairs(data, data.split.test_start, data.split.end, draw)
    assert len(pairs.labels) == 160
    assert pairs.labels.reshape(-1, 4).tolist() == [[1, 0, 0, 0]] * 40
    again = draw_pairs(data, data.split.test_start, data.split.end, draw)
    assert pairs.recent == again.recent
    assert (pairs.candidate == again.candidate).all()
    histories = purchase_data.histories(data.lines.before(data.split.end), len(data.customer_ids))
    assert all(
        set(recent) <= set(histories[c].products.tolist())
        for recent, c in zip(pairs.recent, pairs.customer, strict=True)
    )
    assert all(1 <= len(recent) <= 3 for recent in pairs.recent)


def test_windows_want_products_of_customers_with_earlier_orders() -> None:
    baskets = lines((0, 0, 0, 1), (0, 1, 1, 10), (1, 2, 2, 10), (-1, 3, 3, 11))
    data = build_purchase_data(orders(), "datasets/o/versions/1")
    object.__setattr__(data, "lines", baskets)
    assert purchase_data.window_targets(data, 5, 20) == {0: {1}}


def test_the_manifest_lists_its_files_and_its_formula() -> None:
    facts = BundleFacts(
        base_model="m",
        training_job="trainingJobs/j",
        dataset_versions={"purchase": "datasets/o/versions/1"},
        max_tokens=48,
        history_items=3,
        history_separator=" ; ",
        embedding_dim=384,
        search_blend={"neural_relevance": 1.0},
        recommend_blend={"covisit": 0.3},
        recommend_rerank_top=40,
        parity={"ranker_relevance": 1e-6},
        training={"steps": 5},
    )
    manifest = json.loads(json.dumps(build_manifest(facts, [BundleFile("ranker.onnx", "ab" * 32, 7)])))
    assert manifest["format"] == "aisle-bundle/1"
    assert manifest["files"] == {"ranker.onnx": {"sha256": "ab" * 32, "size_bytes": 7}}
    assert manifest["signature"]["embedder"]["outputs"]["embedding"]["shape"] == ["batch", 384]
    assert set(manifest["features"]) >= {"neural_relevance", "vector", "bm25", "covisit", "repeat_purchase"}


def test_text_match_counts_words_pairs_places_and_trigrams() -> None:
    index = TitleIndex(["Red Shoes for men", "blue shoe", "hat", ""])
    first, second, third, empty = index.match("red shoe", np.arange(4))
    idf_red, idf_shoe = index.idf("red"), index.idf("shoe")
    assert idf_red == pytest.approx(math.log(1 + 3.5 / 1.5))
    assert first[0] == pytest.approx(idf_red / (idf_red + idf_shoe))
    assert first[1:3].tolist() == [0.0, 1.0]
    assert second[:3].tolist() == [pytest.approx(idf_shoe / (idf_red + idf_shoe)), 0.0, 0.5]
    assert first[3] == pytest.approx(math.log1p(4) / math.log1p(40))
    # " red shoe " has 8 trigrams; " red shoes for men " holds all but "oe ".
    assert first[4] == pytest.approx(7 / 8)
    assert first[5] == pytest.approx(7 / (8 + 17 - 7))
    assert third[[0, 1, 2, 4]].tolist() == [0, 0, 0, 0]
    assert empty[:4].tolist() == [0, 0, 0, 0]


def test_ridge_finds_what_the_labels_are_made_of_whatever_the_scale() -> None:
    rng = np.random.default_rng(0)
    features = {"a": rng.random(20_000), "b": 100 * rng.random(20_000), "constant": np.ones(20_000)}
    weights = ridge_weights(features, 3 * features["a"] - 0.01 * features["b"] + 5, np.ones(20_000))
    assert weights == {"a": pytest.approx(3, rel=0.02), "b": pytest.approx(-0.01, rel=0.02), "constant": 0.0}
    muted = np.concatenate([np.ones(10_000), np.zeros(10_000)])
    labels = np.concatenate([features["a"][:10_000], rng.random(10_000)])
    assert ridge_weights({"a": features["a"]}, labels, muted)["a"] == pytest.approx(1, rel=0.05)
