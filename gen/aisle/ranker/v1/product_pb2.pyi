import datetime

from aisle.type.v1 import money_pb2 as _money_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Product(_message.Message):
    __slots__ = ("product_id", "title", "description", "category", "brand", "price", "stock_count", "attributes", "create_time", "update_time", "dataset_version")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    BRAND_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    STOCK_COUNT_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    product_id: str
    title: str
    description: str
    category: str
    brand: str
    price: _money_pb2.Money
    stock_count: int
    attributes: _containers.ScalarMap[str, str]
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    dataset_version: str
    def __init__(self, product_id: _Optional[str] = ..., title: _Optional[str] = ..., description: _Optional[str] = ..., category: _Optional[str] = ..., brand: _Optional[str] = ..., price: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., stock_count: _Optional[int] = ..., attributes: _Optional[_Mapping[str, str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., dataset_version: _Optional[str] = ...) -> None: ...

class FacetRequest(_message.Message):
    __slots__ = ("key", "limit", "bounds")
    KEY_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    BOUNDS_FIELD_NUMBER: _ClassVar[int]
    key: str
    limit: int
    bounds: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, key: _Optional[str] = ..., limit: _Optional[int] = ..., bounds: _Optional[_Iterable[float]] = ...) -> None: ...

class Facet(_message.Message):
    __slots__ = ("key", "counts")
    KEY_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    key: str
    counts: _containers.RepeatedCompositeFieldContainer[FacetCount]
    def __init__(self, key: _Optional[str] = ..., counts: _Optional[_Iterable[_Union[FacetCount, _Mapping]]] = ...) -> None: ...

class FacetCount(_message.Message):
    __slots__ = ("value", "count", "filter")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    value: str
    count: int
    filter: str
    def __init__(self, value: _Optional[str] = ..., count: _Optional[int] = ..., filter: _Optional[str] = ...) -> None: ...

class Relaxation(_message.Message):
    __slots__ = ("reason", "dropped_filter")
    REASON_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FILTER_FIELD_NUMBER: _ClassVar[int]
    reason: str
    dropped_filter: str
    def __init__(self, reason: _Optional[str] = ..., dropped_filter: _Optional[str] = ...) -> None: ...

class SynonymSet(_message.Message):
    __slots__ = ("synonym_set_id", "terms")
    SYNONYM_SET_ID_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    synonym_set_id: str
    terms: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, synonym_set_id: _Optional[str] = ..., terms: _Optional[_Iterable[str]] = ...) -> None: ...

class CatalogStats(_message.Message):
    __slots__ = ("product_count", "embedded_count", "dataset_version", "pending_dataset_version", "last_failure_reason", "skipped_row_count", "vocabulary_size")
    PRODUCT_COUNT_FIELD_NUMBER: _ClassVar[int]
    EMBEDDED_COUNT_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    PENDING_DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    LAST_FAILURE_REASON_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    VOCABULARY_SIZE_FIELD_NUMBER: _ClassVar[int]
    product_count: int
    embedded_count: int
    dataset_version: str
    pending_dataset_version: str
    last_failure_reason: str
    skipped_row_count: int
    vocabulary_size: int
    def __init__(self, product_count: _Optional[int] = ..., embedded_count: _Optional[int] = ..., dataset_version: _Optional[str] = ..., pending_dataset_version: _Optional[str] = ..., last_failure_reason: _Optional[str] = ..., skipped_row_count: _Optional[int] = ..., vocabulary_size: _Optional[int] = ...) -> None: ...
