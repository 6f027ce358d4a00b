from aisle_governance.storage.tables import metadata
from aisle_runtime.migrations_env import run

run(metadata)
