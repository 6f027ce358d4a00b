"""First schema: training jobs and evaluations."""

import sqlalchemy as sa
from aisle_runtime.db import create_runtime_tables
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_runtime_tables(op)
    op.create_table(
        "training_jobs",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("slip", sa.LargeBinary, nullable=False),
        sa.Column("pipeline_run", sa.Text, nullable=False),
        sa.Column("create_time", sa.Float, nullable=False),
    )
    op.create_index("ix_training_jobs_pipeline_run", "training_jobs", ["pipeline_run"])
    op.create_table(
        "evaluations",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("training_job", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("create_time", sa.Float, nullable=False),
    )
