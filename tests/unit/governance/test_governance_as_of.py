"""A join in time gives what was known, and nothing that came later."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from aisle_governance.domain.as_of import AsOf, join_as_of
from aisle_governance.engines.as_of import check_join
from aisle_governance.errors import InvalidField
from hypothesis import given, settings
from hypothesis import strategies as st

START = datetime(2024, 1, 1, tzinfo=UTC)
Row = tuple[str | None, int | None, int]
KEYS = st.one_of(st.sampled_from(["a", "b"]), st.none())
TIMES = st.one_of(st.integers(0, 12), st.none())
ROWS = st.lists(st.tuples(KEYS, TIMES, st.integers(0, 99)), max_size=12)
JOINS = st.builds(
    AsOf,
    keys=st.just(("key",)),
    time_column=st.just("at"),
    other_time_column=st.just("known"),
    columns=st.just(("value",)),
    include_equal_times=st.booleans(),
    tolerance_seconds=st.sampled_from([0, 2, 5]),
)


def frame(rows: list[Row], time: str) -> pd.DataFrame:
    moments = [None if at is None else START + timedelta(seconds=at) for _, at, _ in rows]
    table = pa.table(
        {
            "key": pa.array([key for key, _, _ in rows], pa.string()),
            time: pa.array(moments, pa.timestamp("us", "UTC")),
            "value": pa.array([value for _, _, value in rows], pa.int64()),
        }
    )
    made: pd.DataFrame = table.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    return made


def expected(row: Row, other: list[Row], join: AsOf) -> int | None:
    """The same by looking at every row of the other table."""
    key, at, _ = row
    if key is None or at is None:
        return None
    best: tuple[int, int] | None = None
    for other_key, known, value in other:
        early = known is not None and (known < at or (join.include_equal_times and known == at))
        if other_key != key or not early or known is None:
            continue
        if join.tolerance_seconds and at - known > join.tolerance_seconds:
            continue
        if best is None or known >= best[0]:
            best = (known, value)
    return None if best is None else best[1]


def joined(rows: list[Row], other: list[Row], join: AsOf) -> list[Any]:
    result = join_as_of(frame(rows, "at"), frame(other, "known"), join)
    assert result["value"].tolist() == [value for _, _, value in rows]  # every row stays, in its place
    return [None if pd.isna(value) else int(value) for value in result["as_of_value"]]


@settings(deadline=None, max_examples=150)
@given(ROWS, ROWS, JOINS)
def test_every_row_gets_the_newest_value_known_at_its_time(rows: list[Row], other: list[Row], join: AsOf) -> None:
    assert joined(rows, other, join) == [expected(row, other, join) for row in rows]


@settings(deadline=None, max_examples=150)
@given(ROWS, ROWS, ROWS, JOINS, st.integers(0, 12))
def test_no_future_value_leaks(rows: list[Row], past: list[Row], future: list[Row], join: AsOf, now: int) -> None:
    """Whatever happens after `now` changes nothing for rows up to `now`."""
    rows = [(key, None if at is None else min(at, now), value) for key, at, value in rows]
    later = [(key, None if known is None else now + 1 + known, value) for key, known, value in future]
    assert joined(rows, past + later, join) == joined(rows, past, join)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"keys": ()}, "j.keys"),
        ({"keys": ("nothing",)}, "j.keys[0]"),
        ({"keys": ("key", "key")}, "j.keys"),
        ({"columns": ()}, "j.columns"),
        ({"columns": ("nothing",)}, "j.columns[0]"),
        ({"time_column": "key"}, "j.time_column"),
        ({"other_time_column": "at"}, "j.other_time_column"),
        ({"tolerance_seconds": -1}, "j.tolerance_seconds"),
    ],
)
def test_columns_that_do_not_fit_are_named(changes: dict[str, Any], field: str) -> None:
    here = [("key", "string"), ("at", "timestamp[us, tz=UTC]")]
    there = [("key", "string"), ("known", "timestamp[us, tz=UTC]"), ("value", "int64")]
    good = {"keys": ("key",), "time_column": "at", "other_time_column": "known", "columns": ("value",)}
    check_join(AsOf(**good), here, there, "j")  # type: ignore[arg-type]
    with pytest.raises(InvalidField) as caught:
        check_join(AsOf(**good | changes), here, there, "j")
    assert caught.value.field == field
