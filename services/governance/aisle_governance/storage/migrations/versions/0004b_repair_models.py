"""What was learned from labelled rows about the errors of a dataset."""

import sqlalchemy as sa
from alembic import op

revision = "0004b"
down_revision = "0003c"

_COUNTED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "repair_models",
        sa.Column("sequence", _COUNTED, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("label_count", sa.Integer, nullable=False),
        sa.Column("usable", sa.Boolean, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
    )
    op.create_index("ix_repair_models_dataset_sequence", "repair_models", ["dataset", "sequence"])
