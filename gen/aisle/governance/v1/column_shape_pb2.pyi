from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ColumnShape(_message.Message):
    __slots__ = ("column", "value_count", "missing_count", "distinct_count", "distinct_count_lower", "distinct_count_upper", "quantiles", "rank_error", "histogram", "frequent_values", "is_time")
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    VALUE_COUNT_FIELD_NUMBER: _ClassVar[int]
    MISSING_COUNT_FIELD_NUMBER: _ClassVar[int]
    DISTINCT_COUNT_FIELD_NUMBER: _ClassVar[int]
    DISTINCT_COUNT_LOWER_FIELD_NUMBER: _ClassVar[int]
    DISTINCT_COUNT_UPPER_FIELD_NUMBER: _ClassVar[int]
    QUANTILES_FIELD_NUMBER: _ClassVar[int]
    RANK_ERROR_FIELD_NUMBER: _ClassVar[int]
    HISTOGRAM_FIELD_NUMBER: _ClassVar[int]
    FREQUENT_VALUES_FIELD_NUMBER: _ClassVar[int]
    IS_TIME_FIELD_NUMBER: _ClassVar[int]
    column: str
    value_count: int
    missing_count: int
    distinct_count: float
    distinct_count_lower: float
    distinct_count_upper: float
    quantiles: _containers.RepeatedCompositeFieldContainer[Quantile]
    rank_error: float
    histogram: _containers.RepeatedCompositeFieldContainer[HistogramBin]
    frequent_values: _containers.RepeatedCompositeFieldContainer[FrequentValue]
    is_time: bool
    def __init__(self, column: _Optional[str] = ..., value_count: _Optional[int] = ..., missing_count: _Optional[int] = ..., distinct_count: _Optional[float] = ..., distinct_count_lower: _Optional[float] = ..., distinct_count_upper: _Optional[float] = ..., quantiles: _Optional[_Iterable[_Union[Quantile, _Mapping]]] = ..., rank_error: _Optional[float] = ..., histogram: _Optional[_Iterable[_Union[HistogramBin, _Mapping]]] = ..., frequent_values: _Optional[_Iterable[_Union[FrequentValue, _Mapping]]] = ..., is_time: _Optional[bool] = ...) -> None: ...

class Quantile(_message.Message):
    __slots__ = ("rank_ratio", "value")
    RANK_RATIO_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    rank_ratio: float
    value: float
    def __init__(self, rank_ratio: _Optional[float] = ..., value: _Optional[float] = ...) -> None: ...

class HistogramBin(_message.Message):
    __slots__ = ("low", "high", "value_ratio")
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    VALUE_RATIO_FIELD_NUMBER: _ClassVar[int]
    low: float
    high: float
    value_ratio: float
    def __init__(self, low: _Optional[float] = ..., high: _Optional[float] = ..., value_ratio: _Optional[float] = ...) -> None: ...

class FrequentValue(_message.Message):
    __slots__ = ("value", "count_lower", "count_upper")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    COUNT_LOWER_FIELD_NUMBER: _ClassVar[int]
    COUNT_UPPER_FIELD_NUMBER: _ClassVar[int]
    value: str
    count_lower: int
    count_upper: int
    def __init__(self, value: _Optional[str] = ..., count_lower: _Optional[int] = ..., count_upper: _Optional[int] = ...) -> None: ...

class GetColumnShapesRequest(_message.Message):
    __slots__ = ("dataset_version",)
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    dataset_version: str
    def __init__(self, dataset_version: _Optional[str] = ...) -> None: ...

class GetColumnShapesResponse(_message.Message):
    __slots__ = ("dataset_version", "columns")
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    dataset_version: str
    columns: _containers.RepeatedCompositeFieldContainer[ColumnShape]
    def __init__(self, dataset_version: _Optional[str] = ..., columns: _Optional[_Iterable[_Union[ColumnShape, _Mapping]]] = ...) -> None: ...
