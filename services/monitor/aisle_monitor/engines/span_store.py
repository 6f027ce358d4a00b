"""Spans in a SQLite file of their own, written in batches by one thread.

Telemetry is not the system of record: the file runs with synchronous=NORMAL (a power cut may cost the last moments),
what does not fit into the bounded queue is refused, and a damaged file is put aside for a new one. It stays local when
the service's state is elsewhere.
"""

import asyncio
import json
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from aisle_monitor.domain.traces import SpanRecord

BATCH_SPANS = 2_000
GATHER_SECONDS = 0.2
"""How long the writer lets spans gather before it writes."""
PRUNE_EVERY_SPANS = 5_000
EDGE_SPANS = 100_000
"""Spans of one trace that are looked at for its edges."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS spans (
  id INTEGER PRIMARY KEY,
  trace_id BLOB NOT NULL,
  span_id BLOB NOT NULL,
  parent_span_id BLOB NOT NULL,
  service TEXT NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  start_ns INTEGER NOT NULL,
  duration_ns INTEGER NOT NULL,
  error INTEGER NOT NULL,
  attributes TEXT NOT NULL,
  stored_time REAL NOT NULL,
  UNIQUE (trace_id, span_id)
);
CREATE INDEX IF NOT EXISTS ix_spans_stored_time ON spans (stored_time);
"""
_COLUMNS = "trace_id, span_id, parent_span_id, service, name, kind, start_ns, duration_ns, error, attributes"
_INSERT = f"INSERT OR IGNORE INTO spans ({_COLUMNS}, stored_time) VALUES (?,?,?,?,?,?,?,?,?,?,?)"
_log = logging.getLogger(__name__)


