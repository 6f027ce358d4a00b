"""Sketches of pieces merge into that of the whole, within their stated errors."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aisle_governance.domain.kinds import DatasetKind, columns_of
from aisle_governance.engines import shapes
from aisle_governance.engines.shapes import ColumnSketch, empty_sketch, merged
from hypothesis import given, settings
from hypothesis import strategies as st


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 6000), min_size=1, max_size=6))
def test_merged_sketches_stay_within_their_stated_errors(seed: int, sizes: list[int]) -> None:
    rng = np.random.default_rng(seed)
    pieces = [rng.lognormal(1, 2, size) for size in sizes]
    whole = np.concatenate(pieces)

    def sketch(values: Any) -> ColumnSketch:
        one = ColumnSketch(numeric=True, frequent=False)
        one.add(pa.array([None, *values], pa.float64()))
        return one

    found, alone = merged(sketch(piece) for piece in pieces), sketch(whole)
    assert found.values == alone.values == len(whole)
    assert found.missing == len(pieces)
    if not len(whole):
        assert not found.quantiles() and not found.histogram()
        return
    for one in (found, alone):
        # Twice the stated error: the bound has 99 % confidence for each rank.
        allowed = 2 * one.rank_error + 1 / len(whole)
        for rank, value in one.quantiles():
            low, high = np.mean(whole < value), np.mean(whole <= value)
            assert low - allowed <= rank <= high + allowed
        assert (one.quantiles()[0][1], one.quantiles()[-1][1]) == (whole.min(), whole.max())
        estimate, lower, upper = one.distinct
        assert abs(estimate - len(np.unique(whole))) <= 0.08 * len(whole) + 1
        assert lower <= estimate <= upper
        assert sum(share for _, _, share in one.histogram()) == pytest.approx(1)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=60), min_size=1, max_size=5))
def test_few_values_are_counted_exactly_whatever_the_pieces(pieces: list[list[str]]) -> None:
    def sketch(values: list[str]) -> ColumnSketch:
        one = ColumnSketch(numeric=False, frequent=True)
        one.add(pa.array(values, pa.string()))
        return one

    whole = [one for piece in pieces for one in piece]
    found = merged(map(sketch, pieces))
    counts = sorted(((value, whole.count(value)) for value in set(whole)), key=lambda one: (-one[1], one[0]))
    assert found.frequent() == [(value, count, count) for value, count in counts]
    assert round(found.distinct[0]) == len(set(whole))
    assert found.rank_error == 0 and not found.histogram()


def test_a_wrong_merge_would_be_noticed() -> None:
    left, right = ColumnSketch(numeric=True, frequent=False), ColumnSketch(numeric=True, frequent=False)
    left.add(pa.array(range(1000), pa.int64()))
    right.add(pa.array(range(1000, 2000), pa.int64()))
    alone = dict(left.quantiles())[0.5]
    left.merge(right)
    assert abs(dict(left.quantiles())[0.5] - 1000) < 30 < abs(alone - 1000)


def test_files_are_read_in_pieces_and_ids_are_never_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapes, "_PIECE_ROWS", 7)
    table = pa.table(
        {
            "order_id": [f"o{number}" for number in range(40)],
            "customer_id": ["ann@example.com"] * 40,
            "title": ["Written by a person"] * 40,
            "country": ["UK"] * 30 + [None] * 10,
            "unit_price": [float("inf"), float("nan"), *map(float, range(38))],
            "order_time": pa.array(range(40), pa.timestamp("us", "UTC")),
        }
    )
    pq.write_table(table, tmp_path / "part.parquet")
    found = {one.column: one for one in shapes.shapes(DatasetKind.ORDERS, [tmp_path / "part.parquet"])}
    assert list(found) == [name for name in columns_of(DatasetKind.ORDERS) if name in table.column_names]
    assert found["country"].sketch.frequent() == [("UK", 30, 30)] and found["country"].sketch.missing == 10
    for private in ("order_id", "customer_id", "title"):
        assert not found[private].sketch.frequent()
    price = found["unit_price"].sketch
    assert (price.values, price.infinite) == (40, 2)
    assert price.quantiles()[-1] == (1.0, 37.0)
    assert found["order_time"].is_time and found["order_time"].sketch.quantiles()[-1][1] == pytest.approx(39e-6)


def test_no_text_column_of_people_is_ever_listed() -> None:
    for kind in DatasetKind:
        for column in columns_of(kind).values():
            listed = empty_sketch(column, pa.string())._frequent is not None
            assert not (
                listed and (column.is_id or column.name in ("title", "description", "query", "attribution_token"))
            )
