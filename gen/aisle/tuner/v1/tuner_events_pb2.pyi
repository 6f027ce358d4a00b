from aisle.pipeline.v1 import pipeline_spec_pb2 as _pipeline_spec_pb2
from aisle.tuner.v1 import study_pb2 as _study_pb2
from aisle.type.v1 import failure_pb2 as _failure_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StudyCompleted(_message.Message):
    __slots__ = ("study", "slip")
    STUDY_FIELD_NUMBER: _ClassVar[int]
    SLIP_FIELD_NUMBER: _ClassVar[int]
    study: _study_pb2.Study
    slip: _pipeline_spec_pb2.RoutingSlip
    def __init__(self, study: _Optional[_Union[_study_pb2.Study, _Mapping]] = ..., slip: _Optional[_Union[_pipeline_spec_pb2.RoutingSlip, _Mapping]] = ...) -> None: ...

class StudyFailed(_message.Message):
    __slots__ = ("study", "failure", "slip")
    STUDY_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    SLIP_FIELD_NUMBER: _ClassVar[int]
    study: str
    failure: _failure_pb2.Failure
    slip: _pipeline_spec_pb2.RoutingSlip
    def __init__(self, study: _Optional[str] = ..., failure: _Optional[_Union[_failure_pb2.Failure, _Mapping]] = ..., slip: _Optional[_Union[_pipeline_spec_pb2.RoutingSlip, _Mapping]] = ...) -> None: ...
