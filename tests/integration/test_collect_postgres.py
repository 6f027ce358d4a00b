"""SQL sources over a real PostgreSQL: streamed, read-only whatever the statement says, ended in time."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from aisle_governance.domain.sources import DatabaseSource
from aisle_governance.engines import sql_source
from aisle_governance.errors import SourceProblem
from aisle_runtime.testing.postgres import PostgresServer

ROWS = 12_001


@pytest.fixture
def shop(postgres_server: PostgresServer) -> DatabaseSource:
    url = postgres_server.new_database()
    name = url.partition("/test_")[2].partition("?")[0]
    postgres_server.execute(
        "CREATE TABLE orders AS SELECT n AS id, 'Lamp ' || n AS name, 1.5::numeric(9,2) AS price,"
        f" timestamptz '2026-01-01T00:00:00Z' AS placed FROM generate_series(0, {ROWS - 1}) AS n",
        f"test_{name}",
    )
    return DatabaseSource("shop", url, timeout_seconds=20)


def refused(shop: DatabaseSource, sql: str, folder: Path, most: int = 1 << 24) -> str:
    with pytest.raises(SourceProblem) as caught:
        sql_source.export(shop, sql, folder / "rows.parquet", most)
    return str(caught.value.reason)


def test_a_query_is_streamed_as_texts(shop: DatabaseSource, tmp_path: Path) -> None:
    seen: list[int] = []
    target = tmp_path / "rows.parquet"
    sql = "SELECT id, name AS title, price, placed, NULL AS note FROM orders ORDER BY id"
    assert sql_source.export(shop, sql, target, 1 << 24, seen.append) == ROWS
    assert seen == [5_000, 10_000, ROWS]
    (row,) = pq.read_table(target).slice(0, 1).to_pylist()
    placed = row.pop("placed")
    assert row == {"id": "0", "title": "Lamp 0", "price": "1.50", "note": None}
    assert datetime.fromisoformat(placed) == datetime(2026, 1, 1, tzinfo=UTC)
    assert refused(shop, "SELECT * FROM orders", tmp_path, 1_000) == "SOURCE_TOO_LARGE"


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO orders VALUES (1, 'x', 1, now())",
        "WITH gone AS (DELETE FROM orders RETURNING id) SELECT id FROM gone",
        "DROP TABLE orders",
        "SELECT 1; DELETE FROM orders; COMMIT",
        "COPY (SELECT 1) TO PROGRAM 'cat'",
        "SET TRANSACTION READ WRITE",
        "SELECT * FROM nowhere",
    ],
)
def test_nothing_but_reading_is_possible(shop: DatabaseSource, sql: str, tmp_path: Path) -> None:
    assert refused(shop, sql, tmp_path) == "QUERY_FAILED"
    assert sql_source.export(shop, "SELECT id FROM orders", tmp_path / "all.parquet", 1 << 24) == ROWS


def test_a_query_ends_in_time(shop: DatabaseSource, tmp_path: Path) -> None:
    hasty = DatabaseSource("shop", shop.url, 0.2)
    assert refused(hasty, "SELECT pg_sleep(60)", tmp_path) == "QUERY_FAILED"


class Enough(Exception):
    """Nobody wants more rows."""


def test_the_rows_stay_with_the_server_until_they_are_asked_for(shop: DatabaseSource, tmp_path: Path) -> None:
    def stop(rows: int) -> None:
        raise Enough(rows)

    endless = "SELECT generate_series(1, 1000000000) AS n"  # held at once, these would neither fit nor come in time
    with pytest.raises(Enough, match=r"^5000$"):
        sql_source.export(shop, endless, tmp_path / "rows.parquet", 1 << 30, stop)
