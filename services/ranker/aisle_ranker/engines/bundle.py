"""Opens the files of a bundle: manifest, indexes, histories."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aisle_ranker.domain.arrays import Floats, Ints, Vectors
from aisle_ranker.domain.baskets import Baskets
from aisle_ranker.domain.blend import popularity, top_rows
from aisle_ranker.domain.catalog import POPULAR_PRODUCTS, Catalog, Covisits, History, RecommendIndex
from aisle_ranker.domain.tokens import Tokenizer, TokenStore
from aisle_ranker.errors import BundleInvalid

SEARCH_INDEX, RECOMMEND_INDEX = "search_index.arrow", "recommend_index.arrow"
COVISIT, HISTORIES, GOLDEN, TOKENIZER = "covisit.arrow", "histories.arrow", "golden.json", "tokenizer.json"


@dataclass(frozen=True, slots=True)
class BundleFile:
    """A verified file; in the store its name is its digest, so the name inside the bundle goes with it."""

    path: Path
    name: str


def read_catalog(file: BundleFile, tokenizer: Tokenizer, dim: int) -> tuple[Catalog, pa.Table]:
    """Read an index snapshot; returns it with its table. Raises BundleInvalid."""
    table = _read(file, ("product_id", "title", "embedding"))
    product_ids = _strings(table, "product_id", file)
    titles = _strings(table, "title", file)
    row_of = {product_id: row for row, product_id in enumerate(product_ids)}
    if len(row_of) != len(product_ids):
        raise BundleInvalid(f"{file.name} names a product twice")
    embeddings = _vectors(table.column("embedding"), dim, file)
    return Catalog(product_ids, titles, embeddings, TokenStore.of(tokenizer.ids_of(titles)), row_of), table


def empty_catalog(dim: int) -> Catalog:
    """Return a catalog without products, for a bundle that was not trained on orders."""
    return Catalog([], [], np.zeros((0, dim), dtype=np.float32), TokenStore.of([]), {})


def read_recommend_index(files: Mapping[str, BundleFile], tokenizer: Tokenizer, dim: int) -> RecommendIndex:
    """Read the recommendation snapshot and the co-visitation beside it; a bundle without them gives an empty index."""
    if RECOMMEND_INDEX not in files:
        return RecommendIndex(empty_catalog(dim), np.zeros(0), np.zeros(0, dtype=np.int64), _covisits(None, []))
    catalog, table = read_catalog(files[RECOMMEND_INDEX], tokenizer, dim)
    if "purchase_count" not in table.column_names:
        raise BundleInvalid(f"{RECOMMEND_INDEX} lacks the column purchase_count")
    counts = table.column("purchase_count").to_numpy().astype(np.int64)
    if len(counts) and counts.min() < 0:
        raise BundleInvalid(f"{RECOMMEND_INDEX} holds a negative purchase_count")
    popular = top_rows(counts.astype(np.float64), POPULAR_PRODUCTS)
    return RecommendIndex(catalog, popularity(counts), popular, _covisits(files.get(COVISIT), catalog.product_ids))


class ArrowHistories:
    """Histories as columns; one customer is cut out of them when asked for."""

    def __init__(self, file: BundleFile | None, product_ids: Sequence[str]) -> None:
        """Read `histories.arrow` (None = nobody is known) against the products of the recommend index."""
        if file is None:
            self._row_of: dict[str, int] = {}
            self._baskets = Baskets.of(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(1, np.int64))
            return
        table = _read(file, ("customer_id", "product_ids", "event_times", "order_count"))
        customers = _strings(table, "customer_id", file)
        self._row_of = {customer: row for row, customer in enumerate(customers)}
        self._rows, self._offsets = _product_lists(table.column("product_ids"), product_ids)
        times = _one_chunk(table.column("event_times"))
        self._times: Ints = times.flatten().cast(pa.int64()).to_numpy(zero_copy_only=False).astype(np.int64)
        self._orders: Ints = table.column("order_count").to_numpy().astype(np.int64)
        if len(self._times) != len(self._rows):
            raise BundleInvalid(f"{file.name} has another number of times than of products")
        self._baskets = Baskets.of(self._rows, self._times, self._offsets)

    def together(self, row: int) -> tuple[Ints, Floats]:
        """Return (rows, scores) of products in the same orders as `row`."""
        return self._baskets.together(row)

    def of(self, customer_id: str) -> History | None:
        """Return the customer's history; None for an unknown one."""
        row = self._row_of.get(customer_id)
        if row is None:
            return None
        part = slice(int(self._offsets[row]), int(self._offsets[row + 1]))
        known = self._rows[part] >= 0
        return History(self._rows[part][known], self._times[part][known], int(self._orders[row]))


