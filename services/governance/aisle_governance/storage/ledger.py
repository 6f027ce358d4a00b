"""Retention, uses of versions, released rows, erasures and exclusions; every function runs inside the caller's transaction."""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from aisle_governance.domain.erasures import Erasure, ErasureRecord, ErasureStage
from aisle_governance.domain.history import Release, RetentionPolicy
from aisle_governance.errors import NotFound
from aisle_governance.storage import answers
from aisle_governance.storage.tables import erasures, exclusions, releases, retention, version_uses

_PER_QUERY = 500


def get_retention(conn: Connection, dataset: str) -> RetentionPolicy:
    """The policy of a dataset; one that keeps everything when none was set."""
    row = conn.execute(select(retention).where(retention.c.dataset == dataset)).one_or_none()
    return RetentionPolicy() if row is None else RetentionPolicy(row.keep_last_count, row.keep_days)


def set_retention(conn: Connection, dataset: str, policy: RetentionPolicy) -> None:
    """Store the policy of a dataset in place of an earlier one."""
    conn.execute(delete(retention).where(retention.c.dataset == dataset))
    if policy:
        conn.execute(insert(retention).values(dataset=dataset, **asdict(policy)))


def set_uses(conn: Connection, holder: str, versions: Collection[tuple[str, int]]) -> None:
    """Note which versions (dataset, number) `holder` stands on now."""
    conn.execute(delete(version_uses).where(version_uses.c.holder == holder))
    for dataset, number in sorted(set(versions)):
        conn.execute(insert(version_uses).values(holder=holder, dataset=dataset, number=number))


def uses(conn: Connection, dataset: str) -> dict[int, str]:
    """Versions of a dataset that something stands on, each with one of its holders."""
    query = select(version_uses).where(version_uses.c.dataset == dataset).order_by(version_uses.c.holder.desc())
    return {row.number: row.holder for row in conn.execute(query)}


def put_release(conn: Connection, release: Release) -> None:
    """Store a decision about a row in place of an earlier one."""
    mine = (releases.c.dataset == release.dataset) & (releases.c.row_id == release.row_id)
    conn.execute(delete(releases).where(mine))
    values = asdict(release) | {"fixes": json.dumps(release.fixes, sort_keys=True, ensure_ascii=False)}
    conn.execute(insert(releases).values(values))


def releases_of(conn: Connection, dataset: str) -> list[Release]:
    """Every decision about rows of a dataset, oldest first."""
    query = select(releases).where(releases.c.dataset == dataset).order_by(releases.c.sequence)
    return [_release(row) for row in conn.execute(query)]


def find_release(conn: Connection, dataset: str, row_id: str) -> Release | None:
    """The decision about one row, or None."""
    query = select(releases).where((releases.c.dataset == dataset) & (releases.c.row_id == row_id))
    row = conn.execute(query).one_or_none()
    return None if row is None else _release(row)


def all_releases(conn: Connection) -> list[Release]:
    """Every decision of every dataset."""
    return [_release(row) for row in conn.execute(select(releases).order_by(releases.c.sequence))]


def drop_releases(conn: Connection, dataset: str, row_ids: Sequence[str]) -> None:
    """Forget the decisions about these rows."""
    for start in range(0, len(row_ids), _PER_QUERY):
        part = list(row_ids[start : start + _PER_QUERY])
        conn.execute(delete(releases).where((releases.c.dataset == dataset) & releases.c.row_id.in_(part)))


def _release(row: Row[Any]) -> Release:
    return Release(
        dataset=row.dataset,
        row_id=row.row_id,
        rule=row.rule,
        import_id=row.import_id,
        fixes=json.loads(row.fixes),
        rows_artifact=row.rows_artifact,
        excused=row.excused,
        create_time=row.create_time,
    )


def add_erasure(conn: Connection, erasure: Erasure) -> Erasure:
    """Store a new erasure and return it with its sequence."""
    values = _changing(erasure) | {"open_holders": len(erasure.record.holders)}
    conn.execute(insert(erasures).values(id=erasure.id, subject=erasure.subject, **values))
    return get_erasure(conn, erasure.id)


