"""Every service's migrations, from an empty database to the newest revision, on SQLite and on PostgreSQL."""

import importlib
from collections.abc import Iterator

import pytest
from aisle_runtime.db import Database
from aisle_runtime.migrations_env import migrations_folder, newest_revision, version_table
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Connection, MetaData, Table, Text, text

SERVICES = ("governance", "monitor", "ranker", "registry", "trainer", "tuner")


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


def package(service: str) -> str:
    return f"aisle_{service}.storage"


def declared(service: str) -> MetaData:
    metadata = importlib.import_module(f"{package(service)}.tables").metadata
    assert isinstance(metadata, MetaData)
    return metadata


def differences(conn: Connection, service: str, metadata: MetaData) -> list[object]:
    options = {
        "compare_type": True,
        "compare_server_default": conn.dialect.name != "sqlite",  # there Alembic takes '' for another default than ''
        "version_table": version_table(package(service)),
    }
    return list(compare_metadata(MigrationContext.configure(conn, opts=options), metadata))


@pytest.mark.parametrize("service", SERVICES)
def test_migrations_lead_to_the_declared_tables(db: Database, service: str) -> None:
    db.migrate(package(service))
    assert db.read_sync(lambda conn: differences(conn, service, declared(service))) == []
    head = newest_revision(migrations_folder(package(service)))
    stored = text(f"SELECT version_num FROM {version_table(package(service))}")
    assert db.read_sync(lambda conn: conn.execute(stored).scalars().all()) == [head]


def test_a_missing_column_and_a_missing_table_would_be_seen(db: Database) -> None:
    db.migrate(package("tuner"))
    asked = MetaData()
    for table in declared("tuner").tables.values():
        table.to_metadata(asked)
    asked.tables["jobs"].append_column(Column("colour", Text))
    Table("extra", asked, Column("x", Text))
    found = db.read_sync(lambda conn: differences(conn, "tuner", asked))
    assert [difference[0] for difference in found] == ["add_table", "add_column"]  # type: ignore[index]
