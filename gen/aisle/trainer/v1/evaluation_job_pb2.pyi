from aisle.pipeline.v1 import pipeline_spec_pb2 as _pipeline_spec_pb2
from aisle.trainer.v1 import training_job_pb2 as _training_job_pb2
from aisle.type.v1 import failure_pb2 as _failure_pb2
from aisle.type.v1 import job_pb2 as _job_pb2
from aisle.type.v1 import metric_pb2 as _metric_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EvaluationSpec(_message.Message):
    __slots__ = ("task", "dataset", "training_jobs", "baselines", "without_baselines", "cutoff", "max_units", "seed", "reference", "exclude_bought", "products")
    TASK_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    TRAINING_JOBS_FIELD_NUMBER: _ClassVar[int]
    BASELINES_FIELD_NUMBER: _ClassVar[int]
    WITHOUT_BASELINES_FIELD_NUMBER: _ClassVar[int]
    CUTOFF_FIELD_NUMBER: _ClassVar[int]
    MAX_UNITS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    EXCLUDE_BOUGHT_FIELD_NUMBER: _ClassVar[int]
    PRODUCTS_FIELD_NUMBER: _ClassVar[int]
    task: _pipeline_spec_pb2.TaskKind
    dataset: str
    training_jobs: _containers.RepeatedScalarFieldContainer[str]
    baselines: _containers.RepeatedScalarFieldContainer[str]
    without_baselines: bool
    cutoff: int
    max_units: int
    seed: int
    reference: str
    exclude_bought: bool
    products: str
    def __init__(self, task: _Optional[_Union[_pipeline_spec_pb2.TaskKind, str]] = ..., dataset: _Optional[str] = ..., training_jobs: _Optional[_Iterable[str]] = ..., baselines: _Optional[_Iterable[str]] = ..., without_baselines: _Optional[bool] = ..., cutoff: _Optional[int] = ..., max_units: _Optional[int] = ..., seed: _Optional[int] = ..., reference: _Optional[str] = ..., exclude_bought: _Optional[bool] = ..., products: _Optional[str] = ...) -> None: ...

class EvaluatedModel(_message.Message):
    __slots__ = ("training_job", "folds", "dataset_versions", "artifacts")
    TRAINING_JOB_FIELD_NUMBER: _ClassVar[int]
    FOLDS_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    ARTIFACTS_FIELD_NUMBER: _ClassVar[int]
    training_job: str
    folds: int
    dataset_versions: _containers.RepeatedScalarFieldContainer[str]
    artifacts: _containers.RepeatedCompositeFieldContainer[_training_job_pb2.Artifact]
    def __init__(self, training_job: _Optional[str] = ..., folds: _Optional[int] = ..., dataset_versions: _Optional[_Iterable[str]] = ..., artifacts: _Optional[_Iterable[_Union[_training_job_pb2.Artifact, _Mapping]]] = ...) -> None: ...

class EvaluationJob(_message.Message):
    __slots__ = ("name", "spec", "models", "status", "leaderboard")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    LEADERBOARD_FIELD_NUMBER: _ClassVar[int]
    name: str
    spec: EvaluationSpec
    models: _containers.RepeatedCompositeFieldContainer[EvaluatedModel]
    status: _job_pb2.JobStatus
    leaderboard: Leaderboard
    def __init__(self, name: _Optional[str] = ..., spec: _Optional[_Union[EvaluationSpec, _Mapping]] = ..., models: _Optional[_Iterable[_Union[EvaluatedModel, _Mapping]]] = ..., status: _Optional[_Union[_job_pb2.JobStatus, _Mapping]] = ..., leaderboard: _Optional[_Union[Leaderboard, _Mapping]] = ...) -> None: ...

