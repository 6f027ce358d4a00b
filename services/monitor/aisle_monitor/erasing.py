"""The monitor's copies of a person.

Answers, clicks and spans hold no ids of people; what may quote one are texts of failures, alerts and reports, and attributes of spans
that somebody else sent.
"""

import asyncio
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aisle_runtime.db import Database
from aisle_runtime.erasing.compaction import compact
from aisle_runtime.erasing.messages import scrub_json
from aisle_runtime.erasing.stores import scrub_json_text
from aisle_runtime.erasing.subjects import Subjects
from aisle_runtime.erasing.worker import Task
from sqlalchemy import Connection, Table, select, update

from aisle_monitor.storage.tables import alerts, drift_reports, pipeline_runs

PERSON_KEYS = ("customer_id",)
_TEXTS: tuple[tuple[Table, str, bool], ...] = (
    (alerts, "message", False),
    (drift_reports, "body", True),
    (pipeline_runs, "news", True),
    (pipeline_runs, "failure", True),
)
"""(table, column, whether it is JSON)"""


@dataclass(frozen=True, slots=True)
class Copies:
    """Deletes what the monitor keeps of a person."""

    db: Database
    spans: Path

    async def scrub(self, task: Task) -> None:
        """Search the texts; may be repeated."""

        def clean(conn: Connection) -> Mapping[str, int]:
            return {"texts": sum(_clean(conn, *where, task.subjects) for where in _TEXTS)}

        await task.write(clean)
        found = await asyncio.to_thread(_clean_spans, self.spans, task.subjects)
        await task.write(lambda conn: {"spans": found})


def _clean(conn: Connection, table: Table, name: str, is_json: bool, subjects: Subjects) -> int:
    column, count = table.c[name], 0
    for row in conn.execute(select(table.c.id, column).where(column.is_not(None))).all():
        changed = scrub_json_text(row[1], subjects, PERSON_KEYS) if is_json else subjects.redacted(row[1])
        if changed is not None and changed != row[1]:
            conn.execute(update(table).where(table.c.id == row.id).values({name: changed}))
            count += 1
    return count


def _clean_spans(path: Path, subjects: Subjects) -> int:
    """Take people out of attributes and names of spans, which a client may have put there; blocks."""
    if not path.exists():
        return 0
    connection = sqlite3.connect(path, timeout=5)
    changes = []
    try:
        for row_id, name, text in connection.execute("SELECT id, name, attributes FROM spans"):
            if subjects.mentions(name) or subjects.mentions(text):
                kept = json.dumps(scrub_json(json.loads(text), subjects, PERSON_KEYS))
                changes.append((subjects.redacted(name), kept, row_id))
        with connection:
            connection.executemany("UPDATE spans SET name = ?, attributes = ? WHERE id = ?", changes)
    finally:
        connection.close()
    if changes:
        compact(f"sqlite:///{path.absolute()}")
    return len(changes)
