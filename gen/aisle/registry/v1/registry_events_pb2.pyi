from aisle.pipeline.v1 import pipeline_spec_pb2 as _pipeline_spec_pb2
from aisle.registry.v1 import model_version_pb2 as _model_version_pb2
from aisle.type.v1 import failure_pb2 as _failure_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ModelVersionRegistered(_message.Message):
    __slots__ = ("model_version", "slip")
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    SLIP_FIELD_NUMBER: _ClassVar[int]
    model_version: _model_version_pb2.ModelVersion
    slip: _pipeline_spec_pb2.RoutingSlip
    def __init__(self, model_version: _Optional[_Union[_model_version_pb2.ModelVersion, _Mapping]] = ..., slip: _Optional[_Union[_pipeline_spec_pb2.RoutingSlip, _Mapping]] = ...) -> None: ...

class ModelVersionPromoted(_message.Message):
    __slots__ = ("model_version", "alias", "change", "slip")
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    SLIP_FIELD_NUMBER: _ClassVar[int]
    model_version: _model_version_pb2.ModelVersion
    alias: str
    change: _model_version_pb2.AliasChange
    slip: _pipeline_spec_pb2.RoutingSlip
    def __init__(self, model_version: _Optional[_Union[_model_version_pb2.ModelVersion, _Mapping]] = ..., alias: _Optional[str] = ..., change: _Optional[_Union[_model_version_pb2.AliasChange, _Mapping]] = ..., slip: _Optional[_Union[_pipeline_spec_pb2.RoutingSlip, _Mapping]] = ...) -> None: ...

class ModelVersionRejected(_message.Message):
    __slots__ = ("model_version", "slip")
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    SLIP_FIELD_NUMBER: _ClassVar[int]
    model_version: _model_version_pb2.ModelVersion
    slip: _pipeline_spec_pb2.RoutingSlip
    def __init__(self, model_version: _Optional[_Union[_model_version_pb2.ModelVersion, _Mapping]] = ..., slip: _Optional[_Union[_pipeline_spec_pb2.RoutingSlip, _Mapping]] = ...) -> None: ...

class RegistrationFailed(_message.Message):
    __slots__ = ("training_job", "failure", "slip")
    TRAINING_JOB_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    SLIP_FIELD_NUMBER: _ClassVar[int]
    training_job: str
    failure: _failure_pb2.Failure
    slip: _pipeline_spec_pb2.RoutingSlip
    def __init__(self, training_job: _Optional[str] = ..., failure: _Optional[_Union[_failure_pb2.Failure, _Mapping]] = ..., slip: _Optional[_Union[_pipeline_spec_pb2.RoutingSlip, _Mapping]] = ...) -> None: ...

class ModelVersionRewritten(_message.Message):
    __slots__ = ("model_version", "rewrite")
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    REWRITE_FIELD_NUMBER: _ClassVar[int]
    model_version: _model_version_pb2.ModelVersion
    rewrite: _model_version_pb2.BundleRewrite
    def __init__(self, model_version: _Optional[_Union[_model_version_pb2.ModelVersion, _Mapping]] = ..., rewrite: _Optional[_Union[_model_version_pb2.BundleRewrite, _Mapping]] = ...) -> None: ...

class AliasRolledBack(_message.Message):
    __slots__ = ("model_version", "alias", "change")
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    model_version: _model_version_pb2.ModelVersion
    alias: str
    change: _model_version_pb2.AliasChange
    def __init__(self, model_version: _Optional[_Union[_model_version_pb2.ModelVersion, _Mapping]] = ..., alias: _Optional[str] = ..., change: _Optional[_Union[_model_version_pb2.AliasChange, _Mapping]] = ...) -> None: ...
