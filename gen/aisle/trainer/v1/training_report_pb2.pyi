from aisle.pipeline.v1 import pipeline_spec_pb2 as _pipeline_spec_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TrainingReport(_message.Message):
    __slots__ = ("trainable_parameter_count", "parameter_count", "trainable_ratio", "trunk_trainable_parameter_count", "peak_memory_bytes", "step_cpu_seconds", "step_seconds", "pairs_per_cpu_second", "micro_batch_size", "out_of_memory_count", "trained_bytes", "gap_alarms", "rank_budget")
    TRAINABLE_PARAMETER_COUNT_FIELD_NUMBER: _ClassVar[int]
    PARAMETER_COUNT_FIELD_NUMBER: _ClassVar[int]
    TRAINABLE_RATIO_FIELD_NUMBER: _ClassVar[int]
    TRUNK_TRAINABLE_PARAMETER_COUNT_FIELD_NUMBER: _ClassVar[int]
    PEAK_MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    STEP_CPU_SECONDS_FIELD_NUMBER: _ClassVar[int]
    STEP_SECONDS_FIELD_NUMBER: _ClassVar[int]
    PAIRS_PER_CPU_SECOND_FIELD_NUMBER: _ClassVar[int]
    MICRO_BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    OUT_OF_MEMORY_COUNT_FIELD_NUMBER: _ClassVar[int]
    TRAINED_BYTES_FIELD_NUMBER: _ClassVar[int]
    GAP_ALARMS_FIELD_NUMBER: _ClassVar[int]
    RANK_BUDGET_FIELD_NUMBER: _ClassVar[int]
    trainable_parameter_count: int
    parameter_count: int
    trainable_ratio: float
    trunk_trainable_parameter_count: int
    peak_memory_bytes: int
    step_cpu_seconds: float
    step_seconds: float
    pairs_per_cpu_second: float
    micro_batch_size: int
    out_of_memory_count: int
    trained_bytes: int
    gap_alarms: _containers.RepeatedCompositeFieldContainer[TrainingGap]
    rank_budget: RankBudget
    def __init__(self, trainable_parameter_count: _Optional[int] = ..., parameter_count: _Optional[int] = ..., trainable_ratio: _Optional[float] = ..., trunk_trainable_parameter_count: _Optional[int] = ..., peak_memory_bytes: _Optional[int] = ..., step_cpu_seconds: _Optional[float] = ..., step_seconds: _Optional[float] = ..., pairs_per_cpu_second: _Optional[float] = ..., micro_batch_size: _Optional[int] = ..., out_of_memory_count: _Optional[int] = ..., trained_bytes: _Optional[int] = ..., gap_alarms: _Optional[_Iterable[_Union[TrainingGap, _Mapping]]] = ..., rank_budget: _Optional[_Union[RankBudget, _Mapping]] = ...) -> None: ...

class TrainingGap(_message.Message):
    __slots__ = ("kind", "step", "training_loss", "validation_loss", "limit")
    KIND_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    TRAINING_LOSS_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_LOSS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    kind: _pipeline_spec_pb2.TaskKind
    step: int
    training_loss: float
    validation_loss: float
    limit: float
    def __init__(self, kind: _Optional[_Union[_pipeline_spec_pb2.TaskKind, str]] = ..., step: _Optional[int] = ..., training_loss: _Optional[float] = ..., validation_loss: _Optional[float] = ..., limit: _Optional[float] = ...) -> None: ...

class RankBudget(_message.Message):
    __slots__ = ("initial_rank_total", "target_rank_total", "final_rank_total", "layers")
    INITIAL_RANK_TOTAL_FIELD_NUMBER: _ClassVar[int]
    TARGET_RANK_TOTAL_FIELD_NUMBER: _ClassVar[int]
    FINAL_RANK_TOTAL_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    initial_rank_total: int
    target_rank_total: int
    final_rank_total: int
    layers: _containers.RepeatedCompositeFieldContainer[LayerRank]
    def __init__(self, initial_rank_total: _Optional[int] = ..., target_rank_total: _Optional[int] = ..., final_rank_total: _Optional[int] = ..., layers: _Optional[_Iterable[_Union[LayerRank, _Mapping]]] = ...) -> None: ...

class LayerRank(_message.Message):
    __slots__ = ("layer", "rank")
    LAYER_FIELD_NUMBER: _ClassVar[int]
    RANK_FIELD_NUMBER: _ClassVar[int]
    layer: str
    rank: int
    def __init__(self, layer: _Optional[str] = ..., rank: _Optional[int] = ...) -> None: ...

class MethodComparison(_message.Message):
    __slots__ = ("training_job", "method", "report", "metric", "value", "difference")
    TRAINING_JOB_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    training_job: str
    method: _pipeline_spec_pb2.FineTuningMethod
    report: TrainingReport
    metric: str
    value: float
    difference: PairedDifference
    def __init__(self, training_job: _Optional[str] = ..., method: _Optional[_Union[_pipeline_spec_pb2.FineTuningMethod, str]] = ..., report: _Optional[_Union[TrainingReport, _Mapping]] = ..., metric: _Optional[str] = ..., value: _Optional[float] = ..., difference: _Optional[_Union[PairedDifference, _Mapping]] = ...) -> None: ...

class PairedDifference(_message.Message):
    __slots__ = ("value", "lower", "upper", "sample_count")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    LOWER_FIELD_NUMBER: _ClassVar[int]
    UPPER_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    value: float
    lower: float
    upper: float
    sample_count: int
    def __init__(self, value: _Optional[float] = ..., lower: _Optional[float] = ..., upper: _Optional[float] = ..., sample_count: _Optional[int] = ...) -> None: ...
