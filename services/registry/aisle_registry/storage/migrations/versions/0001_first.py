"""First schema: models, versions, files, verdicts and the history of aliases."""

import sqlalchemy as sa
from aisle_runtime.db import create_runtime_tables
from alembic import op

revision = "0001"
down_revision = None

APPEND_ONLY = ("verdicts", "alias_changes")


def upgrade() -> None:
    create_runtime_tables(op)
    _create_models()
    _create_history()
    _forbid_changes()


def _create_models() -> None:
    op.create_table(
        "models",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("version_count", sa.Integer, nullable=False),
        sa.Column("create_time", sa.Float, nullable=False),
    )
    op.create_table(
        "model_versions",
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("bundle_digest", sa.Text, nullable=False),
        sa.Column("training_job", sa.Text, nullable=False),
        sa.Column("training_spec", sa.LargeBinary, nullable=False),
        sa.Column("dataset_versions", sa.Text, nullable=False),
        sa.Column("evaluations", sa.Text, nullable=False),
        sa.Column("create_time", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("model", "version"),
        sa.ForeignKeyConstraint(["model"], ["models.id"]),
    )
    op.create_table(
        "model_files",
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("model", "version", "position"),
        sa.ForeignKeyConstraint(["model", "version"], ["model_versions.model", "model_versions.version"]),
    )
    op.create_index("ix_model_files_sha256", "model_files", ["sha256"])


def _create_history() -> None:
    op.create_table(
        "verdicts",
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("passed", sa.Boolean, nullable=False),
        sa.Column("champion", sa.Text, nullable=False),
        sa.Column("results", sa.Text, nullable=False),
        sa.Column("create_time", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("model", "version", "sequence"),
        sa.ForeignKeyConstraint(["model", "version"], ["model_versions.model", "model_versions.version"]),
    )
    op.create_table(
        "alias_changes",
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("alias", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("previous_version", sa.Integer, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("create_time", sa.Float, nullable=False),
        sa.Column("rollback_sequence", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("model", "alias", "sequence"),
        sa.ForeignKeyConstraint(["model", "version"], ["model_versions.model", "model_versions.version"]),
    )
    op.create_index("ix_alias_changes_model_alias_create_time", "alias_changes", ["model", "alias", "create_time"])


def _forbid_changes() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in APPEND_ONLY:
            for action in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
                )
        return
    op.execute(
        "CREATE FUNCTION aisle_registry_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION aisle_registry_append_only()"
        )