class Leaderboard(_message.Message):
    __slots__ = ("task", "dataset_version", "split", "main_metric", "unit_count", "reference", "entries", "skipped")
    TASK_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    MAIN_METRIC_FIELD_NUMBER: _ClassVar[int]
    UNIT_COUNT_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    task: _pipeline_spec_pb2.TaskKind
    dataset_version: str
    split: str
    main_metric: str
    unit_count: int
    reference: str
    entries: _containers.RepeatedCompositeFieldContainer[LeaderboardEntry]
    skipped: _containers.RepeatedCompositeFieldContainer[SkippedSystem]
    def __init__(self, task: _Optional[_Union[_pipeline_spec_pb2.TaskKind, str]] = ..., dataset_version: _Optional[str] = ..., split: _Optional[str] = ..., main_metric: _Optional[str] = ..., unit_count: _Optional[int] = ..., reference: _Optional[str] = ..., entries: _Optional[_Iterable[_Union[LeaderboardEntry, _Mapping]]] = ..., skipped: _Optional[_Iterable[_Union[SkippedSystem, _Mapping]]] = ...) -> None: ...

class LeaderboardEntry(_message.Message):
    __slots__ = ("rank", "system", "metrics", "test", "slices", "reliability", "exposure", "cpu_seconds")
    RANK_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    TEST_FIELD_NUMBER: _ClassVar[int]
    SLICES_FIELD_NUMBER: _ClassVar[int]
    RELIABILITY_FIELD_NUMBER: _ClassVar[int]
    EXPOSURE_FIELD_NUMBER: _ClassVar[int]
    CPU_SECONDS_FIELD_NUMBER: _ClassVar[int]
    rank: int
    system: str
    metrics: _containers.RepeatedCompositeFieldContainer[_metric_pb2.Metric]
    test: PairedTest
    slices: _containers.RepeatedCompositeFieldContainer[Slice]
    reliability: _containers.RepeatedCompositeFieldContainer[ReliabilityBin]
    exposure: _containers.RepeatedCompositeFieldContainer[GroupExposure]
    cpu_seconds: float
    def __init__(self, rank: _Optional[int] = ..., system: _Optional[str] = ..., metrics: _Optional[_Iterable[_Union[_metric_pb2.Metric, _Mapping]]] = ..., test: _Optional[_Union[PairedTest, _Mapping]] = ..., slices: _Optional[_Iterable[_Union[Slice, _Mapping]]] = ..., reliability: _Optional[_Iterable[_Union[ReliabilityBin, _Mapping]]] = ..., exposure: _Optional[_Iterable[_Union[GroupExposure, _Mapping]]] = ..., cpu_seconds: _Optional[float] = ...) -> None: ...

class PairedTest(_message.Message):
    __slots__ = ("difference", "bootstrap_p", "sign_flip_p", "holm_p")
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    BOOTSTRAP_P_FIELD_NUMBER: _ClassVar[int]
    SIGN_FLIP_P_FIELD_NUMBER: _ClassVar[int]
    HOLM_P_FIELD_NUMBER: _ClassVar[int]
    difference: _metric_pb2.Metric
    bootstrap_p: float
    sign_flip_p: float
    holm_p: float
    def __init__(self, difference: _Optional[_Union[_metric_pb2.Metric, _Mapping]] = ..., bootstrap_p: _Optional[float] = ..., sign_flip_p: _Optional[float] = ..., holm_p: _Optional[float] = ...) -> None: ...

class Slice(_message.Message):
    __slots__ = ("name", "metric")
    NAME_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    name: str
    metric: _metric_pb2.Metric
    def __init__(self, name: _Optional[str] = ..., metric: _Optional[_Union[_metric_pb2.Metric, _Mapping]] = ...) -> None: ...

class ReliabilityBin(_message.Message):
    __slots__ = ("predicted", "observed", "count")
    PREDICTED_FIELD_NUMBER: _ClassVar[int]
    OBSERVED_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    predicted: float
    observed: float
    count: int
    def __init__(self, predicted: _Optional[float] = ..., observed: _Optional[float] = ..., count: _Optional[int] = ...) -> None: ...

