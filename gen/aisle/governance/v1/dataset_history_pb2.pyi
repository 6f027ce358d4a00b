import datetime

from aisle.governance.v1 import governance_run_pb2 as _governance_run_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class VersionDiff(_message.Message):
    __slots__ = ("base_version", "version", "added_row_count", "removed_row_count", "changed_row_count", "unchanged_row_count", "schema_changes", "columns")
    BASE_VERSION_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ADDED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    REMOVED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    CHANGED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_CHANGES_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    base_version: str
    version: str
    added_row_count: int
    removed_row_count: int
    changed_row_count: int
    unchanged_row_count: int
    schema_changes: _containers.RepeatedCompositeFieldContainer[SchemaChange]
    columns: _containers.RepeatedCompositeFieldContainer[ColumnDiff]
    def __init__(self, base_version: _Optional[str] = ..., version: _Optional[str] = ..., added_row_count: _Optional[int] = ..., removed_row_count: _Optional[int] = ..., changed_row_count: _Optional[int] = ..., unchanged_row_count: _Optional[int] = ..., schema_changes: _Optional[_Iterable[_Union[SchemaChange, _Mapping]]] = ..., columns: _Optional[_Iterable[_Union[ColumnDiff, _Mapping]]] = ...) -> None: ...

class SchemaChange(_message.Message):
    __slots__ = ("column", "base_type", "type")
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    BASE_TYPE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    column: str
    base_type: str
    type: str
    def __init__(self, column: _Optional[str] = ..., base_type: _Optional[str] = ..., type: _Optional[str] = ...) -> None: ...

class ColumnDiff(_message.Message):
    __slots__ = ("column", "base", "profile", "psi", "js_distance", "ks_statistic", "ks_p_value", "drifted")
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    PSI_FIELD_NUMBER: _ClassVar[int]
    JS_DISTANCE_FIELD_NUMBER: _ClassVar[int]
    KS_STATISTIC_FIELD_NUMBER: _ClassVar[int]
    KS_P_VALUE_FIELD_NUMBER: _ClassVar[int]
    DRIFTED_FIELD_NUMBER: _ClassVar[int]
    column: str
    base: _governance_run_pb2.ColumnProfile
    profile: _governance_run_pb2.ColumnProfile
    psi: float
    js_distance: float
    ks_statistic: float
    ks_p_value: float
    drifted: bool
    def __init__(self, column: _Optional[str] = ..., base: _Optional[_Union[_governance_run_pb2.ColumnProfile, _Mapping]] = ..., profile: _Optional[_Union[_governance_run_pb2.ColumnProfile, _Mapping]] = ..., psi: _Optional[float] = ..., js_distance: _Optional[float] = ..., ks_statistic: _Optional[float] = ..., ks_p_value: _Optional[float] = ..., drifted: _Optional[bool] = ...) -> None: ...

class RetentionPolicy(_message.Message):
    __slots__ = ("dataset", "keep_last_count", "keep_days")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    KEEP_LAST_COUNT_FIELD_NUMBER: _ClassVar[int]
    KEEP_DAYS_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    keep_last_count: int
    keep_days: int
    def __init__(self, dataset: _Optional[str] = ..., keep_last_count: _Optional[int] = ..., keep_days: _Optional[int] = ...) -> None: ...

class KeptVersion(_message.Message):
    __slots__ = ("version", "reason", "holder")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    version: str
    reason: str
    holder: str
    def __init__(self, version: _Optional[str] = ..., reason: _Optional[str] = ..., holder: _Optional[str] = ...) -> None: ...

class QualityPoint(_message.Message):
    __slots__ = ("dataset_version", "create_time", "quality_score_ratio", "input_row_count", "output_row_count", "quarantined_row_count", "raw_defect_counts", "columns", "anomalies")
    class RawDefectCountsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    QUALITY_SCORE_RATIO_FIELD_NUMBER: _ClassVar[int]
    INPUT_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    QUARANTINED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    RAW_DEFECT_COUNTS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    ANOMALIES_FIELD_NUMBER: _ClassVar[int]
    dataset_version: str
    create_time: _timestamp_pb2.Timestamp
    quality_score_ratio: float
    input_row_count: int
    output_row_count: int
    quarantined_row_count: int
    raw_defect_counts: _containers.ScalarMap[str, int]
    columns: _containers.RepeatedCompositeFieldContainer[_governance_run_pb2.ColumnProfile]
    anomalies: _containers.RepeatedCompositeFieldContainer[MetricAnomaly]
    def __init__(self, dataset_version: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., quality_score_ratio: _Optional[float] = ..., input_row_count: _Optional[int] = ..., output_row_count: _Optional[int] = ..., quarantined_row_count: _Optional[int] = ..., raw_defect_counts: _Optional[_Mapping[str, int]] = ..., columns: _Optional[_Iterable[_Union[_governance_run_pb2.ColumnProfile, _Mapping]]] = ..., anomalies: _Optional[_Iterable[_Union[MetricAnomaly, _Mapping]]] = ...) -> None: ...

class MetricAnomaly(_message.Message):
    __slots__ = ("metric", "value", "median", "robust_z")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    MEDIAN_FIELD_NUMBER: _ClassVar[int]
    ROBUST_Z_FIELD_NUMBER: _ClassVar[int]
    metric: str
    value: float
    median: float
    robust_z: float
    def __init__(self, metric: _Optional[str] = ..., value: _Optional[float] = ..., median: _Optional[float] = ..., robust_z: _Optional[float] = ...) -> None: ...

class RowFix(_message.Message):
    __slots__ = ("row_id", "values")
    class ValuesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ROW_ID_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    row_id: str
    values: _containers.ScalarMap[str, str]
    def __init__(self, row_id: _Optional[str] = ..., values: _Optional[_Mapping[str, str]] = ...) -> None: ...

class RowRelease(_message.Message):
    __slots__ = ("row_id", "rule", "fixes", "create_time")
    class FixesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ROW_ID_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    FIXES_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    row_id: str
    rule: str
    fixes: _containers.ScalarMap[str, str]
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, row_id: _Optional[str] = ..., rule: _Optional[str] = ..., fixes: _Optional[_Mapping[str, str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class AsOfJoin(_message.Message):
    __slots__ = ("dataset_version", "keys", "time_column", "other_time_column", "columns", "include_equal_times", "tolerance_seconds")
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    TIME_COLUMN_FIELD_NUMBER: _ClassVar[int]
    OTHER_TIME_COLUMN_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_EQUAL_TIMES_FIELD_NUMBER: _ClassVar[int]
    TOLERANCE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    dataset_version: str
    keys: _containers.RepeatedScalarFieldContainer[str]
    time_column: str
    other_time_column: str
    columns: _containers.RepeatedScalarFieldContainer[str]
    include_equal_times: bool
    tolerance_seconds: int
    def __init__(self, dataset_version: _Optional[str] = ..., keys: _Optional[_Iterable[str]] = ..., time_column: _Optional[str] = ..., other_time_column: _Optional[str] = ..., columns: _Optional[_Iterable[str]] = ..., include_equal_times: _Optional[bool] = ..., tolerance_seconds: _Optional[int] = ...) -> None: ...
