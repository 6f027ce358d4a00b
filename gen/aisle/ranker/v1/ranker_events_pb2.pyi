import datetime

from aisle.pipeline.v1 import pipeline_spec_pb2 as _pipeline_spec_pb2
from aisle.ranker.v1 import ranking_pb2 as _ranking_pb2
from aisle.type.v1 import failure_pb2 as _failure_pb2
from aisle.type.v1 import subject_pb2 as _subject_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ImpressionsServed(_message.Message):
    __slots__ = ("answers",)
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    answers: _containers.RepeatedCompositeFieldContainer[ServedAnswer]
    def __init__(self, answers: _Optional[_Iterable[_Union[ServedAnswer, _Mapping]]] = ...) -> None: ...

class ServedAnswer(_message.Message):
    __slots__ = ("answer_id", "surface", "model_version", "customer_id", "impressions", "serve_time", "duration_ms", "skipped_stages", "query", "visitor_id", "serving_config", "serving_config_version")
    ANSWER_ID_FIELD_NUMBER: _ClassVar[int]
    SURFACE_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    IMPRESSIONS_FIELD_NUMBER: _ClassVar[int]
    SERVE_TIME_FIELD_NUMBER: _ClassVar[int]
    DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_STAGES_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    VISITOR_ID_FIELD_NUMBER: _ClassVar[int]
    SERVING_CONFIG_FIELD_NUMBER: _ClassVar[int]
    SERVING_CONFIG_VERSION_FIELD_NUMBER: _ClassVar[int]
    answer_id: str
    surface: str
    model_version: str
    customer_id: str
    impressions: _containers.RepeatedCompositeFieldContainer[_ranking_pb2.Impression]
    serve_time: _timestamp_pb2.Timestamp
    duration_ms: float
    skipped_stages: _containers.RepeatedScalarFieldContainer[str]
    query: str
    visitor_id: str
    serving_config: str
    serving_config_version: int
    def __init__(self, answer_id: _Optional[str] = ..., surface: _Optional[str] = ..., model_version: _Optional[str] = ..., customer_id: _Optional[str] = ..., impressions: _Optional[_Iterable[_Union[_ranking_pb2.Impression, _Mapping]]] = ..., serve_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., duration_ms: _Optional[float] = ..., skipped_stages: _Optional[_Iterable[str]] = ..., query: _Optional[str] = ..., visitor_id: _Optional[str] = ..., serving_config: _Optional[str] = ..., serving_config_version: _Optional[int] = ...) -> None: ...

class ServingStateChanged(_message.Message):
    __slots__ = ("state", "model_version", "live", "failure", "slip")
    STATE_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    LIVE_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    SLIP_FIELD_NUMBER: _ClassVar[int]
    state: _ranking_pb2.ServingState
    model_version: str
    live: bool
    failure: _failure_pb2.Failure
    slip: _pipeline_spec_pb2.RoutingSlip
    def __init__(self, state: _Optional[_Union[_ranking_pb2.ServingState, _Mapping]] = ..., model_version: _Optional[str] = ..., live: _Optional[bool] = ..., failure: _Optional[_Union[_failure_pb2.Failure, _Mapping]] = ..., slip: _Optional[_Union[_pipeline_spec_pb2.RoutingSlip, _Mapping]] = ...) -> None: ...
