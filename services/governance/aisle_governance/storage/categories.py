"""Category jobs, proposals and accepted categories in the database; every function runs inside the caller's transaction."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from aisle_governance.domain.categories import Accepted, CategoryJob, Method, Proposal, Source
from aisle_governance.errors import NotFound
from aisle_governance.storage.tables import accepted_categories, category_jobs, category_proposals

_PER_INSERT = 500


def add(conn: Connection, job: CategoryJob) -> CategoryJob:
    """Store a new job and return it with its sequence."""
    values = {"id": job.id, "dataset": job.dataset, "version": job.version, "method": job.method.value, "record": "{}"}
    conn.execute(insert(category_jobs).values(values))
    return get(conn, job.id)


def get(conn: Connection, job_id: str, dataset: str = "") -> CategoryJob:
    """The job, of that dataset when one is given. Raises NotFound."""
    query = select(category_jobs).where(category_jobs.c.id == job_id)
    if dataset:
        query = query.where(category_jobs.c.dataset == dataset)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise NotFound("The dataset has no such category job.", reason="CATEGORY_JOB_NOT_FOUND")
    return _job(conn, row)


def list_all(conn: Connection, dataset: str, before: int | None, limit: int) -> list[CategoryJob]:
    """Up to `limit` jobs of a dataset below `before` (None = from the newest), newest first."""
    query = select(category_jobs).where(category_jobs.c.dataset == dataset)
    if before is not None:
        query = query.where(category_jobs.c.sequence < before)
    return [_job(conn, row) for row in conn.execute(query.order_by(category_jobs.c.sequence.desc()).limit(limit)).all()]


def finish(conn: Connection, job_id: str, record: Mapping[str, Any], found: Sequence[Proposal]) -> None:
    """Store what a job has learned, and its proposals."""
    mine = category_jobs.c.id == job_id
    conn.execute(update(category_jobs).where(mine).values(record=json.dumps(record, sort_keys=True)))
    conn.execute(delete(category_proposals).where(category_proposals.c.job == job_id))
    for start in range(0, len(found), _PER_INSERT):
        part = found[start : start + _PER_INSERT]
        conn.execute(insert(category_proposals), [{"job": job_id, **asdict(one)} for one in part])


def list_proposals(
    conn: Connection, job_id: str, open_only: bool, min_confidence: float, after: int, limit: int
) -> list[Proposal]:
    """Up to `limit` proposals of a job whose rank is above `after`, by rank."""
    table = category_proposals
    query = select(table).where((table.c.job == job_id) & (table.c.rank > after))
    query = query.where(table.c.confidence >= min_confidence)
    if open_only:
        query = query.where(table.c.accept_time.is_(None))
    return [_proposal(row) for row in conn.execute(query.order_by(table.c.rank).limit(limit))]


def proposals_at(conn: Connection, job_id: str, ranks: Sequence[int]) -> dict[int, Proposal]:
    """The proposals of a job at those ranks, by rank."""
    query = select(category_proposals).where(
        (category_proposals.c.job == job_id) & category_proposals.c.rank.in_(list(ranks))
    )
    return {row.rank: _proposal(row) for row in conn.execute(query)}


def accept(
    conn: Connection, dataset: str, job_id: str, chosen: Proposal, category: str, source: Source, now: float
) -> None:
    """Give the product a category from now on, in place of one that was accepted earlier."""
    table = category_proposals
    mine = (table.c.job == job_id) & (table.c.rank == chosen.rank)
    conn.execute(update(table).where(mine).values(accepted_category=category, accept_time=now))
    product = (accepted_categories.c.dataset == dataset) & (accepted_categories.c.product_id == chosen.product_id)
    values = {"category": category, "source": source.value, "job": job_id, "rank": chosen.rank, "accept_time": now}
    if conn.execute(update(accepted_categories).where(product).values(values)).rowcount == 0:
        conn.execute(insert(accepted_categories).values(dataset=dataset, product_id=chosen.product_id, **values))


def accepted_of(conn: Connection, dataset: str) -> list[Accepted]:
    """Every accepted category of a dataset, by product."""
    query = select(accepted_categories).where(accepted_categories.c.dataset == dataset)
    return [
        Accepted(row.product_id, row.category, Source(row.source), row.job, row.rank)
        for row in conn.execute(query.order_by(accepted_categories.c.product_id))
    ]


def _job(conn: Connection, row: Row[Any]) -> CategoryJob:
    counted = select(func.count(), func.count(category_proposals.c.accept_time))
    total, decided = conn.execute(counted.where(category_proposals.c.job == row.id)).one()
    record = {key: value for key, value in json.loads(row.record).items() if key in CategoryJob.__dataclass_fields__}
    return CategoryJob(
        id=row.id,
        sequence=row.sequence,
        dataset=row.dataset,
        version=row.version,
        method=Method(row.method),
        proposal_count=total,
        accepted_count=decided,
        **{**record, "metrics": tuple(record.get("metrics", ()))},
    )


def _proposal(row: Row[Any]) -> Proposal:
    return Proposal(**{name: getattr(row, name) for name in Proposal.__dataclass_fields__})
