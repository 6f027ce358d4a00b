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

class DatasetKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DATASET_KIND_UNSPECIFIED: _ClassVar[DatasetKind]
    DATASET_KIND_PRODUCTS: _ClassVar[DatasetKind]
    DATASET_KIND_JUDGMENTS: _ClassVar[DatasetKind]
    DATASET_KIND_ORDERS: _ClassVar[DatasetKind]
    DATASET_KIND_USER_EVENTS: _ClassVar[DatasetKind]

class FileFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FILE_FORMAT_UNSPECIFIED: _ClassVar[FileFormat]
    FILE_FORMAT_CSV: _ClassVar[FileFormat]
    FILE_FORMAT_JSONL: _ClassVar[FileFormat]
    FILE_FORMAT_PARQUET: _ClassVar[FileFormat]
DATASET_KIND_UNSPECIFIED: DatasetKind
DATASET_KIND_PRODUCTS: DatasetKind
DATASET_KIND_JUDGMENTS: DatasetKind
DATASET_KIND_ORDERS: DatasetKind
DATASET_KIND_USER_EVENTS: DatasetKind
FILE_FORMAT_UNSPECIFIED: FileFormat
FILE_FORMAT_CSV: FileFormat
FILE_FORMAT_JSONL: FileFormat
FILE_FORMAT_PARQUET: FileFormat

class Dataset(_message.Message):
    __slots__ = ("name", "kind", "mapping", "contract_yaml", "create_time", "latest_version", "imported_row_count")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MAPPING_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_YAML_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    LATEST_VERSION_FIELD_NUMBER: _ClassVar[int]
    IMPORTED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: DatasetKind
    mapping: ColumnMapping
    contract_yaml: str
    create_time: _timestamp_pb2.Timestamp
    latest_version: str
    imported_row_count: int
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[_Union[DatasetKind, str]] = ..., mapping: _Optional[_Union[ColumnMapping, _Mapping]] = ..., contract_yaml: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., latest_version: _Optional[str] = ..., imported_row_count: _Optional[int] = ...) -> None: ...

class ColumnMapping(_message.Message):
    __slots__ = ("columns", "time_zone", "default_currency", "cancellation_prefix", "grade_offset")
    class ColumnsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_CURRENCY_FIELD_NUMBER: _ClassVar[int]
    CANCELLATION_PREFIX_FIELD_NUMBER: _ClassVar[int]
    GRADE_OFFSET_FIELD_NUMBER: _ClassVar[int]
    columns: _containers.ScalarMap[str, str]
    time_zone: str
    default_currency: str
    cancellation_prefix: str
    grade_offset: float
    def __init__(self, columns: _Optional[_Mapping[str, str]] = ..., time_zone: _Optional[str] = ..., default_currency: _Optional[str] = ..., cancellation_prefix: _Optional[str] = ..., grade_offset: _Optional[float] = ...) -> None: ...

class Dialect(_message.Message):
    __slots__ = ("delimiter", "encoding")
    DELIMITER_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    delimiter: str
    encoding: str
    def __init__(self, delimiter: _Optional[str] = ..., encoding: _Optional[str] = ...) -> None: ...

class Import(_message.Message):
    __slots__ = ("name", "source_file", "sha256", "source_bytes", "format", "dialect", "accepted_row_count", "rejected_row_count", "status")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FILE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SOURCE_BYTES_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    DIALECT_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    REJECTED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    name: str
    source_file: str
    sha256: str
    source_bytes: int
    format: FileFormat
    dialect: Dialect
    accepted_row_count: int
    rejected_row_count: int
    status: _job_pb2.JobStatus
    def __init__(self, name: _Optional[str] = ..., source_file: _Optional[str] = ..., sha256: _Optional[str] = ..., source_bytes: _Optional[int] = ..., format: _Optional[_Union[FileFormat, str]] = ..., dialect: _Optional[_Union[Dialect, _Mapping]] = ..., accepted_row_count: _Optional[int] = ..., rejected_row_count: _Optional[int] = ..., status: _Optional[_Union[_job_pb2.JobStatus, _Mapping]] = ...) -> None: ...

class DatasetVersion(_message.Message):
    __slots__ = ("name", "content_hash", "parent", "imports", "contract_hash", "rule_set_hash", "row_count", "columns", "create_time", "governance_run", "kind")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONTENT_HASH_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    IMPORTS_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_HASH_FIELD_NUMBER: _ClassVar[int]
    RULE_SET_HASH_FIELD_NUMBER: _ClassVar[int]
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    GOVERNANCE_RUN_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    name: str
    content_hash: str
    parent: str
    imports: _containers.RepeatedScalarFieldContainer[str]
    contract_hash: str
    rule_set_hash: str
    row_count: int
    columns: _containers.RepeatedCompositeFieldContainer[Column]
    create_time: _timestamp_pb2.Timestamp
    governance_run: str
    kind: DatasetKind
    def __init__(self, name: _Optional[str] = ..., content_hash: _Optional[str] = ..., parent: _Optional[str] = ..., imports: _Optional[_Iterable[str]] = ..., contract_hash: _Optional[str] = ..., rule_set_hash: _Optional[str] = ..., row_count: _Optional[int] = ..., columns: _Optional[_Iterable[_Union[Column, _Mapping]]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., governance_run: _Optional[str] = ..., kind: _Optional[_Union[DatasetKind, str]] = ...) -> None: ...

class Column(_message.Message):
    __slots__ = ("name", "type")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: str
    def __init__(self, name: _Optional[str] = ..., type: _Optional[str] = ...) -> None: ...
