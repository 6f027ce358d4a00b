"""Datasets and their imports in the database; every function runs inside the caller's transaction."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.mapping import ColumnMapping
from aisle_governance.domain.model import Dataset, Dialect, FileFormat, Import, ImportedFile
from aisle_governance.errors import NotFound
from aisle_governance.storage import contracts
from aisle_governance.storage.tables import datasets, imports


def add_dataset(conn: Connection, dataset: Dataset) -> None:
    """Store a new dataset; the id must be free."""
    conn.execute(
        insert(datasets).values(
            id=dataset.id,
            kind=dataset.kind.value,
            mapping=json.dumps(asdict(dataset.mapping), sort_keys=True, default=dict),
            contract_yaml=dataset.contract_yaml,
            create_time=dataset.create_time.timestamp(),
            latest_version=dataset.latest_version,
            imported_row_count=dataset.imported_row_count,
        )
    )
    if dataset.contract_yaml:
        contracts.add_contract(conn, dataset.id, dataset.contract_yaml, dataset.create_time.timestamp())


def find_dataset(conn: Connection, dataset_id: str) -> Dataset | None:
    """The dataset, or None."""
    row = conn.execute(select(datasets).where(datasets.c.id == dataset_id)).one_or_none()
    return None if row is None else _dataset(row)


def get_dataset(conn: Connection, dataset_id: str) -> Dataset:
    """The dataset. Raises NotFound."""
    found = find_dataset(conn, dataset_id)
    if found is None:
        raise NotFound(f"There is no dataset {dataset_id!r}.", reason="DATASET_NOT_FOUND", next_step="Create it first.")
    return found


def list_datasets(conn: Connection, after: str, limit: int) -> list[Dataset]:
    """Up to `limit` datasets whose id is above `after`, by id."""
    query = select(datasets).where(datasets.c.id > after).order_by(datasets.c.id).limit(limit)
    return [_dataset(row) for row in conn.execute(query)]


def set_contract(conn: Connection, dataset_id: str, contract_yaml: str) -> None:
    """Replace the contract of a dataset; the earlier ones are kept beside."""
    contracts.add_contract(conn, dataset_id, contract_yaml, datetime.now(UTC).timestamp())
    conn.execute(update(datasets).where(datasets.c.id == dataset_id).values(contract_yaml=contract_yaml))


def set_latest_version(conn: Connection, dataset_id: str, number: int) -> None:
    """Note the newest version of a dataset."""
    conn.execute(update(datasets).where(datasets.c.id == dataset_id).values(latest_version=number))


def _dataset(row: Row[Any]) -> Dataset:
    return Dataset(
        id=row.id,
        kind=DatasetKind(row.kind),
        mapping=ColumnMapping(**json.loads(row.mapping)),
        contract_yaml=row.contract_yaml,
        create_time=datetime.fromtimestamp(row.create_time, UTC),
        latest_version=row.latest_version,
        imported_row_count=row.imported_row_count,
    )


def add_import(conn: Connection, new: Import) -> Import:
    """Store a new import and return it with its sequence."""
    values = {
        "id": new.id,
        "dataset": new.dataset,
        "source_file": new.source_file,
        "sha256": new.sha256,
        "live_sha256": new.sha256 or None,
        "source_bytes": new.source_bytes,
        "format": new.format.value,
        "delimiter": new.dialect.delimiter,
        "encoding": new.dialect.encoding,
        "details": _details(new),
        "accepted_row_count": 0,
        "rejected_row_count": 0,
        "rows_artifact": "",
        "rejected_artifact": "",
    }
    conn.execute(insert(imports).values(values))
    return get_import(conn, new.id)


def get_import(conn: Connection, import_id: str, dataset_id: str = "") -> Import:
    """The import, of that dataset when one is given. Raises NotFound."""
    query = select(imports).where(imports.c.id == import_id)
    if dataset_id:
        query = query.where(imports.c.dataset == dataset_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"There is no import {import_id!r} in this dataset.", reason="IMPORT_NOT_FOUND")
    return _import(row)


def find_live_import(conn: Connection, dataset_id: str, sha256: str) -> Import | None:
    """The import of these bytes into that dataset that has not failed, or None."""
    query = select(imports).where((imports.c.dataset == dataset_id) & (imports.c.live_sha256 == sha256))
    row = conn.execute(query).one_or_none()
    return None if row is None else _import(row)


def list_imports(conn: Connection, dataset_id: str, after: int, limit: int) -> list[Import]:
    """Up to `limit` imports of a dataset whose sequence is above `after`, oldest first."""
    query = select(imports).where((imports.c.dataset == dataset_id) & (imports.c.sequence > after))
    return [_import(row) for row in conn.execute(query.order_by(imports.c.sequence).limit(limit))]


def readable_imports(conn: Connection, dataset_id: str) -> list[Import]:
    """All imports of a dataset that have succeeded, oldest first."""
    query = select(imports).where((imports.c.dataset == dataset_id) & (imports.c.rows_artifact != ""))
    return [_import(row) for row in conn.execute(query.order_by(imports.c.sequence))]


def imports_by_id(conn: Connection, ids: Sequence[str]) -> list[Import]:
    """The named imports, oldest first."""
    query = select(imports).where(imports.c.id.in_(list(ids))).order_by(imports.c.sequence)
    return [_import(row) for row in conn.execute(query)]


def finish_import(conn: Connection, done: Import) -> None:
    """Store what an import has brought, and add its rows to the dataset's count."""
    conn.execute(
        update(imports)
        .where(imports.c.id == done.id)
        .values(
            delimiter=done.dialect.delimiter,
            encoding=done.dialect.encoding,
            details=_details(done),
            accepted_row_count=done.accepted_row_count,
            rejected_row_count=done.rejected_row_count,
            rows_artifact=done.rows_artifact,
            rejected_artifact=done.rejected_artifact,
        )
    )
    more = datasets.c.imported_row_count + done.accepted_row_count
    conn.execute(update(datasets).where(datasets.c.id == done.dataset).values(imported_row_count=more))


