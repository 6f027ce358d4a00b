from aisle_ranker.storage.tables import metadata
from aisle_runtime.migrations_env import run

run(metadata)
