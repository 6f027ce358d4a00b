import datetime

from aisle.type.v1 import job_pb2 as _job_pb2
from aisle.type.v1 import metric_pb2 as _metric_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ClassifierMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CLASSIFIER_METHOD_UNSPECIFIED: _ClassVar[ClassifierMethod]
    CLASSIFIER_METHOD_TFIDF: _ClassVar[ClassifierMethod]
    CLASSIFIER_METHOD_ENCODER: _ClassVar[ClassifierMethod]
CLASSIFIER_METHOD_UNSPECIFIED: ClassifierMethod
CLASSIFIER_METHOD_TFIDF: ClassifierMethod
CLASSIFIER_METHOD_ENCODER: ClassifierMethod

class CategoryJob(_message.Message):
    __slots__ = ("name", "dataset_version", "method", "used_method", "encoder_sha256", "fallback_reason", "taught_product_count", "category_count", "rare_category_count", "proposal_count", "accepted_count", "metrics", "status")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    USED_METHOD_FIELD_NUMBER: _ClassVar[int]
    ENCODER_SHA256_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_REASON_FIELD_NUMBER: _ClassVar[int]
    TAUGHT_PRODUCT_COUNT_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_COUNT_FIELD_NUMBER: _ClassVar[int]
    RARE_CATEGORY_COUNT_FIELD_NUMBER: _ClassVar[int]
    PROPOSAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_COUNT_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    name: str
    dataset_version: str
    method: ClassifierMethod
    used_method: ClassifierMethod
    encoder_sha256: str
    fallback_reason: str
    taught_product_count: int
    category_count: int
    rare_category_count: int
    proposal_count: int
    accepted_count: int
    metrics: _containers.RepeatedCompositeFieldContainer[_metric_pb2.Metric]
    status: _job_pb2.JobStatus
    def __init__(self, name: _Optional[str] = ..., dataset_version: _Optional[str] = ..., method: _Optional[_Union[ClassifierMethod, str]] = ..., used_method: _Optional[_Union[ClassifierMethod, str]] = ..., encoder_sha256: _Optional[str] = ..., fallback_reason: _Optional[str] = ..., taught_product_count: _Optional[int] = ..., category_count: _Optional[int] = ..., rare_category_count: _Optional[int] = ..., proposal_count: _Optional[int] = ..., accepted_count: _Optional[int] = ..., metrics: _Optional[_Iterable[_Union[_metric_pb2.Metric, _Mapping]]] = ..., status: _Optional[_Union[_job_pb2.JobStatus, _Mapping]] = ...) -> None: ...

