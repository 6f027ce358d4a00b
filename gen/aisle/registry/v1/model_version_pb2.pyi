import datetime

from aisle.pipeline.v1 import pipeline_spec_pb2 as _pipeline_spec_pb2
from aisle.type.v1 import metric_pb2 as _metric_pb2
from aisle.type.v1 import subject_pb2 as _subject_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ModelVersionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MODEL_VERSION_STATE_UNSPECIFIED: _ClassVar[ModelVersionState]
    MODEL_VERSION_STATE_REGISTERED: _ClassVar[ModelVersionState]
    MODEL_VERSION_STATE_REJECTED: _ClassVar[ModelVersionState]
    MODEL_VERSION_STATE_ACCEPTED: _ClassVar[ModelVersionState]
MODEL_VERSION_STATE_UNSPECIFIED: ModelVersionState
MODEL_VERSION_STATE_REGISTERED: ModelVersionState
MODEL_VERSION_STATE_REJECTED: ModelVersionState
MODEL_VERSION_STATE_ACCEPTED: ModelVersionState

class ModelVersion(_message.Message):
    __slots__ = ("name", "state", "files", "bundle_digest", "training_job", "dataset_versions", "training_spec", "evaluations", "verdict", "create_time", "aliases", "rewrites")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    TRAINING_JOB_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    TRAINING_SPEC_FIELD_NUMBER: _ClassVar[int]
    EVALUATIONS_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    REWRITES_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: ModelVersionState
    files: _containers.RepeatedCompositeFieldContainer[ModelFile]
    bundle_digest: str
    training_job: str
    dataset_versions: _containers.RepeatedScalarFieldContainer[str]
    training_spec: _pipeline_spec_pb2.TrainingSpec
    evaluations: _containers.RepeatedCompositeFieldContainer[EvaluationSummary]
    verdict: GateVerdict
    create_time: _timestamp_pb2.Timestamp
    aliases: _containers.RepeatedScalarFieldContainer[str]
    rewrites: _containers.RepeatedCompositeFieldContainer[BundleRewrite]
    def __init__(self, name: _Optional[str] = ..., state: _Optional[_Union[ModelVersionState, str]] = ..., files: _Optional[_Iterable[_Union[ModelFile, _Mapping]]] = ..., bundle_digest: _Optional[str] = ..., training_job: _Optional[str] = ..., dataset_versions: _Optional[_Iterable[str]] = ..., training_spec: _Optional[_Union[_pipeline_spec_pb2.TrainingSpec, _Mapping]] = ..., evaluations: _Optional[_Iterable[_Union[EvaluationSummary, _Mapping]]] = ..., verdict: _Optional[_Union[GateVerdict, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., aliases: _Optional[_Iterable[str]] = ..., rewrites: _Optional[_Iterable[_Union[BundleRewrite, _Mapping]]] = ...) -> None: ...

class BundleRewrite(_message.Message):
    __slots__ = ("sequence", "erasure", "bundle_digest_before", "bundle_digest_after", "paths", "create_time")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    ERASURE_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_DIGEST_BEFORE_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_DIGEST_AFTER_FIELD_NUMBER: _ClassVar[int]
    PATHS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    erasure: str
    bundle_digest_before: str
    bundle_digest_after: str
    paths: _containers.RepeatedScalarFieldContainer[str]
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, sequence: _Optional[int] = ..., erasure: _Optional[str] = ..., bundle_digest_before: _Optional[str] = ..., bundle_digest_after: _Optional[str] = ..., paths: _Optional[_Iterable[str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ModelFile(_message.Message):
    __slots__ = ("path", "sha256", "size_bytes")
    PATH_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    path: str
    sha256: str
    size_bytes: int
    def __init__(self, path: _Optional[str] = ..., sha256: _Optional[str] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class EvaluationSummary(_message.Message):
    __slots__ = ("task", "dataset_version", "unit_ids", "systems")
    TASK_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    UNIT_IDS_FIELD_NUMBER: _ClassVar[int]
    SYSTEMS_FIELD_NUMBER: _ClassVar[int]
    task: _pipeline_spec_pb2.TaskKind
    dataset_version: str
    unit_ids: _containers.RepeatedScalarFieldContainer[str]
    systems: _containers.RepeatedCompositeFieldContainer[SystemScore]
    def __init__(self, task: _Optional[_Union[_pipeline_spec_pb2.TaskKind, str]] = ..., dataset_version: _Optional[str] = ..., unit_ids: _Optional[_Iterable[str]] = ..., systems: _Optional[_Iterable[_Union[SystemScore, _Mapping]]] = ...) -> None: ...

class SystemScore(_message.Message):
    __slots__ = ("system", "metrics", "unit_values")
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    UNIT_VALUES_FIELD_NUMBER: _ClassVar[int]
    system: str
    metrics: _containers.RepeatedCompositeFieldContainer[_metric_pb2.Metric]
    unit_values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, system: _Optional[str] = ..., metrics: _Optional[_Iterable[_Union[_metric_pb2.Metric, _Mapping]]] = ..., unit_values: _Optional[_Iterable[float]] = ...) -> None: ...

class GateVerdict(_message.Message):
    __slots__ = ("passed", "champion", "results", "create_time")
    PASSED_FIELD_NUMBER: _ClassVar[int]
    CHAMPION_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    passed: bool
    champion: str
    results: _containers.RepeatedCompositeFieldContainer[GateResult]
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, passed: _Optional[bool] = ..., champion: _Optional[str] = ..., results: _Optional[_Iterable[_Union[GateResult, _Mapping]]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GateResult(_message.Message):
    __slots__ = ("gate", "passed", "candidate_value", "champion_value", "difference", "explanation")
    GATE_FIELD_NUMBER: _ClassVar[int]
    PASSED_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_VALUE_FIELD_NUMBER: _ClassVar[int]
    CHAMPION_VALUE_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    gate: _pipeline_spec_pb2.Gate
    passed: bool
    candidate_value: float
    champion_value: float
    difference: _metric_pb2.Metric
    explanation: str
    def __init__(self, gate: _Optional[_Union[_pipeline_spec_pb2.Gate, _Mapping]] = ..., passed: _Optional[bool] = ..., candidate_value: _Optional[float] = ..., champion_value: _Optional[float] = ..., difference: _Optional[_Union[_metric_pb2.Metric, _Mapping]] = ..., explanation: _Optional[str] = ...) -> None: ...

class AliasChange(_message.Message):
    __slots__ = ("sequence", "model_version", "previous_model_version", "cause", "comment", "create_time")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    model_version: str
    previous_model_version: str
    cause: str
    comment: str
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, sequence: _Optional[int] = ..., model_version: _Optional[str] = ..., previous_model_version: _Optional[str] = ..., cause: _Optional[str] = ..., comment: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
