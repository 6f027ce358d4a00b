from aisle.monitor.v1 import observation_pb2 as _observation_pb2
from aisle.monitor.v1 import pipeline_run_pb2 as _pipeline_run_pb2
from aisle.pipeline.v1 import pipeline_spec_pb2 as _pipeline_spec_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PipelineRunRequested(_message.Message):
    __slots__ = ("slip", "cause")
    SLIP_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    slip: _pipeline_spec_pb2.RoutingSlip
    cause: str
    def __init__(self, slip: _Optional[_Union[_pipeline_spec_pb2.RoutingSlip, _Mapping]] = ..., cause: _Optional[str] = ...) -> None: ...

class PipelineRunFinished(_message.Message):
    __slots__ = ("pipeline_run",)
    PIPELINE_RUN_FIELD_NUMBER: _ClassVar[int]
    pipeline_run: _pipeline_run_pb2.PipelineRun
    def __init__(self, pipeline_run: _Optional[_Union[_pipeline_run_pb2.PipelineRun, _Mapping]] = ...) -> None: ...

class AlertRaised(_message.Message):
    __slots__ = ("alert",)
    ALERT_FIELD_NUMBER: _ClassVar[int]
    alert: _observation_pb2.Alert
    def __init__(self, alert: _Optional[_Union[_observation_pb2.Alert, _Mapping]] = ...) -> None: ...

class PolicyTriggered(_message.Message):
    __slots__ = ("policy", "alert", "pipeline_run")
    POLICY_FIELD_NUMBER: _ClassVar[int]
    ALERT_FIELD_NUMBER: _ClassVar[int]
    PIPELINE_RUN_FIELD_NUMBER: _ClassVar[int]
    policy: _observation_pb2.Policy
    alert: _observation_pb2.Alert
    pipeline_run: str
    def __init__(self, policy: _Optional[_Union[_observation_pb2.Policy, _Mapping]] = ..., alert: _Optional[_Union[_observation_pb2.Alert, _Mapping]] = ..., pipeline_run: _Optional[str] = ...) -> None: ...
