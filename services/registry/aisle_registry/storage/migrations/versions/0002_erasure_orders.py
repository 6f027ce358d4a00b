"""Orders to erase people, and the append-only list of bundles that were rewritten for them."""

import sqlalchemy as sa
from aisle_runtime.erasing.worker import create_erasure_orders
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    create_erasure_orders(op)
    op.create_table(
        "bundle_rewrites",
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("erasure", sa.Text, nullable=False),
        sa.Column("digest_before", sa.Text, nullable=False),
        sa.Column("digest_after", sa.Text, nullable=False),
        sa.Column("paths", sa.Text, nullable=False),
        sa.Column("create_time", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("model", "version", "sequence"),
        sa.ForeignKeyConstraint(["model", "version"], ["model_versions.model", "model_versions.version"]),
    )
    if op.get_bind().dialect.name == "sqlite":
        for action in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER bundle_rewrites_no_{action.lower()} BEFORE {action} ON bundle_rewrites "
                "BEGIN SELECT RAISE(ABORT, 'bundle_rewrites is append-only'); END"
            )
        return
    op.execute(
        "CREATE TRIGGER bundle_rewrites_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON bundle_rewrites "
        "FOR EACH STATEMENT EXECUTE FUNCTION aisle_registry_append_only()"
    )