class SpanStore:
    """A bounded store of spans; `offer` never waits for the disk."""

    def __init__(
        self,
        path: Path,
        *,
        max_spans: int,
        max_age_seconds: float,
        queue_spans: int,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Open or create the file (mode 0600) and start the writer.

        Keeps at most about `max_spans` spans and `max_age_seconds`.
        """
        self._path, self._max_spans, self._max_age, self._queue_spans = path, max_spans, max_age_seconds, queue_spans
        self._now = now
        self._pending: list[SpanRecord] = []
        self._offered = self._written = 0
        self._since_prune = 0
        self._changed = threading.Condition()
        self._hurry = self._closing = False
        self.lost_count = 0
        """Spans accepted and then not written because the disk refused them."""
        _open(path, self._put_aside).close()
        self._writer = threading.Thread(target=self._write_all, name="span-writer", daemon=True)
        self._writer.start()

    def offer(self, spans: Sequence[SpanRecord]) -> int:
        """Take spans in for writing and return how many fitted into the queue.

        A span stored before is left as it is.
        """
        with self._changed:
            room = 0 if self._closing else max(0, self._queue_spans - len(self._pending))
            taken = spans[:room]
            self._pending.extend(taken)
            self._offered += len(taken)
            self._changed.notify_all()
        return len(taken)

    def flush(self, timeout_seconds: float = 2.0) -> None:
        """Wait until everything offered so far is written, at most `timeout_seconds`."""
        with self._changed:
            target = self._offered
            self._hurry = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._written >= target, timeout_seconds)

    async def trace(self, trace_id: str, limit: int) -> tuple[list[SpanRecord], int]:
        """Return the first `limit` spans of a trace by start time and the number stored in all."""
        return await asyncio.to_thread(self._read_trace, trace_id, limit)

    async def hops(self, trace_id: str) -> list[SpanRecord]:
        """Return the spans of a trace that can begin or end a step between services."""
        return await asyncio.to_thread(self._read_hops, trace_id)

    def close(self) -> None:
        """Write what is queued and stop."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._writer.join(5)

    def _read_trace(self, trace_id: str, limit: int) -> tuple[list[SpanRecord], int]:
        self.flush()
        key = bytes.fromhex(trace_id)
        connection = _connect(self._path)
        try:
            total = connection.execute("SELECT count(*) FROM spans WHERE trace_id = ?", (key,)).fetchone()[0]
            query = f"SELECT {_COLUMNS} FROM spans WHERE trace_id = ? ORDER BY start_ns, id LIMIT ?"
            return [_record(row) for row in connection.execute(query, (key, limit))], total
        finally:
            connection.close()

    def _read_hops(self, trace_id: str) -> list[SpanRecord]:
        connection = _connect(self._path)
        try:
            query = (
                f"SELECT {_COLUMNS} FROM spans WHERE trace_id = ? AND kind <> 'internal' ORDER BY start_ns, id LIMIT ?"
            )
            return [_record(row) for row in connection.execute(query, (bytes.fromhex(trace_id), EDGE_SPANS))]
        finally:
            connection.close()

    def _write_all(self) -> None:
        connection = _open(self._path, self._put_aside)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending or self._closing)
                if not self._hurry and not self._closing:
                    self._changed.wait_for(self._urgent, GATHER_SECONDS)
                batch, self._pending = self._pending[:BATCH_SPANS], self._pending[BATCH_SPANS:]
                self._hurry = self._hurry and bool(self._pending)
                if not batch and self._closing:
                    break
            self._write(connection, batch)
            with self._changed:
                self._written += len(batch)
                self._changed.notify_all()
        connection.close()

    def _urgent(self) -> bool:
        return self._hurry or self._closing or len(self._pending) >= BATCH_SPANS

    def _write(self, connection: sqlite3.Connection, batch: list[SpanRecord]) -> None:
        now = self._now()
        try:
            with connection:
                connection.executemany(_INSERT, (_row(span, now) for span in batch))
            self._since_prune += len(batch)
            if self._since_prune >= min(PRUNE_EVERY_SPANS, self._max_spans):
                self._since_prune = 0
                self._prune(connection, now)
        except sqlite3.Error as error:
            self.lost_count += len(batch)
            _log.warning(
                "spans could not be written", extra={"fields": {"spans": len(batch), "error": type(error).__name__}}
            )

    def _prune(self, connection: sqlite3.Connection, now: float) -> None:
        with connection:
            connection.execute("DELETE FROM spans WHERE stored_time < ?", (now - self._max_age,))
            connection.execute(
                "DELETE FROM spans WHERE id <= (SELECT id FROM spans ORDER BY id DESC LIMIT 1 OFFSET ?)",
                (self._max_spans,),
            )

    def _put_aside(self) -> None:
        """Move a damaged file out of the way; its journal goes with it."""
        for suffix in ("", "-wal", "-shm"):
            source = self._path.with_name(self._path.name + suffix)
            if source.exists():
                source.replace(self._path.with_name(f"{self._path.name}.damaged{suffix}"))
        _log.warning("the file of spans was damaged; it was put aside and a new one is begun")


def _open(path: Path, put_aside: Callable[[], None]) -> sqlite3.Connection:
    """Open the file with its schema; a damaged one is put aside first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return _prepared(path)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        put_aside()
        return _prepared(path)


def _prepared(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    connection = _connect(path)
    try:
        connection.execute("PRAGMA journal_mode=WAL").fetchall()
        connection.executescript(_SCHEMA)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=5)
    connection.execute("PRAGMA synchronous=NORMAL")
    return connection


def _row(span: SpanRecord, now: float) -> tuple[Any, ...]:
    return (
        bytes.fromhex(span.trace_id),
        bytes.fromhex(span.span_id),
        bytes.fromhex(span.parent_span_id),
        span.service,
        span.name,
        span.kind,
        span.start_ns,
        span.duration_ns,
        int(span.error),
        json.dumps(dict(span.attributes)),
        now,
    )


def _record(row: Sequence[Any]) -> SpanRecord:
    trace_id, span_id, parent, service, name, kind, start_ns, duration_ns, error, attributes = row
    return SpanRecord(
        trace_id=trace_id.hex(),
        span_id=span_id.hex(),
        parent_span_id=parent.hex(),
        service=service,
        name=name,
        kind=kind,
        start_ns=start_ns,
        duration_ns=duration_ns,
        error=bool(error),
        attributes=json.loads(attributes),
    )
