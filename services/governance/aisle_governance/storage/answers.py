"""What holders of copies say about erasures; every function runs inside the caller's transaction."""

import json
from collections import defaultdict
from collections.abc import Collection
from dataclasses import asdict, fields

from sqlalchemy import Connection, delete, insert, select, update

from aisle_governance.domain.erasures import HolderAnswer
from aisle_governance.storage.tables import erasure_answers, erasures

_RECORDED = tuple(part.name for part in fields(HolderAnswer) if part.name not in ("holder", "is_done", "time"))


def put_answer(conn: Connection, erasure_id: str, answer: HolderAnswer) -> bool:
    """Store what a holder says now, in the place of what it said before; False for an erasure that does not exist.

    A holder that is done stays done, whatever comes late.
    """
    mine = (erasure_answers.c.erasure == erasure_id) & (erasure_answers.c.holder == answer.holder)
    if conn.execute(select(erasure_answers.c.is_done).where(mine)).scalar_one_or_none():
        return True
    told = update(erasures).where(erasures.c.id == erasure_id).values(revision=erasures.c.revision + 1)
    if conn.execute(told).rowcount != 1:
        return False
    conn.execute(delete(erasure_answers).where(mine))
    record = {name: value for name, value in asdict(answer).items() if name in _RECORDED}
    conn.execute(
        insert(erasure_answers).values(
            erasure=erasure_id,
            holder=answer.holder,
            is_done=answer.is_done,
            record=json.dumps(record, sort_keys=True),
            time=answer.time,
        )
    )
    if answer.is_done:
        closed = select(erasure_answers.c.holder).where(
            erasure_answers.c.erasure == erasure_id, erasure_answers.c.is_done
        )
        record = conn.execute(select(erasures.c.record).where(erasures.c.id == erasure_id)).scalar_one()
        still = set(json.loads(record).get("holders", [])) - set(conn.execute(closed).scalars())
        conn.execute(update(erasures).where(erasures.c.id == erasure_id).values(open_holders=len(still)))
    return True


def answers_of(conn: Connection, erasure_ids: Collection[str]) -> dict[str, dict[str, HolderAnswer]]:
    """Erasure id -> holder -> what it said last."""
    found: dict[str, dict[str, HolderAnswer]] = defaultdict(dict)
    query = select(erasure_answers).where(erasure_answers.c.erasure.in_(list(erasure_ids)))
    for row in conn.execute(query.order_by(erasure_answers.c.holder)):
        record = json.loads(row.record)
        record["model_versions"] = tuple(record["model_versions"])
        found[row.erasure][row.holder] = HolderAnswer(holder=row.holder, is_done=row.is_done, time=row.time, **record)
    return found
