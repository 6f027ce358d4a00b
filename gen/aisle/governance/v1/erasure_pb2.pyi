import datetime

from aisle.type.v1 import failure_pb2 as _failure_pb2
from aisle.type.v1 import subject_pb2 as _subject_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ErasureState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ERASURE_STATE_UNSPECIFIED: _ClassVar[ErasureState]
    ERASURE_STATE_REWRITING: _ClassVar[ErasureState]
    ERASURE_STATE_WAITING: _ClassVar[ErasureState]
    ERASURE_STATE_SWEEPING: _ClassVar[ErasureState]
    ERASURE_STATE_SUCCEEDED: _ClassVar[ErasureState]
    ERASURE_STATE_FAILED: _ClassVar[ErasureState]
ERASURE_STATE_UNSPECIFIED: ErasureState
ERASURE_STATE_REWRITING: ErasureState
ERASURE_STATE_WAITING: ErasureState
ERASURE_STATE_SWEEPING: ErasureState
ERASURE_STATE_SUCCEEDED: ErasureState
ERASURE_STATE_FAILED: ErasureState

class Erasure(_message.Message):
    __slots__ = ("name", "subject_hash", "state", "create_time", "end_time", "failure", "imports", "versions", "user_event_count", "quarantined_row_count", "outbox_event_count", "exclusion_manifest", "revision", "services", "complete", "model_versions")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_HASH_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    IMPORTS_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    USER_EVENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    QUARANTINED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    OUTBOX_EVENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    EXCLUSION_MANIFEST_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    name: str
    subject_hash: str
    state: ErasureState
    create_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    failure: _failure_pb2.Failure
    imports: _containers.RepeatedCompositeFieldContainer[ErasedImport]
    versions: _containers.RepeatedCompositeFieldContainer[ErasedVersion]
    user_event_count: int
    quarantined_row_count: int
    outbox_event_count: int
    exclusion_manifest: str
    revision: int
    services: _containers.RepeatedCompositeFieldContainer[ServiceErasure]
    complete: bool
    model_versions: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., subject_hash: _Optional[str] = ..., state: _Optional[_Union[ErasureState, str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., failure: _Optional[_Union[_failure_pb2.Failure, _Mapping]] = ..., imports: _Optional[_Iterable[_Union[ErasedImport, _Mapping]]] = ..., versions: _Optional[_Iterable[_Union[ErasedVersion, _Mapping]]] = ..., user_event_count: _Optional[int] = ..., quarantined_row_count: _Optional[int] = ..., outbox_event_count: _Optional[int] = ..., exclusion_manifest: _Optional[str] = ..., revision: _Optional[int] = ..., services: _Optional[_Iterable[_Union[ServiceErasure, _Mapping]]] = ..., complete: _Optional[bool] = ..., model_versions: _Optional[_Iterable[str]] = ...) -> None: ...

class ServiceErasure(_message.Message):
    __slots__ = ("service", "done", "counts", "failure", "answer_time")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    ANSWER_TIME_FIELD_NUMBER: _ClassVar[int]
    service: str
    done: bool
    counts: _containers.RepeatedCompositeFieldContainer[_subject_pb2.ErasedCount]
    failure: _failure_pb2.Failure
    answer_time: _timestamp_pb2.Timestamp
    def __init__(self, service: _Optional[str] = ..., done: _Optional[bool] = ..., counts: _Optional[_Iterable[_Union[_subject_pb2.ErasedCount, _Mapping]]] = ..., failure: _Optional[_Union[_failure_pb2.Failure, _Mapping]] = ..., answer_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ErasedImport(_message.Message):
    __slots__ = ("accepted_row_count", "rejected_row_count", "sha256_before", "sha256_after")
    IMPORT_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    REJECTED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    SHA256_BEFORE_FIELD_NUMBER: _ClassVar[int]
    SHA256_AFTER_FIELD_NUMBER: _ClassVar[int]
    accepted_row_count: int
    rejected_row_count: int
    sha256_before: str
    sha256_after: str
    def __init__(self, accepted_row_count: _Optional[int] = ..., rejected_row_count: _Optional[int] = ..., sha256_before: _Optional[str] = ..., sha256_after: _Optional[str] = ..., **kwargs) -> None: ...

class ErasedVersion(_message.Message):
    __slots__ = ("dataset_version", "row_count", "content_hash_before", "content_hash_after")
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    CONTENT_HASH_BEFORE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_HASH_AFTER_FIELD_NUMBER: _ClassVar[int]
    dataset_version: str
    row_count: int
    content_hash_before: str
    content_hash_after: str
    def __init__(self, dataset_version: _Optional[str] = ..., row_count: _Optional[int] = ..., content_hash_before: _Optional[str] = ..., content_hash_after: _Optional[str] = ...) -> None: ...

class SubjectFinding(_message.Message):
    __slots__ = ("kind", "resource", "row_count", "row_ids")
    KIND_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    ROW_IDS_FIELD_NUMBER: _ClassVar[int]
    kind: str
    resource: str
    row_count: int
    row_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, kind: _Optional[str] = ..., resource: _Optional[str] = ..., row_count: _Optional[int] = ..., row_ids: _Optional[_Iterable[str]] = ...) -> None: ...
