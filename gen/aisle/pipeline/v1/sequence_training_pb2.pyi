from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SequenceLoss(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEQUENCE_LOSS_UNSPECIFIED: _ClassVar[SequenceLoss]
    SEQUENCE_LOSS_SOFTMAX: _ClassVar[SequenceLoss]
    SEQUENCE_LOSS_SAMPLED: _ClassVar[SequenceLoss]
    SEQUENCE_LOSS_GBCE: _ClassVar[SequenceLoss]

class SequenceItems(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEQUENCE_ITEMS_UNSPECIFIED: _ClassVar[SequenceItems]
    SEQUENCE_ITEMS_IDS: _ClassVar[SequenceItems]
    SEQUENCE_ITEMS_IDS_AND_TEXT: _ClassVar[SequenceItems]
SEQUENCE_LOSS_UNSPECIFIED: SequenceLoss
SEQUENCE_LOSS_SOFTMAX: SequenceLoss
SEQUENCE_LOSS_SAMPLED: SequenceLoss
SEQUENCE_LOSS_GBCE: SequenceLoss
SEQUENCE_ITEMS_UNSPECIFIED: SequenceItems
SEQUENCE_ITEMS_IDS: SequenceItems
SEQUENCE_ITEMS_IDS_AND_TEXT: SequenceItems

class SequenceTraining(_message.Message):
    __slots__ = ("loss", "items", "width", "layer_count", "head_count", "max_history", "dropout_ratio", "negative_count", "calibration", "shuffle_days")
    LOSS_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    LAYER_COUNT_FIELD_NUMBER: _ClassVar[int]
    HEAD_COUNT_FIELD_NUMBER: _ClassVar[int]
    MAX_HISTORY_FIELD_NUMBER: _ClassVar[int]
    DROPOUT_RATIO_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_COUNT_FIELD_NUMBER: _ClassVar[int]
    CALIBRATION_FIELD_NUMBER: _ClassVar[int]
    SHUFFLE_DAYS_FIELD_NUMBER: _ClassVar[int]
    loss: SequenceLoss
    items: SequenceItems
    width: int
    layer_count: int
    head_count: int
    max_history: int
    dropout_ratio: float
    negative_count: int
    calibration: float
    shuffle_days: bool
    def __init__(self, loss: _Optional[_Union[SequenceLoss, str]] = ..., items: _Optional[_Union[SequenceItems, str]] = ..., width: _Optional[int] = ..., layer_count: _Optional[int] = ..., head_count: _Optional[int] = ..., max_history: _Optional[int] = ..., dropout_ratio: _Optional[float] = ..., negative_count: _Optional[int] = ..., calibration: _Optional[float] = ..., shuffle_days: _Optional[bool] = ...) -> None: ...