class CategoryProposal(_message.Message):
    __slots__ = ("rank", "product_id", "title", "category", "proposed_category", "confidence", "second_category", "accepted", "accepted_category", "accept_time")
    RANK_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    PROPOSED_CATEGORY_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    SECOND_CATEGORY_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_CATEGORY_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_TIME_FIELD_NUMBER: _ClassVar[int]
    rank: int
    product_id: str
    title: str
    category: str
    proposed_category: str
    confidence: float
    second_category: str
    accepted: bool
    accepted_category: str
    accept_time: _timestamp_pb2.Timestamp
    def __init__(self, rank: _Optional[int] = ..., product_id: _Optional[str] = ..., title: _Optional[str] = ..., category: _Optional[str] = ..., proposed_category: _Optional[str] = ..., confidence: _Optional[float] = ..., second_category: _Optional[str] = ..., accepted: _Optional[bool] = ..., accepted_category: _Optional[str] = ..., accept_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class StartCategoryJobRequest(_message.Message):
    __slots__ = ("dataset_version", "method", "all_products", "min_category_product_count", "request_id")
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    ALL_PRODUCTS_FIELD_NUMBER: _ClassVar[int]
    MIN_CATEGORY_PRODUCT_COUNT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    dataset_version: str
    method: ClassifierMethod
    all_products: bool
    min_category_product_count: int
    request_id: str
    def __init__(self, dataset_version: _Optional[str] = ..., method: _Optional[_Union[ClassifierMethod, str]] = ..., all_products: _Optional[bool] = ..., min_category_product_count: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class StartCategoryJobResponse(_message.Message):
    __slots__ = ("category_job",)
    CATEGORY_JOB_FIELD_NUMBER: _ClassVar[int]
    category_job: CategoryJob
    def __init__(self, category_job: _Optional[_Union[CategoryJob, _Mapping]] = ...) -> None: ...

class GetCategoryJobRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetCategoryJobResponse(_message.Message):
    __slots__ = ("category_job",)
    CATEGORY_JOB_FIELD_NUMBER: _ClassVar[int]
    category_job: CategoryJob
    def __init__(self, category_job: _Optional[_Union[CategoryJob, _Mapping]] = ...) -> None: ...

class ListCategoryJobsRequest(_message.Message):
    __slots__ = ("dataset", "page_size", "page_token")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    page_size: int
    page_token: str
    def __init__(self, dataset: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCategoryJobsResponse(_message.Message):
    __slots__ = ("category_jobs", "next_page_token")
    CATEGORY_JOBS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    category_jobs: _containers.RepeatedCompositeFieldContainer[CategoryJob]
    next_page_token: str
    def __init__(self, category_jobs: _Optional[_Iterable[_Union[CategoryJob, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CancelCategoryJobRequest(_message.Message):
    __slots__ = ("name", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CancelCategoryJobResponse(_message.Message):
    __slots__ = ("category_job",)
    CATEGORY_JOB_FIELD_NUMBER: _ClassVar[int]
    category_job: CategoryJob
    def __init__(self, category_job: _Optional[_Union[CategoryJob, _Mapping]] = ...) -> None: ...

class WatchCategoryJobRequest(_message.Message):
    __slots__ = ("name", "after_revision")
    NAME_FIELD_NUMBER: _ClassVar[int]
    AFTER_REVISION_FIELD_NUMBER: _ClassVar[int]
    name: str
    after_revision: int
    def __init__(self, name: _Optional[str] = ..., after_revision: _Optional[int] = ...) -> None: ...

class WatchCategoryJobResponse(_message.Message):
    __slots__ = ("category_job",)
    CATEGORY_JOB_FIELD_NUMBER: _ClassVar[int]
    category_job: CategoryJob
    def __init__(self, category_job: _Optional[_Union[CategoryJob, _Mapping]] = ...) -> None: ...

class ListCategoryProposalsRequest(_message.Message):
    __slots__ = ("category_job", "open_only", "min_confidence", "page_size", "page_token")
    CATEGORY_JOB_FIELD_NUMBER: _ClassVar[int]
    OPEN_ONLY_FIELD_NUMBER: _ClassVar[int]
    MIN_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    category_job: str
    open_only: bool
    min_confidence: float
    page_size: int
    page_token: str
    def __init__(self, category_job: _Optional[str] = ..., open_only: _Optional[bool] = ..., min_confidence: _Optional[float] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCategoryProposalsResponse(_message.Message):
    __slots__ = ("category_proposals", "next_page_token")
    CATEGORY_PROPOSALS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    category_proposals: _containers.RepeatedCompositeFieldContainer[CategoryProposal]
    next_page_token: str
    def __init__(self, category_proposals: _Optional[_Iterable[_Union[CategoryProposal, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CategoryDecision(_message.Message):
    __slots__ = ("rank", "category")
    RANK_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    rank: int
    category: str
    def __init__(self, rank: _Optional[int] = ..., category: _Optional[str] = ...) -> None: ...

class AcceptCategoriesRequest(_message.Message):
    __slots__ = ("category_job", "decisions", "min_confidence", "request_id")
    CATEGORY_JOB_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    MIN_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    category_job: str
    decisions: _containers.RepeatedCompositeFieldContainer[CategoryDecision]
    min_confidence: float
    request_id: str
    def __init__(self, category_job: _Optional[str] = ..., decisions: _Optional[_Iterable[_Union[CategoryDecision, _Mapping]]] = ..., min_confidence: _Optional[float] = ..., request_id: _Optional[str] = ...) -> None: ...

class AcceptCategoriesResponse(_message.Message):
    __slots__ = ("category_job", "decided_count")
    CATEGORY_JOB_FIELD_NUMBER: _ClassVar[int]
    DECIDED_COUNT_FIELD_NUMBER: _ClassVar[int]
    category_job: CategoryJob
    decided_count: int
    def __init__(self, category_job: _Optional[_Union[CategoryJob, _Mapping]] = ..., decided_count: _Optional[int] = ...) -> None: ...
