"""Settings of the registry: environment variables `AISLE_REGISTRY_<NAME>`."""

from aisle_runtime.settings import ServiceSettings, service_config
from pydantic import Field


class RegistrySettings(ServiceSettings):
    """What can be configured beside the settings of every service."""

    model_config = service_config("registry")

    trainer_address: str = "127.0.0.1:7102"
    """Where the bundles of training jobs are read."""
    trainer_patience_seconds: float = Field(default=30.0, gt=0)
    """How long one attempt of an import goes on trying while the trainer is silent; there are twenty attempts."""
    import_memory_limit_bytes: int = Field(default=0, ge=0)
    """Address space of an import's process; 0 means unlimited."""
