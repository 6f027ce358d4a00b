"""Schema migrations: the body of every service's `migrations/env.py`, and the start-up path that skips Alembic when
it can.

A service's `env.py` is three lines::

    from aisle_runtime.migrations_env import run
    from aisle_trainer.storage.tables import metadata
    run(metadata)

Revision ids are zero-padded numbers (`0001`, `0002`, ...) and the file name begins with them, so their order is the
order of the schema.
"""

import importlib.util
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, MetaData, inspect, text

if TYPE_CHECKING:
    from aisle_runtime.db import Database

_REVISION = re.compile(r"^revision(?:\s*:\s*[\w\[\]. |]+)?\s*=\s*[\"']([^\"']+)[\"']", re.MULTILINE)
_LOCK_KEY = 0x61_69_73_6C_65  # one migrating process at a time on a shared PostgreSQL


def run(metadata: MetaData) -> None:
    """Run the migrations on the connection that `migrate` handed over; to be called by `env.py` only."""
    from alembic import context

    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        version_table=context.config.attributes["version_table"],
        transactional_ddl=True,  # true for SQLite too, because the transaction is begun explicitly
    )
    with context.begin_transaction():
        context.run_migrations()


def migrate(db: "Database", package: str) -> None:
    """Bring the schema of `db` to the newest revision of `package`; see `Database.migrate`."""
    folder = migrations_folder(package)
    table = version_table(package)
    head = newest_revision(folder)
    current = db.read_sync(lambda conn: _current(conn, table))
    if current == head:
        return
    if current > head:
        logging.getLogger(__name__).warning("schema %s is newer than this release's %s; left as it is", current, head)
        return

    def upgrade(conn: Connection) -> None:
        if not db.is_sqlite:
            conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        if _current(conn, table) < head:
            _upgrade(conn, folder, table)

    db.write_sync(upgrade)


def migrations_folder(package: str) -> Path:
    """Return the folder `migrations` of the Python package, without importing its modules."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"{package} is not a Python package")
    return Path(next(iter(spec.submodule_search_locations))) / "migrations"


def version_table(package: str) -> str:
    """Return the name of the table that holds the schema's revision, one per service."""
    return f"{package.partition('.')[0]}_schema"


def newest_revision(folder: Path) -> str:
    """Return the revision id of the newest file in `folder`/versions; raises RuntimeError when it names none."""
    files = sorted((folder / "versions").glob("[0-9]*.py"))
    found = _REVISION.search(files[-1].read_text(encoding="utf-8")) if files else None
    if found is None:
        raise RuntimeError(f"{folder} holds no migration with a revision id")
    return found.group(1)


def _current(conn: Connection, table: str) -> str:
    """Return the stored revision, or "" for a database without one."""
    if not inspect(conn).has_table(table):
        return ""
    return str(conn.execute(text(f"SELECT max(version_num) FROM {table}")).scalar() or "")


def _upgrade(conn: Connection, folder: Path, table: str) -> None:
    from alembic import command
    from alembic.config import Config

    for name in ("alembic", "alembic.runtime.migration"):
        logging.getLogger(name).setLevel(logging.WARNING)
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = conn
    config.attributes["version_table"] = table
    command.upgrade(config, "head")
