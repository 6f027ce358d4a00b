"""Fixtures for every test: a PostgreSQL of the test's own, started only when one asks for it."""

from aisle_runtime.testing.postgres import (
    database_url,
    own_postgres_server,
    postgres_server,
    postgres_url,
    service_database,
)

__all__ = ["database_url", "own_postgres_server", "postgres_server", "postgres_url", "service_database"]
