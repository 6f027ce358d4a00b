import datetime

from aisle.ranker.v1 import serving_config_pb2 as _serving_config_pb2
from aisle.type.v1 import failure_pb2 as _failure_pb2
from aisle.type.v1 import subject_pb2 as _subject_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RankingResult(_message.Message):
    __slots__ = ("product_id", "title", "position", "score", "components", "dataset_version", "propensity", "contributions", "moves")
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    PROPENSITY_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTIONS_FIELD_NUMBER: _ClassVar[int]
    MOVES_FIELD_NUMBER: _ClassVar[int]
    product_id: str
    title: str
    position: int
    score: float
    components: _containers.RepeatedCompositeFieldContainer[ScoreComponent]
    dataset_version: str
    propensity: float
    contributions: _containers.RepeatedCompositeFieldContainer[Contribution]
    moves: _containers.RepeatedCompositeFieldContainer[Move]
    def __init__(self, product_id: _Optional[str] = ..., title: _Optional[str] = ..., position: _Optional[int] = ..., score: _Optional[float] = ..., components: _Optional[_Iterable[_Union[ScoreComponent, _Mapping]]] = ..., dataset_version: _Optional[str] = ..., propensity: _Optional[float] = ..., contributions: _Optional[_Iterable[_Union[Contribution, _Mapping]]] = ..., moves: _Optional[_Iterable[_Union[Move, _Mapping]]] = ...) -> None: ...

class Contribution(_message.Message):
    __slots__ = ("source", "value")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    source: str
    value: float
    def __init__(self, source: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...

class Move(_message.Message):
    __slots__ = ("kind", "rule", "from_position", "to_position")
    KIND_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    FROM_POSITION_FIELD_NUMBER: _ClassVar[int]
    TO_POSITION_FIELD_NUMBER: _ClassVar[int]
    kind: str
    rule: str
    from_position: int
    to_position: int
    def __init__(self, kind: _Optional[str] = ..., rule: _Optional[str] = ..., from_position: _Optional[int] = ..., to_position: _Optional[int] = ...) -> None: ...

class ScoreComponent(_message.Message):
    __slots__ = ("source", "score", "rank")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    RANK_FIELD_NUMBER: _ClassVar[int]
    source: str
    score: float
    rank: int
    def __init__(self, source: _Optional[str] = ..., score: _Optional[float] = ..., rank: _Optional[int] = ...) -> None: ...

class StageTiming(_message.Message):
    __slots__ = ("stage", "duration_ms", "candidate_count")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_COUNT_FIELD_NUMBER: _ClassVar[int]
    stage: str
    duration_ms: float
    candidate_count: int
    def __init__(self, stage: _Optional[str] = ..., duration_ms: _Optional[float] = ..., candidate_count: _Optional[int] = ...) -> None: ...

class Degradation(_message.Message):
    __slots__ = ("skipped_stage", "cause")
    SKIPPED_STAGE_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    skipped_stage: str
    cause: str
    def __init__(self, skipped_stage: _Optional[str] = ..., cause: _Optional[str] = ...) -> None: ...

class AnswerInfo(_message.Message):
    __slots__ = ("attribution_token", "serving_config", "model_version", "dataset_versions", "timings", "degradations", "total_duration_ms", "trace_id", "serving_config_version", "invalid_conditions")
    ATTRIBUTION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SERVING_CONFIG_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_FIELD_NUMBER: _ClassVar[int]
    DEGRADATIONS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    SERVING_CONFIG_VERSION_FIELD_NUMBER: _ClassVar[int]
    INVALID_CONDITIONS_FIELD_NUMBER: _ClassVar[int]
    attribution_token: str
    serving_config: str
    model_version: str
    dataset_versions: _containers.RepeatedScalarFieldContainer[str]
    timings: _containers.RepeatedCompositeFieldContainer[StageTiming]
    degradations: _containers.RepeatedCompositeFieldContainer[Degradation]
    total_duration_ms: float
    trace_id: str
    serving_config_version: int
    invalid_conditions: _containers.RepeatedCompositeFieldContainer[_serving_config_pb2.InvalidCondition]
    def __init__(self, attribution_token: _Optional[str] = ..., serving_config: _Optional[str] = ..., model_version: _Optional[str] = ..., dataset_versions: _Optional[_Iterable[str]] = ..., timings: _Optional[_Iterable[_Union[StageTiming, _Mapping]]] = ..., degradations: _Optional[_Iterable[_Union[Degradation, _Mapping]]] = ..., total_duration_ms: _Optional[float] = ..., trace_id: _Optional[str] = ..., serving_config_version: _Optional[int] = ..., invalid_conditions: _Optional[_Iterable[_Union[_serving_config_pb2.InvalidCondition, _Mapping]]] = ...) -> None: ...

class ServingModel(_message.Message):
    __slots__ = ("model_version", "bundle_digest", "engine", "live_time", "search_product_count", "recommend_product_count")
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    LIVE_TIME_FIELD_NUMBER: _ClassVar[int]
    SEARCH_PRODUCT_COUNT_FIELD_NUMBER: _ClassVar[int]
    RECOMMEND_PRODUCT_COUNT_FIELD_NUMBER: _ClassVar[int]
    model_version: str
    bundle_digest: str
    engine: str
    live_time: _timestamp_pb2.Timestamp
    search_product_count: int
    recommend_product_count: int
    def __init__(self, model_version: _Optional[str] = ..., bundle_digest: _Optional[str] = ..., engine: _Optional[str] = ..., live_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., search_product_count: _Optional[int] = ..., recommend_product_count: _Optional[int] = ...) -> None: ...

class ServingState(_message.Message):
    __slots__ = ("live", "loading_model_version", "last_load_failure", "swap_count")
    LIVE_FIELD_NUMBER: _ClassVar[int]
    LOADING_MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    LAST_LOAD_FAILURE_FIELD_NUMBER: _ClassVar[int]
    SWAP_COUNT_FIELD_NUMBER: _ClassVar[int]
    live: ServingModel
    loading_model_version: str
    last_load_failure: _failure_pb2.Failure
    swap_count: int
    def __init__(self, live: _Optional[_Union[ServingModel, _Mapping]] = ..., loading_model_version: _Optional[str] = ..., last_load_failure: _Optional[_Union[_failure_pb2.Failure, _Mapping]] = ..., swap_count: _Optional[int] = ...) -> None: ...

class Impression(_message.Message):
    __slots__ = ("product_id", "position", "score", "propensity")
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    PROPENSITY_FIELD_NUMBER: _ClassVar[int]
    product_id: str
    position: int
    score: float
    propensity: float
    def __init__(self, product_id: _Optional[str] = ..., position: _Optional[int] = ..., score: _Optional[float] = ..., propensity: _Optional[float] = ...) -> None: ...
