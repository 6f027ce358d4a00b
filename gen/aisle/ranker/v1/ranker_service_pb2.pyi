import datetime

from aisle.ranker.v1 import product_pb2 as _product_pb2
from aisle.ranker.v1 import ranking_pb2 as _ranking_pb2
from aisle.ranker.v1 import replay_pb2 as _replay_pb2
from aisle.ranker.v1 import serving_config_pb2 as _serving_config_pb2
from aisle.type.v1 import context_pb2 as _context_pb2
from aisle.type.v1 import subject_pb2 as _subject_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RecommendKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RECOMMEND_KIND_UNSPECIFIED: _ClassVar[RecommendKind]
    RECOMMEND_KIND_FOR_YOU: _ClassVar[RecommendKind]
    RECOMMEND_KIND_SIMILAR: _ClassVar[RecommendKind]
    RECOMMEND_KIND_OTHERS_ALSO: _ClassVar[RecommendKind]
    RECOMMEND_KIND_FREQUENTLY_BOUGHT_TOGETHER: _ClassVar[RecommendKind]
    RECOMMEND_KIND_BUY_IT_AGAIN: _ClassVar[RecommendKind]
    RECOMMEND_KIND_TRENDING: _ClassVar[RecommendKind]
    RECOMMEND_KIND_RECENTLY_VIEWED: _ClassVar[RecommendKind]
RECOMMEND_KIND_UNSPECIFIED: RecommendKind
RECOMMEND_KIND_FOR_YOU: RecommendKind
RECOMMEND_KIND_SIMILAR: RecommendKind
RECOMMEND_KIND_OTHERS_ALSO: RecommendKind
RECOMMEND_KIND_FREQUENTLY_BOUGHT_TOGETHER: RecommendKind
RECOMMEND_KIND_BUY_IT_AGAIN: RecommendKind
RECOMMEND_KIND_TRENDING: RecommendKind
RECOMMEND_KIND_RECENTLY_VIEWED: RecommendKind

class SearchRequest(_message.Message):
    __slots__ = ("query", "page_size", "page_token", "context", "skip_neural", "serving_config", "boosts", "explain", "filter", "facets", "order_by", "skip_spelling", "skip_relaxation")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    SKIP_NEURAL_FIELD_NUMBER: _ClassVar[int]
    SERVING_CONFIG_FIELD_NUMBER: _ClassVar[int]
    BOOSTS_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    FACETS_FIELD_NUMBER: _ClassVar[int]
    ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    SKIP_SPELLING_FIELD_NUMBER: _ClassVar[int]
    SKIP_RELAXATION_FIELD_NUMBER: _ClassVar[int]
    query: str
    page_size: int
    page_token: str
    context: _context_pb2.ShopperContext
    skip_neural: bool
    serving_config: str
    boosts: _containers.RepeatedCompositeFieldContainer[_serving_config_pb2.ProductBoost]
    explain: bool
    filter: str
    facets: _containers.RepeatedCompositeFieldContainer[_product_pb2.FacetRequest]
    order_by: str
    skip_spelling: bool
    skip_relaxation: bool
    def __init__(self, query: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., context: _Optional[_Union[_context_pb2.ShopperContext, _Mapping]] = ..., skip_neural: _Optional[bool] = ..., serving_config: _Optional[str] = ..., boosts: _Optional[_Iterable[_Union[_serving_config_pb2.ProductBoost, _Mapping]]] = ..., explain: _Optional[bool] = ..., filter: _Optional[str] = ..., facets: _Optional[_Iterable[_Union[_product_pb2.FacetRequest, _Mapping]]] = ..., order_by: _Optional[str] = ..., skip_spelling: _Optional[bool] = ..., skip_relaxation: _Optional[bool] = ...) -> None: ...

