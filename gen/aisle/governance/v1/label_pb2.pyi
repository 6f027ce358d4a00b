import datetime

from aisle.type.v1 import job_pb2 as _job_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LabelConflict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LABEL_CONFLICT_UNSPECIFIED: _ClassVar[LabelConflict]
    LABEL_CONFLICT_MEAN: _ClassVar[LabelConflict]
    LABEL_CONFLICT_MEDIAN: _ClassVar[LabelConflict]
    LABEL_CONFLICT_MAJORITY: _ClassVar[LabelConflict]
    LABEL_CONFLICT_RATER_QUALITY: _ClassVar[LabelConflict]

class LabelMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LABEL_METHOD_UNSPECIFIED: _ClassVar[LabelMethod]
    LABEL_METHOD_PBM: _ClassVar[LabelMethod]
    LABEL_METHOD_CASCADE: _ClassVar[LabelMethod]
    LABEL_METHOD_DBN: _ClassVar[LabelMethod]
    LABEL_METHOD_OUTCOMES: _ClassVar[LabelMethod]

class LabelReviewOrder(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LABEL_REVIEW_ORDER_UNSPECIFIED: _ClassVar[LabelReviewOrder]
    LABEL_REVIEW_ORDER_SURPRISE: _ClassVar[LabelReviewOrder]
    LABEL_REVIEW_ORDER_RANKING: _ClassVar[LabelReviewOrder]
LABEL_CONFLICT_UNSPECIFIED: LabelConflict
LABEL_CONFLICT_MEAN: LabelConflict
LABEL_CONFLICT_MEDIAN: LabelConflict
LABEL_CONFLICT_MAJORITY: LabelConflict
LABEL_CONFLICT_RATER_QUALITY: LabelConflict
LABEL_METHOD_UNSPECIFIED: LabelMethod
LABEL_METHOD_PBM: LabelMethod
LABEL_METHOD_CASCADE: LabelMethod
LABEL_METHOD_DBN: LabelMethod
LABEL_METHOD_OUTCOMES: LabelMethod
LABEL_REVIEW_ORDER_UNSPECIFIED: LabelReviewOrder
LABEL_REVIEW_ORDER_SURPRISE: LabelReviewOrder
LABEL_REVIEW_ORDER_RANKING: LabelReviewOrder

class LabelBuild(_message.Message):
    __slots__ = ("name", "events_version", "products_version", "method", "governance_run", "label_count", "list_count", "unattributed_event_count", "unknown_product_count", "examination_ratios", "status")
    NAME_FIELD_NUMBER: _ClassVar[int]
    EVENTS_VERSION_FIELD_NUMBER: _ClassVar[int]
    PRODUCTS_VERSION_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    IMPORT_FIELD_NUMBER: _ClassVar[int]
    GOVERNANCE_RUN_FIELD_NUMBER: _ClassVar[int]
    LABEL_COUNT_FIELD_NUMBER: _ClassVar[int]
    LIST_COUNT_FIELD_NUMBER: _ClassVar[int]
    UNATTRIBUTED_EVENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_PRODUCT_COUNT_FIELD_NUMBER: _ClassVar[int]
    EXAMINATION_RATIOS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    name: str
    events_version: str
    products_version: str
    method: LabelMethod
    governance_run: str
    label_count: int
    list_count: int
    unattributed_event_count: int
    unknown_product_count: int
    examination_ratios: _containers.RepeatedScalarFieldContainer[float]
    status: _job_pb2.JobStatus
    def __init__(self, name: _Optional[str] = ..., events_version: _Optional[str] = ..., products_version: _Optional[str] = ..., method: _Optional[_Union[LabelMethod, str]] = ..., governance_run: _Optional[str] = ..., label_count: _Optional[int] = ..., list_count: _Optional[int] = ..., unattributed_event_count: _Optional[int] = ..., unknown_product_count: _Optional[int] = ..., examination_ratios: _Optional[_Iterable[float]] = ..., status: _Optional[_Union[_job_pb2.JobStatus, _Mapping]] = ..., **kwargs) -> None: ...

class LabelReview(_message.Message):
    __slots__ = ("name", "dataset_version", "label_count", "suspect_count", "accepted_count", "accuracy_ratio", "status")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    LABEL_COUNT_FIELD_NUMBER: _ClassVar[int]
    SUSPECT_COUNT_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_COUNT_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_RATIO_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    name: str
    dataset_version: str
    label_count: int
    suspect_count: int
    accepted_count: int
    accuracy_ratio: float
    status: _job_pb2.JobStatus
    def __init__(self, name: _Optional[str] = ..., dataset_version: _Optional[str] = ..., label_count: _Optional[int] = ..., suspect_count: _Optional[int] = ..., accepted_count: _Optional[int] = ..., accuracy_ratio: _Optional[float] = ..., status: _Optional[_Union[_job_pb2.JobStatus, _Mapping]] = ...) -> None: ...

class LabelSuspect(_message.Message):
    __slots__ = ("rank", "row_id", "query", "query_id", "product_id", "title", "grade", "proposed_grade", "surprise", "probability", "accepted", "accepted_grade", "accept_time")
    RANK_FIELD_NUMBER: _ClassVar[int]
    ROW_ID_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    QUERY_ID_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    GRADE_FIELD_NUMBER: _ClassVar[int]
    PROPOSED_GRADE_FIELD_NUMBER: _ClassVar[int]
    SURPRISE_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_GRADE_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_TIME_FIELD_NUMBER: _ClassVar[int]
    rank: int
    row_id: str
    query: str
    query_id: str
    product_id: str
    title: str
    grade: float
    proposed_grade: float
    surprise: float
    probability: float
    accepted: bool
    accepted_grade: float
    accept_time: _timestamp_pb2.Timestamp
    def __init__(self, rank: _Optional[int] = ..., row_id: _Optional[str] = ..., query: _Optional[str] = ..., query_id: _Optional[str] = ..., product_id: _Optional[str] = ..., title: _Optional[str] = ..., grade: _Optional[float] = ..., proposed_grade: _Optional[float] = ..., surprise: _Optional[float] = ..., probability: _Optional[float] = ..., accepted: _Optional[bool] = ..., accepted_grade: _Optional[float] = ..., accept_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class BuildLabelsRequest(_message.Message):
    __slots__ = ("dataset", "events_version", "products_version", "method", "minimum_examinations", "request_id")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    EVENTS_VERSION_FIELD_NUMBER: _ClassVar[int]
    PRODUCTS_VERSION_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_EXAMINATIONS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    events_version: str
    products_version: str
    method: LabelMethod
    minimum_examinations: float
    request_id: str
    def __init__(self, dataset: _Optional[str] = ..., events_version: _Optional[str] = ..., products_version: _Optional[str] = ..., method: _Optional[_Union[LabelMethod, str]] = ..., minimum_examinations: _Optional[float] = ..., request_id: _Optional[str] = ...) -> None: ...

class BuildLabelsResponse(_message.Message):
    __slots__ = ("label_build",)
    LABEL_BUILD_FIELD_NUMBER: _ClassVar[int]
    label_build: LabelBuild
    def __init__(self, label_build: _Optional[_Union[LabelBuild, _Mapping]] = ...) -> None: ...

class GetLabelBuildRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetLabelBuildResponse(_message.Message):
    __slots__ = ("label_build",)
    LABEL_BUILD_FIELD_NUMBER: _ClassVar[int]
    label_build: LabelBuild
    def __init__(self, label_build: _Optional[_Union[LabelBuild, _Mapping]] = ...) -> None: ...

class ListLabelBuildsRequest(_message.Message):
    __slots__ = ("dataset", "page_size", "page_token")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    page_size: int
    page_token: str
    def __init__(self, dataset: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListLabelBuildsResponse(_message.Message):
    __slots__ = ("label_builds", "next_page_token")
    LABEL_BUILDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    label_builds: _containers.RepeatedCompositeFieldContainer[LabelBuild]
    next_page_token: str
    def __init__(self, label_builds: _Optional[_Iterable[_Union[LabelBuild, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CancelLabelBuildRequest(_message.Message):
    __slots__ = ("name", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CancelLabelBuildResponse(_message.Message):
    __slots__ = ("label_build",)
    LABEL_BUILD_FIELD_NUMBER: _ClassVar[int]
    label_build: LabelBuild
    def __init__(self, label_build: _Optional[_Union[LabelBuild, _Mapping]] = ...) -> None: ...

class WatchLabelBuildRequest(_message.Message):
    __slots__ = ("name", "after_revision")
    NAME_FIELD_NUMBER: _ClassVar[int]
    AFTER_REVISION_FIELD_NUMBER: _ClassVar[int]
    name: str
    after_revision: int
    def __init__(self, name: _Optional[str] = ..., after_revision: _Optional[int] = ...) -> None: ...

class WatchLabelBuildResponse(_message.Message):
    __slots__ = ("label_build",)
    LABEL_BUILD_FIELD_NUMBER: _ClassVar[int]
    label_build: LabelBuild
    def __init__(self, label_build: _Optional[_Union[LabelBuild, _Mapping]] = ...) -> None: ...

class StartLabelReviewRequest(_message.Message):
    __slots__ = ("dataset_version", "max_suspect_count", "request_id", "order")
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    MAX_SUSPECT_COUNT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    dataset_version: str
    max_suspect_count: int
    request_id: str
    order: LabelReviewOrder
    def __init__(self, dataset_version: _Optional[str] = ..., max_suspect_count: _Optional[int] = ..., request_id: _Optional[str] = ..., order: _Optional[_Union[LabelReviewOrder, str]] = ...) -> None: ...

class StartLabelReviewResponse(_message.Message):
    __slots__ = ("label_review",)
    LABEL_REVIEW_FIELD_NUMBER: _ClassVar[int]
    label_review: LabelReview
    def __init__(self, label_review: _Optional[_Union[LabelReview, _Mapping]] = ...) -> None: ...

class GetLabelReviewRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetLabelReviewResponse(_message.Message):
    __slots__ = ("label_review",)
    LABEL_REVIEW_FIELD_NUMBER: _ClassVar[int]
    label_review: LabelReview
    def __init__(self, label_review: _Optional[_Union[LabelReview, _Mapping]] = ...) -> None: ...

class ListLabelReviewsRequest(_message.Message):
    __slots__ = ("dataset", "page_size", "page_token")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    page_size: int
    page_token: str
    def __init__(self, dataset: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListLabelReviewsResponse(_message.Message):
    __slots__ = ("label_reviews", "next_page_token")
    LABEL_REVIEWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    label_reviews: _containers.RepeatedCompositeFieldContainer[LabelReview]
    next_page_token: str
    def __init__(self, label_reviews: _Optional[_Iterable[_Union[LabelReview, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CancelLabelReviewRequest(_message.Message):
    __slots__ = ("name", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CancelLabelReviewResponse(_message.Message):
    __slots__ = ("label_review",)
    LABEL_REVIEW_FIELD_NUMBER: _ClassVar[int]
    label_review: LabelReview
    def __init__(self, label_review: _Optional[_Union[LabelReview, _Mapping]] = ...) -> None: ...

class WatchLabelReviewRequest(_message.Message):
    __slots__ = ("name", "after_revision")
    NAME_FIELD_NUMBER: _ClassVar[int]
    AFTER_REVISION_FIELD_NUMBER: _ClassVar[int]
    name: str
    after_revision: int
    def __init__(self, name: _Optional[str] = ..., after_revision: _Optional[int] = ...) -> None: ...

class WatchLabelReviewResponse(_message.Message):
    __slots__ = ("label_review",)
    LABEL_REVIEW_FIELD_NUMBER: _ClassVar[int]
    label_review: LabelReview
    def __init__(self, label_review: _Optional[_Union[LabelReview, _Mapping]] = ...) -> None: ...

class ListLabelSuspectsRequest(_message.Message):
    __slots__ = ("review", "open_only", "page_size", "page_token")
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    OPEN_ONLY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    review: str
    open_only: bool
    page_size: int
    page_token: str
    def __init__(self, review: _Optional[str] = ..., open_only: _Optional[bool] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListLabelSuspectsResponse(_message.Message):
    __slots__ = ("label_suspects", "next_page_token")
    LABEL_SUSPECTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    label_suspects: _containers.RepeatedCompositeFieldContainer[LabelSuspect]
    next_page_token: str
    def __init__(self, label_suspects: _Optional[_Iterable[_Union[LabelSuspect, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class LabelFix(_message.Message):
    __slots__ = ("rank", "grade")
    RANK_FIELD_NUMBER: _ClassVar[int]
    GRADE_FIELD_NUMBER: _ClassVar[int]
    rank: int
    grade: float
    def __init__(self, rank: _Optional[int] = ..., grade: _Optional[float] = ...) -> None: ...

class AcceptLabelFixesRequest(_message.Message):
    __slots__ = ("review", "fixes", "request_id")
    REVIEW_FIELD_NUMBER: _ClassVar[int]
    FIXES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    review: str
    fixes: _containers.RepeatedCompositeFieldContainer[LabelFix]
    request_id: str
    def __init__(self, review: _Optional[str] = ..., fixes: _Optional[_Iterable[_Union[LabelFix, _Mapping]]] = ..., request_id: _Optional[str] = ...) -> None: ...

class AcceptLabelFixesResponse(_message.Message):
    __slots__ = ("label_review", "label_suspects")
    LABEL_REVIEW_FIELD_NUMBER: _ClassVar[int]
    LABEL_SUSPECTS_FIELD_NUMBER: _ClassVar[int]
    label_review: LabelReview
    label_suspects: _containers.RepeatedCompositeFieldContainer[LabelSuspect]
    def __init__(self, label_review: _Optional[_Union[LabelReview, _Mapping]] = ..., label_suspects: _Optional[_Iterable[_Union[LabelSuspect, _Mapping]]] = ...) -> None: ...
