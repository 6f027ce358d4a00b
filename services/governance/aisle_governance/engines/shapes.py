"""Describes columns by mergeable sketches: rows are read in pieces, and sketches of pieces merge into that of the whole.

Sketches are Apache DataSketches: KLL for quantiles (Karnin, Lang & Liberty 2016), HyperLogLog for distinct counts (Flajolet et al.
2007), and frequent items (Misra & Gries 1982, as in Anderson et al. 2017). They are made when they are asked for and never stored,
so that nothing of a person who is erased stays in one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasketches
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aisle_governance.domain.kinds import CanonicalColumn, DatasetKind, columns_of, is_listed

KLL_K = 400
"""Size of the quantile sketch; the error of a rank is about 0.7 % with 99 % confidence."""
HLL_LG_K = 12
"""Logarithm of the registers of the distinct count; its standard error is about 1.6 %."""
FREQUENT_LG = 10
"""Logarithm of the size of the frequent items' map."""
RANKS = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
BINS = 20
MAX_FREQUENT = 20
_PIECE_ROWS = 262_144
_LONGEST = 60


class ColumnSketch:
    """Counts, distinct values, quantiles and frequent values of one column; mergeable."""

    def __init__(self, *, numeric: bool, frequent: bool) -> None:
        """Empty; `numeric` keeps quantiles, `frequent` the commonest texts."""
        self.values, self.missing, self.infinite = 0, 0, 0
        self._distinct = datasketches.hll_sketch(HLL_LG_K, datasketches.HLL_8)
        self._quantiles = datasketches.kll_doubles_sketch(KLL_K) if numeric else None
        self._frequent = datasketches.frequent_strings_sketch(FREQUENT_LG) if frequent else None

    def add(self, values: pa.Array | pa.ChunkedArray) -> None:
        """Take in a piece of the column."""
        known = values.drop_null()
        self.values += len(known)
        self.missing += len(values) - len(known)
        counted = pc.value_counts(known)
        distinct, counts = counted.field("values"), counted.field("counts").to_pylist()
        texts = distinct.to_pylist() if self._quantiles is None else self._numbers(distinct).tolist()
        for one in texts:
            self._distinct.update(one)
        if self._quantiles is not None:
            numbers = self._numbers(known)
            finite = numbers[np.isfinite(numbers)]
            self.infinite += len(numbers) - len(finite)
            self._quantiles.update(finite)
        if self._frequent is not None:
            for one, count in zip(texts, counts, strict=True):
                self._frequent.update(one[:_LONGEST], count)

    @staticmethod
    def _numbers(values: Any) -> Any:
        if pa.types.is_timestamp(values.type):
            micros = pc.cast(pc.cast(values, pa.timestamp("us", "UTC"), safe=False), pa.int64())
            return (
                micros.to_numpy(zero_copy_only=False) / 1e6 if isinstance(micros, pa.Array) else micros.to_numpy() / 1e6
            )
        cast = pc.cast(values, pa.float64(), safe=False)
        return cast.to_numpy(zero_copy_only=False) if isinstance(cast, pa.Array) else cast.to_numpy()

    def merge(self, other: "ColumnSketch") -> None:
        """Take in the sketch of other rows of the same column."""
        self.values += other.values
        self.missing += other.missing
        self.infinite += other.infinite
        union = datasketches.hll_union(HLL_LG_K)
        union.update(self._distinct)
        union.update(other._distinct)
        self._distinct = union.get_result(datasketches.HLL_8)
        if self._quantiles is not None and other._quantiles is not None:
            self._quantiles.merge(other._quantiles)
        if self._frequent is not None and other._frequent is not None:
            self._frequent.merge(other._frequent)

    @property
    def distinct(self) -> tuple[float, float, float]:
        """(estimate, lower bound, upper bound) of the number of different values, at two standard deviations."""
        sketch = self._distinct
        return sketch.get_estimate(), sketch.get_lower_bound(2), sketch.get_upper_bound(2)

    @property
    def rank_error(self) -> float:
        """Largest error of a quantile's rank with 99 % confidence; 0 for text."""
        if self._quantiles is None:
            return 0.0
        return float(self._quantiles.normalized_rank_error(False)) if self._quantiles.is_estimation_mode() else 0.0

    def quantiles(self, ranks: Sequence[float] = RANKS) -> list[tuple[float, float]]:
        """(rank, value) of numbers; empty for text and without values."""
        if self._quantiles is None or self._quantiles.is_empty():
            return []
        found = list(zip(ranks, map(float, self._quantiles.get_quantiles(list(ranks))), strict=True))
        # The sketch knows both ends exactly, though its sample may lack them.
        ends = {0.0: float(self._quantiles.get_min_value()), 1.0: float(self._quantiles.get_max_value())}
        return [(rank, ends.get(rank, value)) for rank, value in found]

    def histogram(self, bins: int = BINS) -> list[tuple[float, float, float]]:
        """(lower edge, upper edge, share of the values) of numbers over equal bins; empty for text and without values."""
        if self._quantiles is None or self._quantiles.is_empty():
            return []
        low, high = float(self._quantiles.get_min_value()), float(self._quantiles.get_max_value())
        edges = np.linspace(low, high, bins + 1) if high > low else np.array([low, low])
        inner = np.unique(edges[1:-1])
        if len(inner) != len(edges) - 2 or not np.isfinite(edges).all():
            edges, inner = np.array([low, high]), np.array([])  # too close together, or too far apart, to be cut
        shares = self._quantiles.get_pmf(inner.tolist()) if len(inner) else [1.0]
        return [
            (float(start), float(end), float(share))
            for start, end, share in zip(edges[:-1], edges[1:], shares, strict=True)
        ]

    def frequent(self, limit: int = MAX_FREQUENT) -> list[tuple[str, int, int]]:
        """(value, least count, greatest count) of the commonest values, the commonest first."""
        if self._frequent is None:
            return []
        items = self._frequent.get_frequent_items(datasketches.frequent_items_error_type.NO_FALSE_POSITIVES)
        found = [(str(item[0]), int(item[2]), int(item[3])) for item in items]
        return sorted(found, key=lambda one: (-one[1], one[0]))[:limit]


