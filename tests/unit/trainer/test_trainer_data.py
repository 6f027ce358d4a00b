"""Bad data is refused with a reason and the next step."""

import hashlib

import numpy as np
import pyarrow as pa
import pytest
from aisle_runtime.errors import AisleError
from aisle_trainer.domain.splits import Role, search_role
from aisle_trainer.engines.purchase_data import build_purchase_data
from aisle_trainer.engines.search_data import build_search_data

VERSION = "datasets/j/versions/1"


def judgments(queries: int = 30, grade: float | None = None) -> pa.Table:
    rows = [(query, item) for query in range(queries) for item in range(4)]
    return pa.table(
        {
            "query": [f"query {query}" for query, _ in rows],
            "query_id": [hashlib.sha256(f"query {query}".encode()).hexdigest()[:16] for query, _ in rows],
            "product_id": [f"t-{query}-{item}" for query, item in rows],
            "title": [f"title {query} {item}" for query, item in rows],
            "grade": [float(item) if grade is None else grade for _, item in rows],
            "label_weight": [1.0] * len(rows),
        }
    )


def test_every_query_is_on_one_side_and_repeated_pairs_are_one() -> None:
    table = pa.concat_tables([judgments(), judgments(grade=1.0)])
    data = build_search_data(table, VERSION)
    assert len(data.grades) == 120
    assert sorted(set(data.grades.tolist())) == [0.5, 1.0, 1.5, 2.0]
    for role in Role:
        for group in data.groups(role):
            assert {search_role(data.query_ids[q]) for q in data.query_of[group]} == {role}
            assert len(set(data.query_of[group].tolist())) == 1
    assert sum(len(data.rows(role)) for role in Role) == 120
    assert all(len(group) <= 2 for group in data.groups(Role.TEST, 2))


@pytest.mark.parametrize(
    ("reason", "table"),
    [
        ("EMPTY_TRAINING_DATA", judgments().slice(0, 0)),
        ("SINGLE_CLASS_LABELS", judgments(grade=3.0)),
        ("INVALID_LABELS", judgments(grade=float("nan"))),
        ("INVALID_LABELS", judgments(grade=4.0)),
        ("INVALID_LABELS", judgments().set_column(5, "label_weight", pa.array([-1.0] * 120))),
        ("TOO_FEW_UNITS", judgments(queries=1)),
        ("DATASET_COLUMNS_MISSING", judgments().drop_columns(["grade"])),
    ],
)
def test_judgments_that_teach_nothing(reason: str, table: pa.Table) -> None:
    with pytest.raises(AisleError) as caught:
        build_search_data(table, VERSION)
    assert caught.value.reason == reason
    assert caught.value.next_step
    assert caught.value.facts["dataset_version"] == VERSION


def test_orders_that_teach_nothing() -> None:
    time = pa.array([1, 2], pa.timestamp("us", "UTC"))
    text = pa.array(["a", "b"])
    table = pa.table(dict.fromkeys(("order_id", "product_id", "title", "customer_id"), text) | {"order_time": time})
    cases = {
        "EMPTY_TRAINING_DATA": table.slice(0, 0),
        "TOO_FEW_UNITS": table,
        "INVALID_LABELS": table.set_column(4, "order_time", pa.nulls(2, time.type)),
        "DATASET_COLUMNS_MISSING": table.drop_columns(["order_time"]),
    }
    for reason, given in cases.items():
        with pytest.raises(AisleError) as caught:
            build_purchase_data(given, VERSION)
        assert (caught.value.reason, bool(caught.value.next_step)) == (reason, True)


def test_weights_have_mean_one() -> None:
    table = judgments().set_column(5, "label_weight", pa.array(np.linspace(0, 5, 120)))
    assert build_search_data(table, VERSION).weights.mean() == pytest.approx(1)
