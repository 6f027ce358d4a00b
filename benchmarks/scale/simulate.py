"""Ten million user events of a shop that does not exist, as its imports would have stored them, with planted defects.

People come in sessions, look for queries and products of skewed popularity, click and sometimes buy. Planted: rows delivered twice,
messages delivered twice under one event id, rows exported by two tools, ids with spreadsheet endings or spaces, HTML in queries,
missing required values, impossible positions, products that the catalogue does not know, and programs among the shoppers.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.engines.importer import import_schema

PRODUCTS = 5_000
_QUERIES = 60_000
_DAY_US = 86_400_000_000
_ROW_GROUP = 65_536
_WORDS = (
    "red",
    "blue",
    "shoe",
    "lamp",
    "desk",
    "wool",
    "usb",
    "cable",
    "phone",
    "case",
    "cup",
    "tea",
    "oak",
    "kids",
    "pro",
    "mini",
)
_ADJECTIVES = ("warm", "cheap", "new", "large", "small", "best", "quiet", "light", "soft", "fast")


def catalogue() -> list[str]:
    """The ids of all products."""
    return [f"p{number}" for number in range(PRODUCTS)]


def simulate(folder: Path, rows: int, seed: int, per_file: int = 1_000_000) -> list[Path]:
    """Write about `rows` events as files of imported rows; the same seed gives the same rows."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number in range(-(-rows // per_file)):
        count = min(per_file, rows - number * per_file)
        path = folder / f"rows-{number:03d}.parquet"
        pq.write_table(_file(number, count, seed), path, compression="zstd", row_group_size=_ROW_GROUP)
        files.append(path)
    return files


def _file(number: int, count: int, seed: int) -> pa.Table:
    rng = np.random.default_rng((seed, number))
    planted = int(0.005 * count)
    real = count - 3 * planted
    columns = _events(number, real, rng)
    table = pa.table(columns)
    copies = table.take(pa.array(rng.integers(0, real, planted)))  # delivered twice
    again = _with_new_hash(
        table.take(pa.array(rng.integers(0, real, planted))), rng
    )  # one message twice, its position counted anew
    place = again.schema.get_field_index("position")
    again = again.set_column(place, "position", pc.add(pc.coalesce(again["position"], 0), 50))
    exported = table.take(pa.array(rng.integers(0, real, planted)))  # by another tool: other cells, the same row
    exported = exported.set_column(
        exported.schema.get_field_index("visitor_id"),
        "visitor_id",
        pc.binary_join_element_wise(" ", exported["visitor_id"], " ", ""),
    )
    table = pa.concat_tables([table, copies, again, _with_new_hash(exported, rng)])
    table = table.take(pa.array(np.argsort(rng.random(count), kind="stable")))
    lines = np.arange(2, count + 2, dtype=np.int64)
    more = {
        "_row_id": _hex(rng, count, 12),
        "_import": pa.array([f"imp-{number:03d}"] * count),
        "_source_line": pa.array(lines),
        "_source_member": pa.array([""] * count).dictionary_encode(),
        "_time_is_utc": pa.array(np.zeros(count, dtype=bool)),
    }
    for name, values in more.items():
        table = table.append_column(name, values)
    schema = import_schema(DatasetKind.USER_EVENTS)
    return table.select(schema.names).cast(schema)


def _with_new_hash(table: pa.Table, rng: np.random.Generator) -> pa.Table:
    return table.set_column(table.schema.get_field_index("_source_hash"), "_source_hash", _hex(rng, table.num_rows, 16))


def _hex(rng: np.random.Generator, count: int, size: int) -> pa.Array:
    text = rng.bytes(count * size).hex().encode()
    offsets = pa.py_buffer(np.arange(0, (count + 1) * 2 * size, 2 * size, dtype=np.int32).tobytes())
    return pa.StringArray.from_buffers(count, offsets, pa.py_buffer(text))


