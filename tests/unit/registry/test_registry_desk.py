"""Versions ascend, aliases keep their history, verdicts decide; state and events are stored together."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from aisle.pipeline.v1 import pipeline_spec_pb2 as pipeline_pb
from aisle.registry.v1 import registry_events_pb2 as events_pb
from aisle.trainer.v1 import trainer_events_pb2 as trainer_events_pb
from aisle.trainer.v1 import training_job_pb2 as training_pb
from aisle_registry.desk import Desk
from aisle_registry.domain.gates import DEFAULT_GATES
from aisle_registry.domain.model import BundleFile, Evaluation, Submission, SystemScore, Task, VersionState
from aisle_registry.domain.names import version_or_alias, version_ref
from aisle_registry.errors import GateNotPassed, NothingToRollBackTo, UnknownAlias, UnknownModel, UnknownVersion
from aisle_registry.storage import history, versions
from aisle_registry.storage.tables import metadata
from aisle_runtime.db import Database
from aisle_runtime.errors import InvalidField
from aisle_runtime.outbox import Outbox
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import DBAPIError

UNITS = tuple(f"q{number}" for number in range(30))
FILES = (BundleFile("manifest.json", "ab" * 32, 10), BundleFile("ranker.onnx", "cd" * 32, 20))


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    database.migrate("aisle_registry.storage")
    yield database
    database.close()


@pytest.fixture
def clock() -> list[float]:
    return [1_000.0]


@pytest.fixture
def desk(clock: list[float]) -> Desk:
    def tick() -> float:
        clock[0] += 1
        return clock[0]

    return Desk(Outbox("registry"), tick)


def evidence(model: float, zero_shot: float) -> tuple[Evaluation, ...]:
    scores = tuple(
        SystemScore(name, (), (value,) * len(UNITS)) for name, value in (("model", model), ("zero_shot", zero_shot))
    )
    return (Evaluation(Task.SEARCH_RELEVANCE, "datasets/d/versions/1", UNITS, scores),)


def submission(score: float = 0.6, model: str = "m") -> Submission:
    return Submission(model, FILES, "trainingJobs/j", ("datasets/d/versions/1",), b"", evidence(score, 0.5))


def add(db: Database, desk: Desk, score: float = 0.6, alias: str = "production") -> int:
    """Register and judge a version; returns its number."""

    def run(conn):  # type: ignore[no-untyped-def]
        version = desk.register(conn, submission(score))
        return desk.judge(conn, "m", version.number, alias, DEFAULT_GATES).number

    return int(db.write_sync(run))


def promote(db: Database, desk: Desk, number: int) -> None:
    db.write_sync(lambda conn: desk.promote(conn, "m", number, "production", "go"))


def serving(db: Database) -> int:
    change = db.read_sync(lambda conn: history.current(conn, "m", "production"))
    return change.version if change else 0


def news(db: Database) -> list[tuple[str, bytes]]:
    rows = db.read_sync(lambda conn: conn.execute(text("SELECT subject, data FROM outbox ORDER BY id")).all())
    return [(row.subject.removeprefix("aisle.registry.").removesuffix(".v1"), bytes(row.data)) for row in rows]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # both: tests/contract/test_postgres_schemas.py
def test_the_migrated_schema_is_the_declared_one(db: Database) -> None:
    def shape(inspector: object) -> dict[str, object]:
        return {
            table: (
                {(column["name"], str(column["type"]), column["nullable"]) for column in inspector.get_columns(table)},  # type: ignore[attr-defined]
                {(index["name"], tuple(index["column_names"])) for index in inspector.get_indexes(table)},  # type: ignore[attr-defined]
                inspector.get_pk_constraint(table)["constrained_columns"],  # type: ignore[attr-defined]
                {tuple(key["constrained_columns"]) for key in inspector.get_foreign_keys(table)},  # type: ignore[attr-defined]
            )
            for table in metadata.tables
        }

    declared = create_engine("sqlite://")
    metadata.create_all(declared)
    assert db.read_sync(lambda conn: shape(inspect(conn))) == shape(inspect(declared))
    declared.dispose()


def test_a_version_comes_back_as_it_was_given(db: Database, desk: Desk) -> None:
    number = add(db, desk)
    version = db.read_sync(lambda conn: versions.get_version(conn, "m", number))
    assert version.submission == submission()
    assert version.name == "models/m/versions/1"
    assert version.state is VersionState.ACCEPTED
    assert version.verdict is not None
    assert version.verdict.champion == "zero_shot"
    again = db.read_sync(lambda conn: versions.list_versions(conn, "m", 0, 10))
    assert again == [version]


def test_sixteen_writers_get_ascending_versions_without_gaps(db: Database, desk: Desk) -> None:
    start = threading.Barrier(16)

    def work(_: int) -> list[int]:
        start.wait()
        return [db.write_sync(lambda conn: versions.add_version(conn, submission(), 1.0).number) for _ in range(5)]

    with ThreadPoolExecutor(16) as pool:
        per_writer = list(pool.map(work, range(16)))
    assert sorted(number for numbers in per_writer for number in numbers) == list(range(1, 81))
    assert all(numbers == sorted(numbers) for numbers in per_writer)


def test_promotion_needs_the_newest_verdict_to_pass(db: Database, desk: Desk) -> None:
    db.write_sync(lambda conn: desk.register(conn, submission()))
    with pytest.raises(GateNotPassed, match="no gate has looked"):
        promote(db, desk, 1)
    worse = add(db, desk, score=0.4)
    with pytest.raises(GateNotPassed, match="not above 0"):
        promote(db, desk, worse)
    assert serving(db) == 0
    better = add(db, desk, score=0.7)
    promote(db, desk, better)
    assert serving(db) == better
    # The same evidence no longer beats what serves now: itself.
    db.write_sync(lambda conn: desk.judge(conn, "m", better, "production", DEFAULT_GATES))
    with pytest.raises(GateNotPassed):
        promote(db, desk, better)
    with pytest.raises(UnknownVersion):
        promote(db, desk, 99)


def test_rollbacks_walk_back_one_promotion_each(db: Database, desk: Desk) -> None:
    for score in (0.6, 0.7, 0.8):
        promote(db, desk, add(db, desk, score))

    def roll_back() -> int:
        return db.write_sync(lambda conn: desk.roll_back(conn, "m", "production", "oops")).version

    assert [roll_back(), roll_back()] == [2, 1]
    with pytest.raises(NothingToRollBackTo):
        roll_back()
    promote(db, desk, add(db, desk, 0.9))
    assert [serving(db), roll_back()] == [4, 1]
    changes = db.read_sync(lambda conn: history.list_changes(conn, "m", "production", 0, 100))
    assert [(change.sequence, change.version, change.previous_version) for change in changes] == [
        (7, 1, 4), (6, 4, 1), (5, 1, 2), (4, 2, 3), (3, 3, 2), (2, 2, 1), (1, 1, 0),
    ]  # fmt: skip


def test_the_history_tells_what_served_when(db: Database, desk: Desk, clock: list[float]) -> None:
    promote(db, desk, add(db, desk, 0.6))
    first = clock[0]
    promote(db, desk, add(db, desk, 0.7))
    second = clock[0]

    def at(time: float) -> int:
        change = db.read_sync(lambda conn: history.at_time(conn, "m", "production", time))
        return change.version if change else 0

    assert [at(first - 0.5), at(first), at(second - 0.5), at(second), at(1e12)] == [0, 1, 1, 2, 2]


def test_a_clock_that_is_set_back_keeps_the_order(db: Database, desk: Desk, clock: list[float]) -> None:
    promote(db, desk, add(db, desk, 0.6))
    clock[0] -= 500
    promote(db, desk, add(db, desk, 0.7))
    changes = db.read_sync(lambda conn: history.list_changes(conn, "m", "production", 0, 10))
    assert changes[0].create_time >= changes[1].create_time


def test_promoting_what_serves_changes_nothing(db: Database, desk: Desk) -> None:
    number = add(db, desk)
    promote(db, desk, number)
    before = news(db)
    promote(db, desk, number)
    assert news(db) == before
    assert len(db.read_sync(lambda conn: history.list_changes(conn, "m", "production", 0, 10))) == 1


@pytest.mark.parametrize("table", ["alias_changes", "verdicts"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET create_time = 0", "DELETE FROM {}"])
def test_the_database_refuses_to_change_history(db: Database, desk: Desk, table: str, statement: str) -> None:
    promote(db, desk, add(db, desk))
    with pytest.raises(DBAPIError, match="append-only"):
        db.write_sync(lambda conn: conn.execute(text(statement.format(table))))
    assert serving(db) == 1


def test_unknown_things_are_not_found(db: Database, desk: Desk) -> None:
    with pytest.raises(UnknownModel):
        db.write_sync(lambda conn: desk.roll_back(conn, "none", "production", ""))
    add(db, desk)
    with pytest.raises(UnknownAlias):
        db.write_sync(lambda conn: desk.roll_back(conn, "m", "production", ""))
    with pytest.raises(UnknownModel):
        db.read_sync(lambda conn: versions.list_versions(conn, "none", 0, 10))


def job(score: float, gates: list[pipeline_pb.Gate] | None = None) -> trainer_events_pb.TrainingJobSucceeded:
    summary = training_pb.TaskEvaluation(
        kind=pipeline_pb.TASK_KIND_SEARCH_RELEVANCE,
        unit_ids=UNITS,
        systems=[
            training_pb.SystemResult(system=name, unit_values=[value] * len(UNITS))
            for name, value in (("model", score), ("zero_shot", 0.5))
        ],
    )
    return trainer_events_pb.TrainingJobSucceeded(
        training_job=training_pb.TrainingJob(
            name="trainingJobs/j", artifacts=[training_pb.Artifact(path="m.json", sha256="ab" * 32, size_bytes=3)]
        ),
        evaluation=training_pb.Evaluation(tasks=[summary]),
        slip=pipeline_pb.RoutingSlip(
            pipeline_run="pipelines/p/runs/r",
            spec=pipeline_pb.PipelineSpec(
                registry=pipeline_pb.RegistryStage(model="models/m", alias="production", gates=gates or [])
            ),
        ),
    )


def test_a_pipelines_version_is_promoted_or_rejected_with_its_slip(db: Database, desk: Desk) -> None:
    db.write_sync(lambda conn: desk.take_in(conn, job(0.6)))
    db.write_sync(lambda conn: desk.take_in(conn, job(0.55)))
    told = news(db)
    assert [subject for subject, _ in told] == [
        "model_version.registered",
        "model_version.promoted",
        "model_version.registered",
        "model_version.rejected",
    ]
    promoted = events_pb.ModelVersionPromoted.FromString(told[1][1])
    assert promoted.slip.pipeline_run == "pipelines/p/runs/r"
    assert promoted.slip.model_version == promoted.model_version.name == "models/m/versions/1"
    assert promoted.model_version.verdict.passed
    assert list(promoted.model_version.aliases) == ["production"]
    assert not promoted.model_version.evaluations[0].unit_ids, "events stay small"
    rejected = events_pb.ModelVersionRejected.FromString(told[3][1])
    assert rejected.model_version.verdict.champion == "models/m/versions/1"
    assert rejected.slip.model_version == "models/m/versions/2"
    assert serving(db) == 1


def test_a_gate_without_comparator_is_refused(db: Database, desk: Desk) -> None:
    with pytest.raises(InvalidField, match="comparator"):
        db.write_sync(lambda conn: desk.take_in(conn, job(0.6, [pipeline_pb.Gate(metric="mrr")])))
    assert news(db) == []


@pytest.mark.parametrize("name", ["models/m", "models/m/versions/0", "models/m/versions/01", "models/m/versions/x",
                                  "models/M/versions/1", "models/m/versions/99999999999", "x/m/versions/1", "",
                                  "models/m@", "models/../versions/1@a", "models/m/versions/1@a"])  # fmt: skip
def test_illegal_version_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidField) as caught:
        version_or_alias(name, "name")
    assert caught.value.field == "name"


def test_legal_version_names() -> None:
    assert version_ref("models/m/versions/12", "name").number == 12
    assert version_or_alias("models/m@production", "name").alias == "production"
