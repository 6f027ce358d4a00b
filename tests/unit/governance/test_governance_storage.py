from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.mapping import ColumnMapping
from aisle_governance.domain.model import Dataset, DatasetRun, Dialect, FileFormat, Import, Run, TableFile, Version
from aisle_governance.errors import NotFound
from aisle_governance.storage import catalog, events, history
from aisle_governance.storage.tables import metadata
from aisle_runtime.db import Database
from sqlalchemy import create_engine, inspect
from sqlalchemy.exc import IntegrityError

NOW = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
DATASET = Dataset("d", DatasetKind.ORDERS, ColumnMapping({"title": "T"}, "Europe/London", "GBP", "C", 1.0), "yaml", NOW)
IMPORT = Import("i1", "d", 0, "a.csv", "5" * 64, 12, FileFormat.CSV, Dialect(";", ""))
VERSION = Version(
    dataset="d",
    number=1,
    kind=DatasetKind.ORDERS,
    content_hash="c" * 64,
    parent=0,
    imports=("i1",),
    contract_hash="k" * 64,
    rule_set_hash="r" * 64,
    row_count=3,
    columns=(("title", "string"),),
    create_time=NOW,
    run="r1",
    folder="d/r1-1",
    files=(TableFile("p.parquet", "f" * 64, 9, 3),),
)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    database.migrate("aisle_governance.storage")
    yield database
    database.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # both: tests/contract/test_postgres_schemas.py
def test_the_migrated_schema_is_the_declared_one(db: Database) -> None:
    def shape(inspector: object) -> dict[str, object]:
        return {
            table: (
                {(column["name"], str(column["type"]), column["nullable"]) for column in inspector.get_columns(table)},  # type: ignore[attr-defined]
                {(index["name"], tuple(index["column_names"])) for index in inspector.get_indexes(table)},  # type: ignore[attr-defined]
                {tuple(unique["column_names"]) for unique in inspector.get_unique_constraints(table)},  # type: ignore[attr-defined]
                inspector.get_pk_constraint(table)["constrained_columns"],  # type: ignore[attr-defined]
            )
            for table in metadata.tables
        }

    declared = create_engine("sqlite://")
    metadata.create_all(declared)
    assert db.read_sync(lambda conn: shape(inspect(conn))) == shape(inspect(declared))
    declared.dispose()


def test_datasets_and_imports_come_back_as_they_were(db: Database) -> None:
    db.write_sync(lambda conn: catalog.add_dataset(conn, DATASET))
    assert db.read_sync(lambda conn: catalog.get_dataset(conn, "d")) == DATASET
    stored = db.write_sync(lambda conn: catalog.add_import(conn, IMPORT))
    assert replace(stored, sequence=0) == IMPORT
    done = replace(stored, accepted_row_count=7, rejected_row_count=1, rows_artifact="a" * 64)
    db.write_sync(lambda conn: catalog.finish_import(conn, done))
    assert db.read_sync(lambda conn: catalog.readable_imports(conn, "d")) == [done]
    assert db.read_sync(lambda conn: catalog.get_dataset(conn, "d")).imported_row_count == 7
    with pytest.raises(NotFound):
        db.read_sync(lambda conn: catalog.get_import(conn, "i1", "other"))


def test_the_same_bytes_live_once_until_they_fail(db: Database) -> None:
    db.write_sync(lambda conn: catalog.add_dataset(conn, DATASET))
    db.write_sync(lambda conn: catalog.add_import(conn, IMPORT))
    with pytest.raises(IntegrityError):
        db.write_sync(lambda conn: catalog.add_import(conn, replace(IMPORT, id="i2")))
    db.write_sync(lambda conn: catalog.release_bytes(conn, "i1"))
    db.write_sync(lambda conn: catalog.add_import(conn, replace(IMPORT, id="i2")))
    found = db.read_sync(lambda conn: catalog.find_live_import(conn, "d", IMPORT.sha256))
    assert found is not None and found.id == "i2"


def test_a_version_number_is_given_once(db: Database) -> None:
    db.write_sync(lambda conn: history.add_version(conn, VERSION))
    assert db.read_sync(lambda conn: history.get_version(conn, "d", 1)) == VERSION
    with pytest.raises(IntegrityError):
        db.write_sync(lambda conn: history.add_version(conn, VERSION))
    db.write_sync(lambda conn: history.add_version(conn, replace(VERSION, number=2, parent=1)))
    assert db.read_sync(lambda conn: history.ancestors(conn, "d", 2)) == [1]
    assert [v.number for v in db.read_sync(lambda conn: history.list_versions(conn, "d", None, 5))] == [2, 1]


def test_runs_come_back_as_they_were(db: Database) -> None:
    run = Run("r1", 0, (DatasetRun("d", ("repair_text",)),), b"\x00slip", "pipelines/p/runs/r")
    stored = db.write_sync(lambda conn: history.add_run(conn, run))
    assert replace(stored, sequence=0) == run
    db.write_sync(lambda conn: history.set_published(conn, "r1", ("datasets/d/versions/1",)))
    assert db.read_sync(lambda conn: history.get_run(conn, "r1")).dataset_versions == ("datasets/d/versions/1",)


def test_event_ids_are_known_once_stored(db: Database) -> None:
    event = events.StoredEvent("e1", 1, 5.0, "p", "", "", "", b"x")
    db.write_sync(lambda conn: events.add(conn, [event], 6.0))
    assert db.read_sync(lambda conn: events.known_ids(conn, [f"e{number}" for number in range(1200)])) == {"e1"}
