"""Settings of the monitor: environment variables `AISLE_MONITOR_<NAME>`."""

from aisle_runtime.settings import ServiceSettings, service_config
from pydantic import Field


class MonitorSettings(ServiceSettings):
    """What can be configured beside the settings of every service."""

    model_config = service_config("monitor")

    governance_address: str = "127.0.0.1:7101"
    """Where the rows of dataset versions are read."""
    span_queue_limit: int = Field(default=20_000, ge=1)
    """Spans that may wait to be written; more are refused and reported to the exporter."""
    span_retention_count: int = Field(default=500_000, ge=1)
    """Spans kept; the oldest go first."""
    span_retention_days: float = Field(default=7.0, gt=0)
    """How long spans are kept."""
    serving_retention_days: float = Field(default=30.0, gt=0)
    """How long answers and engagements are kept."""
    drift_threshold: float = Field(default=0.2, gt=0)
    """Population stability index above which a column counts as drifted."""
    drift_least_rows: int = Field(default=500, ge=1)
    """Added rows below which drift raises no alert; small samples move by chance."""
    drift_sample_rows: int = Field(default=100_000, ge=1)
    """Rows of each side that are compared at most."""
    drift_memory_limit_bytes: int = Field(default=0, ge=0)
    """Address space of a drift job's process; 0 means unlimited."""
    evaluation_interval_seconds: float = Field(default=15.0, gt=0)
    """Time between two looks at latency and click-through."""
    evaluation_window_seconds: float = Field(default=300.0, gt=0)
    """Newest answers that the latency check looks at."""
    latency_p99_bound_ms: float = Field(default=1_000.0, gt=0)
    """99th percentile of the answer time above which an alert is raised."""
    latency_least_answers: int = Field(default=100, ge=1)
    """Answers in the window below which the latency check is silent."""
    latency_repeat_seconds: float = Field(default=3_600.0, gt=0)
    """A version's latency alert is raised at most once in each such period."""
    click_through_least_impressions: int = Field(default=500, ge=1)
    """Products shown by each of the two compared versions below which the click-through check is silent."""
