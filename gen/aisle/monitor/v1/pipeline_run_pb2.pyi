import datetime

from aisle.pipeline.v1 import pipeline_spec_pb2 as _pipeline_spec_pb2
from aisle.type.v1 import failure_pb2 as _failure_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PipelineRunState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PIPELINE_RUN_STATE_UNSPECIFIED: _ClassVar[PipelineRunState]
    PIPELINE_RUN_STATE_RUNNING: _ClassVar[PipelineRunState]
    PIPELINE_RUN_STATE_SUCCEEDED: _ClassVar[PipelineRunState]
    PIPELINE_RUN_STATE_REJECTED: _ClassVar[PipelineRunState]
    PIPELINE_RUN_STATE_FAILED: _ClassVar[PipelineRunState]
PIPELINE_RUN_STATE_UNSPECIFIED: PipelineRunState
PIPELINE_RUN_STATE_RUNNING: PipelineRunState
PIPELINE_RUN_STATE_SUCCEEDED: PipelineRunState
PIPELINE_RUN_STATE_REJECTED: PipelineRunState
PIPELINE_RUN_STATE_FAILED: PipelineRunState

class Pipeline(_message.Message):
    __slots__ = ("name", "spec", "create_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    spec: _pipeline_spec_pb2.PipelineSpec
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., spec: _Optional[_Union[_pipeline_spec_pb2.PipelineSpec, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class PipelineRun(_message.Message):
    __slots__ = ("name", "state", "stages", "failure", "slip", "cause", "trace_id", "create_time", "end_time", "revision")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    SLIP_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: PipelineRunState
    stages: _containers.RepeatedCompositeFieldContainer[StageStatus]
    failure: _failure_pb2.Failure
    slip: _pipeline_spec_pb2.RoutingSlip
    cause: str
    trace_id: str
    create_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    revision: int
    def __init__(self, name: _Optional[str] = ..., state: _Optional[_Union[PipelineRunState, str]] = ..., stages: _Optional[_Iterable[_Union[StageStatus, _Mapping]]] = ..., failure: _Optional[_Union[_failure_pb2.Failure, _Mapping]] = ..., slip: _Optional[_Union[_pipeline_spec_pb2.RoutingSlip, _Mapping]] = ..., cause: _Optional[str] = ..., trace_id: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., revision: _Optional[int] = ...) -> None: ...

class StageStatus(_message.Message):
    __slots__ = ("stage", "resource", "state", "start_time", "end_time", "summary")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    stage: str
    resource: str
    state: PipelineRunState
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    summary: str
    def __init__(self, stage: _Optional[str] = ..., resource: _Optional[str] = ..., state: _Optional[_Union[PipelineRunState, str]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., summary: _Optional[str] = ...) -> None: ...
