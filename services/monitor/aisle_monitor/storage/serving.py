"""Answers given and what shoppers did with them.

An engagement counts only when its answer showed the product. That is settled when the second of the two arrives, so
that their order does not matter and a query needs no look at the products.
"""

import json
import math
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, and_, cast, delete, func, literal_column, select, update

from aisle_monitor.domain.engagement import CLICK, PURCHASE, Answer, ClickCounts, Engagement, ServingFigures
from aisle_monitor.storage.tables import answers, engagements, insert_new, serving_history


def add_answers(conn: Connection, served: Iterable[Answer]) -> None:
    """Store answers not stored yet, and settle engagements that came before them."""
    rows = {answer.answer_id: answer for answer in served}
    insert_new(conn, answers, [_answer_row(answer) for answer in rows.values()])
    waiting = select(engagements).where(engagements.c.answer_id.in_(list(rows)), engagements.c.shown.is_(False))
    for row in conn.execute(waiting).all():
        if row.product_id in rows[row.answer_id].product_ids:
            same = (
                (engagements.c.answer_id == row.answer_id)
                & (engagements.c.product_id == row.product_id)
                & (engagements.c.type == row.type)
            )
            conn.execute(update(engagements).where(same).values(shown=True))


def add_engagements(conn: Connection, found: list[Engagement]) -> None:
    """Store engagements not stored yet; each (answer, product, type) once."""
    ids = {engagement.answer_id for engagement in found}
    query = select(answers.c.answer_id, answers.c.products).where(answers.c.answer_id.in_(list(ids)))
    shown = {row.answer_id: set(json.loads(row.products)) for row in conn.execute(query)}
    rows: list[dict[str, object]] = [
        {
            "answer_id": engagement.answer_id,
            "product_id": engagement.product_id,
            "type": engagement.type,
            "shown": engagement.product_id in shown.get(engagement.answer_id, ()),
            "event_time": engagement.event_time,
        }
        for engagement in found
    ]
    insert_new(conn, engagements, rows)


def figures(conn: Connection, since: float, model_version: str, by_surface: bool) -> list[ServingFigures]:
    """Return the figures of answers served at or after `since`, by version (and surface).

    Quantiles are exact nearest ranks.
    """
    kept = answers.c.serve_time >= since
    if model_version:
        kept = and_(kept, answers.c.model_version == model_version)
    surface: ColumnElement[str] = answers.c.surface if by_surface else literal_column("''")
    counted = _engagement_counts(conn, kept, surface)
    return [
        ServingFigures(
            model_version=row.model_version,
            surface=row.surface,
            answer_count=row.answers,
            impression_count=int(row.impressions),
            click_count=counted.get((row.model_version, row.surface, CLICK), 0),
            purchase_count=counted.get((row.model_version, row.surface, PURCHASE), 0),
            latency_p50_ms=row.p50,
            latency_p99_ms=row.p99,
            degraded_ratio=float(row.degraded) / row.answers,
        )
        for row in _answer_figures(conn, kept, surface)
    ]


def click_counts(conn: Connection, model_version: str) -> ClickCounts:
    """Return what a version showed and how much of it was clicked, over everything stored."""
    own = answers.c.model_version == model_version
    shown = conn.execute(select(func.coalesce(func.sum(answers.c.impression_count), 0)).where(own)).scalar_one()
    clicks = (
        select(func.count())
        .select_from(engagements.join(answers, answers.c.answer_id == engagements.c.answer_id))
        .where(own, engagements.c.shown, engagements.c.type == CLICK)
    )
    return ClickCounts(model_version, int(shown), int(conn.execute(clicks).scalar_one()))


def note_live(conn: Connection, model_version: str, time: float) -> None:
    """Keep that a version began to answer at `time`; an older time than the known one changes nothing."""
    insert_new(conn, serving_history, [{"model_version": model_version, "live_time": time}])
    newer = (serving_history.c.model_version == model_version) & (serving_history.c.live_time < time)
    conn.execute(update(serving_history).where(newer).values(live_time=time))


def live_versions(conn: Connection) -> list[str]:
    """Return the versions that have answered, the one that went live last first."""
    return list(
        conn.execute(select(serving_history.c.model_version).order_by(serving_history.c.live_time.desc())).scalars()
    )


def forget_before(conn: Connection, time: float) -> None:
    """Delete answers and engagements older than `time`."""
    conn.execute(delete(answers).where(answers.c.serve_time < time))
    conn.execute(delete(engagements).where(engagements.c.event_time < time))


def _answer_row(answer: Answer) -> dict[str, object]:
    return {
        "answer_id": answer.answer_id,
        "surface": answer.surface,
        "model_version": answer.model_version,
        "products": json.dumps(answer.product_ids),
        "impression_count": len(set(answer.product_ids)),
        "duration_ms": answer.duration_ms if math.isfinite(answer.duration_ms) else 0.0,
        "degraded": answer.degraded,
        "serve_time": answer.serve_time,
    }


def _answer_figures(conn: Connection, kept: ColumnElement[bool], surface: ColumnElement[str]) -> list[Any]:
    group = (answers.c.model_version, surface)
    ranked = (
        select(
            answers.c.model_version,
            surface.label("surface"),
            answers.c.duration_ms,
            answers.c.impression_count,
            cast(answers.c.degraded, Integer).label("degraded"),
            func.row_number().over(partition_by=group, order_by=answers.c.duration_ms).label("place"),
            func.count().over(partition_by=group).label("total"),
        )
        .where(kept)
        .subquery()
    )
    at = ranked.c

    def quantile(percent: int) -> ColumnElement[Any]:
        # nearest rank, ceil(percent / 100 * total), in whole numbers
        return func.max(at.duration_ms).filter((at.place - 1) * 100 < at.total * percent)

    query = (
        select(
            at.model_version,
            at.surface,
            func.count().label("answers"),
            func.sum(at.impression_count).label("impressions"),
            func.sum(at.degraded).label("degraded"),
            quantile(50).label("p50"),
            quantile(99).label("p99"),
        )
        .group_by(at.model_version, at.surface)
        .order_by(at.model_version, at.surface)
    )
    return list(conn.execute(query))


def _engagement_counts(
    conn: Connection, kept: ColumnElement[bool], surface: ColumnElement[str]
) -> dict[tuple[str, str, str], int]:
    counted = (
        select(answers.c.model_version, surface.label("surface"), engagements.c.type)
        .join(engagements, answers.c.answer_id == engagements.c.answer_id)
        .where(kept, engagements.c.shown)
        .subquery()
    )
    keys = (counted.c.model_version, counted.c.surface, counted.c.type)
    query = select(*keys, func.count().label("total")).group_by(*keys)
    return {(row.model_version, row.surface, row.type): row.total for row in conn.execute(query)}
