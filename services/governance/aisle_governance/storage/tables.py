"""Tables of governance. Times are seconds since the epoch; composite values are canonical JSON."""

from aisle_runtime.tables import define_runtime_tables
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    false,
)
from sqlalchemy import UniqueConstraint as Unique

metadata = MetaData()
define_runtime_tables(metadata)

_COUNTED = BigInteger().with_variant(Integer(), "sqlite")

datasets = Table(
    "datasets",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("mapping", Text, nullable=False),
    Column("contract_yaml", Text, nullable=False),
    Column("create_time", Float, nullable=False),
    Column("latest_version", Integer, nullable=False),
    Column("imported_row_count", BigInteger, nullable=False),
)

imports = Table(
    "imports",
    metadata,
    Column("sequence", _COUNTED, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("dataset", Text, nullable=False),
    Column("source_file", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("live_sha256", Text),
    Column("source_bytes", BigInteger, nullable=False),
    Column("format", Text, nullable=False),
    Column("delimiter", Text, nullable=False),
    Column("encoding", Text, nullable=False),
    Column("accepted_row_count", BigInteger, nullable=False),
    Column("rejected_row_count", BigInteger, nullable=False),
    Column("rows_artifact", Text, nullable=False),
    Column("rejected_artifact", Text, nullable=False),
    Column("details", Text, nullable=False, server_default="{}"),
    Unique("dataset", "live_sha256", name="uq_imports_dataset_live_sha256"),
    Index("ix_imports_dataset_sequence", "dataset", "sequence"),
)
"""`live_sha256` is `sha256` until the import fails, then null, so that the same bytes can be tried again.

`details` is JSON: the rest of the dialect, and what is told of the source beside counts.
"""

runs = Table(
    "runs",
    metadata,
    Column("sequence", _COUNTED, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("dataset_runs", Text, nullable=False),
    Column("slip", LargeBinary, nullable=False),
    Column("pipeline_run", Text, nullable=False),
    Column("dataset_versions", Text, nullable=False),
    Column("dry_run", Boolean, nullable=False, server_default=false()),
)

versions = Table(
    "versions",
    metadata,
    Column("dataset", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("run", Text, nullable=False),
    Column("create_time", Float, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("record", Text, nullable=False),
    PrimaryKeyConstraint("dataset", "number"),
)

reports = Table(
    "reports",
    metadata,
    Column("sequence", _COUNTED, primary_key=True, autoincrement=True),
    Column("run", Text, nullable=False),
    Column("dataset", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("report", Text, nullable=False),
    Unique("run", "dataset", name="uq_reports_run_dataset"),
    Index("ix_reports_dataset_version", "dataset", "version"),
)
"""`version` is 0 while (or when) nothing was published, and -1 for a dry run."""

repair_models = Table(
    "repair_models",
    metadata,
    Column("sequence", _COUNTED, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("dataset", Text, nullable=False),
    Column("label_count", Integer, nullable=False),
    Column("usable", Boolean, nullable=False),
    Column("record", Text, nullable=False),
    Index("ix_repair_models_dataset_sequence", "dataset", "sequence"),
)
"""`usable` when something was learned; `record` is `{}` until then."""

user_events = Table(
    "user_events",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("type", Integer, nullable=False),
    Column("event_time", Float, nullable=False),
    Column("product_id", Text, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("answer_id", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("receive_time", Float, nullable=False),
    Index("ix_user_events_event_time", "event_time"),
)

retention = Table(
    "retention",
    metadata,
    Column("dataset", Text, primary_key=True),
    Column("keep_last_count", Integer, nullable=False),
    Column("keep_days", Integer, nullable=False),
)

version_uses = Table(
    "version_uses",
    metadata,
    Column("holder", Text, nullable=False),
    Column("dataset", Text, nullable=False),
    Column("number", Integer, nullable=False),
    PrimaryKeyConstraint("holder", "dataset", "number"),
    Index("ix_version_uses_dataset", "dataset"),
)
"""Versions that a model alias stands on; `holder` is `models/{model}@{alias}`."""

releases = Table(
    "releases",
    metadata,
    Column("sequence", _COUNTED, primary_key=True, autoincrement=True),
    Column("dataset", Text, nullable=False),
    Column("row_id", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("import_id", Text, nullable=False),
    Column("fixes", Text, nullable=False),
    Column("rows_artifact", Text, nullable=False),
    Column("excused", Boolean, nullable=False),
    Column("create_time", Float, nullable=False),
    Unique("dataset", "row_id", name="uq_releases_dataset_row_id"),
)
"""`rows_artifact` holds a row that the import had refused, read with its fixes; empty for a row that a rule put aside."""

erasures = Table(
    "erasures",
    metadata,
    Column("sequence", _COUNTED, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("subject", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("job", Text, nullable=False),
    Column("record", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("create_time", Float, nullable=False),
    Column("end_time", Float),
    Column("open_holders", Integer, nullable=False, server_default="0"),
    Index("ix_erasures_subject", "subject"),
    Index("ix_erasures_open_holders", "open_holders"),
)
"""`subject` is a keyed hash; `job` the newest of its jobs; `open_holders` counts holders of copies that have not said that they are
done."""

erasure_answers = Table(
    "erasure_answers",
    metadata,
    Column("erasure", Text, primary_key=True),
    Column("holder", Text, primary_key=True),
    Column("is_done", Boolean, nullable=False),
    Column("record", Text, nullable=False),
    Column("time", Float, nullable=False),
)
"""What each holder of copies said last about an erasure."""

exclusions = Table(
    "exclusions",
    metadata,
    Column("sequence", _COUNTED, primary_key=True, autoincrement=True),
    Column("subject", Text, nullable=False, unique=True),
    Column("erasure", Text, nullable=False),
    Column("create_time", Float, nullable=False),
)
"""Keyed hashes of people whose rows are never taken in again."""

label_builds = Table(
    "label_builds",
    metadata,
    Column("sequence", _COUNTED, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("dataset", Text, nullable=False),
    Column("events_version", Text, nullable=False),
    Column("events_dataset", Text, nullable=False),
    Column("products_version", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("is_done", Boolean, nullable=False),
    Column("is_replaced", Boolean, nullable=False),
    Column("run", Text, nullable=False),
    Column("record", Text, nullable=False),
    Index("ix_label_builds_dataset", "dataset", "sequence"),
)
"""`is_replaced`: a later build from the same dataset of events has brought its labels, so runs leave this one's import out."""

label_reviews = Table(
    "label_reviews",
    metadata,
    Column("sequence", _COUNTED, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("dataset", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("label_count", BigInteger, nullable=False),
    Column("accuracy_ratio", Float, nullable=False),
    Index("ix_label_reviews_dataset", "dataset", "sequence"),
)

label_suspects = Table(
    "label_suspects",
    metadata,
    Column("review", Text, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("row_id", Text, nullable=False),
    Column("query_id", Text, nullable=False),
    Column("product_id", Text, nullable=False),
    Column("query", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("grade", Float, nullable=False),
    Column("proposed_grade", Float, nullable=False),
    Column("surprise", Float, nullable=False),
    Column("probability", Float, nullable=False),
    Column("accepted_grade", Float),
    Column("accept_time", Float),
    PrimaryKeyConstraint("review", "rank"),
)

label_fixes = Table(
    "label_fixes",
    metadata,
    Column("dataset", Text, nullable=False),
    Column("query_id", Text, nullable=False),
    Column("product_id", Text, nullable=False),
    Column("grade", Float, nullable=False),
    Column("review", Text, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("accept_time", Float, nullable=False),
    PrimaryKeyConstraint("dataset", "query_id", "product_id"),
)
"""The corrections that every run puts over the labels of a dataset; (`review`, `rank`) is the suspect that brought each."""

contract_versions = Table(
    "contract_versions",
    metadata,
    Column("dataset", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("contract_yaml", Text, nullable=False),
    Column("create_time", Float, nullable=False),
    PrimaryKeyConstraint("dataset", "number"),
)

training_inputs = Table(
    "training_inputs",
    metadata,
    Column("training_job", Text, nullable=False),
    Column("dataset", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("task", Text, nullable=False),
    Column("columns", Text, nullable=False),
    PrimaryKeyConstraint("training_job", "dataset", "number", "task"),
    Index("ix_training_inputs_dataset", "dataset"),
)
"""What training jobs have read, as their events tell; `columns` is a JSON list."""

model_inputs = Table(
    "model_inputs",
    metadata,
    Column("model_version", Text, nullable=False),
    Column("dataset", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("training_job", Text, nullable=False),
    PrimaryKeyConstraint("model_version", "dataset", "number"),
    Index("ix_model_inputs_dataset", "dataset"),
)
"""Versions that model versions were trained on, as the registry's events tell."""

model_aliases = Table(
    "model_aliases",
    metadata,
    Column("holder", Text, primary_key=True),
    Column("model_version", Text, nullable=False),
)
"""`holder` is `models/{model}@{alias}`."""
live_collections = Table(
    "live_collections",
    metadata,
    Column("dataset", Text, primary_key=True),
    Column("user_events", Boolean, nullable=False),
    Column("impressions", Boolean, nullable=False),
    Column("batch_seconds", Integer, nullable=False),
    Column("batch_row_count", Integer, nullable=False),
    Column("events_off_time", Float, nullable=False),
)

live_rows = Table(
    "live_rows",
    metadata,
    Column("sequence", _COUNTED, primary_key=True, autoincrement=True),
    Column("dataset", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("row_count", Integer, nullable=False),
    Column("receive_time", Float, nullable=False),
    Column("data", Text, nullable=False),
    Unique("dataset", "source_id", name="uq_live_rows_dataset_source_id"),
)
"""What waits to become an import: an event, or an answer with all its products (`row_count` of them), as JSON."""

live_batches = Table(
    "live_batches",
    metadata,
    Column("id", Text, primary_key=True),
    Column("dataset", Text, nullable=False),
    Column("rows_artifact", Text, nullable=False),
)
"""Batches that are being written: noted before their file exists, gone once an import refers to it."""
roi_studies = Table(
    "roi_studies",
    metadata,
    Column("sequence", _COUNTED, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("spec", LargeBinary, nullable=False),
    Column("record", Text, nullable=False),
)
"""`record` holds references and arms as far as they are measured."""

category_jobs = Table(
    "category_jobs",
    metadata,
    Column("sequence", _COUNTED, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("dataset", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("method", Text, nullable=False),
    Column("record", Text, nullable=False),
    Index("ix_category_jobs_dataset_sequence", "dataset", "sequence"),
)

category_proposals = Table(
    "category_proposals",
    metadata,
    Column("job", Text, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("product_id", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("proposed_category", Text, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("second_category", Text, nullable=False),
    Column("accepted_category", Text),
    Column("accept_time", Float),
    PrimaryKeyConstraint("job", "rank"),
)

accepted_categories = Table(
    "accepted_categories",
    metadata,
    Column("dataset", Text, nullable=False),
    Column("product_id", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("job", Text, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("accept_time", Float, nullable=False),
    PrimaryKeyConstraint("dataset", "product_id"),
)
"""The categories that every run puts over the products of a dataset; (`job`, `rank`) is the proposal that brought each."""
