from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ItemHistory(_message.Message):
    __slots__ = ("product_ids",)
    PRODUCT_IDS_FIELD_NUMBER: _ClassVar[int]
    product_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, product_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class NextItem(_message.Message):
    __slots__ = ("product_id", "score")
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    product_id: str
    score: float
    def __init__(self, product_id: _Optional[str] = ..., score: _Optional[float] = ...) -> None: ...

class NextItems(_message.Message):
    __slots__ = ("items", "known_item_count")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    KNOWN_ITEM_COUNT_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[NextItem]
    known_item_count: int
    def __init__(self, items: _Optional[_Iterable[_Union[NextItem, _Mapping]]] = ..., known_item_count: _Optional[int] = ...) -> None: ...

class ScoreSequencesRequest(_message.Message):
    __slots__ = ("training_job", "histories", "top_count", "candidates")
    TRAINING_JOB_FIELD_NUMBER: _ClassVar[int]
    HISTORIES_FIELD_NUMBER: _ClassVar[int]
    TOP_COUNT_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    training_job: str
    histories: _containers.RepeatedCompositeFieldContainer[ItemHistory]
    top_count: int
    candidates: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, training_job: _Optional[str] = ..., histories: _Optional[_Iterable[_Union[ItemHistory, _Mapping]]] = ..., top_count: _Optional[int] = ..., candidates: _Optional[_Iterable[str]] = ...) -> None: ...

class ScoreSequencesResponse(_message.Message):
    __slots__ = ("answers",)
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    answers: _containers.RepeatedCompositeFieldContainer[NextItems]
    def __init__(self, answers: _Optional[_Iterable[_Union[NextItems, _Mapping]]] = ...) -> None: ...
