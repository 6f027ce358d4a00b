"""Repair models in the database; every function runs inside the caller's transaction."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from aisle_governance.domain.repair.labelling import LabelledRow, RepairRecord
from aisle_governance.errors import NotFound
from aisle_governance.storage.tables import repair_models


def add(conn: Connection, new: RepairRecord) -> RepairRecord:
    """Store a model of which nothing is known yet."""
    values = {"id": new.id, "dataset": new.dataset, "label_count": new.label_count, "usable": False, "record": "{}"}
    conn.execute(insert(repair_models).values(values))
    return get(conn, new.dataset, new.id)


def get(conn: Connection, dataset: str, model_id: str) -> RepairRecord:
    """The model. Raises NotFound."""
    query = select(repair_models).where((repair_models.c.dataset == dataset) & (repair_models.c.id == model_id))
    row = conn.execute(query).one_or_none()
    if row is None:
        raise NotFound("The dataset has no such repair model.", reason="REPAIR_MODEL_NOT_FOUND")
    return _record(row)


def list_all(conn: Connection, dataset: str, before: int | None, limit: int) -> list[RepairRecord]:
    """Up to `limit` models of a dataset whose sequence is below `before`, newest first."""
    query = select(repair_models).where(repair_models.c.dataset == dataset)
    if before is not None:
        query = query.where(repair_models.c.sequence < before)
    return [_record(row) for row in conn.execute(query.order_by(repair_models.c.sequence.desc()).limit(limit))]


def newest_usable(conn: Connection, dataset: str) -> Mapping[str, Any] | None:
    """What the newest model that has learned something does, or None."""
    query = select(repair_models).where((repair_models.c.dataset == dataset) & repair_models.c.usable)
    row = conn.execute(query.order_by(repair_models.c.sequence.desc()).limit(1)).one_or_none()
    return None if row is None else _record(row).model


def finish(conn: Connection, model_id: str, result: Mapping[str, Any]) -> None:
    """Store what a job has found: `model` (None: nothing), `steps`, `wrong`, `mended`, `broken`, `suggested`."""
    values = {"usable": result["model"] is not None, "record": json.dumps(result, sort_keys=True)}
    conn.execute(update(repair_models).where(repair_models.c.id == model_id).values(values))


def _record(row: Row[Any]) -> RepairRecord:
    found = json.loads(row.record)
    return RepairRecord(
        id=row.id,
        dataset=row.dataset,
        label_count=row.label_count,
        sequence=row.sequence,
        model=found.get("model"),
        steps=tuple((tuple(columns), words) for columns, words in found.get("steps", ())),
        wrong=found.get("wrong", 0),
        mended=found.get("mended", 0),
        broken=found.get("broken", 0),
        suggested=tuple(LabelledRow(one["row_id"], one["values"]) for one in found.get("suggested", ())),
    )
