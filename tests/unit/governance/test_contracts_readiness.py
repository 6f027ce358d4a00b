"""Which models data can teach."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.model import CheckResult, Severity
from aisle_governance.domain.readiness import Facts, Thresholds, Tier, read_thresholds, readiness
from aisle_governance.engines.readiness_facts import measure, titled

LEAST = Thresholds()
JUDGED = {"queries": 20, "grades": 2, "graded_queries": 5, "text_ratio": 1}
BOUGHT = {
    "interactions": 100, "products": 5, "time_ratio": 1, "product_ratio": 0.95, "customer_ratio": 0.2, "customers": 10,
}  # fmt: skip


def facts(kind: DatasetKind, values: dict[str, float], *checks: CheckResult) -> Facts:
    return Facts(f"datasets/{kind.lower()}/versions/1", kind, values, checks)


@pytest.mark.parametrize("name", [*JUDGED])
def test_each_requirement_of_relevance_can_be_missed(name: str) -> None:
    assert readiness(Tier.RELEVANCE, [facts(DatasetKind.JUDGMENTS, JUDGED)], LEAST).ready
    less = JUDGED | {name: JUDGED[name] * 0.9}
    found = readiness(Tier.RELEVANCE, [facts(DatasetKind.JUDGMENTS, less)], LEAST)
    (missed,) = [one for one in found.requirements if not one.passed]
    assert not found.ready and missed.name == f"judgments.{name}" and missed.next_step


@pytest.mark.parametrize("name", [*BOUGHT])
@pytest.mark.parametrize("kind", [DatasetKind.ORDERS, DatasetKind.USER_EVENTS])
def test_each_requirement_of_behaviour_can_be_missed(name: str, kind: DatasetKind) -> None:
    less = facts(kind, BOUGHT | {name: BOUGHT[name] * 0.9})
    assert readiness(Tier.PERSONALISED, [facts(kind, BOUGHT)], LEAST).ready
    assert not readiness(Tier.PERSONALISED, [less], LEAST).ready
    assert readiness(Tier.BEHAVIOUR, [less], LEAST).ready is (name in ("customer_ratio", "customers"))
    assert readiness(Tier.PERSONALISED, [less, facts(kind, BOUGHT)], LEAST).ready


def test_without_a_dataset_of_the_right_kind_that_is_what_is_missing() -> None:
    found = readiness(Tier.RELEVANCE, [facts(DatasetKind.ORDERS, BOUGHT)], LEAST)
    assert not found.ready and [one.name for one in found.requirements] == ["versions"]


def test_a_contract_binds_a_check_to_a_tier() -> None:
    bad = CheckResult("title.length", "title", False, Severity.WARNING, 3, "too short", ("relevance",))
    assert not readiness(Tier.RELEVANCE, [facts(DatasetKind.JUDGMENTS, JUDGED, bad)], LEAST).ready
    products = facts(DatasetKind.PRODUCTS, {}, bad)
    assert not readiness(Tier.RELEVANCE, [facts(DatasetKind.JUDGMENTS, JUDGED), products], LEAST).ready
    assert readiness(Tier.BEHAVIOUR, [facts(DatasetKind.ORDERS, BOUGHT), products], LEAST).ready


def test_thresholds_are_read_from_a_setting() -> None:
    assert read_thresholds("") == LEAST
    changed = read_thresholds("queries=50, customer_ratio=0")
    assert (changed.queries, changed.customer_ratio, changed.grades) == (50, 0, 2)
    for text in ("magic=1", "queries=many", "queries=-1", "text_ratio=2", "queries=nan"):
        with pytest.raises(ValueError, match=text.partition("=")[0]):
            read_thresholds(text)


def write(tmp_path: Path, name: str, **columns: Any) -> list[Path]:
    pq.write_table(pa.table(columns), tmp_path / name)
    return [tmp_path / name]


def test_judgments_are_measured(tmp_path: Path) -> None:
    files = write(
        tmp_path,
        "j",
        query=["a", "a", "b", "b", None],
        query_id=["1", "1", "2", "2", "3"],
        title=["x", "y", "x", " ", "z"],
        grade=[0.0, 3.0, 1.0, 2.0, 1.0],
    )
    found = measure(DatasetKind.JUDGMENTS, files)
    assert found == {"queries": 2, "grades": 3, "graded_queries": 1, "text_ratio": 0.6}


def test_orders_and_events_are_measured(tmp_path: Path) -> None:
    times = pa.array([0, 1, 0, None, 5], pa.timestamp("us", "UTC"))
    orders = write(
        tmp_path,
        "o",
        product_id=["p", "q", "p", "r", None],
        title=["Mug", None, None, None, "x"],
        customer_id=["1", "1", "2", None, "3"],
        order_time=times,
    )
    found = measure(DatasetKind.ORDERS, orders)
    assert found == {
        "interactions": 4, "products": 3, "time_ratio": 0.75, "product_ratio": 0.5, "customer_ratio": 0.75, "customers": 1,
    }  # fmt: skip
    products = titled(write(tmp_path, "p", product_id=["q", "s"], title=["Jug", ""]))
    assert measure(DatasetKind.ORDERS, orders, products)["product_ratio"] == 0.75
    events = write(
        tmp_path,
        "e",
        product_id=["q", "q", "x", None],
        customer_id=pa.array([None, None, "c", None], pa.string()),
        visitor_id=["v", "v", None, "v"],
        event_time=pa.array([0, 1, 2, 3], pa.timestamp("us", "UTC")),
    )
    found = measure(DatasetKind.USER_EVENTS, events)
    assert (found["interactions"], found["customers"], found["customer_ratio"], found["product_ratio"]) == (3, 1, 1, 1)
    assert measure(DatasetKind.USER_EVENTS, events, products)["product_ratio"] == pytest.approx(2 / 3)
    assert set(measure(DatasetKind.JUDGMENTS, []).values()) == {0.0}
    assert set(measure(DatasetKind.ORDERS, []).values()) == {0.0}
