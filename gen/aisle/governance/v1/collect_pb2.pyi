from aisle.governance.v1 import dataset_pb2 as _dataset_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ImportSourceRequest(_message.Message):
    __slots__ = ("dataset", "uri", "sql_query", "format", "dialect", "request_id")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    SQL_QUERY_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    DIALECT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    uri: str
    sql_query: SqlQuery
    format: _dataset_pb2.FileFormat
    dialect: _dataset_pb2.Dialect
    request_id: str
    def __init__(self, dataset: _Optional[str] = ..., uri: _Optional[str] = ..., sql_query: _Optional[_Union[SqlQuery, _Mapping]] = ..., format: _Optional[_Union[_dataset_pb2.FileFormat, str]] = ..., dialect: _Optional[_Union[_dataset_pb2.Dialect, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class SqlQuery(_message.Message):
    __slots__ = ("connection", "sql")
    CONNECTION_FIELD_NUMBER: _ClassVar[int]
    SQL_FIELD_NUMBER: _ClassVar[int]
    connection: str
    sql: str
    def __init__(self, connection: _Optional[str] = ..., sql: _Optional[str] = ...) -> None: ...

class ImportSourceResponse(_message.Message):
    __slots__ = ()
    IMPORT_FIELD_NUMBER: _ClassVar[int]
    def __init__(self, **kwargs) -> None: ...

class ListImportSourcesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListImportSourcesResponse(_message.Message):
    __slots__ = ("places", "connections")
    PLACES_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    places: _containers.RepeatedCompositeFieldContainer[ImportPlace]
    connections: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, places: _Optional[_Iterable[_Union[ImportPlace, _Mapping]]] = ..., connections: _Optional[_Iterable[str]] = ...) -> None: ...

class ImportPlace(_message.Message):
    __slots__ = ("name", "uri")
    NAME_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    name: str
    uri: str
    def __init__(self, name: _Optional[str] = ..., uri: _Optional[str] = ...) -> None: ...

class SuggestMappingRequest(_message.Message):
    __slots__ = ("header", "chunk")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    header: SuggestMappingHeader
    chunk: bytes
    def __init__(self, header: _Optional[_Union[SuggestMappingHeader, _Mapping]] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class SuggestMappingHeader(_message.Message):
    __slots__ = ("kind", "source_file", "format", "dialect", "is_beginning")
    KIND_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FILE_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    DIALECT_FIELD_NUMBER: _ClassVar[int]
    IS_BEGINNING_FIELD_NUMBER: _ClassVar[int]
    kind: _dataset_pb2.DatasetKind
    source_file: str
    format: _dataset_pb2.FileFormat
    dialect: _dataset_pb2.Dialect
    is_beginning: bool
    def __init__(self, kind: _Optional[_Union[_dataset_pb2.DatasetKind, str]] = ..., source_file: _Optional[str] = ..., format: _Optional[_Union[_dataset_pb2.FileFormat, str]] = ..., dialect: _Optional[_Union[_dataset_pb2.Dialect, _Mapping]] = ..., is_beginning: _Optional[bool] = ...) -> None: ...

class SuggestMappingResponse(_message.Message):
    __slots__ = ("mapping", "suggestions", "missing_columns", "unused_columns", "warnings", "format", "dialect", "likely_encoding", "sampled_row_count")
    MAPPING_FIELD_NUMBER: _ClassVar[int]
    SUGGESTIONS_FIELD_NUMBER: _ClassVar[int]
    MISSING_COLUMNS_FIELD_NUMBER: _ClassVar[int]
    UNUSED_COLUMNS_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    DIALECT_FIELD_NUMBER: _ClassVar[int]
    LIKELY_ENCODING_FIELD_NUMBER: _ClassVar[int]
    SAMPLED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    mapping: _dataset_pb2.ColumnMapping
    suggestions: _containers.RepeatedCompositeFieldContainer[ColumnSuggestion]
    missing_columns: _containers.RepeatedScalarFieldContainer[str]
    unused_columns: _containers.RepeatedScalarFieldContainer[str]
    warnings: _containers.RepeatedScalarFieldContainer[str]
    format: _dataset_pb2.FileFormat
    dialect: _dataset_pb2.Dialect
    likely_encoding: str
    sampled_row_count: int
    def __init__(self, mapping: _Optional[_Union[_dataset_pb2.ColumnMapping, _Mapping]] = ..., suggestions: _Optional[_Iterable[_Union[ColumnSuggestion, _Mapping]]] = ..., missing_columns: _Optional[_Iterable[str]] = ..., unused_columns: _Optional[_Iterable[str]] = ..., warnings: _Optional[_Iterable[str]] = ..., format: _Optional[_Union[_dataset_pb2.FileFormat, str]] = ..., dialect: _Optional[_Union[_dataset_pb2.Dialect, _Mapping]] = ..., likely_encoding: _Optional[str] = ..., sampled_row_count: _Optional[int] = ...) -> None: ...

class ColumnSuggestion(_message.Message):
    __slots__ = ("column", "source_column", "confidence_ratio", "evidence", "alternatives")
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    SOURCE_COLUMN_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_RATIO_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    ALTERNATIVES_FIELD_NUMBER: _ClassVar[int]
    column: str
    source_column: str
    confidence_ratio: float
    evidence: _containers.RepeatedScalarFieldContainer[str]
    alternatives: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, column: _Optional[str] = ..., source_column: _Optional[str] = ..., confidence_ratio: _Optional[float] = ..., evidence: _Optional[_Iterable[str]] = ..., alternatives: _Optional[_Iterable[str]] = ...) -> None: ...

class LiveCollection(_message.Message):
    __slots__ = ("dataset", "user_events", "impressions", "batch_seconds", "batch_row_count", "waiting_row_count")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    USER_EVENTS_FIELD_NUMBER: _ClassVar[int]
    IMPRESSIONS_FIELD_NUMBER: _ClassVar[int]
    BATCH_SECONDS_FIELD_NUMBER: _ClassVar[int]
    BATCH_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    WAITING_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    user_events: bool
    impressions: bool
    batch_seconds: int
    batch_row_count: int
    waiting_row_count: int
    def __init__(self, dataset: _Optional[str] = ..., user_events: _Optional[bool] = ..., impressions: _Optional[bool] = ..., batch_seconds: _Optional[int] = ..., batch_row_count: _Optional[int] = ..., waiting_row_count: _Optional[int] = ...) -> None: ...

class UpdateLiveCollectionRequest(_message.Message):
    __slots__ = ("dataset", "user_events", "impressions", "batch_seconds", "batch_row_count", "request_id")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    USER_EVENTS_FIELD_NUMBER: _ClassVar[int]
    IMPRESSIONS_FIELD_NUMBER: _ClassVar[int]
    BATCH_SECONDS_FIELD_NUMBER: _ClassVar[int]
    BATCH_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    user_events: bool
    impressions: bool
    batch_seconds: int
    batch_row_count: int
    request_id: str
    def __init__(self, dataset: _Optional[str] = ..., user_events: _Optional[bool] = ..., impressions: _Optional[bool] = ..., batch_seconds: _Optional[int] = ..., batch_row_count: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpdateLiveCollectionResponse(_message.Message):
    __slots__ = ("live_collection",)
    LIVE_COLLECTION_FIELD_NUMBER: _ClassVar[int]
    live_collection: LiveCollection
    def __init__(self, live_collection: _Optional[_Union[LiveCollection, _Mapping]] = ...) -> None: ...

class GetLiveCollectionRequest(_message.Message):
    __slots__ = ("dataset",)
    DATASET_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    def __init__(self, dataset: _Optional[str] = ...) -> None: ...

class GetLiveCollectionResponse(_message.Message):
    __slots__ = ("live_collection",)
    LIVE_COLLECTION_FIELD_NUMBER: _ClassVar[int]
    live_collection: LiveCollection
    def __init__(self, live_collection: _Optional[_Union[LiveCollection, _Mapping]] = ...) -> None: ...

class FlushLiveCollectionRequest(_message.Message):
    __slots__ = ("dataset",)
    DATASET_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    def __init__(self, dataset: _Optional[str] = ...) -> None: ...

class FlushLiveCollectionResponse(_message.Message):
    __slots__ = ("row_count", "imports")
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    IMPORTS_FIELD_NUMBER: _ClassVar[int]
    row_count: int
    imports: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, row_count: _Optional[int] = ..., imports: _Optional[_Iterable[str]] = ...) -> None: ...
