import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AlertKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ALERT_KIND_UNSPECIFIED: _ClassVar[AlertKind]
    ALERT_KIND_DATA_DRIFT: _ClassVar[AlertKind]
    ALERT_KIND_LATENCY: _ClassVar[AlertKind]
    ALERT_KIND_CLICK_THROUGH: _ClassVar[AlertKind]
    ALERT_KIND_SERVING: _ClassVar[AlertKind]
    ALERT_KIND_DATA_QUALITY: _ClassVar[AlertKind]
    ALERT_KIND_TRAINING_GAP: _ClassVar[AlertKind]
ALERT_KIND_UNSPECIFIED: AlertKind
ALERT_KIND_DATA_DRIFT: AlertKind
ALERT_KIND_LATENCY: AlertKind
ALERT_KIND_CLICK_THROUGH: AlertKind
ALERT_KIND_SERVING: AlertKind
ALERT_KIND_DATA_QUALITY: AlertKind
ALERT_KIND_TRAINING_GAP: AlertKind

class ServingMetrics(_message.Message):
    __slots__ = ("model_version", "surface", "answer_count", "impression_count", "click_count", "purchase_count", "click_through_ratio", "click_through_lower_ratio", "click_through_upper_ratio", "latency_p50_ms", "latency_p99_ms", "degraded_ratio")
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    SURFACE_FIELD_NUMBER: _ClassVar[int]
    ANSWER_COUNT_FIELD_NUMBER: _ClassVar[int]
    IMPRESSION_COUNT_FIELD_NUMBER: _ClassVar[int]
    CLICK_COUNT_FIELD_NUMBER: _ClassVar[int]
    PURCHASE_COUNT_FIELD_NUMBER: _ClassVar[int]
    CLICK_THROUGH_RATIO_FIELD_NUMBER: _ClassVar[int]
    CLICK_THROUGH_LOWER_RATIO_FIELD_NUMBER: _ClassVar[int]
    CLICK_THROUGH_UPPER_RATIO_FIELD_NUMBER: _ClassVar[int]
    LATENCY_P50_MS_FIELD_NUMBER: _ClassVar[int]
    LATENCY_P99_MS_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_RATIO_FIELD_NUMBER: _ClassVar[int]
    model_version: str
    surface: str
    answer_count: int
    impression_count: int
    click_count: int
    purchase_count: int
    click_through_ratio: float
    click_through_lower_ratio: float
    click_through_upper_ratio: float
    latency_p50_ms: float
    latency_p99_ms: float
    degraded_ratio: float
    def __init__(self, model_version: _Optional[str] = ..., surface: _Optional[str] = ..., answer_count: _Optional[int] = ..., impression_count: _Optional[int] = ..., click_count: _Optional[int] = ..., purchase_count: _Optional[int] = ..., click_through_ratio: _Optional[float] = ..., click_through_lower_ratio: _Optional[float] = ..., click_through_upper_ratio: _Optional[float] = ..., latency_p50_ms: _Optional[float] = ..., latency_p99_ms: _Optional[float] = ..., degraded_ratio: _Optional[float] = ...) -> None: ...

class DriftReport(_message.Message):
    __slots__ = ("name", "reference_version", "current_version", "columns", "reference_row_count", "current_row_count", "create_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_VERSION_FIELD_NUMBER: _ClassVar[int]
    CURRENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    CURRENT_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    reference_version: str
    current_version: str
    columns: _containers.RepeatedCompositeFieldContainer[ColumnDrift]
    reference_row_count: int
    current_row_count: int
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., reference_version: _Optional[str] = ..., current_version: _Optional[str] = ..., columns: _Optional[_Iterable[_Union[ColumnDrift, _Mapping]]] = ..., reference_row_count: _Optional[int] = ..., current_row_count: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ColumnDrift(_message.Message):
    __slots__ = ("column", "psi", "drifted", "bins")
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    PSI_FIELD_NUMBER: _ClassVar[int]
    DRIFTED_FIELD_NUMBER: _ClassVar[int]
    BINS_FIELD_NUMBER: _ClassVar[int]
    column: str
    psi: float
    drifted: bool
    bins: _containers.RepeatedCompositeFieldContainer[DriftBin]
    def __init__(self, column: _Optional[str] = ..., psi: _Optional[float] = ..., drifted: _Optional[bool] = ..., bins: _Optional[_Iterable[_Union[DriftBin, _Mapping]]] = ...) -> None: ...

class DriftBin(_message.Message):
    __slots__ = ("label", "reference_ratio", "current_ratio")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_RATIO_FIELD_NUMBER: _ClassVar[int]
    CURRENT_RATIO_FIELD_NUMBER: _ClassVar[int]
    label: str
    reference_ratio: float
    current_ratio: float
    def __init__(self, label: _Optional[str] = ..., reference_ratio: _Optional[float] = ..., current_ratio: _Optional[float] = ...) -> None: ...

class Alert(_message.Message):
    __slots__ = ("name", "kind", "subject", "message", "value", "threshold", "report", "create_time", "pipeline_run", "trace_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    PIPELINE_RUN_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: AlertKind
    subject: str
    message: str
    value: float
    threshold: float
    report: str
    create_time: _timestamp_pb2.Timestamp
    pipeline_run: str
    trace_id: str
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[_Union[AlertKind, str]] = ..., subject: _Optional[str] = ..., message: _Optional[str] = ..., value: _Optional[float] = ..., threshold: _Optional[float] = ..., report: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., pipeline_run: _Optional[str] = ..., trace_id: _Optional[str] = ...) -> None: ...

class Policy(_message.Message):
    __slots__ = ("name", "alert_kind", "subject", "pipeline", "cooldown_seconds", "create_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ALERT_KIND_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PIPELINE_FIELD_NUMBER: _ClassVar[int]
    COOLDOWN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    alert_kind: AlertKind
    subject: str
    pipeline: str
    cooldown_seconds: int
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., alert_kind: _Optional[_Union[AlertKind, str]] = ..., subject: _Optional[str] = ..., pipeline: _Optional[str] = ..., cooldown_seconds: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Span(_message.Message):
    __slots__ = ("span_id", "parent_span_id", "service", "name", "kind", "start_time", "duration_ms", "error", "attributes")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SPAN_ID_FIELD_NUMBER: _ClassVar[int]
    PARENT_SPAN_ID_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    span_id: str
    parent_span_id: str
    service: str
    name: str
    kind: str
    start_time: _timestamp_pb2.Timestamp
    duration_ms: float
    error: bool
    attributes: _containers.ScalarMap[str, str]
    def __init__(self, span_id: _Optional[str] = ..., parent_span_id: _Optional[str] = ..., service: _Optional[str] = ..., name: _Optional[str] = ..., kind: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., duration_ms: _Optional[float] = ..., error: _Optional[bool] = ..., attributes: _Optional[_Mapping[str, str]] = ...) -> None: ...

class TraceEdge(_message.Message):
    __slots__ = ("source", "target", "kind", "operation", "count")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    source: str
    target: str
    kind: str
    operation: str
    count: int
    def __init__(self, source: _Optional[str] = ..., target: _Optional[str] = ..., kind: _Optional[str] = ..., operation: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...
