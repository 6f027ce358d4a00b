"""The ranker's own tables beside the runtime's. Times are seconds since the epoch."""

from aisle_runtime.db import define_runtime_tables
from aisle_runtime.erasing.worker import define_erasure_orders
from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, LargeBinary, MetaData, Table, Text

metadata = MetaData()
runtime_tables = define_runtime_tables(metadata)
erasure_orders = define_erasure_orders(metadata)

loads = Table(
    "loads",
    metadata,
    Column("id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("bundle_digest", Text, nullable=False),
    Column("files", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("slip", LargeBinary, nullable=False),
    Column("traceparent", Text, nullable=False),
    Column("create_time", Float, nullable=False),
    Column("end_time", Float),
    Column("failure", Text),
    Index("ix_loads_state_sequence", "state", "sequence"),
)

serving = Table(
    "serving",
    metadata,
    Column("slot", Text, primary_key=True),
    Column("model_version", Text, nullable=False),
    Column("bundle_digest", Text, nullable=False),
    Column("files", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("live_time", Float, nullable=False),
)

deeds = Table(
    "deeds",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("shopper", Text, nullable=False),
    Column("product_id", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("event_time", Float, nullable=False),
    Index("ix_deeds_event_time", "event_time"),
)

serving_configs = Table(
    "serving_configs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

logged_answers = Table(
    "logged_answers",
    metadata,
    Column("answer_id", Text, primary_key=True),
    Column("time", Float, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Index("ix_logged_answers_time", "time"),
)

assist_items = Table(
    "assist_items",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("body", Text, nullable=False),
    Column("characters", Integer, nullable=False),
    Column("update_time", Float, nullable=False),
)

assist_changes = Table(
    "assist_changes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("revision", BigInteger, nullable=False),
)

assist_models = Table(
    "assist_models",
    metadata,
    Column("training_id", Text, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("create_time", Float, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

products = Table(
    "products",
    metadata,
    Column("product_id", Text, primary_key=True),
    Column("data", Text, nullable=False),
    Column("dataset_version", Text, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("create_time", Float, nullable=False),
    Column("update_time", Float, nullable=False),
)

catalog_state = Table(
    "catalog_state",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

synonym_sets = Table(
    "synonym_sets",
    metadata,
    Column("synonym_set_id", Text, primary_key=True),
    Column("terms", Text, nullable=False),
)
