"""Orders to erase people."""

from aisle_runtime.erasing.worker import create_erasure_orders
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    create_erasure_orders(op)
