"""Asks a database one question, read-only, and streams the answer into a Parquet file of texts."""

import json
import sqlite3
import time
from collections.abc import Callable, Sequence
from datetime import date, datetime
from datetime import time as clock
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection, Engine, create_engine, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from aisle_governance.domain.sources import DatabaseSource
from aisle_governance.engines.readers import cell_text, check_header
from aisle_governance.errors import SourceProblem

ROWS_AT_ONCE = 5_000
_READS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE})
_NOT_FOR_QUERIES = frozenset({"load_extension", "readfile", "writefile", "fts3_tokenizer"})
_STEPS = 10_000


def export(
    database: DatabaseSource, sql: str, target: Path, max_bytes: int, on_rows: Callable[[int], None] = lambda rows: None
) -> int:
    """Write the rows of `sql` to `target` and return how many there are; only some rows are in memory at a time.

    Raises SourceProblem: QUERY_FAILED (its own words are not told, they may quote data), SOURCE_UNREACHABLE, SOURCE_TOO_LARGE.
    """
    try:
        engine = _engine(database)
        with engine.connect() as conn:
            return _stream(_guarded(conn, database), sql, target, max_bytes, on_rows)
    except (SQLAlchemyError, sqlite3.Error) as error:
        cause = getattr(error, "orig", None)
        raise SourceProblem(
            "QUERY_FAILED",
            f"The database did not answer the query ({type(cause or error).__name__}).",
            next_step="Try the statement in the database's own client; it runs read-only and within "
            f"{database.timeout_seconds:g} seconds.",
        ) from None
    except (ImportError, ValueError, OSError) as error:
        raise SourceProblem(
            "SOURCE_UNREACHABLE",
            f"The connection cannot be opened ({type(error).__name__}).",
            next_step="An operator checks its URL in the sources file, and that its driver is installed.",
        ) from None


def _engine(database: DatabaseSource) -> Engine:
    url = make_url(database.url)
    if url.get_backend_name() != "sqlite":
        return create_engine(url, poolclass=NullPool)
    file = Path(url.database or "")

    def connect() -> sqlite3.Connection:
        # SQLite makes a file that is not there unless it is told to read only.
        conn = sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)
        deadline = time.monotonic() + database.timeout_seconds
        conn.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
        conn.set_authorizer(_allow)
        return conn

    return create_engine("sqlite://", creator=connect, poolclass=NullPool)


def _allow(action: int, first: str | None, second: str | None, *rest: str | None) -> int:
    if action == sqlite3.SQLITE_FUNCTION:
        return sqlite3.SQLITE_DENY if (second or "").lower() in _NOT_FOR_QUERIES else sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_TRANSACTION:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_OK if action in _READS else sqlite3.SQLITE_DENY


def _guarded(conn: Connection, database: DatabaseSource) -> Connection:
    """A connection whose transaction cannot write and ends in time."""
    if conn.dialect.name == "postgresql":
        conn = conn.execution_options(postgresql_readonly=True)
        conn.exec_driver_sql(f"SET LOCAL statement_timeout = {int(database.timeout_seconds * 1000)}")
    elif conn.dialect.name != "sqlite":
        raise ValueError(conn.dialect.name)
    return conn


def _stream(conn: Connection, sql: str, target: Path, max_bytes: int, on_rows: Callable[[int], None]) -> int:
    result = conn.execution_options(stream_results=True, yield_per=ROWS_AT_ONCE).exec_driver_sql(sql)
    if not result.returns_rows:
        raise SourceProblem("QUERY_FAILED", "The statement answers no rows.", next_step="Begin with SELECT or WITH.")
    names = list(result.keys())
    check_header(names)
    schema = pa.schema([(name, pa.string()) for name in names])
    count = size = 0
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for part in result.partitions():
            columns = [
                [_text(value, name) for value in column]
                for name, column in zip(names, zip(*part, strict=True), strict=True)
            ]
            table = pa.table([pa.array(column, pa.string()) for column in columns], schema=schema)
            size += table.nbytes
            if size > max_bytes:
                raise SourceProblem(
                    "SOURCE_TOO_LARGE", f"The answer has more than {max_bytes} bytes.", next_step="Narrow the query."
                )
            writer.write_table(table)
            count += len(part)
            on_rows(count)
    return count


def _text(value: Any, column: str) -> str | None:
    if isinstance(value, bytes | bytearray | memoryview):
        raise SourceProblem("QUERY_FAILED", "A column holds bytes.", next_step="Cast it to text.", column=column)
    if isinstance(value, datetime | date | clock):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Sequence | dict) and not isinstance(value, str):
        return json.dumps(value, default=str)
    if isinstance(value, UUID):
        return str(value)
    return cell_text(value) if value is None or isinstance(value, str | bool | int | float) else str(value)
