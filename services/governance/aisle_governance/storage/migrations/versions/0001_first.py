"""The first tables."""

import sqlalchemy as sa
from aisle_runtime.tables import create_runtime_tables
from alembic import op

revision = "0001"
down_revision = None

_COUNTED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    create_runtime_tables(op)
    op.create_table(
        "datasets",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("mapping", sa.Text, nullable=False),
        sa.Column("contract_yaml", sa.Text, nullable=False),
        sa.Column("create_time", sa.Float, nullable=False),
        sa.Column("latest_version", sa.Integer, nullable=False),
        sa.Column("imported_row_count", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "imports",
        sa.Column("sequence", _COUNTED, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("source_file", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("live_sha256", sa.Text),
        sa.Column("source_bytes", sa.BigInteger, nullable=False),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("delimiter", sa.Text, nullable=False),
        sa.Column("encoding", sa.Text, nullable=False),
        sa.Column("accepted_row_count", sa.BigInteger, nullable=False),
        sa.Column("rejected_row_count", sa.BigInteger, nullable=False),
        sa.Column("rows_artifact", sa.Text, nullable=False),
        sa.Column("rejected_artifact", sa.Text, nullable=False),
        sa.UniqueConstraint("dataset", "live_sha256", name="uq_imports_dataset_live_sha256"),
    )
    op.create_index("ix_imports_dataset_sequence", "imports", ["dataset", "sequence"])
    op.create_table(
        "runs",
        sa.Column("sequence", _COUNTED, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("dataset_runs", sa.Text, nullable=False),
        sa.Column("slip", sa.LargeBinary, nullable=False),
        sa.Column("pipeline_run", sa.Text, nullable=False),
        sa.Column("dataset_versions", sa.Text, nullable=False),
    )
    op.create_table(
        "versions",
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("create_time", sa.Float, nullable=False),
        sa.Column("content_hash", sa.Text, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("dataset", "number"),
    )
    op.create_table(
        "reports",
        sa.Column("sequence", _COUNTED, primary_key=True, autoincrement=True),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("report", sa.Text, nullable=False),
        sa.UniqueConstraint("run", "dataset", name="uq_reports_run_dataset"),
    )
    op.create_index("ix_reports_dataset_version", "reports", ["dataset", "version"])
    op.create_table(
        "user_events",
        sa.Column("event_id", sa.Text, primary_key=True),
        sa.Column("type", sa.Integer, nullable=False),
        sa.Column("event_time", sa.Float, nullable=False),
        sa.Column("product_id", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("answer_id", sa.Text, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("receive_time", sa.Float, nullable=False),
    )
    op.create_index("ix_user_events_event_time", "user_events", ["event_time"])
