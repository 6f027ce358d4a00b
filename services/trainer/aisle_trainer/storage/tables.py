"""The trainer's own tables beside the runtime's. Times are seconds since the epoch."""

from aisle_runtime.db import define_runtime_tables
from aisle_runtime.erasing.worker import define_erasure_orders
from sqlalchemy import Column, Float, Index, LargeBinary, MetaData, Table, Text

metadata = MetaData()
runtime_tables = define_runtime_tables(metadata)
erasure_orders = define_erasure_orders(metadata)

training_jobs = Table(
    "training_jobs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("slip", LargeBinary, nullable=False),
    Column("pipeline_run", Text, nullable=False),
    Column("create_time", Float, nullable=False),
    Index("ix_training_jobs_pipeline_run", "pipeline_run"),
)
"""A serialized TrainingJob without its status, which the runtime's jobs table holds, and the routing slip (may be empty)."""

evaluations = Table(
    "evaluations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("training_job", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("create_time", Float, nullable=False),
)
