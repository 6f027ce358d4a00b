import datetime

from aisle.pipeline.v1 import pipeline_spec_pb2 as _pipeline_spec_pb2
from aisle.trainer.v1 import training_report_pb2 as _training_report_pb2
from aisle.type.v1 import job_pb2 as _job_pb2
from aisle.type.v1 import metric_pb2 as _metric_pb2
from aisle.type.v1 import subject_pb2 as _subject_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TrainingJob(_message.Message):
    __slots__ = ("name", "spec", "dataset_versions", "pipeline_run", "study", "status", "step_count", "max_steps", "training_loss", "validations", "evaluation", "artifacts", "checkpoint_step", "inputs", "report")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    PIPELINE_RUN_FIELD_NUMBER: _ClassVar[int]
    STUDY_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STEP_COUNT_FIELD_NUMBER: _ClassVar[int]
    MAX_STEPS_FIELD_NUMBER: _ClassVar[int]
    TRAINING_LOSS_FIELD_NUMBER: _ClassVar[int]
    VALIDATIONS_FIELD_NUMBER: _ClassVar[int]
    EVALUATION_FIELD_NUMBER: _ClassVar[int]
    ARTIFACTS_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_STEP_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    name: str
    spec: _pipeline_spec_pb2.TrainingSpec
    dataset_versions: _containers.RepeatedScalarFieldContainer[str]
    pipeline_run: str
    study: str
    status: _job_pb2.JobStatus
    step_count: int
    max_steps: int
    training_loss: float
    validations: _containers.RepeatedCompositeFieldContainer[ValidationPoint]
    evaluation: str
    artifacts: _containers.RepeatedCompositeFieldContainer[Artifact]
    checkpoint_step: int
    inputs: _containers.RepeatedCompositeFieldContainer[TrainingInput]
    report: _training_report_pb2.TrainingReport
    def __init__(self, name: _Optional[str] = ..., spec: _Optional[_Union[_pipeline_spec_pb2.TrainingSpec, _Mapping]] = ..., dataset_versions: _Optional[_Iterable[str]] = ..., pipeline_run: _Optional[str] = ..., study: _Optional[str] = ..., status: _Optional[_Union[_job_pb2.JobStatus, _Mapping]] = ..., step_count: _Optional[int] = ..., max_steps: _Optional[int] = ..., training_loss: _Optional[float] = ..., validations: _Optional[_Iterable[_Union[ValidationPoint, _Mapping]]] = ..., evaluation: _Optional[str] = ..., artifacts: _Optional[_Iterable[_Union[Artifact, _Mapping]]] = ..., checkpoint_step: _Optional[int] = ..., inputs: _Optional[_Iterable[_Union[TrainingInput, _Mapping]]] = ..., report: _Optional[_Union[_training_report_pb2.TrainingReport, _Mapping]] = ...) -> None: ...

class TrainingInput(_message.Message):
    __slots__ = ("task", "dataset_version", "columns")
    TASK_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    task: _pipeline_spec_pb2.TaskKind
    dataset_version: str
    columns: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, task: _Optional[_Union[_pipeline_spec_pb2.TaskKind, str]] = ..., dataset_version: _Optional[str] = ..., columns: _Optional[_Iterable[str]] = ...) -> None: ...

class ValidationPoint(_message.Message):
    __slots__ = ("step", "score", "tasks")
    STEP_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    step: int
    score: float
    tasks: _containers.RepeatedCompositeFieldContainer[TaskMetrics]
    def __init__(self, step: _Optional[int] = ..., score: _Optional[float] = ..., tasks: _Optional[_Iterable[_Union[TaskMetrics, _Mapping]]] = ...) -> None: ...

class TaskMetrics(_message.Message):
    __slots__ = ("kind", "metrics")
    KIND_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    kind: _pipeline_spec_pb2.TaskKind
    metrics: _containers.RepeatedCompositeFieldContainer[_metric_pb2.Metric]
    def __init__(self, kind: _Optional[_Union[_pipeline_spec_pb2.TaskKind, str]] = ..., metrics: _Optional[_Iterable[_Union[_metric_pb2.Metric, _Mapping]]] = ...) -> None: ...

class Artifact(_message.Message):
    __slots__ = ("path", "sha256", "size_bytes")
    PATH_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    path: str
    sha256: str
    size_bytes: int
    def __init__(self, path: _Optional[str] = ..., sha256: _Optional[str] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class Evaluation(_message.Message):
    __slots__ = ("name", "training_job", "tasks", "create_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TRAINING_JOB_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    training_job: str
    tasks: _containers.RepeatedCompositeFieldContainer[TaskEvaluation]
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., training_job: _Optional[str] = ..., tasks: _Optional[_Iterable[_Union[TaskEvaluation, _Mapping]]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class TaskEvaluation(_message.Message):
    __slots__ = ("kind", "dataset_version", "split", "systems", "unit_ids", "paired_differences")
    KIND_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    SYSTEMS_FIELD_NUMBER: _ClassVar[int]
    UNIT_IDS_FIELD_NUMBER: _ClassVar[int]
    PAIRED_DIFFERENCES_FIELD_NUMBER: _ClassVar[int]
    kind: _pipeline_spec_pb2.TaskKind
    dataset_version: str
    split: str
    systems: _containers.RepeatedCompositeFieldContainer[SystemResult]
    unit_ids: _containers.RepeatedScalarFieldContainer[str]
    paired_differences: _containers.RepeatedCompositeFieldContainer[_metric_pb2.Metric]
    def __init__(self, kind: _Optional[_Union[_pipeline_spec_pb2.TaskKind, str]] = ..., dataset_version: _Optional[str] = ..., split: _Optional[str] = ..., systems: _Optional[_Iterable[_Union[SystemResult, _Mapping]]] = ..., unit_ids: _Optional[_Iterable[str]] = ..., paired_differences: _Optional[_Iterable[_Union[_metric_pb2.Metric, _Mapping]]] = ...) -> None: ...

class SystemResult(_message.Message):
    __slots__ = ("system", "metrics", "unit_values")
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    UNIT_VALUES_FIELD_NUMBER: _ClassVar[int]
    system: str
    metrics: _containers.RepeatedCompositeFieldContainer[_metric_pb2.Metric]
    unit_values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, system: _Optional[str] = ..., metrics: _Optional[_Iterable[_Union[_metric_pb2.Metric, _Mapping]]] = ..., unit_values: _Optional[_Iterable[float]] = ...) -> None: ...

class Recipe(_message.Message):
    __slots__ = ("recipe_id", "description", "spec")
    RECIPE_ID_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    recipe_id: str
    description: str
    spec: _pipeline_spec_pb2.TrainingSpec
    def __init__(self, recipe_id: _Optional[str] = ..., description: _Optional[str] = ..., spec: _Optional[_Union[_pipeline_spec_pb2.TrainingSpec, _Mapping]] = ...) -> None: ...
