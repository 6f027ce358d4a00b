from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class KeepPolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KEEP_POLICY_UNSPECIFIED: _ClassVar[KeepPolicy]
    KEEP_POLICY_MOST_COMPLETE: _ClassVar[KeepPolicy]
    KEEP_POLICY_FIRST: _ClassVar[KeepPolicy]
    KEEP_POLICY_NEWEST: _ClassVar[KeepPolicy]

class FillMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FILL_METHOD_UNSPECIFIED: _ClassVar[FillMethod]
    FILL_METHOD_DROP: _ClassVar[FillMethod]
    FILL_METHOD_DEFAULT: _ClassVar[FillMethod]
    FILL_METHOD_GROUP: _ClassVar[FillMethod]
    FILL_METHOD_MODEL: _ClassVar[FillMethod]

class OutlierMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTLIER_METHOD_UNSPECIFIED: _ClassVar[OutlierMethod]
    OUTLIER_METHOD_MAD: _ClassVar[OutlierMethod]
    OUTLIER_METHOD_IQR: _ClassVar[OutlierMethod]
    OUTLIER_METHOD_ISOLATION_FOREST: _ClassVar[OutlierMethod]
KEEP_POLICY_UNSPECIFIED: KeepPolicy
KEEP_POLICY_MOST_COMPLETE: KeepPolicy
KEEP_POLICY_FIRST: KeepPolicy
KEEP_POLICY_NEWEST: KeepPolicy
FILL_METHOD_UNSPECIFIED: FillMethod
FILL_METHOD_DROP: FillMethod
FILL_METHOD_DEFAULT: FillMethod
FILL_METHOD_GROUP: FillMethod
FILL_METHOD_MODEL: FillMethod
OUTLIER_METHOD_UNSPECIFIED: OutlierMethod
OUTLIER_METHOD_MAD: OutlierMethod
OUTLIER_METHOD_IQR: OutlierMethod
OUTLIER_METHOD_ISOLATION_FOREST: OutlierMethod

class CleaningRules(_message.Message):
    __slots__ = ("near_duplicates", "missing_values", "outliers", "cancellations", "bots", "drop_repeated_rows")
    NEAR_DUPLICATES_FIELD_NUMBER: _ClassVar[int]
    MISSING_VALUES_FIELD_NUMBER: _ClassVar[int]
    OUTLIERS_FIELD_NUMBER: _ClassVar[int]
    CANCELLATIONS_FIELD_NUMBER: _ClassVar[int]
    BOTS_FIELD_NUMBER: _ClassVar[int]
    DROP_REPEATED_ROWS_FIELD_NUMBER: _ClassVar[int]
    near_duplicates: NearDuplicateRule
    missing_values: _containers.RepeatedCompositeFieldContainer[MissingValueRule]
    outliers: _containers.RepeatedCompositeFieldContainer[OutlierRule]
    cancellations: CancellationRule
    bots: BotRule
    drop_repeated_rows: bool
    def __init__(self, near_duplicates: _Optional[_Union[NearDuplicateRule, _Mapping]] = ..., missing_values: _Optional[_Iterable[_Union[MissingValueRule, _Mapping]]] = ..., outliers: _Optional[_Iterable[_Union[OutlierRule, _Mapping]]] = ..., cancellations: _Optional[_Union[CancellationRule, _Mapping]] = ..., bots: _Optional[_Union[BotRule, _Mapping]] = ..., drop_repeated_rows: _Optional[bool] = ...) -> None: ...

class NearDuplicateRule(_message.Message):
    __slots__ = ("threshold", "columns", "keep")
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    KEEP_FIELD_NUMBER: _ClassVar[int]
    threshold: float
    columns: _containers.RepeatedScalarFieldContainer[str]
    keep: KeepPolicy
    def __init__(self, threshold: _Optional[float] = ..., columns: _Optional[_Iterable[str]] = ..., keep: _Optional[_Union[KeepPolicy, str]] = ...) -> None: ...

class MissingValueRule(_message.Message):
    __slots__ = ("column", "method", "default_value", "group_columns", "min_confidence", "missing_words")
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_VALUE_FIELD_NUMBER: _ClassVar[int]
    GROUP_COLUMNS_FIELD_NUMBER: _ClassVar[int]
    MIN_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    MISSING_WORDS_FIELD_NUMBER: _ClassVar[int]
    column: str
    method: FillMethod
    default_value: str
    group_columns: _containers.RepeatedScalarFieldContainer[str]
    min_confidence: float
    missing_words: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, column: _Optional[str] = ..., method: _Optional[_Union[FillMethod, str]] = ..., default_value: _Optional[str] = ..., group_columns: _Optional[_Iterable[str]] = ..., min_confidence: _Optional[float] = ..., missing_words: _Optional[_Iterable[str]] = ...) -> None: ...

class OutlierRule(_message.Message):
    __slots__ = ("column", "method", "group_column", "limit", "linear_scale", "contamination_ratio")
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    GROUP_COLUMN_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    LINEAR_SCALE_FIELD_NUMBER: _ClassVar[int]
    CONTAMINATION_RATIO_FIELD_NUMBER: _ClassVar[int]
    column: str
    method: OutlierMethod
    group_column: str
    limit: float
    linear_scale: bool
    contamination_ratio: float
    def __init__(self, column: _Optional[str] = ..., method: _Optional[_Union[OutlierMethod, str]] = ..., group_column: _Optional[str] = ..., limit: _Optional[float] = ..., linear_scale: _Optional[bool] = ..., contamination_ratio: _Optional[float] = ...) -> None: ...

class CancellationRule(_message.Message):
    __slots__ = ("within_days",)
    WITHIN_DAYS_FIELD_NUMBER: _ClassVar[int]
    within_days: int
    def __init__(self, within_days: _Optional[int] = ...) -> None: ...

class BotRule(_message.Message):
    __slots__ = ("max_actions_per_minute", "max_products_per_day", "max_repeats_per_hour", "min_regular_actions", "regular_variation_ratio")
    MAX_ACTIONS_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    MAX_PRODUCTS_PER_DAY_FIELD_NUMBER: _ClassVar[int]
    MAX_REPEATS_PER_HOUR_FIELD_NUMBER: _ClassVar[int]
    MIN_REGULAR_ACTIONS_FIELD_NUMBER: _ClassVar[int]
    REGULAR_VARIATION_RATIO_FIELD_NUMBER: _ClassVar[int]
    max_actions_per_minute: int
    max_products_per_day: int
    max_repeats_per_hour: int
    min_regular_actions: int
    regular_variation_ratio: float
    def __init__(self, max_actions_per_minute: _Optional[int] = ..., max_products_per_day: _Optional[int] = ..., max_repeats_per_hour: _Optional[int] = ..., min_regular_actions: _Optional[int] = ..., regular_variation_ratio: _Optional[float] = ...) -> None: ...
