"""Label builds, reviews, suspects and fixes in the database; every function runs inside the caller's transaction."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, insert, select, update

from aisle_governance.domain.labels.records import LabelBuild, LabelReview, Suspect
from aisle_governance.errors import NotFound
from aisle_governance.storage.tables import label_builds, label_fixes, label_reviews, label_suspects

_COUNTS = ("label_count", "list_count", "unattributed_event_count", "unknown_product_count", "examination")
_PER_INSERT = 500


def add_build(conn: Connection, build: LabelBuild) -> LabelBuild:
    """Store a new build and return it with its sequence."""
    values = {
        "id": build.id,
        "dataset": build.dataset,
        "events_version": build.events_version,
        "events_dataset": build.events_version.split("/")[1],
        "products_version": build.products_version,
        "method": build.method,
        "is_done": False,
        "is_replaced": False,
        "run": "",
        "record": _counts(build),
    }
    conn.execute(insert(label_builds).values(values))
    return get_build(conn, build.id)


def get_build(conn: Connection, build_id: str, dataset: str = "") -> LabelBuild:
    """The build, of that dataset when one is given. Raises NotFound."""
    query = select(label_builds).where(label_builds.c.id == build_id)
    if dataset:
        query = query.where(label_builds.c.dataset == dataset)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"There is no label build {build_id!r} in this dataset.", reason="LABEL_BUILD_NOT_FOUND")
    return _build(row)


def list_builds(conn: Connection, dataset: str, before: int | None, limit: int) -> list[LabelBuild]:
    """Up to `limit` builds of a dataset below `before` (None = from the newest), newest first."""
    query = select(label_builds).where(label_builds.c.dataset == dataset)
    if before is not None:
        query = query.where(label_builds.c.sequence < before)
    return [_build(row) for row in conn.execute(query.order_by(label_builds.c.sequence.desc()).limit(limit))]


def finish_build(conn: Connection, done: LabelBuild) -> None:
    """Store what a build has brought; earlier builds from the same dataset of events are replaced."""
    mine = label_builds.c.id == done.id
    conn.execute(update(label_builds).where(mine).values(is_done=True, run=done.run, record=_counts(done)))
    same = and_(
        label_builds.c.dataset == done.dataset,
        label_builds.c.events_dataset == done.events_version.split("/")[1],
        label_builds.c.id != done.id,
        label_builds.c.is_done,
    )
    conn.execute(update(label_builds).where(same).values(is_replaced=True))


def replaced_imports(conn: Connection, dataset: str) -> set[str]:
    """Ids of imports whose labels later builds have brought anew."""
    query = select(label_builds.c.id).where((label_builds.c.dataset == dataset) & label_builds.c.is_replaced)
    return set(conn.execute(query).scalars())


def _counts(build: LabelBuild) -> str:
    return json.dumps({name: value for name, value in asdict(build).items() if name in _COUNTS}, sort_keys=True)


def _build(row: Row[Any]) -> LabelBuild:
    counts = {name: value for name, value in json.loads(row.record).items() if name in _COUNTS}
    counts["examination"] = tuple(counts["examination"])
    return LabelBuild(
        id=row.id,
        sequence=row.sequence,
        dataset=row.dataset,
        events_version=row.events_version,
        products_version=row.products_version,
        method=row.method,
        is_done=bool(row.is_done),
        run=row.run,
        **counts,
    )


def add_review(conn: Connection, review: LabelReview) -> LabelReview:
    """Store a new review and return it with its sequence."""
    values = {"id": review.id, "dataset": review.dataset, "version": review.version}
    conn.execute(insert(label_reviews).values(values | {"label_count": 0, "accuracy_ratio": 0.0}))
    return get_review(conn, review.id)


def get_review(conn: Connection, review_id: str, dataset: str = "") -> LabelReview:
    """The review, of that dataset when one is given. Raises NotFound."""
    query = select(label_reviews).where(label_reviews.c.id == review_id)
    if dataset:
        query = query.where(label_reviews.c.dataset == dataset)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"There is no label review {review_id!r} in this dataset.", reason="LABEL_REVIEW_NOT_FOUND")
    return _review(conn, row)


def list_reviews(conn: Connection, dataset: str, before: int | None, limit: int) -> list[LabelReview]:
    """Up to `limit` reviews of a dataset below `before` (None = from the newest), newest first."""
    query = select(label_reviews).where(label_reviews.c.dataset == dataset)
    if before is not None:
        query = query.where(label_reviews.c.sequence < before)
    rows = conn.execute(query.order_by(label_reviews.c.sequence.desc()).limit(limit)).all()
    return [_review(conn, row) for row in rows]


def finish_review(conn: Connection, review_id: str, labels: int, accuracy: float, found: Sequence[Suspect]) -> None:
    """Store what a review has found."""
    mine = label_reviews.c.id == review_id
    conn.execute(update(label_reviews).where(mine).values(label_count=labels, accuracy_ratio=accuracy))
    conn.execute(delete(label_suspects).where(label_suspects.c.review == review_id))
    for start in range(0, len(found), _PER_INSERT):
        part = found[start : start + _PER_INSERT]
        conn.execute(insert(label_suspects), [{"review": review_id, **asdict(one)} for one in part])


def list_suspects(conn: Connection, review_id: str, open_only: bool, after: int, limit: int) -> list[Suspect]:
    """Up to `limit` suspects of a review whose rank is above `after`, by rank."""
    query = select(label_suspects).where((label_suspects.c.review == review_id) & (label_suspects.c.rank > after))
    if open_only:
        query = query.where(label_suspects.c.accept_time.is_(None))
    return [_suspect(row) for row in conn.execute(query.order_by(label_suspects.c.rank).limit(limit))]


def suspects_at(conn: Connection, review_id: str, ranks: Sequence[int]) -> dict[int, Suspect]:
    """The suspects of a review at those ranks, by rank."""
    query = select(label_suspects).where(
        (label_suspects.c.review == review_id) & label_suspects.c.rank.in_(list(ranks))
    )
    return {row.rank: _suspect(row) for row in conn.execute(query)}


def accept(conn: Connection, review: LabelReview, suspect: Suspect, grade: float, now: float) -> None:
    """Give the suspect's pair another grade from now on, in place of an earlier fix of the same pair."""
    mine = (label_suspects.c.review == review.id) & (label_suspects.c.rank == suspect.rank)
    conn.execute(update(label_suspects).where(mine).values(accepted_grade=grade, accept_time=now))
    pair = and_(
        label_fixes.c.dataset == review.dataset,
        label_fixes.c.query_id == suspect.query_id,
        label_fixes.c.product_id == suspect.product_id,
    )
    values = {"grade": grade, "review": review.id, "rank": suspect.rank, "accept_time": now}
    if conn.execute(update(label_fixes).where(pair).values(values)).rowcount == 0:
        key = {"dataset": review.dataset, "query_id": suspect.query_id, "product_id": suspect.product_id}
        conn.execute(insert(label_fixes).values(key | values))


def fixes_of(conn: Connection, dataset: str) -> list[tuple[str, str, float]]:
    """(query_id, product_id, grade) of every accepted fix of a dataset, in a fixed order."""
    query = select(label_fixes.c.query_id, label_fixes.c.product_id, label_fixes.c.grade)
    rows = conn.execute(
        query.where(label_fixes.c.dataset == dataset).order_by(label_fixes.c.query_id, label_fixes.c.product_id)
    )
    return [(row.query_id, row.product_id, row.grade) for row in rows]


def _review(conn: Connection, row: Row[Any]) -> LabelReview:
    query = select(func.count(), func.count(label_suspects.c.accept_time)).where(label_suspects.c.review == row.id)
    total, accepted = conn.execute(query).one()
    return LabelReview(
        id=row.id,
        sequence=row.sequence,
        dataset=row.dataset,
        version=row.version,
        label_count=row.label_count,
        suspect_count=total,
        accuracy_ratio=row.accuracy_ratio,
        accepted_count=accepted,
    )


def _suspect(row: Row[Any]) -> Suspect:
    return Suspect(**{name: getattr(row, name) for name in Suspect.__dataclass_fields__})
