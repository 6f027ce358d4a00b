"""The registry's own tables beside the runtime's. Times are seconds since the epoch, rounded to microseconds.

Rows of `verdicts`, `alias_changes` and `bundle_rewrites` are never changed or removed; triggers made by the migrations refuse it.
"""

from aisle_runtime.db import define_runtime_tables
from aisle_runtime.erasing.worker import define_erasure_orders
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKeyConstraint,
    Index,
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

models = Table(
    "models",
    metadata,
    Column("id", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("version_count", Integer, nullable=False),
    Column("create_time", Float, nullable=False),
)

model_versions = Table(
    "model_versions",
    metadata,
    Column("model", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("bundle_digest", Text, nullable=False),
    Column("training_job", Text, nullable=False),
    Column("training_spec", LargeBinary, nullable=False),
    Column("dataset_versions", Text, nullable=False),
    Column("evaluations", Text, nullable=False),
    Column("create_time", Float, nullable=False),
    PrimaryKeyConstraint("model", "version"),
    ForeignKeyConstraint(["model"], ["models.id"]),
)

model_files = Table(
    "model_files",
    metadata,
    Column("model", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("path", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    PrimaryKeyConstraint("model", "version", "position"),
    ForeignKeyConstraint(["model", "version"], ["model_versions.model", "model_versions.version"]),
    Index("ix_model_files_sha256", "sha256"),
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("model", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("passed", Boolean, nullable=False),
    Column("champion", Text, nullable=False),
    Column("results", Text, nullable=False),
    Column("create_time", Float, nullable=False),
    PrimaryKeyConstraint("model", "version", "sequence"),
    ForeignKeyConstraint(["model", "version"], ["model_versions.model", "model_versions.version"]),
)

bundle_rewrites = Table(
    "bundle_rewrites",
    metadata,
    Column("model", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("erasure", Text, nullable=False),
    Column("digest_before", Text, nullable=False),
    Column("digest_after", Text, nullable=False),
    Column("paths", Text, nullable=False),
    Column("create_time", Float, nullable=False),
    PrimaryKeyConstraint("model", "version", "sequence"),
    ForeignKeyConstraint(["model", "version"], ["model_versions.model", "model_versions.version"]),
)

alias_changes = Table(
    "alias_changes",
    metadata,
    Column("model", Text, nullable=False),
    Column("alias", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("previous_version", Integer, nullable=False),
    Column("cause", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("create_time", Float, nullable=False),
    Column("rollback_sequence", BigInteger, nullable=False),
    PrimaryKeyConstraint("model", "alias", "sequence"),
    ForeignKeyConstraint(["model", "version"], ["model_versions.model", "model_versions.version"]),
    Index("ix_alias_changes_model_alias_create_time", "model", "alias", "create_time"),
)
