"""Remembers the answers to mutations, so that a repeated request (same request_id) has its effect once."""

import hashlib
import time
from collections.abc import Callable
from typing import TypeVar

from google.protobuf.message import Message
from sqlalchemy import Connection, delete, insert, select

from aisle_runtime.errors import InvalidField
from aisle_runtime.tables import RUNTIME

R = TypeVar("R", bound=Message)

MAXIMUM_REQUEST_ID_LENGTH = 64
RETENTION_SECONDS = 7 * 24 * 3600.0


class RequestLog:
    """Answers by (method, request_id), kept at least seven days."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        """Use `now` (seconds since the epoch) as the clock."""
        self._now = now
        self._table = RUNTIME.request_log
        self._next_cleanup = 0.0

    def once(
        self, conn: Connection, method: str, request: Message, response_type: type[R], compute: Callable[[], R]
    ) -> R:
        """Return the stored answer to `request.request_id`, or compute and store it in the transaction of `conn`.

        An empty request_id is not remembered. Raises InvalidField when the id was used with another body or is too
        long.
        """
        request_id: str = getattr(request, "request_id")  # noqa: B009 - the field is a convention, not part of Message
        if not request_id:
            return compute()
        if len(request_id) > MAXIMUM_REQUEST_ID_LENGTH:
            raise InvalidField("request_id", f"is longer than {MAXIMUM_REQUEST_ID_LENGTH} characters")
        table, digest = self._table, hashlib.sha256(request.SerializeToString(deterministic=True)).digest()
        key = (table.c.method == method) & (table.c.request_id == request_id)
        stored = conn.execute(select(table.c.request_hash, table.c.response).where(key)).one_or_none()
        if stored is not None:
            if bytes(stored.request_hash) != digest:
                raise InvalidField(
                    "request_id", "was used before with another request", next_step="Use a new request_id."
                )
            return response_type.FromString(bytes(stored.response))
        response = compute()
        conn.execute(
            insert(table).values(
                method=method,
                request_id=request_id,
                request_hash=digest,
                response=response.SerializeToString(),
                time=self._now(),
            )
        )
        self._forget_old(conn)
        return response

    def _forget_old(self, conn: Connection) -> None:
        now = self._now()
        if now >= self._next_cleanup:
            self._next_cleanup = now + 3600
            conn.execute(delete(self._table).where(self._table.c.time < now - RETENTION_SECONDS))
