"""Settings of the tuner: environment variables `AISLE_TUNER_<NAME>`."""

from aisle_runtime.settings import ServiceSettings, service_config
from pydantic import Field


class TunerSettings(ServiceSettings):
    """What can be configured beside the settings of every service."""

    model_config = service_config("tuner")

    trainer_address: str = "127.0.0.1:7102"
    """Where the training jobs of trials run."""
    trainer_patience_seconds: float = Field(default=60.0, gt=0)
    """How long one attempt of a study goes on while the trainer cannot be reached; there are twenty attempts."""
    max_parallel_studies: int = Field(default=2, ge=1)
    """Studies that run at once; their trials share the trainer's slots."""
    reduction_factor: int = Field(default=2, ge=2, le=16)
    """Successive halving keeps one in so many trials at each rung."""
