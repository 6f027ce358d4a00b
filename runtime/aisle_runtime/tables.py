"""Tables that every service keeps beside its own: outbox, inbox, dead letters, jobs and the request log.

Times are seconds since the epoch (double precision), so that every database stores and orders them alike.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    false,
)

_AUTO_ID = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite gives row ids only to a primary key declared as INTEGER."""


@dataclass(frozen=True, slots=True)
class RuntimeTables:
    """The runtime's tables, bound to one MetaData."""

    outbox: Table
    """Events committed with their state change and not yet (or already) published.

    `published_at` is null until then.
    """
    inbox: Table
    """(consumer, event_id) pairs whose effect is stored."""
    dead_letters: Table
    """Events that a consumer gave up on, with the reason."""
    jobs: Table
    """Long work: its payload, state, lease and result."""
    request_log: Table
    """Answers already given, by (method, request_id)."""


def define_runtime_tables(metadata: MetaData) -> RuntimeTables:
    """Add the runtime's tables to `metadata` and return them.

    A service calls it for its own metadata, so that a test can compare that with the migrated schema.
    """
    return RuntimeTables(
        outbox=_outbox(metadata),
        inbox=_inbox(metadata),
        dead_letters=_dead_letters(metadata),
        jobs=_jobs(metadata),
        request_log=_request_log(metadata),
    )


def create_runtime_tables(op: Any) -> None:
    """Create the runtime's tables inside a service's first migration; `op` is `alembic.op`."""
    define_runtime_tables(metadata := MetaData())
    metadata.create_all(op.get_bind(), checkfirst=False)


def _outbox(metadata: MetaData) -> Table:
    return Table(
        "outbox",
        metadata,
        Column("id", _AUTO_ID, primary_key=True, autoincrement=True),
        Column("event_id", Text, nullable=False, unique=True),
        Column("subject", Text, nullable=False),
        Column("type", Text, nullable=False),
        Column("data", LargeBinary, nullable=False),
        Column("headers", Text, nullable=False),
        Column("create_time", Float, nullable=False),
        Column("published_at", Float),
        Column("attempts", Integer, nullable=False, server_default="0"),
        Index("ix_outbox_published_at_id", "published_at", "id"),
    )


def _inbox(metadata: MetaData) -> Table:
    return Table(
        "inbox",
        metadata,
        Column("consumer", Text, nullable=False),
        Column("event_id", Text, nullable=False),
        Column("time", Float, nullable=False),
        PrimaryKeyConstraint("consumer", "event_id"),
        Index("ix_inbox_time", "time"),
    )


def _dead_letters(metadata: MetaData) -> Table:
    return Table(
        "dead_letters",
        metadata,
        Column("id", _AUTO_ID, primary_key=True, autoincrement=True),
        Column("consumer", Text, nullable=False),
        Column("event_id", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("data", LargeBinary, nullable=False),
        Column("headers", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("delivery_count", Integer, nullable=False),
        Column("trace_id", Text, nullable=False, server_default=""),
        Column("time", Float, nullable=False),
        Column("replayed_at", Float),
        Index("ix_dead_letters_consumer_event_id", "consumer", "event_id"),
    )


def _jobs(metadata: MetaData) -> Table:
    return Table(
        "jobs",
        metadata,
        Column("id", Text, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("payload", LargeBinary, nullable=False),
        Column("result", LargeBinary),
        Column("failure", Text),
        Column("progress_ratio", Float, nullable=False, server_default="0"),
        Column("phase", Text, nullable=False, server_default=""),
        Column("detail", LargeBinary),
        Column("attempt_count", Integer, nullable=False, server_default="0"),
        Column("lease_owner", Text, nullable=False, server_default=""),
        Column("lease_expires", Float, nullable=False, server_default="0"),
        Column("fencing_token", BigInteger, nullable=False, server_default="0"),
        Column("cancel_requested", Boolean, nullable=False, server_default=false()),
        Column("traceparent", Text, nullable=False, server_default=""),
        Column("trace_id", Text, nullable=False, server_default=""),
        Column("revision", BigInteger, nullable=False, server_default="1"),
        Column("create_time", Float, nullable=False),
        Column("start_time", Float),
        Column("end_time", Float),
        Index("ix_jobs_kind_create_time", "kind", "create_time"),
        Index("ix_jobs_state_kind", "state", "kind"),
    )


def _request_log(metadata: MetaData) -> Table:
    return Table(
        "request_log",
        metadata,
        Column("method", Text, nullable=False),
        Column("request_id", Text, nullable=False),
        Column("request_hash", LargeBinary, nullable=False),
        Column("response", LargeBinary, nullable=False),
        Column("time", Float, nullable=False),
        PrimaryKeyConstraint("method", "request_id"),
        Index("ix_request_log_time", "time"),
    )


RUNTIME = define_runtime_tables(MetaData())
"""The tables as the runtime's own statements use them."""