def set_bytes(conn: Connection, found: Import) -> None:
    """Note the bytes of an import that were not known when it was queued."""
    values = {
        "sha256": found.sha256,
        "live_sha256": found.sha256,
        "source_bytes": found.source_bytes,
        "format": found.format.value,
    }
    conn.execute(update(imports).where(imports.c.id == found.id).values(values))


def release_bytes(conn: Connection, import_id: str) -> None:
    """Let the bytes of a failed import be imported again."""
    conn.execute(update(imports).where(imports.c.id == import_id).values(live_sha256=None))


_DIALECT_DETAILS = ("quote", "sheet", "record_schema")


def _details(value: Import) -> str:
    known = {name: getattr(value.dialect, name) for name in _DIALECT_DETAILS}
    known |= {"likely_encoding": value.likely_encoding, "skipped": value.skipped_record_count, "same_as": value.same_as}
    known |= {"exclusion_count": value.exclusion_count}
    files = [[part.name, part.accepted_row_count, part.rejected_row_count] for part in value.files]
    return json.dumps({name: one for name, one in (known | {"files": files}).items() if one}, sort_keys=True)


def dialect_of(row: Row[Any]) -> Dialect:
    """The dialect in a row of `imports`."""
    details = json.loads(row.details)
    return Dialect(row.delimiter, row.encoding, **{name: details[name] for name in _DIALECT_DETAILS if name in details})


def _import(row: Row[Any]) -> Import:
    details = json.loads(row.details)
    return Import(
        id=row.id,
        dataset=row.dataset,
        sequence=row.sequence,
        source_file=row.source_file,
        sha256=row.sha256,
        source_bytes=row.source_bytes,
        format=FileFormat(row.format),
        dialect=dialect_of(row),
        accepted_row_count=row.accepted_row_count,
        rejected_row_count=row.rejected_row_count,
        rows_artifact=row.rows_artifact,
        rejected_artifact=row.rejected_artifact,
        likely_encoding=details.get("likely_encoding", ""),
        files=tuple(ImportedFile(*part) for part in details.get("files", [])),
        skipped_record_count=details.get("skipped", 0),
        same_as=details.get("same_as", ""),
        exclusion_count=details.get("exclusion_count", 0),
    )
