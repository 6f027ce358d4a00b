from aisle_runtime.migrations_env import run
from aisle_trainer.storage.tables import metadata

run(metadata)
