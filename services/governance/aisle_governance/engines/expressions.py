"""Computes the SQL expressions and queries of contracts on one table in memory.

Why this is safe: before anything runs, DuckDB's own parser turns the text into a tree, and only trees of column names, constants,
operators, CASE, CAST and functions of a closed list pass: one SELECT over one table, no subquery, join, window, table function,
set operation, pragma or second statement. None of the functions reads a file, the network, the clock, a random number or a setting,
and none can make a value much larger than its inputs. What passes runs on an in-memory database that holds this table alone, with
files, network, extensions and Python variables switched off and the configuration locked, in one thread with a memory and a time
limit, in the run's child process.
"""

import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa

from aisle_governance.domain.check_context import CannotCheck

MAX_TEXT = 2_000
TIME_LIMIT_SECONDS = 60.0
_TABLE = "data"
_OBJECT = re.compile(r"\$?\{(?:object|table|model)\}", re.IGNORECASE)
_PROPERTY = re.compile(r"\$?\{(?:property|column|field)\}", re.IGNORECASE)
_CLASSES = frozenset({"COLUMN_REF", "CONSTANT", "COMPARISON", "CONJUNCTION", "OPERATOR", "CASE", "CAST", "BETWEEN"})
_OPERATORS = frozenset(
    {
        "OPERATOR_NOT", "OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL", "OPERATOR_COALESCE", "OPERATOR_NULLIF", "COMPARE_IN",
        "COMPARE_NOT_IN", "OPERATOR_TRY",
    }
)  # fmt: skip
FUNCTIONS = frozenset(
    {
        "+", "-", "*", "/", "//", "%", "||", "~~", "!~~", "~~*", "!~~*", "abs", "ceil", "ceiling", "floor", "round", "sign", "sqrt",
        "ln", "log10", "mod", "isnan", "isfinite", "greatest", "least", "coalesce", "ifnull", "nullif", "lower", "upper", "length",
        "trim", "ltrim", "rtrim", "substring", "substr", "left", "right", "contains", "starts_with", "ends_with", "prefix", "suffix",
        "regexp_matches", "regexp_full_match", "strpos", "year", "month", "day", "hour", "dayofweek", "date_part", "date_trunc",
        "date_diff", "datediff",
    }
)  # fmt: skip
"""Functions and operators that an expression may use."""
AGGREGATES = frozenset(
    {"count", "count_star", "sum", "avg", "min", "max", "median", "quantile_cont", "stddev", "stddev_samp"}
)
"""Functions that a query may use besides."""
_TYPES = frozenset(
    {
        "boolean",
        "bool",
        "integer",
        "int",
        "bigint",
        "double",
        "float",
        "decimal",
        "varchar",
        "text",
        "string",
        "date",
        "timestamp",
    }
)
_NO_ENTRIES = ("modifiers", "group_expressions", "group_sets", "having", "qualify", "sample")


class ExpressionRefused(ValueError):
    """A text is no expression, or no query, that a contract may hold; the message says why."""


def check_expression(text: str) -> tuple[str, ...]:
    """Return the columns that an expression names. Raises ExpressionRefused."""
    node = _select(_as_rows(text), "expression")
    if len(node["select_list"]) != 1 or node["where_clause"] is not None:
        raise ExpressionRefused("is no single expression")
    return _columns(node["select_list"], FUNCTIONS)


def check_query(text: str, column: str = "") -> tuple[str, ...]:
    """Return the columns that a query names. Raises ExpressionRefused."""
    node = _select(_as_query(text, column), "query")
    if len(node["select_list"]) != 1:
        raise ExpressionRefused("must answer one value")
    parts = node["select_list"] + ([node["where_clause"]] if node["where_clause"] else [])
    return _columns(parts, FUNCTIONS | AGGREGATES)


def count_broken(table: pa.Table, text: str) -> int:
    """Rows of `table` for which the expression is false; rows for which it is unknown hold. Raises CannotCheck."""
    columns = _checked(lambda: check_expression(text))
    inner = _as_rows(text).replace(f"\n) FROM {_TABLE}", f"\n) AS holds FROM {_TABLE}")
    return int(_value(table, columns, f"SELECT count(*) FROM ({inner}) WHERE NOT holds") or 0)


def query(table: pa.Table, text: str, column: str = "") -> float:
    """The number that the query answers. Raises CannotCheck."""
    columns = _checked(lambda: check_query(text, column))
    found = _value(table, columns, _as_query(text, column))
    if found is None:
        raise CannotCheck("the query answers nothing")
    try:
        return float(found)
    except (TypeError, ValueError):
        raise CannotCheck("the query answers no number") from None


def _checked(check: Any) -> tuple[str, ...]:
    try:
        columns: tuple[str, ...] = check()
    except ExpressionRefused as error:
        raise CannotCheck(str(error)) from error
    return columns


def _as_rows(text: str) -> str:
    return f"SELECT ({text}\n) FROM {_TABLE}"


