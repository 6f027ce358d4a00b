"""Retention, uses of versions, released rows, erasures and the people excluded."""

import sqlalchemy as sa
from alembic import op

revision = "0002d"
down_revision = "0001"

_COUNTED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "retention",
        sa.Column("dataset", sa.Text, primary_key=True),
        sa.Column("keep_last_count", sa.Integer, nullable=False),
        sa.Column("keep_days", sa.Integer, nullable=False),
    )
    op.create_table(
        "version_uses",
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("holder", "dataset", "number"),
    )
    op.create_index("ix_version_uses_dataset", "version_uses", ["dataset"])
    op.create_table(
        "releases",
        sa.Column("sequence", _COUNTED, primary_key=True, autoincrement=True),
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("row_id", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("import_id", sa.Text, nullable=False),
        sa.Column("fixes", sa.Text, nullable=False),
        sa.Column("rows_artifact", sa.Text, nullable=False),
        sa.Column("excused", sa.Boolean, nullable=False),
        sa.Column("create_time", sa.Float, nullable=False),
        sa.UniqueConstraint("dataset", "row_id", name="uq_releases_dataset_row_id"),
    )
    op.create_table(
        "erasures",
        sa.Column("sequence", _COUNTED, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("create_time", sa.Float, nullable=False),
        sa.Column("end_time", sa.Float),
    )
    op.create_index("ix_erasures_subject", "erasures", ["subject"])
    op.create_table(
        "exclusions",
        sa.Column("sequence", _COUNTED, primary_key=True, autoincrement=True),
        sa.Column("subject", sa.Text, nullable=False, unique=True),
        sa.Column("erasure", sa.Text, nullable=False),
        sa.Column("create_time", sa.Float, nullable=False),
    )
