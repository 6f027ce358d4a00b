from aisle.type.v1 import job_pb2 as _job_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RepairModel(_message.Message):
    __slots__ = ("name", "label_count", "steps", "wrong_cell_count", "mended_cell_count", "broken_cell_count", "suggested_rows", "status")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LABEL_COUNT_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    WRONG_CELL_COUNT_FIELD_NUMBER: _ClassVar[int]
    MENDED_CELL_COUNT_FIELD_NUMBER: _ClassVar[int]
    BROKEN_CELL_COUNT_FIELD_NUMBER: _ClassVar[int]
    SUGGESTED_ROWS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    name: str
    label_count: int
    steps: _containers.RepeatedCompositeFieldContainer[RepairStep]
    wrong_cell_count: int
    mended_cell_count: int
    broken_cell_count: int
    suggested_rows: _containers.RepeatedCompositeFieldContainer[LabelledRow]
    status: _job_pb2.JobStatus
    def __init__(self, name: _Optional[str] = ..., label_count: _Optional[int] = ..., steps: _Optional[_Iterable[_Union[RepairStep, _Mapping]]] = ..., wrong_cell_count: _Optional[int] = ..., mended_cell_count: _Optional[int] = ..., broken_cell_count: _Optional[int] = ..., suggested_rows: _Optional[_Iterable[_Union[LabelledRow, _Mapping]]] = ..., status: _Optional[_Union[_job_pb2.JobStatus, _Mapping]] = ...) -> None: ...

class LabelledRow(_message.Message):
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

class RepairStep(_message.Message):
    __slots__ = ("columns", "description")
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    columns: _containers.RepeatedScalarFieldContainer[str]
    description: str
    def __init__(self, columns: _Optional[_Iterable[str]] = ..., description: _Optional[str] = ...) -> None: ...
