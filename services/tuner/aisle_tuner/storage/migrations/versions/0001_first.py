"""First schema: studies and their trials."""

import sqlalchemy as sa
from aisle_runtime.db import create_runtime_tables
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_runtime_tables(op)
    op.create_table(
        "studies",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("stage", sa.LargeBinary, nullable=False),
        sa.Column("base_spec", sa.LargeBinary, nullable=False),
        sa.Column("slip", sa.LargeBinary, nullable=False),
        sa.Column("pipeline_run", sa.Text, nullable=False),
        sa.Column("stop_requested", sa.Boolean, nullable=False),
        sa.Column("create_time", sa.Float, nullable=False),
    )
    op.create_table(
        "trials",
        sa.Column("study", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("parameters", sa.Text, nullable=False),
        sa.Column("score", sa.Float),
        sa.Column("training_job", sa.Text, nullable=False),
        sa.Column("step_count", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("study", "number"),
        sa.ForeignKeyConstraint(["study"], ["studies.id"]),
    )
