"""The catalogue in the database."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from aisle_ranker.domain.product import Product
from aisle_ranker.storage.tables import catalog_state, products, synonym_sets

_PER_QUERY = 500
_ROWS_PER_INSERT = 2_000
LOADED, WANTED, SKIPPED, FAILURE = "loaded_version", "wanted_version", "skipped_rows", "last_failure"
_FIELDS = ("title", "description", "category", "brand", "price_nanos", "currency", "stock")


def get_products(conn: Connection, ids: Sequence[str]) -> dict[str, Product]:
    """Return those of `ids` that are there, by id."""
    return {row.product_id: _product(row) for row in _rows(conn, ids) if not row.deleted}


def all_products(conn: Connection) -> list[Product]:
    """Return every product, the oldest first."""
    chosen = select(products).where(~products.c.deleted).order_by(products.c.create_time, products.c.product_id)
    return [_product(row) for row in conn.execute(chosen)]


def put_products(conn: Connection, given: Sequence[Product], now: float) -> int:
    """Store products that a call brought; returns how many replaced one that was there."""
    before = {row.product_id: row for row in _rows(conn, [product.product_id for product in given])}
    there = {product_id for product_id, row in before.items() if not row.deleted}
    _delete(conn, list(before))
    created = {product_id: before[product_id].create_time for product_id in there}
    _insert(conn, (_values(product, "", created.get(product.product_id, now), now) for product in given))
    return len(there)


def change_products(conn: Connection, changed: Iterable[Product], now: float) -> None:
    """Store products that are there already, with new price or stock."""
    for product in changed:
        values = {"data": _data(product), "dataset_version": "", "update_time": now}
        conn.execute(update(products).where(products.c.product_id == product.product_id).values(values))


def delete_products(conn: Connection, ids: Sequence[str], now: float) -> int:
    """Mark products as deleted, so that an older dataset version does not bring them back; returns how many were there."""
    before = _rows(conn, ids)
    there = sum(not row.deleted for row in before)
    _delete(conn, [row.product_id for row in before])
    _insert(conn, ({**_values(Product(i, ""), "", now, now), "deleted": True} for i in dict.fromkeys(ids)))
    return there


def replace_dataset(
    conn: Connection, given: Iterable[Product], version: str, publish_time: float, now: float, skipped: int
) -> None:
    """Put a dataset version in the place of earlier ones; what calls changed since it was published stays."""
    columns = (products.c.product_id, products.c.create_time, products.c.update_time, products.c.dataset_version)
    before = {row.product_id: row for row in conn.execute(select(*columns))}
    kept = {i for i, row in before.items() if not row.dataset_version and row.update_time > publish_time}
    given = [product for product in given if product.product_id not in kept]
    ours = {product.product_id for product in given}
    _delete(conn, [i for i, row in before.items() if i not in kept and (row.dataset_version or i in ours)])
    times = {i: row.create_time for i, row in before.items()}
    _insert(conn, (_values(product, version, times.get(product.product_id, now), now) for product in given))
    for key, value in ((LOADED, version), (SKIPPED, str(skipped)), (FAILURE, "")):
        set_state(conn, key, value)


def state(conn: Connection) -> dict[str, str]:
    """Return what is known of the dataset behind the catalogue, by key."""
    return {row.key: row.value for row in conn.execute(select(catalog_state))}


def set_state(conn: Connection, key: str, value: str) -> None:
    """Set one entry."""
    conn.execute(delete(catalog_state).where(catalog_state.c.key == key))
    conn.execute(insert(catalog_state).values(key=key, value=value))


def all_synonyms(conn: Connection) -> dict[str, tuple[str, ...]]:
    """Return every group's terms by id, in the order of ids."""
    rows = conn.execute(select(synonym_sets).order_by(synonym_sets.c.synonym_set_id))
    return {row.synonym_set_id: tuple(json.loads(row.terms)) for row in rows}


def put_synonyms(conn: Connection, set_id: str, terms: Sequence[str]) -> None:
    """Store a group."""
    delete_synonyms(conn, set_id)
    conn.execute(insert(synonym_sets).values(synonym_set_id=set_id, terms=json.dumps(list(terms))))


def delete_synonyms(conn: Connection, set_id: str) -> None:
    """Delete a group."""
    conn.execute(delete(synonym_sets).where(synonym_sets.c.synonym_set_id == set_id))


def _rows(conn: Connection, ids: Sequence[str]) -> list[Row[Any]]:
    found: list[Row[Any]] = []
    for start in range(0, len(ids), _PER_QUERY):
        part = list(ids[start : start + _PER_QUERY])
        found += conn.execute(select(products).where(products.c.product_id.in_(part))).all()
    return found


def _delete(conn: Connection, ids: Sequence[str]) -> None:
    for start in range(0, len(ids), _PER_QUERY):
        part = list(ids[start : start + _PER_QUERY])
        conn.execute(delete(products).where(products.c.product_id.in_(part)))


def _insert(conn: Connection, rows: Iterable[dict[str, Any]]) -> None:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _ROWS_PER_INSERT:
            conn.execute(insert(products), batch)
            batch = []
    if batch:
        conn.execute(insert(products), batch)


def _values(product: Product, version: str, created: float, now: float) -> dict[str, Any]:
    return {
        "product_id": product.product_id,
        "data": _data(product),
        "dataset_version": version,
        "deleted": False,
        "create_time": created,
        "update_time": now,
    }


def _data(product: Product) -> str:
    held = {name: getattr(product, name) for name in _FIELDS}
    return json.dumps({**held, "attributes": dict(product.attributes)}, ensure_ascii=False)


def _product(row: Row[Any]) -> Product:
    return Product(
        product_id=row.product_id,
        create_time=row.create_time,
        update_time=row.update_time,
        dataset_version=row.dataset_version,
        **json.loads(row.data),
    )
