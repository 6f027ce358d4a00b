"""First schema: loads, the live model, what shoppers did."""

import sqlalchemy as sa
from aisle_runtime.db import create_runtime_tables
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_runtime_tables(op)
    op.create_table(
        "loads",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("bundle_digest", sa.Text, nullable=False),
        sa.Column("files", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("slip", sa.LargeBinary, nullable=False),
        sa.Column("traceparent", sa.Text, nullable=False),
        sa.Column("create_time", sa.Float, nullable=False),
        sa.Column("end_time", sa.Float),
        sa.Column("failure", sa.Text),
    )
    op.create_index("ix_loads_state_sequence", "loads", ["state", "sequence"])
    op.create_table(
        "serving",
        sa.Column("slot", sa.Text, primary_key=True),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("bundle_digest", sa.Text, nullable=False),
        sa.Column("files", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("live_time", sa.Float, nullable=False),
    )
    op.create_table(
        "deeds",
        sa.Column("event_id", sa.Text, primary_key=True),
        sa.Column("shopper", sa.Text, nullable=False),
        sa.Column("product_id", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("event_time", sa.Float, nullable=False),
    )
    op.create_index("ix_deeds_event_time", "deeds", ["event_time"])
