"""What is stored comes back; the migrated schema is the declared one; engagements count once and only when shown."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from aisle_monitor.domain.alerts import Alert, AlertKind, Policy
from aisle_monitor.domain.engagement import CLICK, PURCHASE, Answer, Engagement
from aisle_monitor.domain.reports import Bin, ColumnDrift, DriftReport
from aisle_monitor.domain.runs import FailureNote, Run, RunState, StageNews, project
from aisle_monitor.storage import alerts, pipelines, serving
from aisle_monitor.storage.tables import metadata
from aisle_runtime.db import Database
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, inspect


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    database.migrate("aisle_monitor.storage")
    yield database
    database.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # both: tests/contract/test_postgres_schemas.py
def test_the_migrated_schema_is_the_declared_one(db: Database) -> None:
    def shape(inspector: object) -> dict[str, object]:
        return {
            table: (
                {(column["name"], str(column["type"]), column["nullable"]) for column in inspector.get_columns(table)},  # type: ignore[attr-defined]
                {(index["name"], tuple(index["column_names"])) for index in inspector.get_indexes(table)},  # type: ignore[attr-defined]
                inspector.get_pk_constraint(table)["constrained_columns"],  # type: ignore[attr-defined]
            )
            for table in metadata.tables
        }

    declared = create_engine("sqlite://")
    metadata.create_all(declared)
    assert db.read_sync(lambda conn: shape(inspect(conn))) == shape(inspect(declared))
    declared.dispose()


def test_runs_come_back_as_they_were(db: Database) -> None:
    run = Run("pipelines/p/runs/r1", tuned=True, create_time=1.5, slip=b"\x00s", cause="cli", trace_id="a" * 32)
    ended = project(
        run,
        StageNews(
            "governance", RunState.FAILED, 2.5, "governanceRuns/g", "no", FailureNote("R", "no", "fix", {"row": "3"})
        ),
    )
    db.write_sync(lambda conn: pipelines.add_run(conn, run))
    assert db.read_sync(lambda conn: pipelines.get_run(conn, run.name)) == run
    db.write_sync(lambda conn: pipelines.save_run(conn, ended))
    assert db.read_sync(lambda conn: pipelines.get_run(conn, run.name)) == ended
    assert db.read_sync(lambda conn: pipelines.runs_of_governance_run(conn, "governanceRuns/g")) == [ended]
    assert db.read_sync(lambda conn: pipelines.get_run(conn, "pipelines/other/runs/r1")) is None


def test_runs_are_listed_newest_first(db: Database) -> None:
    names = [f"pipelines/{pipeline}/runs/r{number}" for number, pipeline in enumerate("aba")]
    for name in names:
        db.write_sync(lambda conn, name=name: pipelines.add_run(conn, Run(name, False, 1.0, b"")))  # type: ignore[misc]
    listed = db.read_sync(lambda conn: pipelines.list_runs(conn, "pipelines/a", "", 10))
    assert [run.name for run in listed] == [names[2], names[0]]
    assert [run.name for run in db.read_sync(lambda conn: pipelines.list_runs(conn, "", "r2", 1))] == [names[1]]


def test_an_alert_is_stored_once_per_key(db: Database) -> None:
    alert = Alert("drift:1", AlertKind.DATA_DRIFT, "datasets/d", "moved", 0.3, 0.2, "driftReports/r", "alerts/a1", 5.0)
    assert db.write_sync(lambda conn: alerts.add_alert(conn, alert))
    assert not db.write_sync(lambda conn: alerts.add_alert(conn, replace(alert, name="alerts/a2")))
    assert db.read_sync(lambda conn: alerts.list_alerts(conn, AlertKind.DATA_DRIFT, "", 10)) == [alert]
    assert db.read_sync(lambda conn: alerts.list_alerts(conn, AlertKind.LATENCY, "", 10)) == []
    assert db.read_sync(lambda conn: alerts.get_alert(conn, "alerts/a1")) == alert


def test_policies_and_reports_come_back(db: Database) -> None:
    policy = Policy("policies/p", AlertKind.LATENCY, "", "pipelines/x", 5, 7.0)
    report = DriftReport(
        "driftReports/r", "datasets/d/versions/1", "datasets/d/versions/2",
        (ColumnDrift("grade", 0.1, False, (Bin("3", 0.25, 0.75),)),), 10, 20, 9.0,
    )  # fmt: skip
    db.write_sync(lambda conn: (alerts.add_policy(conn, policy), alerts.add_report(conn, report)))
    db.write_sync(lambda conn: alerts.note_policy_run(conn, policy.name, 8.0))
    assert db.read_sync(lambda conn: alerts.policies_for(conn, AlertKind.LATENCY)) == [
        replace(policy, last_run_time=8.0)
    ]
    assert db.read_sync(lambda conn: alerts.get_report(conn, report.name)) == report
    assert db.read_sync(lambda conn: alerts.list_reports(conn, "", 5)) == [report]


def answer(
    number: int, version: str = "1", *, products: str = "abc", duration: float = 1.0, surface: str = "search"
) -> Answer:
    shown = tuple(products)
    return Answer(
        f"a{number}", surface, f"models/m/versions/{version}", shown, duration, number % 2 == 0, float(number)
    )


def click(number: int, product: str, kind: str = CLICK) -> Engagement:
    return Engagement(f"a{number}", product, kind, 1.0)


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False))
def test_clicks_count_once_when_shown_in_any_order_of_arrival(shuffle: object) -> None:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    steps: list[object] = [
        answer(1), answer(2), answer(1),
        click(1, "a"), click(1, "a"), click(1, "b"), click(2, "z"), click(9, "a"), click(2, "c", PURCHASE),
    ]  # fmt: skip
    shuffle.shuffle(steps)  # type: ignore[attr-defined]
    with engine.begin() as conn:
        for step in steps:
            if isinstance(step, Answer):
                serving.add_answers(conn, [step])
            else:
                assert isinstance(step, Engagement)
                serving.add_engagements(conn, [step])
        [found] = serving.figures(conn, 0, "", False)
        clicked = serving.click_counts(conn, "models/m/versions/1")
    engine.dispose()
    counts = (found.answer_count, found.impression_count, found.click_count, found.purchase_count)
    assert counts == (2, 6, 2, 1)
    assert (clicked.impression_count, clicked.click_count) == (6, 2)


def test_figures_split_by_version_surface_and_window(db: Database) -> None:
    served = [answer(number, duration=float(number)) for number in range(1, 101)]
    served += [answer(200, "2", surface="recommend", duration=7.0), answer(201, "2", duration=9.0, products="aab")]
    db.write_sync(lambda conn: serving.add_answers(conn, served))
    first, second = db.read_sync(lambda conn: serving.figures(conn, 0, "", False))
    assert (first.model_version, first.surface, first.answer_count) == ("models/m/versions/1", "", 100)
    assert (first.latency_p50_ms, first.latency_p99_ms, first.degraded_ratio) == (50.0, 99.0, 0.5)
    assert (second.impression_count, second.latency_p50_ms, second.latency_p99_ms) == (5, 7.0, 9.0)
    split = db.read_sync(lambda conn: serving.figures(conn, 0, "models/m/versions/2", True))
    assert [(found.surface, found.answer_count) for found in split] == [("recommend", 1), ("search", 1)]
    assert [found.answer_count for found in db.read_sync(lambda conn: serving.figures(conn, 91.0, "", False))] == [
        10,
        2,
    ]
    db.write_sync(lambda conn: serving.forget_before(conn, 201.0))
    assert [found.answer_count for found in db.read_sync(lambda conn: serving.figures(conn, 0, "", False))] == [1]


def test_the_version_that_went_live_last_is_first(db: Database) -> None:
    for version, time in (("1", 10.0), ("2", 20.0), ("1", 30.0), ("2", 5.0)):
        db.write_sync(lambda conn, v=version, t=time: serving.note_live(conn, f"models/m/versions/{v}", t))  # type: ignore[misc]
    assert db.read_sync(serving.live_versions) == ["models/m/versions/1", "models/m/versions/2"]
