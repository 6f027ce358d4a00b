"""The monitor's own tables beside the runtime's. Times are seconds since the epoch."""

from aisle_runtime.db import define_runtime_tables
from aisle_runtime.erasing.worker import define_erasure_orders
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import postgresql, sqlite

metadata = MetaData()
runtime_tables = define_runtime_tables(metadata)
erasure_orders = define_erasure_orders(metadata)

pipelines = Table(
    "pipelines",
    metadata,
    Column("id", Text, primary_key=True),
    Column("spec", LargeBinary, nullable=False),
    Column("create_time", Float, nullable=False),
)

pipeline_runs = Table(
    "pipeline_runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("pipeline", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("tuned", Boolean, nullable=False),
    Column("news", Text, nullable=False),
    Column("slip", LargeBinary, nullable=False),
    Column("cause", Text, nullable=False),
    Column("trace_id", Text, nullable=False),
    Column("failure", Text),
    Column("governance_run", Text, nullable=False),
    Column("create_time", Float, nullable=False),
    Column("end_time", Float),
    Column("revision", BigInteger, nullable=False),
    Index("ix_pipeline_runs_pipeline_id", "pipeline", "id"),
    Index("ix_pipeline_runs_governance_run", "governance_run"),
)

dataset_versions = Table(
    "dataset_versions",
    metadata,
    Column("name", Text, primary_key=True),
    Column("row_count", BigInteger, nullable=False),
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("value", Float, nullable=False),
    Column("threshold", Float, nullable=False),
    Column("report", Text, nullable=False),
    Column("create_time", Float, nullable=False),
    Column("trace_id", Text, nullable=False),
    Column("pipeline_run", Text, nullable=False),
    UniqueConstraint("key", name="uq_alerts_key"),
    Index("ix_alerts_kind_id", "kind", "id"),
)

policies = Table(
    "policies",
    metadata,
    Column("id", Text, primary_key=True),
    Column("alert_kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("pipeline", Text, nullable=False),
    Column("cooldown_seconds", BigInteger, nullable=False),
    Column("create_time", Float, nullable=False),
    Column("last_run_time", Float),
)

drift_reports = Table(
    "drift_reports",
    metadata,
    Column("id", Text, primary_key=True),
    Column("body", Text, nullable=False),
    Column("create_time", Float, nullable=False),
)

answers = Table(
    "answers",
    metadata,
    Column("answer_id", Text, primary_key=True),
    Column("surface", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("products", Text, nullable=False),
    Column("impression_count", Integer, nullable=False),
    Column("duration_ms", Float, nullable=False),
    Column("degraded", Boolean, nullable=False),
    Column("serve_time", Float, nullable=False),
    Index("ix_answers_serve_time", "serve_time"),
    Index("ix_answers_model_version_serve_time", "model_version", "serve_time"),
)

engagements = Table(
    "engagements",
    metadata,
    Column("answer_id", Text, nullable=False),
    Column("product_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("shown", Boolean, nullable=False),
    Column("event_time", Float, nullable=False),
    PrimaryKeyConstraint("answer_id", "product_id", "type"),
    Index("ix_engagements_event_time", "event_time"),
)

serving_history = Table(
    "serving_history",
    metadata,
    Column("model_version", Text, primary_key=True),
    Column("live_time", Float, nullable=False),
)


def insert_new(conn: Connection, table: Table, rows: list[dict[str, object]]) -> None:
    """Insert the rows whose key is not there yet and leave the others alone."""
    if rows:
        dialect = sqlite if conn.dialect.name == "sqlite" else postgresql
        conn.execute(dialect.insert(table).on_conflict_do_nothing(), rows)
