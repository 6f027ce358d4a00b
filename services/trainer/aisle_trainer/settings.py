"""Settings of the trainer: environment variables `AISLE_TRAINER_<NAME>`."""

import os
from pathlib import Path
from typing import Literal

from aisle_runtime.settings import ServiceSettings, service_config
from pydantic import Field

MOST_THREADS = 8


class TrainerSettings(ServiceSettings):
    """What can be configured beside the settings of every service."""

    model_config = service_config("trainer")

    governance_address: str = "127.0.0.1:7101"
    """Where the rows of dataset versions are read."""
    base_models_dir: Path | None = None
    """Folder of further base models, one sub-folder each; None means the packaged encoder only."""
    max_parallel_jobs: int = Field(default=1, ge=1)
    """Training jobs that run at once."""
    threads: int = Field(default=0, ge=0)
    """Threads of a job; 0 means one per processor, at most eight. Weights repeat bit for bit at equal thread counts."""
    processes: int = Field(default=1, ge=1, le=16)
    """Processes that share the pairs of every step of a job, each with `threads` threads and the whole model."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """How matrices are multiplied; `auto` takes bfloat16 where the processor does that natively. Weights are float32."""
    job_memory_limit_bytes: int = Field(default=6 << 30, ge=0)
    """Memory that a job's process may hold; 0 means unlimited."""
    read_timeout_seconds: float = Field(default=300.0, gt=0)
    """Longest time that reading one dataset version may take."""

    @property
    def effective_threads(self) -> int:
        """Threads with the default filled in."""
        return self.threads or min(MOST_THREADS, len(os.sched_getaffinity(0)))
