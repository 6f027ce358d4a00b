"""Settings of the ranker: environment variables `AISLE_RANKER_<NAME>`."""

from typing import Literal

from aisle_runtime.errors import InvalidField
from aisle_runtime.names import ResourceName, resource_id
from aisle_runtime.settings import ServiceSettings, service_config
from pydantic import Field, field_validator


class RankerSettings(ServiceSettings):
    """What can be configured beside the settings of every service."""

    model_config = service_config("ranker")

    model: str = "models/shop-ranker"
    """Model that is served."""
    alias: str = "production"
    """Alias whose version is served."""
    registry_address: str = "127.0.0.1:7104"
    """Where bundles come from."""
    governance_address: str = "127.0.0.1:7101"
    """Where the catalogue's dataset comes from."""
    catalog_dataset: str = "datasets/products"
    """Dataset of products that fills the catalogue; empty leaves it to calls."""
    serving_config: str = "default"
    """Serving config of requests that name none; without a stored one of this id nothing is done to the order."""
    serving_config_refresh_seconds: float = Field(default=5.0, gt=0)
    """How soon changes of serving configs by another process on the same database are seen."""
    request_log_hours: float = Field(default=24.0, ge=0)
    """How long requests are kept for replay; 0 keeps none."""
    request_log_size: int = Field(default=10_000, ge=1)
    """Requests kept for replay at most; the oldest go first."""
    inference_backend: Literal["onnxruntime", "kserve"] = "onnxruntime"
    """`onnxruntime` runs the graphs in this process, `kserve` calls an Open Inference Protocol endpoint."""
    precision: Literal["int8", "fp32"] = "int8"
    """Which graphs of the bundle are run; with `kserve`: which ones the endpoint runs."""
    inference_threads: int = Field(default=0, ge=0, le=256)
    """Threads of one model run; 0 means the processor's cores divided by `inference_workers`."""
    inference_workers: int = Field(default=1, ge=1, le=64)
    """Model runs at the same time in this process."""
    kserve_address: str = "127.0.0.1:8001"
    """host:port of the endpoint."""
    kserve_ranker_model: str = "ranker"
    """The endpoint's name of the ranker; `{version}` in it stands for the version's number."""
    kserve_embedder_model: str = "embedder"
    """The endpoint's name of the embedder; likewise."""
    kserve_timeout_ms: float = Field(default=2_000.0, gt=0)
    """An endpoint that takes longer counts as away."""
    neural_batch_size: int = Field(default=8, ge=1, le=256)
    """Pairs per piece of neural work; the caller's deadline is looked at between the pieces."""
    deadline_reserve_ms: float = Field(default=4.0, ge=0)
    """Part of the caller's time that is kept for building and sending the answer."""
    load_patience_seconds: float = Field(default=300.0, gt=0)
    """How long a load is repeated while the registry or the inference endpoint is away."""
    page_memory: int = Field(default=128, ge=0)
    """Orders kept in memory so that a next page continues the first one."""
    impression_delay_ms: float = Field(default=50.0, ge=0)
    """How long an answer's impressions wait for company before they are stored."""
    impression_buffer: int = Field(default=20_000, ge=1)
    """Answers whose impressions may wait while the database is away; beyond it the oldest are lost and counted."""
    shopper_memory: int = Field(default=100_000, ge=1)
    """Shoppers whose latest deeds are kept in memory."""
    shopper_retention_days: float = Field(default=30.0, gt=0)
    """How long a shopper's deeds are kept."""
    assist_min_support: float = Field(default=0.6, gt=0, le=1)
    """Share of a message's words, by weight, that a passage must hold to be quoted as its answer."""
    assist_training_memory_mib: int = Field(default=2_048, ge=256)
    """Memory that a training of the classifier of messages may take."""

    @field_validator("model")
    @classmethod
    def _model_name(cls, value: str) -> str:
        if not ResourceName("models/{model}").matches(value):
            raise ValueError("must have the form models/{model}")
        return value

    @field_validator("catalog_dataset")
    @classmethod
    def _dataset_name(cls, value: str) -> str:
        if value and not ResourceName("datasets/{dataset}").matches(value):
            raise ValueError("must have the form datasets/{dataset}, or be empty")
        return value

    @field_validator("alias")
    @classmethod
    def _alias_id(cls, value: str) -> str:
        try:
            return resource_id(value, "alias")
        except InvalidField:
            raise ValueError("is not a legal id") from None
