from aisle.pipeline.v1 import pipeline_spec_pb2 as _pipeline_spec_pb2
from aisle.type.v1 import job_pb2 as _job_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TrialState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRIAL_STATE_UNSPECIFIED: _ClassVar[TrialState]
    TRIAL_STATE_RUNNING: _ClassVar[TrialState]
    TRIAL_STATE_COMPLETE: _ClassVar[TrialState]
    TRIAL_STATE_PRUNED: _ClassVar[TrialState]
    TRIAL_STATE_FAILED: _ClassVar[TrialState]
TRIAL_STATE_UNSPECIFIED: TrialState
TRIAL_STATE_RUNNING: TrialState
TRIAL_STATE_COMPLETE: TrialState
TRIAL_STATE_PRUNED: TrialState
TRIAL_STATE_FAILED: TrialState

class Study(_message.Message):
    __slots__ = ("name", "stage", "base_spec", "pipeline_run", "status", "best_trial", "best_spec", "best_score")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    BASE_SPEC_FIELD_NUMBER: _ClassVar[int]
    PIPELINE_RUN_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    BEST_TRIAL_FIELD_NUMBER: _ClassVar[int]
    BEST_SPEC_FIELD_NUMBER: _ClassVar[int]
    BEST_SCORE_FIELD_NUMBER: _ClassVar[int]
    name: str
    stage: _pipeline_spec_pb2.TuningStage
    base_spec: _pipeline_spec_pb2.TrainingSpec
    pipeline_run: str
    status: _job_pb2.JobStatus
    best_trial: int
    best_spec: _pipeline_spec_pb2.TrainingSpec
    best_score: float
    def __init__(self, name: _Optional[str] = ..., stage: _Optional[_Union[_pipeline_spec_pb2.TuningStage, _Mapping]] = ..., base_spec: _Optional[_Union[_pipeline_spec_pb2.TrainingSpec, _Mapping]] = ..., pipeline_run: _Optional[str] = ..., status: _Optional[_Union[_job_pb2.JobStatus, _Mapping]] = ..., best_trial: _Optional[int] = ..., best_spec: _Optional[_Union[_pipeline_spec_pb2.TrainingSpec, _Mapping]] = ..., best_score: _Optional[float] = ...) -> None: ...

class Trial(_message.Message):
    __slots__ = ("number", "state", "parameters", "score", "training_job", "step_count")
    class ParametersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    TRAINING_JOB_FIELD_NUMBER: _ClassVar[int]
    STEP_COUNT_FIELD_NUMBER: _ClassVar[int]
    number: int
    state: TrialState
    parameters: _containers.ScalarMap[str, float]
    score: float
    training_job: str
    step_count: int
    def __init__(self, number: _Optional[int] = ..., state: _Optional[_Union[TrialState, str]] = ..., parameters: _Optional[_Mapping[str, float]] = ..., score: _Optional[float] = ..., training_job: _Optional[str] = ..., step_count: _Optional[int] = ...) -> None: ...
