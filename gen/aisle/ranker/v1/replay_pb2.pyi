import datetime

from aisle.ranker.v1 import ranking_pb2 as _ranking_pb2
from aisle.type.v1 import subject_pb2 as _subject_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReplayRequestRequest(_message.Message):
    __slots__ = ("answer", "model_version", "serving_config", "serving_config_version")
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    SERVING_CONFIG_FIELD_NUMBER: _ClassVar[int]
    SERVING_CONFIG_VERSION_FIELD_NUMBER: _ClassVar[int]
    answer: str
    model_version: str
    serving_config: str
    serving_config_version: int
    def __init__(self, answer: _Optional[str] = ..., model_version: _Optional[str] = ..., serving_config: _Optional[str] = ..., serving_config_version: _Optional[int] = ...) -> None: ...

class ReplayRequestResponse(_message.Message):
    __slots__ = ("answer_id", "serve_time", "surface", "identical", "logged", "replayed", "differences")
    ANSWER_ID_FIELD_NUMBER: _ClassVar[int]
    SERVE_TIME_FIELD_NUMBER: _ClassVar[int]
    SURFACE_FIELD_NUMBER: _ClassVar[int]
    IDENTICAL_FIELD_NUMBER: _ClassVar[int]
    LOGGED_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCES_FIELD_NUMBER: _ClassVar[int]
    answer_id: str
    serve_time: _timestamp_pb2.Timestamp
    surface: str
    identical: bool
    logged: ReplayedSide
    replayed: ReplayedSide
    differences: _containers.RepeatedCompositeFieldContainer[ReplayDifference]
    def __init__(self, answer_id: _Optional[str] = ..., serve_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., surface: _Optional[str] = ..., identical: _Optional[bool] = ..., logged: _Optional[_Union[ReplayedSide, _Mapping]] = ..., replayed: _Optional[_Union[ReplayedSide, _Mapping]] = ..., differences: _Optional[_Iterable[_Union[ReplayDifference, _Mapping]]] = ...) -> None: ...

class ReplayedSide(_message.Message):
    __slots__ = ("model_version", "serving_config", "serving_config_version", "degradations")
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    SERVING_CONFIG_FIELD_NUMBER: _ClassVar[int]
    SERVING_CONFIG_VERSION_FIELD_NUMBER: _ClassVar[int]
    DEGRADATIONS_FIELD_NUMBER: _ClassVar[int]
    model_version: str
    serving_config: str
    serving_config_version: int
    degradations: _containers.RepeatedCompositeFieldContainer[_ranking_pb2.Degradation]
    def __init__(self, model_version: _Optional[str] = ..., serving_config: _Optional[str] = ..., serving_config_version: _Optional[int] = ..., degradations: _Optional[_Iterable[_Union[_ranking_pb2.Degradation, _Mapping]]] = ...) -> None: ...

class ReplayDifference(_message.Message):
    __slots__ = ("product_id", "title", "logged_position", "replayed_position", "logged_score", "replayed_score", "causes")
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    LOGGED_POSITION_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_POSITION_FIELD_NUMBER: _ClassVar[int]
    LOGGED_SCORE_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_SCORE_FIELD_NUMBER: _ClassVar[int]
    CAUSES_FIELD_NUMBER: _ClassVar[int]
    product_id: str
    title: str
    logged_position: int
    replayed_position: int
    logged_score: float
    replayed_score: float
    causes: _containers.RepeatedCompositeFieldContainer[ReplayCause]
    def __init__(self, product_id: _Optional[str] = ..., title: _Optional[str] = ..., logged_position: _Optional[int] = ..., replayed_position: _Optional[int] = ..., logged_score: _Optional[float] = ..., replayed_score: _Optional[float] = ..., causes: _Optional[_Iterable[_Union[ReplayCause, _Mapping]]] = ...) -> None: ...

class ReplayCause(_message.Message):
    __slots__ = ("source", "logged", "replayed")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    LOGGED_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    source: str
    logged: float
    replayed: float
    def __init__(self, source: _Optional[str] = ..., logged: _Optional[float] = ..., replayed: _Optional[float] = ...) -> None: ...