def _read(file: BundleFile, columns: Sequence[str]) -> pa.Table:
    try:
        with pa.memory_map(str(file.path)) as source:
            table = pa.ipc.open_file(source).read_all()
    except (pa.ArrowException, OSError) as error:
        raise BundleInvalid(f"{file.name} is not an Arrow file") from error
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise BundleInvalid(f"{file.name} lacks the column {missing[0]}")
    return table


def _strings(table: pa.Table, column: str, file: BundleFile) -> list[str]:
    values = table.column(column)
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)) or values.null_count:
        raise BundleInvalid(f"{file.name} has a column {column} that is not text throughout")
    found: list[str] = values.to_pylist()
    return found


def _vectors(column: Any, dim: int, file: BundleFile) -> Vectors:
    kind = column.type
    if not pa.types.is_fixed_size_list(kind) or kind.list_size != dim:
        raise BundleInvalid(f"{file.name} has embeddings of another size than the manifest's {dim}")
    flat = _one_chunk(column).flatten().to_numpy(zero_copy_only=False)
    vectors: Vectors = np.ascontiguousarray(flat.astype(np.float32).reshape(-1, dim))
    if not np.isfinite(vectors).all():
        raise BundleInvalid(f"{file.name} has embeddings that are not finite")
    return vectors


def _covisits(file: BundleFile | None, product_ids: Sequence[str]) -> Covisits:
    """Read the co-visitation as arrays by row of the recommend index; products outside it are left out."""
    count = len(product_ids)
    if file is None or not count:
        return Covisits(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(count + 1, dtype=np.int64))
    table = _read(file, ("product_id", "neighbours", "scores"))
    owners = _rows_of(_one_chunk(table.column("product_id")), product_ids)
    neighbours, offsets = _product_lists(table.column("neighbours"), product_ids)
    scores: Floats = _one_chunk(table.column("scores")).flatten().to_numpy(zero_copy_only=False).astype(np.float64)
    if len(scores) != len(neighbours):
        raise BundleInvalid(f"{COVISIT} has another number of scores than of neighbours")
    owner_of = np.repeat(owners, np.diff(offsets))
    kept = (owner_of >= 0) & (neighbours >= 0)
    owner_of, neighbours, scores = owner_of[kept], neighbours[kept], scores[kept]
    order = np.argsort(owner_of, kind="stable")
    bounds: Ints = np.searchsorted(owner_of[order], np.arange(count + 1)).astype(np.int64)
    return Covisits(neighbours[order], scores[order], bounds)


def _product_lists(column: Any, product_ids: Sequence[str]) -> tuple[Ints, Ints]:
    """Return (rows, offsets) of a list column of product ids; an id outside `product_ids` is -1."""
    lists = _one_chunk(column)
    lengths: Ints = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return _rows_of(lists.flatten(), product_ids), offsets


def _rows_of(ids: Any, product_ids: Sequence[str]) -> Ints:
    found = pc.index_in(ids.cast(pa.string()), value_set=pa.array(product_ids, pa.string()))
    rows: Ints = pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return rows


def _one_chunk(column: Any) -> Any:
    combined = column.combine_chunks()
    return combined.combine_chunks() if isinstance(combined, pa.ChunkedArray) else combined
