"""Fixtures for every test: a PostgreSQL of the test's own, started only when one asks for it."""

import os

from aisle_runtime.testing.postgres import (
    database_url,
    own_postgres_server,
    postgres_server,
    postgres_url,
    service_database,
)
from hypothesis import settings

__all__ = ["database_url", "own_postgres_server", "postgres_server", "postgres_url", "service_database"]

# The suite draws the same examples every time; HYPOTHESIS_PROFILE=search looks for new ones.
settings.register_profile("same", derandomize=True, database=None)
settings.register_profile("search", database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
