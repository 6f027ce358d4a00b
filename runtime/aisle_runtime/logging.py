"""Log as JSON lines on standard error: time, level, service, trace_id, span_id, logger, message and given fields."""

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

from opentelemetry import trace

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_QUIET_LOGGERS = ("alembic", "nats", "asyncio", "grpc")


class JsonFormatter(logging.Formatter):
    """One JSON object per record; what a call passes as `extra` becomes the object `fields`."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line; a traceback goes into `exception`."""
        context = trace.get_current_span().get_span_context()
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "service": self._service,
            "trace_id": f"{context.trace_id:032x}" if context.is_valid else "",
            "span_id": f"{context.span_id:016x}" if context.is_valid else "",
            "logger": record.name,
            "message": record.getMessage(),
        }
        if fields := _fields(record):
            entry["fields"] = fields
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str, ensure_ascii=False)


def setup(service: str, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send every record of this process as JSON to `stream` (standard error by default).

    A second call replaces the first.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(service))
    root = logging.getLogger()
    for old in [h for h in root.handlers if isinstance(h.formatter, JsonFormatter)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in _QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    """Collect what the call passed as `extra`, with `extra={"fields": {...}}` flattened."""
    fields: dict[str, object] = {}
    for key, value in vars(record).items():
        if key == "fields" and isinstance(value, Mapping):
            fields.update(value)
        elif key not in _STANDARD:
            fields[key] = value
    return fields
