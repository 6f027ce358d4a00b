import datetime

from aisle.governance.v1 import label_pb2 as _label_pb2
from aisle.pipeline.v1 import pipeline_spec_pb2 as _pipeline_spec_pb2
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
    DATASET_KIND_PAIRS: _ClassVar[DatasetKind]

class MeasureSystem(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MEASURE_SYSTEM_UNSPECIFIED: _ClassVar[MeasureSystem]
    MEASURE_SYSTEM_US: _ClassVar[MeasureSystem]
    MEASURE_SYSTEM_IMPERIAL: _ClassVar[MeasureSystem]

class ChineseScript(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHINESE_SCRIPT_UNSPECIFIED: _ClassVar[ChineseScript]
    CHINESE_SCRIPT_SIMPLIFIED: _ClassVar[ChineseScript]
    CHINESE_SCRIPT_TRADITIONAL: _ClassVar[ChineseScript]

class MissingRateAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MISSING_RATE_ACTION_UNSPECIFIED: _ClassVar[MissingRateAction]
    MISSING_RATE_ACTION_KEEP: _ClassVar[MissingRateAction]
    MISSING_RATE_ACTION_QUARANTINE: _ClassVar[MissingRateAction]

class InvalidGtinAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INVALID_GTIN_ACTION_UNSPECIFIED: _ClassVar[InvalidGtinAction]
    INVALID_GTIN_ACTION_CLEAR: _ClassVar[InvalidGtinAction]
    INVALID_GTIN_ACTION_KEEP: _ClassVar[InvalidGtinAction]
    INVALID_GTIN_ACTION_QUARANTINE: _ClassVar[InvalidGtinAction]

class PiiPolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PII_POLICY_UNSPECIFIED: _ClassVar[PiiPolicy]
    PII_POLICY_MASK: _ClassVar[PiiPolicy]
    PII_POLICY_DROP: _ClassVar[PiiPolicy]
    PII_POLICY_HASH: _ClassVar[PiiPolicy]
    PII_POLICY_REPORT: _ClassVar[PiiPolicy]

class FileFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FILE_FORMAT_UNSPECIFIED: _ClassVar[FileFormat]
    FILE_FORMAT_CSV: _ClassVar[FileFormat]
    FILE_FORMAT_JSONL: _ClassVar[FileFormat]
    FILE_FORMAT_PARQUET: _ClassVar[FileFormat]
    FILE_FORMAT_XLSX: _ClassVar[FileFormat]

class RecordSchema(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RECORD_SCHEMA_UNSPECIFIED: _ClassVar[RecordSchema]
    RECORD_SCHEMA_GOOGLE_RETAIL: _ClassVar[RecordSchema]
    RECORD_SCHEMA_OPENSEARCH_UBI: _ClassVar[RecordSchema]
    RECORD_SCHEMA_METARANK: _ClassVar[RecordSchema]
    RECORD_SCHEMA_GORSE: _ClassVar[RecordSchema]
DATASET_KIND_UNSPECIFIED: DatasetKind
DATASET_KIND_PRODUCTS: DatasetKind
DATASET_KIND_JUDGMENTS: DatasetKind
DATASET_KIND_ORDERS: DatasetKind
DATASET_KIND_USER_EVENTS: DatasetKind
DATASET_KIND_PAIRS: DatasetKind
MEASURE_SYSTEM_UNSPECIFIED: MeasureSystem
MEASURE_SYSTEM_US: MeasureSystem
MEASURE_SYSTEM_IMPERIAL: MeasureSystem
CHINESE_SCRIPT_UNSPECIFIED: ChineseScript
CHINESE_SCRIPT_SIMPLIFIED: ChineseScript
CHINESE_SCRIPT_TRADITIONAL: ChineseScript
MISSING_RATE_ACTION_UNSPECIFIED: MissingRateAction
MISSING_RATE_ACTION_KEEP: MissingRateAction
MISSING_RATE_ACTION_QUARANTINE: MissingRateAction
INVALID_GTIN_ACTION_UNSPECIFIED: InvalidGtinAction
INVALID_GTIN_ACTION_CLEAR: InvalidGtinAction
INVALID_GTIN_ACTION_KEEP: InvalidGtinAction
INVALID_GTIN_ACTION_QUARANTINE: InvalidGtinAction
PII_POLICY_UNSPECIFIED: PiiPolicy
PII_POLICY_MASK: PiiPolicy
PII_POLICY_DROP: PiiPolicy
PII_POLICY_HASH: PiiPolicy
PII_POLICY_REPORT: PiiPolicy
FILE_FORMAT_UNSPECIFIED: FileFormat
FILE_FORMAT_CSV: FileFormat
FILE_FORMAT_JSONL: FileFormat
FILE_FORMAT_PARQUET: FileFormat
FILE_FORMAT_XLSX: FileFormat
RECORD_SCHEMA_UNSPECIFIED: RecordSchema
RECORD_SCHEMA_GOOGLE_RETAIL: RecordSchema
RECORD_SCHEMA_OPENSEARCH_UBI: RecordSchema
RECORD_SCHEMA_METARANK: RecordSchema
RECORD_SCHEMA_GORSE: RecordSchema

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
    __slots__ = ("columns", "time_zone", "default_currency", "cancellation_prefix", "grade_offset", "standards", "pii_policies", "label_conflict")
    class ColumnsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class PiiPoliciesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: PiiPolicy
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[PiiPolicy, str]] = ...) -> None: ...
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_CURRENCY_FIELD_NUMBER: _ClassVar[int]
    CANCELLATION_PREFIX_FIELD_NUMBER: _ClassVar[int]
    GRADE_OFFSET_FIELD_NUMBER: _ClassVar[int]
    STANDARDS_FIELD_NUMBER: _ClassVar[int]
    PII_POLICIES_FIELD_NUMBER: _ClassVar[int]
    LABEL_CONFLICT_FIELD_NUMBER: _ClassVar[int]
    columns: _containers.ScalarMap[str, str]
    time_zone: str
    default_currency: str
    cancellation_prefix: str
    grade_offset: float
    standards: Standards
    pii_policies: _containers.ScalarMap[str, PiiPolicy]
    label_conflict: _label_pb2.LabelConflict
    def __init__(self, columns: _Optional[_Mapping[str, str]] = ..., time_zone: _Optional[str] = ..., default_currency: _Optional[str] = ..., cancellation_prefix: _Optional[str] = ..., grade_offset: _Optional[float] = ..., standards: _Optional[_Union[Standards, _Mapping]] = ..., pii_policies: _Optional[_Mapping[str, PiiPolicy]] = ..., label_conflict: _Optional[_Union[_label_pb2.LabelConflict, str]] = ...) -> None: ...

class Standards(_message.Message):
    __slots__ = ("decimal_separator", "measure_system", "chinese_script", "target_currency", "currency_rates", "price_date", "missing_rate_action", "taxonomy", "category_aliases", "invalid_gtin_action")
    class CategoryAliasesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    DECIMAL_SEPARATOR_FIELD_NUMBER: _ClassVar[int]
    MEASURE_SYSTEM_FIELD_NUMBER: _ClassVar[int]
    CHINESE_SCRIPT_FIELD_NUMBER: _ClassVar[int]
    TARGET_CURRENCY_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_RATES_FIELD_NUMBER: _ClassVar[int]
    PRICE_DATE_FIELD_NUMBER: _ClassVar[int]
    MISSING_RATE_ACTION_FIELD_NUMBER: _ClassVar[int]
    TAXONOMY_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_ALIASES_FIELD_NUMBER: _ClassVar[int]
    INVALID_GTIN_ACTION_FIELD_NUMBER: _ClassVar[int]
    decimal_separator: str
    measure_system: MeasureSystem
    chinese_script: ChineseScript
    target_currency: str
    currency_rates: _containers.RepeatedCompositeFieldContainer[_pipeline_spec_pb2.CurrencyRate]
    price_date: str
    missing_rate_action: MissingRateAction
    taxonomy: _containers.RepeatedScalarFieldContainer[str]
    category_aliases: _containers.ScalarMap[str, str]
    invalid_gtin_action: InvalidGtinAction
    def __init__(self, decimal_separator: _Optional[str] = ..., measure_system: _Optional[_Union[MeasureSystem, str]] = ..., chinese_script: _Optional[_Union[ChineseScript, str]] = ..., target_currency: _Optional[str] = ..., currency_rates: _Optional[_Iterable[_Union[_pipeline_spec_pb2.CurrencyRate, _Mapping]]] = ..., price_date: _Optional[str] = ..., missing_rate_action: _Optional[_Union[MissingRateAction, str]] = ..., taxonomy: _Optional[_Iterable[str]] = ..., category_aliases: _Optional[_Mapping[str, str]] = ..., invalid_gtin_action: _Optional[_Union[InvalidGtinAction, str]] = ...) -> None: ...

class Dialect(_message.Message):
    __slots__ = ("delimiter", "encoding", "quote", "sheet", "record_schema")
    DELIMITER_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    QUOTE_FIELD_NUMBER: _ClassVar[int]
    SHEET_FIELD_NUMBER: _ClassVar[int]
    RECORD_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    delimiter: str
    encoding: str
    quote: str
    sheet: str
    record_schema: RecordSchema
    def __init__(self, delimiter: _Optional[str] = ..., encoding: _Optional[str] = ..., quote: _Optional[str] = ..., sheet: _Optional[str] = ..., record_schema: _Optional[_Union[RecordSchema, str]] = ...) -> None: ...

class ImportedFile(_message.Message):
    __slots__ = ("name", "accepted_row_count", "rejected_row_count")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    REJECTED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    name: str
    accepted_row_count: int
    rejected_row_count: int
    def __init__(self, name: _Optional[str] = ..., accepted_row_count: _Optional[int] = ..., rejected_row_count: _Optional[int] = ...) -> None: ...

class Import(_message.Message):
    __slots__ = ("name", "source_file", "sha256", "source_bytes", "format", "dialect", "accepted_row_count", "rejected_row_count", "status", "likely_encoding", "files", "skipped_record_count", "same_as")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FILE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SOURCE_BYTES_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    DIALECT_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    REJECTED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    LIKELY_ENCODING_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_RECORD_COUNT_FIELD_NUMBER: _ClassVar[int]
    SAME_AS_FIELD_NUMBER: _ClassVar[int]
    name: str
    source_file: str
    sha256: str
    source_bytes: int
    format: FileFormat
    dialect: Dialect
    accepted_row_count: int
    rejected_row_count: int
    status: _job_pb2.JobStatus
    likely_encoding: str
    files: _containers.RepeatedCompositeFieldContainer[ImportedFile]
    skipped_record_count: int
    same_as: str
    def __init__(self, name: _Optional[str] = ..., source_file: _Optional[str] = ..., sha256: _Optional[str] = ..., source_bytes: _Optional[int] = ..., format: _Optional[_Union[FileFormat, str]] = ..., dialect: _Optional[_Union[Dialect, _Mapping]] = ..., accepted_row_count: _Optional[int] = ..., rejected_row_count: _Optional[int] = ..., status: _Optional[_Union[_job_pb2.JobStatus, _Mapping]] = ..., likely_encoding: _Optional[str] = ..., files: _Optional[_Iterable[_Union[ImportedFile, _Mapping]]] = ..., skipped_record_count: _Optional[int] = ..., same_as: _Optional[str] = ...) -> None: ...

class DatasetVersion(_message.Message):
    __slots__ = ("name", "content_hash", "parent", "imports", "contract_hash", "rule_set_hash", "row_count", "columns", "create_time", "governance_run", "kind", "restored_version", "erased_row_count", "vacuum_time")
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
    RESTORED_VERSION_FIELD_NUMBER: _ClassVar[int]
    ERASED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    VACUUM_TIME_FIELD_NUMBER: _ClassVar[int]
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
    restored_version: str
    erased_row_count: int
    vacuum_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., content_hash: _Optional[str] = ..., parent: _Optional[str] = ..., imports: _Optional[_Iterable[str]] = ..., contract_hash: _Optional[str] = ..., rule_set_hash: _Optional[str] = ..., row_count: _Optional[int] = ..., columns: _Optional[_Iterable[_Union[Column, _Mapping]]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., governance_run: _Optional[str] = ..., kind: _Optional[_Union[DatasetKind, str]] = ..., restored_version: _Optional[str] = ..., erased_row_count: _Optional[int] = ..., vacuum_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Column(_message.Message):
    __slots__ = ("name", "type")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: str
    def __init__(self, name: _Optional[str] = ..., type: _Optional[str] = ...) -> None: ...
