"""More about each import, and what flows into datasets by itself."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_COUNTED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("imports", sa.Column("details", sa.Text, nullable=False, server_default="{}"))
    op.create_table(
        "live_collections",
        sa.Column("dataset", sa.Text, primary_key=True),
        sa.Column("user_events", sa.Boolean, nullable=False),
        sa.Column("impressions", sa.Boolean, nullable=False),
        sa.Column("batch_seconds", sa.Integer, nullable=False),
        sa.Column("batch_row_count", sa.Integer, nullable=False),
        sa.Column("events_off_time", sa.Float, nullable=False),
    )
    op.create_table(
        "live_rows",
        sa.Column("sequence", _COUNTED, primary_key=True, autoincrement=True),
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("source_id", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("row_count", sa.Integer, nullable=False),
        sa.Column("receive_time", sa.Float, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.UniqueConstraint("dataset", "source_id", name="uq_live_rows_dataset_source_id"),
    )
    op.create_table(
        "live_batches",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("rows_artifact", sa.Text, nullable=False),
    )
