"""Tables of governance. Times are seconds since the epoch; composite values are canonical JSON."""

from aisle_runtime.tables import define_runtime_tables
from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)
from sqlalchemy import UniqueConstraint as Unique

metadata = MetaData()
define_runtime_tables(metadata)

_COUNTED = BigInteger().with_variant(Integer(), "sqlite")

datasets = Table(
    "datasets",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("mapping", Text, nullable=False),
    Column("contract_yaml", Text, nullable=False),
    Column("create_time", Float, nullable=False),
    Column("latest_version", Integer, nullable=False),
    Column("imported_row_count", BigInteger, nullable=False),
)

imports = Table(
    "imports",
    metadata,
    Column("sequence", _COUNTED, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("dataset", Text, nullable=False),
    Column("source_file", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("live_sha256", Text),
    Column("source_bytes", BigInteger, nullable=False),
    Column("format", Text, nullable=False),
    Column("delimiter", Text, nullable=False),
    Column("encoding", Text, nullable=False),
    Column("accepted_row_count", BigInteger, nullable=False),
    Column("rejected_row_count", BigInteger, nullable=False),
    Column("rows_artifact", Text, nullable=False),
    Column("rejected_artifact", Text, nullable=False),
    Unique("dataset", "live_sha256", name="uq_imports_dataset_live_sha256"),
    Index("ix_imports_dataset_sequence", "dataset", "sequence"),
)
"""`live_sha256` is `sha256` until the import fails, then null, so that the same bytes can be tried again."""

runs = Table(
    "runs",
    metadata,
    Column("sequence", _COUNTED, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("dataset_runs", Text, nullable=False),
    Column("slip", LargeBinary, nullable=False),
    Column("pipeline_run", Text, nullable=False),
    Column("dataset_versions", Text, nullable=False),
)

versions = Table(
    "versions",
    metadata,
    Column("dataset", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("run", Text, nullable=False),
    Column("create_time", Float, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("record", Text, nullable=False),
    PrimaryKeyConstraint("dataset", "number"),
)

reports = Table(
    "reports",
    metadata,
    Column("sequence", _COUNTED, primary_key=True, autoincrement=True),
    Column("run", Text, nullable=False),
    Column("dataset", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("report", Text, nullable=False),
    Unique("run", "dataset", name="uq_reports_run_dataset"),
    Index("ix_reports_dataset_version", "dataset", "version"),
)
"""`version` is 0 while (or when) nothing was published."""

user_events = Table(
    "user_events",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("type", Integer, nullable=False),
    Column("event_time", Float, nullable=False),
    Column("product_id", Text, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("answer_id", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("receive_time", Float, nullable=False),
    Index("ix_user_events_event_time", "event_time"),
)
