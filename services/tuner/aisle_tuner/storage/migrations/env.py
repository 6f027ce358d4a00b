from aisle_runtime.migrations_env import run
from aisle_tuner.storage.tables import metadata

run(metadata)