def save_erasure(conn: Connection, erasure: Erasure) -> None:
    """Store what has changed; the revision grows by one."""
    values = _changing(erasure) | {"revision": erasures.c.revision + 1}
    conn.execute(update(erasures).where(erasures.c.id == erasure.id).values(values))


def get_erasure(conn: Connection, erasure_id: str) -> Erasure:
    """The erasure. Raises NotFound."""
    row = conn.execute(select(erasures).where(erasures.c.id == erasure_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no erasure {erasure_id!r}.", reason="ERASURE_NOT_FOUND")
    return _erasures(conn, [row])[0]


def find_open_erasure(conn: Connection, subject: str) -> Erasure | None:
    """The erasure of a person that has not ended, or None."""
    query = select(erasures).where((erasures.c.subject == subject) & erasures.c.end_time.is_(None))
    row = conn.execute(query.order_by(erasures.c.sequence.desc()).limit(1)).one_or_none()
    return None if row is None else _erasure(row)


def waiting_erasures(conn: Connection) -> list[Erasure]:
    """Erasures that wait for jobs, oldest first."""
    query = select(erasures).where(erasures.c.stage == ErasureStage.WAITING.value).order_by(erasures.c.sequence)
    return [_erasure(row) for row in conn.execute(query)]


def list_erasures(conn: Connection, before: int | None, limit: int) -> list[Erasure]:
    """Up to `limit` erasures whose sequence is below `before` (None = from the newest), newest first."""
    query = select(erasures).order_by(erasures.c.sequence.desc()).limit(limit)
    if before is not None:
        query = query.where(erasures.c.sequence < before)
    return _erasures(conn, conn.execute(query).all())


def incomplete_erasures(conn: Connection) -> list[Erasure]:
    """Erasures whose own part has succeeded and that some holder of copies has not acknowledged, oldest first."""
    mine = (erasures.c.open_holders > 0) & (erasures.c.stage == ErasureStage.SUCCEEDED.value)
    return _erasures(conn, conn.execute(select(erasures).where(mine).order_by(erasures.c.sequence)).all())


def _erasures(conn: Connection, rows: Sequence[Row[Any]]) -> list[Erasure]:
    found = [_erasure(row) for row in rows]
    told = answers.answers_of(conn, [one.id for one in found])
    for one in found:
        one.answers = told.get(one.id, {})
    return found


def _changing(erasure: Erasure) -> dict[str, Any]:
    return {
        "stage": erasure.stage.value,
        "job": erasure.job,
        "record": json.dumps(asdict(erasure.record), sort_keys=True),
        "revision": erasure.revision,
        "create_time": erasure.create_time,
        "end_time": erasure.end_time,
    }


def _erasure(row: Row[Any]) -> Erasure:
    return Erasure(
        id=row.id,
        sequence=row.sequence,
        subject=row.subject,
        stage=ErasureStage(row.stage),
        job=row.job,
        record=ErasureRecord.from_json(json.loads(row.record)),
        revision=row.revision,
        create_time=row.create_time,
        end_time=row.end_time,
    )


def exclude(conn: Connection, subject: str, erasure_id: str, now: float) -> int:
    """Exclude a person from now on and return the sequence of the exclusion; repeating it changes nothing."""
    query = select(exclusions.c.sequence).where(exclusions.c.subject == subject)
    known = conn.execute(query).scalar_one_or_none()
    if known is None:
        conn.execute(insert(exclusions).values(subject=subject, erasure=erasure_id, create_time=now))
        known = conn.execute(query).scalar_one()
    return int(known)


def excluded(conn: Connection) -> list[str]:
    """Keyed hashes of everybody excluded, in the order of their exclusion."""
    return list(conn.execute(select(exclusions.c.subject).order_by(exclusions.c.sequence)).scalars())


def excluded_among(conn: Connection, subjects: Collection[str]) -> set[str]:
    """Those of `subjects` that are excluded."""
    wanted, found = list(subjects), set()
    for start in range(0, len(wanted), _PER_QUERY):
        part = wanted[start : start + _PER_QUERY]
        found |= set(conn.execute(select(exclusions.c.subject).where(exclusions.c.subject.in_(part))).scalars())
    return found


def exclusion_count(conn: Connection) -> int:
    """How many people are excluded."""
    return int(conn.execute(select(func.count()).select_from(exclusions)).scalar_one())