def _as_query(text: str, column: str) -> str:
    quoted = '"' + column.replace('"', '""') + '"'
    return _PROPERTY.sub(lambda _: quoted, _OBJECT.sub(_TABLE, text)) if column else _OBJECT.sub(_TABLE, text)


def _connect() -> duckdb.DuckDBPyConnection:
    config: dict[str, str | bool | int | float | list[str]] = {
        "enable_external_access": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_community_extensions": "false",
        "python_enable_replacements": "false",
        "threads": "1",
        "memory_limit": "1GB",
        "max_temp_directory_size": "0B",
    }
    connection = duckdb.connect(":memory:", config=config)
    connection.execute("SET lock_configuration = true")
    return connection


def _select(sql: str, word: str) -> dict[str, Any]:
    """The tree of a text that is one plain SELECT over the one table. Raises ExpressionRefused."""
    if len(sql) > MAX_TEXT + 100:
        raise ExpressionRefused(f"has more than {MAX_TEXT} characters")
    with _connect() as connection:
        rows = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()
    try:
        found = json.loads(rows[0][0])
    except RecursionError:
        raise ExpressionRefused("is nested too deep") from None
    if found.get("error"):
        raise ExpressionRefused(f"is no {word} of SQL")
    statements = found["statements"]
    if len(statements) != 1:
        raise ExpressionRefused("must be one statement")
    node: dict[str, Any] = statements[0]["node"]
    if node["type"] != "SELECT_NODE" or node["cte_map"]["map"] or any(node.get(part) for part in _NO_ENTRIES):
        raise ExpressionRefused("must be one plain SELECT")
    source = node["from_table"]
    name = source.get("table_name") or (source.get("qualified_name") or {}).get("path", [""])[-1]
    plain = source["type"] == "BASE_TABLE" and name == _TABLE and not source.get("sample")
    if not plain or source.get("schema_name") or source.get("catalog_name"):
        raise ExpressionRefused("must read the one table, written ${object}")
    return node


def _columns(parts: list[Any], allowed: frozenset[str]) -> tuple[str, ...]:
    """Names of the columns in checked expressions, in the order of their appearance. Raises ExpressionRefused."""
    found: dict[str, None] = {}
    for expression in _expressions(parts):
        kind = expression["class"]
        if kind == "FUNCTION":
            name = str(expression["function_name"]).lower()
            if name not in allowed or (expression.get("distinct") and name not in AGGREGATES):
                raise ExpressionRefused(f"may not use the function {name[:40]!r}")
        elif kind == "TYPE":
            if str(expression["type_name"]).lower() not in _TYPES:
                raise ExpressionRefused(f"may not use the type {str(expression['type_name'])[:40]!r}")
        elif kind == "STAR":
            raise ExpressionRefused("may not use *; write count(*) or name the columns")
        elif kind not in _CLASSES:
            raise ExpressionRefused(f"may not use {kind.lower().replace('_', ' ')}")
        elif kind == "OPERATOR" and expression["type"] not in _OPERATORS:
            raise ExpressionRefused(f"may not use {expression['type'].lower().replace('_', ' ')}")
        elif kind == "COLUMN_REF":
            if len(expression["column_names"]) != 1:
                raise ExpressionRefused("must name columns without a table")
            found[expression["column_names"][0]] = None
    return tuple(found)


def _expressions(parts: list[Any]) -> Iterator[dict[str, Any]]:
    """Every expression below `parts`; a loop, so that no depth of nesting can exhaust the stack."""
    waiting = list(reversed(parts))
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting.extend(reversed(part))
        elif isinstance(part, dict):
            if "class" in part:
                yield part
            waiting.extend(reversed([value for value in part.values() if isinstance(value, dict | list)]))


def _value(table: pa.Table, columns: tuple[str, ...], sql: str) -> Any:
    """The first value that `sql` answers. Raises CannotCheck."""
    if absent := [name for name in columns if name not in table.column_names]:
        raise CannotCheck(f"the table has no column {absent[0][:60]!r}")
    # At least one column, so that the number of rows is known.
    shown = _zoneless(table.select(list(columns) or table.column_names[:1]))
    with _connect() as connection:
        connection.register(_TABLE, shown)
        alarm = threading.Timer(TIME_LIMIT_SECONDS, connection.interrupt)
        alarm.start()
        try:
            rows = connection.execute(sql).fetchall()
        except duckdb.InterruptException:
            raise CannotCheck(f"it took longer than {TIME_LIMIT_SECONDS:g} seconds") from None
        except duckdb.OutOfMemoryException:
            raise CannotCheck("it needs more memory than it may use") from None
        except duckdb.Error as error:  # the engine's words may quote values
            raise CannotCheck(f"the engine refuses it ({type(error).__name__})") from None
        finally:
            alarm.cancel()
    return rows[0][0] if rows else None


def _zoneless(table: pa.Table) -> pa.Table:
    """`table` with times in UTC without saying so: times with a zone need an extension, which is not loaded."""
    fields = [
        pa.field(field.name, pa.timestamp(field.type.unit) if pa.types.is_timestamp(field.type) else field.type)
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))
