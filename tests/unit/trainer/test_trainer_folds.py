"""With folds every query is judged by a model, and by blend weights, that never saw it."""

import numpy as np
import pytest
from aisle_trainer.domain.blend import ANCHOR, stacked_weights
from aisle_trainer.domain.effort import FULL
from aisle_trainer.domain.plan import Plan, Task, TaskPlan, completed
from aisle_trainer.domain.splits import Role, fold
from aisle_trainer.engines.search_data import SearchData
from aisle_trainer.engines.search_task import SearchTask
from aisle_trainer.errors import InvalidField
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

QUERIES, ITEMS, FOLDS = 12, 5, 3


def plan(folds: int = FOLDS) -> Plan:
    return completed(Plan(tasks=(TaskPlan(Task.SEARCH_RELEVANCE, "datasets/d"),), folds=folds))


@pytest.fixture
def task() -> SearchTask:
    tokenizer = Tokenizer(WordLevel({"[UNK]": 0, "red": 1, "shoe": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    rng = np.random.default_rng(0)
    query_of = np.repeat(np.arange(QUERIES), ITEMS)
    data = SearchData(
        dataset_version="datasets/d/versions/1",
        queries=[f"red {number}" for number in range(QUERIES)],
        query_ids=[f"q{number}" for number in range(QUERIES)],
        titles=[f"red shoe {number}" for number in range(QUERIES * ITEMS)],
        product_ids=[f"p{number}" for number in range(QUERIES * ITEMS)],
        query_of=query_of,
        product_of=np.arange(QUERIES * ITEMS),
        grades=rng.integers(0, 4, QUERIES * ITEMS).astype(float),
        weights=np.ones(QUERIES * ITEMS),
        roles=np.array([Role.TRAIN, Role.VALIDATION, Role.TEST], dtype=np.int64)[query_of % 3],
    )
    return SearchTask(data, tokenizer, plan(), FULL)


def test_each_query_is_judged_and_taught_to_every_model_but_its_own(task: SearchTask) -> None:
    rows = task.evaluation_rows()
    assert rows.tolist() == list(range(QUERIES * ITEMS))
    folds = task.fold_of(rows)
    assert folds.tolist() == [fold(f"q{query}", FOLDS) for query in task.data.query_of]
    for number in range(FOLDS):
        assert task.training_set(without_fold=number).lists.tolist() == task.data.query_of[folds != number].tolist()
    final = set(task.training_set().lists.tolist())
    assert final == {query for query in range(QUERIES) if query % 3 != 1}


def test_scores_use_weights_of_the_other_folds(task: SearchTask) -> None:
    rows = task.evaluation_rows()
    folds = task.fold_of(rows)
    labels, weights = task._taught(rows)
    rng = np.random.default_rng(1)
    features = {"neural_relevance": rng.random(len(rows)), "vector": rng.random(len(rows))}
    scores = task._crossed(rows, features)
    for number in range(FOLDS):
        here, others = folds == number, folds != number
        known = {name: values[others] for name, values in features.items()}
        chosen = stacked_weights(known, labels[others], weights[others])
        expected = sum(chosen[name] * values[here] for name, values in features.items())
        assert scores[here] == pytest.approx(expected)


def test_a_neural_score_that_misleads_counts_nothing_and_the_encoder_always_counts() -> None:
    rng = np.random.default_rng(0)
    labels = rng.random(5000)
    noise = rng.random(5000)
    found = stacked_weights({"neural_relevance": 1 - labels, "vector": noise, "bm25": labels}, labels, np.ones(5000))
    assert found["neural_relevance"] == 0
    assert found["vector"] == pytest.approx(ANCHOR, abs=0.02)
    assert found["bm25"] == pytest.approx(1, rel=0.1)
    trusted = stacked_weights({"neural_relevance": labels, "vector": noise}, labels, np.ones(5000))
    assert trusted["neural_relevance"] == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("folds", [1, 11, -1])
def test_the_number_of_folds_has_limits(folds: int) -> None:
    with pytest.raises(InvalidField, match="folds"):
        plan(folds)