@dataclass(frozen=True, slots=True)
class Shape:
    """One column of a version."""

    column: str
    sketch: ColumnSketch
    is_time: bool


def empty_sketch(column: CanonicalColumn, type_: pa.DataType) -> ColumnSketch:
    """A sketch that fits the column."""
    numeric = pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_timestamp(type_)
    return ColumnSketch(numeric=numeric, frequent=is_listed(column) and not numeric)


def shapes(kind: DatasetKind, files: Sequence[Path]) -> list[Shape]:
    """The shapes of the columns of a version, read in pieces; at most one piece is in memory."""
    columns = columns_of(kind)
    found: dict[str, tuple[ColumnSketch, bool]] = {}
    for file in files:
        with pq.ParquetFile(file) as source:
            schema = source.schema_arrow
            present = [name for name in columns if name in schema.names]
            for batch in source.iter_batches(batch_size=_PIECE_ROWS, columns=present):
                for name in present:
                    piece = empty_sketch(columns[name], batch.schema.field(name).type)
                    piece.add(batch.column(name))
                    if name in found:
                        found[name][0].merge(piece)
                    else:
                        found[name] = (piece, pa.types.is_timestamp(batch.schema.field(name).type))
    return [Shape(name, *found[name]) for name in columns if name in found]


def merged(pieces: Iterable[ColumnSketch]) -> ColumnSketch:
    """The sketch of all rows out of those of pieces; at least one."""
    waiting = iter(pieces)
    result = next(waiting)
    for piece in waiting:
        result.merge(piece)
    return result