class GroupExposure(_message.Message):
    __slots__ = ("group", "exposure_ratio", "purchase_ratio")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    EXPOSURE_RATIO_FIELD_NUMBER: _ClassVar[int]
    PURCHASE_RATIO_FIELD_NUMBER: _ClassVar[int]
    group: str
    exposure_ratio: float
    purchase_ratio: float
    def __init__(self, group: _Optional[str] = ..., exposure_ratio: _Optional[float] = ..., purchase_ratio: _Optional[float] = ...) -> None: ...

class SkippedSystem(_message.Message):
    __slots__ = ("system", "reason", "message")
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    system: str
    reason: str
    message: str
    def __init__(self, system: _Optional[str] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class CreateEvaluationJobRequest(_message.Message):
    __slots__ = ("spec", "request_id")
    SPEC_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    spec: EvaluationSpec
    request_id: str
    def __init__(self, spec: _Optional[_Union[EvaluationSpec, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateEvaluationJobResponse(_message.Message):
    __slots__ = ("evaluation_job",)
    EVALUATION_JOB_FIELD_NUMBER: _ClassVar[int]
    evaluation_job: EvaluationJob
    def __init__(self, evaluation_job: _Optional[_Union[EvaluationJob, _Mapping]] = ...) -> None: ...

class GetEvaluationJobRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetEvaluationJobResponse(_message.Message):
    __slots__ = ("evaluation_job",)
    EVALUATION_JOB_FIELD_NUMBER: _ClassVar[int]
    evaluation_job: EvaluationJob
    def __init__(self, evaluation_job: _Optional[_Union[EvaluationJob, _Mapping]] = ...) -> None: ...

class ListEvaluationJobsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListEvaluationJobsResponse(_message.Message):
    __slots__ = ("evaluation_jobs", "next_page_token")
    EVALUATION_JOBS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    evaluation_jobs: _containers.RepeatedCompositeFieldContainer[EvaluationJob]
    next_page_token: str
    def __init__(self, evaluation_jobs: _Optional[_Iterable[_Union[EvaluationJob, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CancelEvaluationJobRequest(_message.Message):
    __slots__ = ("name", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CancelEvaluationJobResponse(_message.Message):
    __slots__ = ("evaluation_job",)
    EVALUATION_JOB_FIELD_NUMBER: _ClassVar[int]
    evaluation_job: EvaluationJob
    def __init__(self, evaluation_job: _Optional[_Union[EvaluationJob, _Mapping]] = ...) -> None: ...

class WatchEvaluationJobRequest(_message.Message):
    __slots__ = ("name", "after_revision")
    NAME_FIELD_NUMBER: _ClassVar[int]
    AFTER_REVISION_FIELD_NUMBER: _ClassVar[int]
    name: str
    after_revision: int
    def __init__(self, name: _Optional[str] = ..., after_revision: _Optional[int] = ...) -> None: ...

class WatchEvaluationJobResponse(_message.Message):
    __slots__ = ("evaluation_job",)
    EVALUATION_JOB_FIELD_NUMBER: _ClassVar[int]
    evaluation_job: EvaluationJob
    def __init__(self, evaluation_job: _Optional[_Union[EvaluationJob, _Mapping]] = ...) -> None: ...

class EvaluationJobSucceeded(_message.Message):
    __slots__ = ("evaluation_job", "dataset_version", "best_system", "best")
    EVALUATION_JOB_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    BEST_SYSTEM_FIELD_NUMBER: _ClassVar[int]
    BEST_FIELD_NUMBER: _ClassVar[int]
    evaluation_job: str
    dataset_version: str
    best_system: str
    best: _metric_pb2.Metric
    def __init__(self, evaluation_job: _Optional[str] = ..., dataset_version: _Optional[str] = ..., best_system: _Optional[str] = ..., best: _Optional[_Union[_metric_pb2.Metric, _Mapping]] = ...) -> None: ...

class EvaluationJobFailed(_message.Message):
    __slots__ = ("evaluation_job", "failure")
    EVALUATION_JOB_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    evaluation_job: str
    failure: _failure_pb2.Failure
    def __init__(self, evaluation_job: _Optional[str] = ..., failure: _Optional[_Union[_failure_pb2.Failure, _Mapping]] = ...) -> None: ...
