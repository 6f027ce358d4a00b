"""Measures on the files of a version what readiness asks for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aisle_governance.domain.kinds import DatasetKind


def measure(kind: DatasetKind, files: Sequence[Path], titled_products: pa.Array | None = None) -> dict[str, float]:
    """The figures of a version by the names that `domain.readiness` uses; `titled_products` are ids with a title elsewhere."""
    match kind:
        case DatasetKind.JUDGMENTS:
            return _judgments(_read(files, ("query", "query_id", "title", "grade")))
        case DatasetKind.ORDERS:
            columns = ("product_id", "title", "customer_id", "order_time")
            return _interactions(_read(files, columns), "order_time", "title", titled_products)
        case DatasetKind.USER_EVENTS:
            columns = ("product_id", "customer_id", "visitor_id", "event_time")
            return _interactions(_read(files, columns), "event_time", "", titled_products)
        case DatasetKind.PRODUCTS | DatasetKind.PAIRS:  # no tier asks for anything of them
            return {}


def titled(files: Sequence[Path]) -> pa.Array:
    """Ids of the products that have a title, in a version of products."""
    rows = _read(files, ("product_id", "title"))
    return pc.unique(rows.filter(_filled(rows["title"]))["product_id"]).drop_null()


def _read(files: Sequence[Path], columns: tuple[str, ...]) -> pa.Table:
    tables = [pq.read_table(file, columns=list(columns), partitioning=None) for file in files]
    return pa.concat_tables(tables) if tables else pa.table({name: pa.array([], pa.string()) for name in columns})


def _filled(values: Any) -> Any:
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return pc.fill_null(pc.not_equal(pc.utf8_trim_whitespace(values), ""), False)
    return pc.is_valid(values)


def _ratio(mask: Any) -> float:
    return float(pc.mean(pc.cast(mask, pa.float64())).as_py() or 0.0) if len(mask) else 0.0


def _judgments(rows: pa.Table) -> dict[str, float]:
    texts = pc.and_(_filled(rows["query"]), _filled(rows["title"]))
    usable = rows.filter(pc.and_(texts, pc.is_valid(rows["grade"])))
    per_query = usable.group_by("query_id").aggregate([("grade", "count_distinct")])
    return {
        "queries": float(per_query.num_rows),
        "grades": float(pc.count_distinct(usable["grade"]).as_py()),
        "graded_queries": float(pc.sum(pc.greater_equal(per_query["grade_count_distinct"], 2)).as_py() or 0),
        "text_ratio": _ratio(texts),
    }


def _interactions(rows: pa.Table, time: str, title: str, elsewhere: pa.Array | None) -> dict[str, float]:
    rows = rows.filter(_filled(rows["product_id"]))
    products = rows["product_id"]
    known = elsewhere if elsewhere is not None else pa.array([], pa.string())
    if title:
        own = pc.unique(products.filter(_filled(rows[title])))
        known = pa.concat_arrays([own.cast(pa.string()), known.cast(pa.string())])
    resolved = pc.is_in(products, value_set=known.cast(products.type))
    if not title and elsewhere is None:
        # Events carry no text, so without a dataset of products nothing can be said against them.
        resolved = pc.is_valid(products)
    customer = rows["customer_id"]
    if "visitor_id" in rows.column_names:
        customer = pc.if_else(_filled(customer), customer, rows["visitor_id"])
    with_customer = _filled(customer)
    people = pa.table({"customer": customer, "time": rows[time]}).filter(with_customer)
    times = people.group_by("customer").aggregate([("time", "count_distinct")])
    return {
        "interactions": float(rows.num_rows),
        "products": float(pc.count_distinct(products).as_py()),
        "time_ratio": _ratio(pc.is_valid(rows[time])),
        "product_ratio": _ratio(resolved),
        "customer_ratio": _ratio(with_customer),
        "customers": float(pc.sum(pc.greater_equal(times["time_count_distinct"], 2)).as_py() or 0),
    }
