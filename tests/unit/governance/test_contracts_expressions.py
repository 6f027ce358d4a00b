"""What an expression may hold, and that nothing else is run."""

import threading
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from aisle_governance.domain.check_context import CannotCheck
from aisle_governance.engines import expressions

TABLE = pa.table({"a": [1, 2, None], "s": ["x", "y", None]})


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("a > 1", 1),
        ("a > 1 -- and a comment", 1),
        ("a BETWEEN 1 AND 2 OR s IS NULL", 0),
        ("CASE WHEN a IS NULL THEN false ELSE regexp_full_match(s, '[x-y]') END", 1),
        ("CAST(a AS DOUBLE) / 2 < 1 AND s NOT IN ('z')", 1),
        ("(" * 200 + "a > 0" + ")" * 200, 0),
    ],
)
def test_expressions_count_the_rows_for_which_they_are_false(text: str, broken: int) -> None:
    assert expressions.count_broken(TABLE, text) == broken


@pytest.mark.parametrize(
    "text",
    [
        "read_text('/etc/passwd') = 'x'",
        "getenv('HOME') = ''",
        "a = (SELECT count(*) FROM read_csv('/etc/passwd'))",
        "EXISTS (SELECT 1)",
        "a > 1; COPY data TO '/tmp/x'",
        "1) FROM data WHERE (1",
        "a > 1 UNION SELECT 1",
        "random() > 0.5",
        "now() > 1",
        "repeat(s, 1000000000) = 'x'",
        "sum(a) OVER () > 1",
        "list_transform([1], x -> x) = [1]",
        "a > ?",
        "COLUMNS('a') > 1",
        "*",
        "data.a > 1",
        "a::INTEGER[] = [1]",
        "nextval('x') > 0",
        "a + " * 499 + "a > 1",
        "x" * 3000,
        "",
        "a >",
    ],
)
def test_nothing_else_is_run(text: str) -> None:
    with pytest.raises(expressions.ExpressionRefused):
        expressions.check_expression(text)
    with pytest.raises(CannotCheck):
        expressions.count_broken(TABLE, text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a FROM ${object} ORDER BY a",
        "SELECT count(*) FROM ${object}, ${object}",
        "SELECT count(*) FROM range(10)",
        "SELECT count(*) FROM 'file.csv'",
        "SELECT count(*) FROM main.data",
        "WITH x AS (SELECT 1) SELECT 1 FROM data",
        "SELECT count(*), 1 FROM data",
        "SELECT count(*) FROM data GROUP BY a",
        "ATTACH 'x.db'",
        "PRAGMA version",
        "FROM data",
    ],
)
def test_a_query_is_one_number_of_the_one_table(text: str) -> None:
    with pytest.raises(expressions.ExpressionRefused):
        expressions.check_query(text)


def test_the_engine_itself_is_locked_up(tmp_path: Path) -> None:
    import duckdb

    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    with expressions._connect() as connection:
        for sql in (
            f"SELECT * FROM '{secret}'",
            f"COPY (SELECT 1) TO '{secret}'",
            "SET threads = 8",
            "SELECT * FROM TABLE",
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(sql)
    assert secret.read_text() == "a\n1\n"


class Alarm:
    """Rings from the start and until it is switched off, so that no query ends before it."""

    def __init__(self, seconds: float, function: Callable[[], None]) -> None:
        self._off = threading.Event()
        self._thread = threading.Thread(target=self._ring, args=(function,))

    def _ring(self, function: Callable[[], None]) -> None:
        while not self._off.wait(0.01):
            function()

    def start(self) -> None:
        self._thread.start()

    def cancel(self) -> None:
        self._off.set()
        self._thread.join()


def test_an_expression_that_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expressions.threading, "Timer", Alarm)
    table = pa.table({"s": pa.repeat(pa.scalar("x" * 20), 2_000_000)})
    slow = " AND ".join(["NOT regexp_matches(s || 'y', '(x|y)*z$')"] * 30)
    with pytest.raises(CannotCheck, match="longer"):
        expressions.count_broken(table, slow)
