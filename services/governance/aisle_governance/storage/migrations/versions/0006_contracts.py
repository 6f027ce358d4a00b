"""Contracts through time, dry runs, and which models read which columns."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "contract_versions",
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("contract_yaml", sa.Text, nullable=False),
        sa.Column("create_time", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("dataset", "number"),
    )
    op.execute(
        "INSERT INTO contract_versions (dataset, number, contract_yaml, create_time) "
        "SELECT id, 1, contract_yaml, create_time FROM datasets WHERE contract_yaml <> ''"
    )
    op.create_table(
        "training_inputs",
        sa.Column("training_job", sa.Text, nullable=False),
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("columns", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("training_job", "dataset", "number", "task"),
    )
    op.create_index("ix_training_inputs_dataset", "training_inputs", ["dataset"])
    op.create_table(
        "model_inputs",
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("training_job", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("model_version", "dataset", "number"),
    )
    op.create_index("ix_model_inputs_dataset", "model_inputs", ["dataset"])
    op.create_table(
        "model_aliases",
        sa.Column("holder", sa.Text, primary_key=True),
        sa.Column("model_version", sa.Text, nullable=False),
    )
    op.add_column("runs", sa.Column("dry_run", sa.Boolean, nullable=False, server_default=sa.false()))
