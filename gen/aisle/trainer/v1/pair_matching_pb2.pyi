from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ProductRecord(_message.Message):
    __slots__ = ("title", "description", "brand", "price")
    TITLE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    BRAND_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    title: str
    description: str
    brand: str
    price: float
    def __init__(self, title: _Optional[str] = ..., description: _Optional[str] = ..., brand: _Optional[str] = ..., price: _Optional[float] = ...) -> None: ...

class ProductPair(_message.Message):
    __slots__ = ("left", "right")
    LEFT_FIELD_NUMBER: _ClassVar[int]
    RIGHT_FIELD_NUMBER: _ClassVar[int]
    left: ProductRecord
    right: ProductRecord
    def __init__(self, left: _Optional[_Union[ProductRecord, _Mapping]] = ..., right: _Optional[_Union[ProductRecord, _Mapping]] = ...) -> None: ...

class PairScore(_message.Message):
    __slots__ = ("score", "matches")
    SCORE_FIELD_NUMBER: _ClassVar[int]
    MATCHES_FIELD_NUMBER: _ClassVar[int]
    score: float
    matches: bool
    def __init__(self, score: _Optional[float] = ..., matches: _Optional[bool] = ...) -> None: ...

class ScorePairsRequest(_message.Message):
    __slots__ = ("training_job", "pairs", "threshold")
    TRAINING_JOB_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    training_job: str
    pairs: _containers.RepeatedCompositeFieldContainer[ProductPair]
    threshold: float
    def __init__(self, training_job: _Optional[str] = ..., pairs: _Optional[_Iterable[_Union[ProductPair, _Mapping]]] = ..., threshold: _Optional[float] = ...) -> None: ...

class ScorePairsResponse(_message.Message):
    __slots__ = ("scores", "threshold")
    SCORES_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    scores: _containers.RepeatedCompositeFieldContainer[PairScore]
    threshold: float
    def __init__(self, scores: _Optional[_Iterable[_Union[PairScore, _Mapping]]] = ..., threshold: _Optional[float] = ...) -> None: ...
