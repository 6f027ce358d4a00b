"""What other services say about the erasure of a person."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004b"


def upgrade() -> None:
    op.add_column("erasures", sa.Column("open_holders", sa.Integer, nullable=False, server_default="0"))
    op.create_index("ix_erasures_open_holders", "erasures", ["open_holders"])
    op.create_table(
        "erasure_answers",
        sa.Column("erasure", sa.Text, primary_key=True),
        sa.Column("holder", sa.Text, primary_key=True),
        sa.Column("is_done", sa.Boolean, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("time", sa.Float, nullable=False),
    )