class SearchResponse(_message.Message):
    __slots__ = ("results", "next_page_token", "info", "total_count", "facets", "corrected_query", "relaxations")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    TOTAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    FACETS_FIELD_NUMBER: _ClassVar[int]
    CORRECTED_QUERY_FIELD_NUMBER: _ClassVar[int]
    RELAXATIONS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[_ranking_pb2.RankingResult]
    next_page_token: str
    info: _ranking_pb2.AnswerInfo
    total_count: int
    facets: _containers.RepeatedCompositeFieldContainer[_product_pb2.Facet]
    corrected_query: str
    relaxations: _containers.RepeatedCompositeFieldContainer[_product_pb2.Relaxation]
    def __init__(self, results: _Optional[_Iterable[_Union[_ranking_pb2.RankingResult, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., info: _Optional[_Union[_ranking_pb2.AnswerInfo, _Mapping]] = ..., total_count: _Optional[int] = ..., facets: _Optional[_Iterable[_Union[_product_pb2.Facet, _Mapping]]] = ..., corrected_query: _Optional[str] = ..., relaxations: _Optional[_Iterable[_Union[_product_pb2.Relaxation, _Mapping]]] = ...) -> None: ...

class RecommendRequest(_message.Message):
    __slots__ = ("kind", "product_id", "recent_product_ids", "page_size", "context", "skip_neural", "serving_config", "boosts", "explain")
    KIND_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    RECENT_PRODUCT_IDS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    SKIP_NEURAL_FIELD_NUMBER: _ClassVar[int]
    SERVING_CONFIG_FIELD_NUMBER: _ClassVar[int]
    BOOSTS_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    kind: RecommendKind
    product_id: str
    recent_product_ids: _containers.RepeatedScalarFieldContainer[str]
    page_size: int
    context: _context_pb2.ShopperContext
    skip_neural: bool
    serving_config: str
    boosts: _containers.RepeatedCompositeFieldContainer[_serving_config_pb2.ProductBoost]
    explain: bool
    def __init__(self, kind: _Optional[_Union[RecommendKind, str]] = ..., product_id: _Optional[str] = ..., recent_product_ids: _Optional[_Iterable[str]] = ..., page_size: _Optional[int] = ..., context: _Optional[_Union[_context_pb2.ShopperContext, _Mapping]] = ..., skip_neural: _Optional[bool] = ..., serving_config: _Optional[str] = ..., boosts: _Optional[_Iterable[_Union[_serving_config_pb2.ProductBoost, _Mapping]]] = ..., explain: _Optional[bool] = ...) -> None: ...

class RecommendResponse(_message.Message):
    __slots__ = ("results", "info")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[_ranking_pb2.RankingResult]
    info: _ranking_pb2.AnswerInfo
    def __init__(self, results: _Optional[_Iterable[_Union[_ranking_pb2.RankingResult, _Mapping]]] = ..., info: _Optional[_Union[_ranking_pb2.AnswerInfo, _Mapping]] = ...) -> None: ...

class Candidate(_message.Message):
    __slots__ = ("product_id", "title", "attributes")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    product_id: str
    title: str
    attributes: _containers.ScalarMap[str, str]
    def __init__(self, product_id: _Optional[str] = ..., title: _Optional[str] = ..., attributes: _Optional[_Mapping[str, str]] = ...) -> None: ...

class RankRequest(_message.Message):
    __slots__ = ("query", "candidates", "context", "serving_config", "boosts", "explain")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    SERVING_CONFIG_FIELD_NUMBER: _ClassVar[int]
    BOOSTS_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    query: str
    candidates: _containers.RepeatedCompositeFieldContainer[Candidate]
    context: _context_pb2.ShopperContext
    serving_config: str
    boosts: _containers.RepeatedCompositeFieldContainer[_serving_config_pb2.ProductBoost]
    explain: bool
    def __init__(self, query: _Optional[str] = ..., candidates: _Optional[_Iterable[_Union[Candidate, _Mapping]]] = ..., context: _Optional[_Union[_context_pb2.ShopperContext, _Mapping]] = ..., serving_config: _Optional[str] = ..., boosts: _Optional[_Iterable[_Union[_serving_config_pb2.ProductBoost, _Mapping]]] = ..., explain: _Optional[bool] = ...) -> None: ...

class RankResponse(_message.Message):
    __slots__ = ("results", "info")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[_ranking_pb2.RankingResult]
    info: _ranking_pb2.AnswerInfo
    def __init__(self, results: _Optional[_Iterable[_Union[_ranking_pb2.RankingResult, _Mapping]]] = ..., info: _Optional[_Union[_ranking_pb2.AnswerInfo, _Mapping]] = ...) -> None: ...

class GetUserProfileRequest(_message.Message):
    __slots__ = ("customer_id",)
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    customer_id: str
    def __init__(self, customer_id: _Optional[str] = ...) -> None: ...

class UserProfile(_message.Message):
    __slots__ = ("customer_id", "recent", "interests", "order_count")
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    RECENT_FIELD_NUMBER: _ClassVar[int]
    INTERESTS_FIELD_NUMBER: _ClassVar[int]
    ORDER_COUNT_FIELD_NUMBER: _ClassVar[int]
    customer_id: str
    recent: _containers.RepeatedCompositeFieldContainer[ProfileEvidence]
    interests: _containers.RepeatedCompositeFieldContainer[Interest]
    order_count: int
    def __init__(self, customer_id: _Optional[str] = ..., recent: _Optional[_Iterable[_Union[ProfileEvidence, _Mapping]]] = ..., interests: _Optional[_Iterable[_Union[Interest, _Mapping]]] = ..., order_count: _Optional[int] = ...) -> None: ...

class ProfileEvidence(_message.Message):
    __slots__ = ("product_id", "title", "action", "event_time")
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    product_id: str
    title: str
    action: str
    event_time: _timestamp_pb2.Timestamp
    def __init__(self, product_id: _Optional[str] = ..., title: _Optional[str] = ..., action: _Optional[str] = ..., event_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Interest(_message.Message):
    __slots__ = ("topic", "weight", "product_ids")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_IDS_FIELD_NUMBER: _ClassVar[int]
    topic: str
    weight: float
    product_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, topic: _Optional[str] = ..., weight: _Optional[float] = ..., product_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class GetUserProfileResponse(_message.Message):
    __slots__ = ("profile",)
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    profile: UserProfile
    def __init__(self, profile: _Optional[_Union[UserProfile, _Mapping]] = ...) -> None: ...

class GetServingStateRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetServingStateResponse(_message.Message):
    __slots__ = ("state",)
    STATE_FIELD_NUMBER: _ClassVar[int]
    state: _ranking_pb2.ServingState
    def __init__(self, state: _Optional[_Union[_ranking_pb2.ServingState, _Mapping]] = ...) -> None: ...
