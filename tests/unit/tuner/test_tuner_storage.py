"""Studies and trials come back as they were stored; the migrated schema is the declared one."""

from collections.abc import Iterator

import pytest
from aisle_runtime.db import Database
from aisle_tuner.domain.studies import StoredStudy
from aisle_tuner.domain.trials import Trial, TrialState
from aisle_tuner.errors import UnknownStudy
from aisle_tuner.storage import studies
from aisle_tuner.storage.tables import metadata
from sqlalchemy import create_engine, inspect


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    database.migrate("aisle_tuner.storage")
    yield database
    database.close()


def stored(study_id: str = "s1") -> StoredStudy:
    return StoredStudy(study_id, b"stage", b"\x00spec", b"", "pipelines/p/runs/r", False, 12.5)


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


def test_studies_come_back_and_are_listed_newest_first(db: Database) -> None:
    for study_id in ("a", "b", "c"):
        db.write_sync(lambda conn, study_id=study_id: studies.add_study(conn, stored(study_id)))  # type: ignore[misc]
    assert db.read_sync(lambda conn: studies.get_study(conn, "b")) == stored("b")
    assert [study.id for study in db.read_sync(lambda conn: studies.list_studies(conn, "", 2))] == ["c", "b"]
    assert [study.id for study in db.read_sync(lambda conn: studies.list_studies(conn, "b", 2))] == ["a"]
    with pytest.raises(UnknownStudy):
        db.read_sync(lambda conn: studies.get_study(conn, "none"))


def test_a_stop_is_remembered(db: Database) -> None:
    db.write_sync(lambda conn: studies.add_study(conn, stored()))
    assert not db.read_sync(lambda conn: studies.stop_requested(conn, "s1"))
    db.write_sync(lambda conn: studies.request_stop(conn, "s1"))
    assert db.read_sync(lambda conn: studies.stop_requested(conn, "s1"))


def test_trials_follow_their_newest_state(db: Database) -> None:
    db.write_sync(lambda conn: studies.add_study(conn, stored()))
    first = Trial(1, TrialState.COMPLETE, {"learning_rate": 0.1}, 0.5, "trainingJobs/a", 10)
    second = Trial(2, TrialState.RUNNING, {"learning_rate": 0.2}, 0.1, "trainingJobs/b", 5)
    db.write_sync(lambda conn: studies.save_trials(conn, "s1", [first, second]))
    ended = Trial(2, TrialState.PRUNED, {"learning_rate": 0.2}, 0.2, "trainingJobs/b", 6)
    db.write_sync(lambda conn: studies.save_trials(conn, "s1", [first, ended]))
    assert db.read_sync(lambda conn: studies.list_trials(conn, "s1")) == [first, ended]
    assert db.read_sync(lambda conn: studies.list_trials(conn, "s1", 1, 5)) == [ended]
