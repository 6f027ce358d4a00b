from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LowRankTarget(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LOW_RANK_TARGET_UNSPECIFIED: _ClassVar[LowRankTarget]
    LOW_RANK_TARGET_ALL: _ClassVar[LowRankTarget]
    LOW_RANK_TARGET_ATTENTION: _ClassVar[LowRankTarget]
    LOW_RANK_TARGET_QUERY_VALUE: _ClassVar[LowRankTarget]
LOW_RANK_TARGET_UNSPECIFIED: LowRankTarget
LOW_RANK_TARGET_ALL: LowRankTarget
LOW_RANK_TARGET_ATTENTION: LowRankTarget
LOW_RANK_TARGET_QUERY_VALUE: LowRankTarget

class FineTuning(_message.Message):
    __slots__ = ("lora", "dora", "adalora", "bottleneck", "prefix", "prompt")
    LORA_FIELD_NUMBER: _ClassVar[int]
    DORA_FIELD_NUMBER: _ClassVar[int]
    ADALORA_FIELD_NUMBER: _ClassVar[int]
    BOTTLENECK_FIELD_NUMBER: _ClassVar[int]
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    lora: LowRank
    dora: LowRank
    adalora: AdaptiveLowRank
    bottleneck: Bottleneck
    prefix: VirtualTokens
    prompt: VirtualTokens
    def __init__(self, lora: _Optional[_Union[LowRank, _Mapping]] = ..., dora: _Optional[_Union[LowRank, _Mapping]] = ..., adalora: _Optional[_Union[AdaptiveLowRank, _Mapping]] = ..., bottleneck: _Optional[_Union[Bottleneck, _Mapping]] = ..., prefix: _Optional[_Union[VirtualTokens, _Mapping]] = ..., prompt: _Optional[_Union[VirtualTokens, _Mapping]] = ...) -> None: ...

class LowRank(_message.Message):
    __slots__ = ("alpha", "dropout_ratio", "target")
    ALPHA_FIELD_NUMBER: _ClassVar[int]
    DROPOUT_RATIO_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    alpha: float
    dropout_ratio: float
    target: LowRankTarget
    def __init__(self, alpha: _Optional[float] = ..., dropout_ratio: _Optional[float] = ..., target: _Optional[_Union[LowRankTarget, str]] = ...) -> None: ...

class AdaptiveLowRank(_message.Message):
    __slots__ = ("initial_rank", "alpha", "dropout_ratio", "target", "warmup_ratio", "settle_ratio", "orthogonality")
    INITIAL_RANK_FIELD_NUMBER: _ClassVar[int]
    ALPHA_FIELD_NUMBER: _ClassVar[int]
    DROPOUT_RATIO_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    WARMUP_RATIO_FIELD_NUMBER: _ClassVar[int]
    SETTLE_RATIO_FIELD_NUMBER: _ClassVar[int]
    ORTHOGONALITY_FIELD_NUMBER: _ClassVar[int]
    initial_rank: int
    alpha: float
    dropout_ratio: float
    target: LowRankTarget
    warmup_ratio: float
    settle_ratio: float
    orthogonality: float
    def __init__(self, initial_rank: _Optional[int] = ..., alpha: _Optional[float] = ..., dropout_ratio: _Optional[float] = ..., target: _Optional[_Union[LowRankTarget, str]] = ..., warmup_ratio: _Optional[float] = ..., settle_ratio: _Optional[float] = ..., orthogonality: _Optional[float] = ...) -> None: ...

class Bottleneck(_message.Message):
    __slots__ = ("width", "dropout_ratio")
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    DROPOUT_RATIO_FIELD_NUMBER: _ClassVar[int]
    width: int
    dropout_ratio: float
    def __init__(self, width: _Optional[int] = ..., dropout_ratio: _Optional[float] = ...) -> None: ...

class VirtualTokens(_message.Message):
    __slots__ = ("count",)
    COUNT_FIELD_NUMBER: _ClassVar[int]
    count: int
    def __init__(self, count: _Optional[int] = ...) -> None: ...