def _events(number: int, count: int, rng: np.random.Generator) -> dict[str, pa.Array]:
    sessions = count // 12 + 1
    session = np.sort(rng.integers(0, sessions, count))
    visitors = rng.integers(0, 600_000, sessions)
    start = number * _DAY_US + rng.integers(0, _DAY_US, sessions)
    gaps = (rng.lognormal(3.0, 1.1, count) * 1e6).astype(np.int64)
    first = np.r_[True, session[1:] != session[:-1]]
    passed = np.cumsum(gaps)
    times = start[session] + passed - np.maximum.accumulate(np.where(first, passed, 0))
    visitor = visitors[session]
    product = (PRODUCTS * rng.random(count) ** 2.5).astype(np.int64)
    kind = rng.choice(4, count, p=[0.25, 0.45, 0.25, 0.05])
    query = (_QUERIES * rng.random(sessions) ** 3).astype(np.int64)[session]
    programs = count // 100  # run through the catalogue like a clock, 200 events each
    turn = np.arange(programs)
    visitor[:programs] = 10_000_000 + 1_000 * number + turn // 200
    times[:programs] = number * _DAY_US + (turn // 200) * 7_000_000 + turn % 200 * 900_000
    kind[:programs] = 1
    ids = number * 10_000_000 + np.arange(count)
    position = rng.integers(0, 40, count)
    position[rng.random(count) < 0.001] = -1
    unknown = rng.random(count) < 0.005
    visitor_text = pc.binary_join_element_wise("v", pa.array(visitor).cast(pa.string()), "")
    tool = rng.random(count)
    visitor_text = pc.if_else(pa.array(tool < 0.01), pc.binary_join_element_wise(visitor_text, " ", ""), visitor_text)
    customer = pa.array(np.where(visitor % 3 == 0, visitor, -1)).cast(pa.string())
    customer = pc.if_else(pc.equal(customer, "-1"), pa.scalar(None, pa.string()), customer)
    customer = pc.if_else(pa.array(tool > 0.98), pc.binary_join_element_wise(customer, ".0", ""), customer)
    product_text = pc.binary_join_element_wise(
        "p", pa.array(np.where(unknown, product + PRODUCTS, product)).cast(pa.string()), ""
    )
    searched = pa.array(kind == 0)
    event_type = pa.array(np.array(["SEARCH", "VIEW", "CLICK", "PURCHASE"], dtype=object)[kind], pa.string())
    lost = rng.random(count)
    return {
        "event_id": _holes(pc.binary_join_element_wise("e", pa.array(ids).cast(pa.string()), ""), lost < 0.002),
        "event_type": _holes(event_type, (lost >= 0.002) & (lost < 0.004)),
        "event_time": _holes(
            pa.array(times + 1_700_000_000_000_000, pa.int64()).cast(pa.timestamp("us")),
            (lost >= 0.004) & (lost < 0.006),
        ),
        "customer_id": customer,
        "visitor_id": visitor_text,
        "product_id": pc.if_else(searched, pa.scalar(None, pa.string()), product_text),
        "query": _queries(query, tool),
        "position": _holes(pa.array(position), kind == 0),
        "attribution_token": pa.nulls(count, pa.string()),
        "_source_hash": _hex(rng, count, 16),
    }


def _holes(values: pa.Array, gone: np.ndarray) -> pa.Array:  # type: ignore[type-arg]
    return pc.if_else(pa.array(gone), pa.scalar(None, values.type), values)


def _queries(numbers: np.ndarray, tool: np.ndarray) -> pa.Array:  # type: ignore[type-arg]
    known = [
        f"{_ADJECTIVES[n % 10]} {_WORDS[n // 10 % 16]} {_WORDS[n // 160 % 16]}" + (f" {n}" if n > 2560 else "")
        for n in range(_QUERIES)
    ]
    texts = pa.array(known).take(pa.array(numbers))
    broken = pc.binary_join_element_wise("<b>", texts, "</b> &amp; more", "")
    wide = pc.binary_join_element_wise(texts, " ＵＳＢ", "")
    texts = pc.if_else(pa.array((tool > 0.5) & (tool < 0.51)), broken, texts)
    return pc.if_else(pa.array((tool > 0.6) & (tool < 0.602)), wide, texts)
