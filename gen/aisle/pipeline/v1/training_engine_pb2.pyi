from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Optimizer(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OPTIMIZER_UNSPECIFIED: _ClassVar[Optimizer]
    OPTIMIZER_ADAMW: _ClassVar[Optimizer]
    OPTIMIZER_SGD: _ClassVar[Optimizer]

class LearningRateSchedule(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LEARNING_RATE_SCHEDULE_UNSPECIFIED: _ClassVar[LearningRateSchedule]
    LEARNING_RATE_SCHEDULE_LINEAR: _ClassVar[LearningRateSchedule]
    LEARNING_RATE_SCHEDULE_COSINE: _ClassVar[LearningRateSchedule]
    LEARNING_RATE_SCHEDULE_CONSTANT: _ClassVar[LearningRateSchedule]

class TrainingPrecision(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRAINING_PRECISION_UNSPECIFIED: _ClassVar[TrainingPrecision]
    TRAINING_PRECISION_FLOAT32: _ClassVar[TrainingPrecision]
    TRAINING_PRECISION_BFLOAT16: _ClassVar[TrainingPrecision]
    TRAINING_PRECISION_FLOAT16: _ClassVar[TrainingPrecision]
OPTIMIZER_UNSPECIFIED: Optimizer
OPTIMIZER_ADAMW: Optimizer
OPTIMIZER_SGD: Optimizer
LEARNING_RATE_SCHEDULE_UNSPECIFIED: LearningRateSchedule
LEARNING_RATE_SCHEDULE_LINEAR: LearningRateSchedule
LEARNING_RATE_SCHEDULE_COSINE: LearningRateSchedule
LEARNING_RATE_SCHEDULE_CONSTANT: LearningRateSchedule
TRAINING_PRECISION_UNSPECIFIED: TrainingPrecision
TRAINING_PRECISION_FLOAT32: TrainingPrecision
TRAINING_PRECISION_BFLOAT16: TrainingPrecision
TRAINING_PRECISION_FLOAT16: TrainingPrecision

class TrainingEngine(_message.Message):
    __slots__ = ("optimizer", "momentum", "schedule", "warmup_ratio", "micro_batch_size", "precision", "gradient_checkpointing", "gradient_norm_limit", "balance_classes", "gap_limit")
    OPTIMIZER_FIELD_NUMBER: _ClassVar[int]
    MOMENTUM_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    WARMUP_RATIO_FIELD_NUMBER: _ClassVar[int]
    MICRO_BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_CHECKPOINTING_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_NORM_LIMIT_FIELD_NUMBER: _ClassVar[int]
    BALANCE_CLASSES_FIELD_NUMBER: _ClassVar[int]
    GAP_LIMIT_FIELD_NUMBER: _ClassVar[int]
    optimizer: Optimizer
    momentum: float
    schedule: LearningRateSchedule
    warmup_ratio: float
    micro_batch_size: int
    precision: TrainingPrecision
    gradient_checkpointing: bool
    gradient_norm_limit: float
    balance_classes: bool
    gap_limit: float
    def __init__(self, optimizer: _Optional[_Union[Optimizer, str]] = ..., momentum: _Optional[float] = ..., schedule: _Optional[_Union[LearningRateSchedule, str]] = ..., warmup_ratio: _Optional[float] = ..., micro_batch_size: _Optional[int] = ..., precision: _Optional[_Union[TrainingPrecision, str]] = ..., gradient_checkpointing: _Optional[bool] = ..., gradient_norm_limit: _Optional[float] = ..., balance_classes: _Optional[bool] = ..., gap_limit: _Optional[float] = ...) -> None: ...
