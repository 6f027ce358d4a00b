"""The tuner's own tables beside the runtime's. Times are seconds since the epoch."""

from aisle_runtime.db import define_runtime_tables
from aisle_runtime.erasing.worker import define_erasure_orders
from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)

metadata = MetaData()
runtime_tables = define_runtime_tables(metadata)
erasure_orders = define_erasure_orders(metadata)

studies = Table(
    "studies",
    metadata,
    Column("id", Text, primary_key=True),
    Column("stage", LargeBinary, nullable=False),
    Column("base_spec", LargeBinary, nullable=False),
    Column("slip", LargeBinary, nullable=False),
    Column("pipeline_run", Text, nullable=False),
    Column("stop_requested", Boolean, nullable=False),
    Column("create_time", Float, nullable=False),
)

trials = Table(
    "trials",
    metadata,
    Column("study", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("parameters", Text, nullable=False),
    Column("score", Float),
    Column("training_job", Text, nullable=False),
    Column("step_count", Integer, nullable=False),
    PrimaryKeyConstraint("study", "number"),
    ForeignKeyConstraint(["study"], ["studies.id"]),
)
