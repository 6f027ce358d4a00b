"""Asks a database one question, read-only, and streams the answer into a Parquet file of texts."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import date, datetime
from datetime import time as clock
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import URL, Connection, create_engine, make_url
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
        url = make_url(database.url)
        if url.get_backend_name() == "sqlite":
            with closing(_sqlite(Path(url.database or ""), database.timeout_seconds)) as file:
                cursor = file.execute(sql)
                names = [part[0] for part in cursor.description or ()]
                return _write(names, iter(lambda: cursor.fetchmany(ROWS_AT_ONCE), []), target, max_bytes, on_rows)
        with _connected(url) as conn, closing(_read_only(conn, database).exec_driver_sql(sql)) as result:
            return _write(list(result.keys()), result.partitions(ROWS_AT_ONCE), target, max_bytes, on_rows)
    except (SQLAlchemyError, sqlite3.Error) as error:
        cause = getattr(error, "orig", None)
        raise SourceProblem(
            "QUERY_FAILED",
            f"The database did not answer the query ({type(cause or error).__name__}).",
            next_step="Try the statement in the database's own client; it runs read-only and within "
            f"{database.timeout_seconds:g} seconds.",
        ) from None
    except (ImportError, ValueError, OSError) as error:
        raise _unreachable(error) from None


def _connected(url: URL) -> Connection:
    try:
        return create_engine(url, poolclass=NullPool).connect()
    except SQLAlchemyError as error:
        raise _unreachable(getattr(error, "orig", None) or error) from None


def _unreachable(error: BaseException) -> SourceProblem:
    return SourceProblem(
        "SOURCE_UNREACHABLE",
        f"The connection cannot be opened ({type(error).__name__}).",
        next_step="An operator checks its URL in the sources file, and that its driver is installed.",
    )


def _sqlite(file: Path, seconds: float) -> sqlite3.Connection:
    """A connection that can only read this one file: SQLite makes a file that is not there unless it is told to read only."""
    conn = sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)
    deadline = time.monotonic() + seconds
    conn.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
    conn.set_authorizer(_allow)
    return conn


def _allow(action: int, first: str | None, second: str | None, *rest: str | None) -> int:
    if action == sqlite3.SQLITE_FUNCTION:
        return sqlite3.SQLITE_DENY if (second or "").lower() in _NOT_FOR_QUERIES else sqlite3.SQLITE_OK
    return sqlite3.SQLITE_OK if action in _READS else sqlite3.SQLITE_DENY


def _read_only(conn: Connection, database: DatabaseSource) -> Connection:
    """A connection whose transaction cannot write, ends in time, and hands rows over a part at a time."""
    if conn.dialect.name != "postgresql":
        raise ValueError(conn.dialect.name)
    conn = conn.execution_options(postgresql_readonly=True)
    # Before rows are streamed: a cursor, which streaming needs, can only be declared for a query.
    conn.exec_driver_sql(f"SET LOCAL statement_timeout = {int(database.timeout_seconds * 1000)}")
    return conn.execution_options(stream_results=True, max_row_buffer=ROWS_AT_ONCE)


def _write(
    names: Sequence[str], parts: Iterable[Sequence[Any]], target: Path, max_bytes: int, on_rows: Callable[[int], None]
) -> int:
    if not names:
        raise SourceProblem("QUERY_FAILED", "The statement answers no rows.", next_step="Begin with SELECT or WITH.")
    check_header(list(names))
    schema = pa.schema([(name, pa.string()) for name in names])
    count = size = 0
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for part in parts:
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
