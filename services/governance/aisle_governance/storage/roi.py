"""Data ROI studies in the database; every function runs inside the caller's transaction."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from aisle_governance.domain.roi import Arm, Reference, RoiStudy
from aisle_governance.errors import NotFound
from aisle_governance.storage.tables import roi_studies


def add(conn: Connection, study: RoiStudy) -> RoiStudy:
    """Store a new study and return it with its sequence."""
    record = _record(study.references, study.arms)
    conn.execute(insert(roi_studies).values(id=study.id, spec=study.spec, record=record))
    return get(conn, study.id)


def get(conn: Connection, study_id: str) -> RoiStudy:
    """The study. Raises NotFound."""
    row = conn.execute(select(roi_studies).where(roi_studies.c.id == study_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no data ROI study {study_id!r}.", reason="ROI_STUDY_NOT_FOUND")
    return _study(row)


def list_all(conn: Connection, before: int | None, limit: int) -> list[RoiStudy]:
    """Up to `limit` studies below `before` (None = from the newest), newest first."""
    query = select(roi_studies).order_by(roi_studies.c.sequence.desc()).limit(limit)
    if before is not None:
        query = query.where(roi_studies.c.sequence < before)
    return [_study(row) for row in conn.execute(query)]


def save(conn: Connection, study_id: str, references: Sequence[Reference], arms: Sequence[Arm]) -> None:
    """Store what has been measured so far."""
    mine = roi_studies.c.id == study_id
    conn.execute(update(roi_studies).where(mine).values(record=_record(references, arms)))


def _record(references: Sequence[Reference], arms: Sequence[Arm]) -> str:
    known = {"references": [one.to_json() for one in references], "arms": [one.to_json() for one in arms]}
    return json.dumps(known, sort_keys=True)


def _study(row: Row[Any]) -> RoiStudy:
    record = json.loads(row.record)
    return RoiStudy(
        id=row.id,
        sequence=row.sequence,
        spec=bytes(row.spec),
        references=tuple(Reference.from_json(one) for one in record["references"]),
        arms=tuple(Arm.from_json(one) for one in record["arms"]),
    )
