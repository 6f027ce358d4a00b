"""First schema: pipelines, runs, alerts, policies, drift reports and what was served."""

import sqlalchemy as sa
from aisle_runtime.db import create_runtime_tables
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_runtime_tables(op)
    _create_pipelines()
    _create_alerts()
    _create_serving()


def _create_pipelines() -> None:
    op.create_table(
        "pipelines",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("spec", sa.LargeBinary, nullable=False),
        sa.Column("create_time", sa.Float, nullable=False),
    )
    op.create_table(
        "pipeline_runs",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("pipeline", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("tuned", sa.Boolean, nullable=False),
        sa.Column("news", sa.Text, nullable=False),
        sa.Column("slip", sa.LargeBinary, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.Column("failure", sa.Text),
        sa.Column("governance_run", sa.Text, nullable=False),
        sa.Column("create_time", sa.Float, nullable=False),
        sa.Column("end_time", sa.Float),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_pipeline_runs_pipeline_id", "pipeline_runs", ["pipeline", "id"])
    op.create_index("ix_pipeline_runs_governance_run", "pipeline_runs", ["governance_run"])
    op.create_table(
        "dataset_versions",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("row_count", sa.BigInteger, nullable=False),
    )


def _create_alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("value", sa.Float, nullable=False),
        sa.Column("threshold", sa.Float, nullable=False),
        sa.Column("report", sa.Text, nullable=False),
        sa.Column("create_time", sa.Float, nullable=False),
        sa.Column("trace_id", sa.Text, nullable=False),
        sa.Column("pipeline_run", sa.Text, nullable=False),
        sa.UniqueConstraint("key", name="uq_alerts_key"),
    )
    op.create_index("ix_alerts_kind_id", "alerts", ["kind", "id"])
    op.create_table(
        "policies",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("alert_kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("pipeline", sa.Text, nullable=False),
        sa.Column("cooldown_seconds", sa.BigInteger, nullable=False),
        sa.Column("create_time", sa.Float, nullable=False),
        sa.Column("last_run_time", sa.Float),
    )
    op.create_table(
        "drift_reports",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("create_time", sa.Float, nullable=False),
    )


def _create_serving() -> None:
    op.create_table(
        "answers",
        sa.Column("answer_id", sa.Text, primary_key=True),
        sa.Column("surface", sa.Text, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("products", sa.Text, nullable=False),
        sa.Column("impression_count", sa.Integer, nullable=False),
        sa.Column("duration_ms", sa.Float, nullable=False),
        sa.Column("degraded", sa.Boolean, nullable=False),
        sa.Column("serve_time", sa.Float, nullable=False),
    )
    op.create_index("ix_answers_serve_time", "answers", ["serve_time"])
    op.create_index("ix_answers_model_version_serve_time", "answers", ["model_version", "serve_time"])
    op.create_table(
        "engagements",
        sa.Column("answer_id", sa.Text, nullable=False),
        sa.Column("product_id", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("shown", sa.Boolean, nullable=False),
        sa.Column("event_time", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("answer_id", "product_id", "type"),
    )
    op.create_index("ix_engagements_event_time", "engagements", ["event_time"])
    op.create_table(
        "serving_history",
        sa.Column("model_version", sa.Text, primary_key=True),
        sa.Column("live_time", sa.Float, nullable=False),
    )
