"""Label builds, label reviews with their suspects, and accepted fixes."""

import sqlalchemy as sa
from alembic import op

revision = "0003c"
down_revision = "0002d"

_COUNTED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "label_builds",
        sa.Column("sequence", _COUNTED, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("events_version", sa.Text, nullable=False),
        sa.Column("events_dataset", sa.Text, nullable=False),
        sa.Column("products_version", sa.Text, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("is_done", sa.Boolean, nullable=False),
        sa.Column("is_replaced", sa.Boolean, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
    )
    op.create_index("ix_label_builds_dataset", "label_builds", ["dataset", "sequence"])
    op.create_table(
        "label_reviews",
        sa.Column("sequence", _COUNTED, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("label_count", sa.BigInteger, nullable=False),
        sa.Column("accuracy_ratio", sa.Float, nullable=False),
    )
    op.create_index("ix_label_reviews_dataset", "label_reviews", ["dataset", "sequence"])
    op.create_table(
        "label_suspects",
        sa.Column("review", sa.Text, nullable=False),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("row_id", sa.Text, nullable=False),
        sa.Column("query_id", sa.Text, nullable=False),
        sa.Column("product_id", sa.Text, nullable=False),
        sa.Column("query", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("grade", sa.Float, nullable=False),
        sa.Column("proposed_grade", sa.Float, nullable=False),
        sa.Column("surprise", sa.Float, nullable=False),
        sa.Column("probability", sa.Float, nullable=False),
        sa.Column("accepted_grade", sa.Float),
        sa.Column("accept_time", sa.Float),
        sa.PrimaryKeyConstraint("review", "rank"),
    )
    op.create_table(
        "label_fixes",
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("query_id", sa.Text, nullable=False),
        sa.Column("product_id", sa.Text, nullable=False),
        sa.Column("grade", sa.Float, nullable=False),
        sa.Column("review", sa.Text, nullable=False),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("accept_time", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("dataset", "query_id", "product_id"),
    )
