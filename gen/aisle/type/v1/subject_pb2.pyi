import datetime

from aisle.type.v1 import failure_pb2 as _failure_pb2
from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SubjectData(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SUBJECT_DATA_UNSPECIFIED: _ClassVar[SubjectData]
    SUBJECT_DATA_ID: _ClassVar[SubjectData]
    SUBJECT_DATA_TOKEN: _ClassVar[SubjectData]
    SUBJECT_DATA_UNIT_IDS: _ClassVar[SubjectData]
    SUBJECT_DATA_UNIT_VALUES: _ClassVar[SubjectData]
SUBJECT_DATA_UNSPECIFIED: SubjectData
SUBJECT_DATA_ID: SubjectData
SUBJECT_DATA_TOKEN: SubjectData
SUBJECT_DATA_UNIT_IDS: SubjectData
SUBJECT_DATA_UNIT_VALUES: SubjectData
SUBJECT_DATA_FIELD_NUMBER: _ClassVar[int]
subject_data: _descriptor.FieldDescriptor

class SubjectErasureOrder(_message.Message):
    __slots__ = ("erasure", "subject_hash", "key_check", "dataset_versions")
    ERASURE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_HASH_FIELD_NUMBER: _ClassVar[int]
    KEY_CHECK_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    erasure: str
    subject_hash: str
    key_check: str
    dataset_versions: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, erasure: _Optional[str] = ..., subject_hash: _Optional[str] = ..., key_check: _Optional[str] = ..., dataset_versions: _Optional[_Iterable[str]] = ...) -> None: ...

class SubjectErasureAcknowledged(_message.Message):
    __slots__ = ("erasure", "done", "counts", "model_versions", "failure", "time")
    ERASURE_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    erasure: str
    done: bool
    counts: _containers.RepeatedCompositeFieldContainer[ErasedCount]
    model_versions: _containers.RepeatedScalarFieldContainer[str]
    failure: _failure_pb2.Failure
    time: _timestamp_pb2.Timestamp
    def __init__(self, erasure: _Optional[str] = ..., done: _Optional[bool] = ..., counts: _Optional[_Iterable[_Union[ErasedCount, _Mapping]]] = ..., model_versions: _Optional[_Iterable[str]] = ..., failure: _Optional[_Union[_failure_pb2.Failure, _Mapping]] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ErasedCount(_message.Message):
    __slots__ = ("kind", "count")
    KIND_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    kind: str
    count: int
    def __init__(self, kind: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...
