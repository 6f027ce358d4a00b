from aisle.pipeline.v1 import cleaning_rules_pb2 as _cleaning_rules_pb2
from aisle.pipeline.v1 import fine_tuning_pb2 as _fine_tuning_pb2
from aisle.pipeline.v1 import sequence_training_pb2 as _sequence_training_pb2
from aisle.pipeline.v1 import training_engine_pb2 as _training_engine_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TaskKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TASK_KIND_UNSPECIFIED: _ClassVar[TaskKind]
    TASK_KIND_SEARCH_RELEVANCE: _ClassVar[TaskKind]
    TASK_KIND_PURCHASE: _ClassVar[TaskKind]
    TASK_KIND_PAIR_MATCHING: _ClassVar[TaskKind]
    TASK_KIND_SEQUENCE: _ClassVar[TaskKind]

class FineTuningMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FINE_TUNING_METHOD_UNSPECIFIED: _ClassVar[FineTuningMethod]
    FINE_TUNING_METHOD_LORA: _ClassVar[FineTuningMethod]
    FINE_TUNING_METHOD_FULL: _ClassVar[FineTuningMethod]
    FINE_TUNING_METHOD_FROZEN: _ClassVar[FineTuningMethod]
    FINE_TUNING_METHOD_BITFIT: _ClassVar[FineTuningMethod]
    FINE_TUNING_METHOD_BOTTLENECK: _ClassVar[FineTuningMethod]
    FINE_TUNING_METHOD_PREFIX: _ClassVar[FineTuningMethod]
    FINE_TUNING_METHOD_PROMPT: _ClassVar[FineTuningMethod]
    FINE_TUNING_METHOD_DORA: _ClassVar[FineTuningMethod]
    FINE_TUNING_METHOD_ADALORA: _ClassVar[FineTuningMethod]
    FINE_TUNING_METHOD_IA3: _ClassVar[FineTuningMethod]

class GateComparator(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GATE_COMPARATOR_UNSPECIFIED: _ClassVar[GateComparator]
    GATE_COMPARATOR_ABSOLUTE: _ClassVar[GateComparator]
    GATE_COMPARATOR_BEATS_CHAMPION: _ClassVar[GateComparator]
    GATE_COMPARATOR_NOT_WORSE_THAN_CHAMPION: _ClassVar[GateComparator]
TASK_KIND_UNSPECIFIED: TaskKind
TASK_KIND_SEARCH_RELEVANCE: TaskKind
TASK_KIND_PURCHASE: TaskKind
TASK_KIND_PAIR_MATCHING: TaskKind
TASK_KIND_SEQUENCE: TaskKind
FINE_TUNING_METHOD_UNSPECIFIED: FineTuningMethod
FINE_TUNING_METHOD_LORA: FineTuningMethod
FINE_TUNING_METHOD_FULL: FineTuningMethod
FINE_TUNING_METHOD_FROZEN: FineTuningMethod
FINE_TUNING_METHOD_BITFIT: FineTuningMethod
FINE_TUNING_METHOD_BOTTLENECK: FineTuningMethod
FINE_TUNING_METHOD_PREFIX: FineTuningMethod
FINE_TUNING_METHOD_PROMPT: FineTuningMethod
FINE_TUNING_METHOD_DORA: FineTuningMethod
FINE_TUNING_METHOD_ADALORA: FineTuningMethod
FINE_TUNING_METHOD_IA3: FineTuningMethod
GATE_COMPARATOR_UNSPECIFIED: GateComparator
GATE_COMPARATOR_ABSOLUTE: GateComparator
GATE_COMPARATOR_BEATS_CHAMPION: GateComparator
GATE_COMPARATOR_NOT_WORSE_THAN_CHAMPION: GateComparator

class PipelineSpec(_message.Message):
    __slots__ = ("governance", "tuning", "training", "registry")
    GOVERNANCE_FIELD_NUMBER: _ClassVar[int]
    TUNING_FIELD_NUMBER: _ClassVar[int]
    TRAINING_FIELD_NUMBER: _ClassVar[int]
    REGISTRY_FIELD_NUMBER: _ClassVar[int]
    governance: GovernanceStage
    tuning: TuningStage
    training: TrainingSpec
    registry: RegistryStage
    def __init__(self, governance: _Optional[_Union[GovernanceStage, _Mapping]] = ..., tuning: _Optional[_Union[TuningStage, _Mapping]] = ..., training: _Optional[_Union[TrainingSpec, _Mapping]] = ..., registry: _Optional[_Union[RegistryStage, _Mapping]] = ...) -> None: ...

class GovernanceStage(_message.Message):
    __slots__ = ("dataset_runs",)
    DATASET_RUNS_FIELD_NUMBER: _ClassVar[int]
    dataset_runs: _containers.RepeatedCompositeFieldContainer[DatasetRun]
    def __init__(self, dataset_runs: _Optional[_Iterable[_Union[DatasetRun, _Mapping]]] = ...) -> None: ...

class DatasetRun(_message.Message):
    __slots__ = ("dataset", "disabled_rules", "cleaning", "currency_rates")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    DISABLED_RULES_FIELD_NUMBER: _ClassVar[int]
    CLEANING_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_RATES_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    disabled_rules: _containers.RepeatedScalarFieldContainer[str]
    cleaning: _cleaning_rules_pb2.CleaningRules
    currency_rates: _containers.RepeatedCompositeFieldContainer[CurrencyRate]
    def __init__(self, dataset: _Optional[str] = ..., disabled_rules: _Optional[_Iterable[str]] = ..., cleaning: _Optional[_Union[_cleaning_rules_pb2.CleaningRules, _Mapping]] = ..., currency_rates: _Optional[_Iterable[_Union[CurrencyRate, _Mapping]]] = ...) -> None: ...

class CurrencyRate(_message.Message):
    __slots__ = ("currency", "date", "rate")
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    DATE_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    currency: str
    date: str
    rate: float
    def __init__(self, currency: _Optional[str] = ..., date: _Optional[str] = ..., rate: _Optional[float] = ...) -> None: ...

class TaskSpec(_message.Message):
    __slots__ = ("kind", "dataset", "weight")
    KIND_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    kind: TaskKind
    dataset: str
    weight: float
    def __init__(self, kind: _Optional[_Union[TaskKind, str]] = ..., dataset: _Optional[str] = ..., weight: _Optional[float] = ...) -> None: ...

class TrainingSpec(_message.Message):
    __slots__ = ("base_model", "method", "tasks", "learning_rate", "batch_size", "max_steps", "eval_every_steps", "patience", "lora_rank", "max_tokens", "seed", "weight_decay", "label_noise_ratio", "skip_export", "folds", "frozen_layers", "evaluate_unexported", "fine_tuning", "engine", "sequence")
    BASE_MODEL_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    MAX_STEPS_FIELD_NUMBER: _ClassVar[int]
    EVAL_EVERY_STEPS_FIELD_NUMBER: _ClassVar[int]
    PATIENCE_FIELD_NUMBER: _ClassVar[int]
    LORA_RANK_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_DECAY_FIELD_NUMBER: _ClassVar[int]
    LABEL_NOISE_RATIO_FIELD_NUMBER: _ClassVar[int]
    SKIP_EXPORT_FIELD_NUMBER: _ClassVar[int]
    FOLDS_FIELD_NUMBER: _ClassVar[int]
    FROZEN_LAYERS_FIELD_NUMBER: _ClassVar[int]
    EVALUATE_UNEXPORTED_FIELD_NUMBER: _ClassVar[int]
    FINE_TUNING_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    base_model: str
    method: FineTuningMethod
    tasks: _containers.RepeatedCompositeFieldContainer[TaskSpec]
    learning_rate: float
    batch_size: int
    max_steps: int
    eval_every_steps: int
    patience: int
    lora_rank: int
    max_tokens: int
    seed: int
    weight_decay: float
    label_noise_ratio: float
    skip_export: bool
    folds: int
    frozen_layers: int
    evaluate_unexported: bool
    fine_tuning: _fine_tuning_pb2.FineTuning
    engine: _training_engine_pb2.TrainingEngine
    sequence: _sequence_training_pb2.SequenceTraining
    def __init__(self, base_model: _Optional[str] = ..., method: _Optional[_Union[FineTuningMethod, str]] = ..., tasks: _Optional[_Iterable[_Union[TaskSpec, _Mapping]]] = ..., learning_rate: _Optional[float] = ..., batch_size: _Optional[int] = ..., max_steps: _Optional[int] = ..., eval_every_steps: _Optional[int] = ..., patience: _Optional[int] = ..., lora_rank: _Optional[int] = ..., max_tokens: _Optional[int] = ..., seed: _Optional[int] = ..., weight_decay: _Optional[float] = ..., label_noise_ratio: _Optional[float] = ..., skip_export: _Optional[bool] = ..., folds: _Optional[int] = ..., frozen_layers: _Optional[int] = ..., evaluate_unexported: _Optional[bool] = ..., fine_tuning: _Optional[_Union[_fine_tuning_pb2.FineTuning, _Mapping]] = ..., engine: _Optional[_Union[_training_engine_pb2.TrainingEngine, _Mapping]] = ..., sequence: _Optional[_Union[_sequence_training_pb2.SequenceTraining, _Mapping]] = ...) -> None: ...

class TuningStage(_message.Message):
    __slots__ = ("trial_count", "max_steps", "parameters", "seed")
    TRIAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    MAX_STEPS_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    trial_count: int
    max_steps: int
    parameters: _containers.RepeatedCompositeFieldContainer[ParameterRange]
    seed: int
    def __init__(self, trial_count: _Optional[int] = ..., max_steps: _Optional[int] = ..., parameters: _Optional[_Iterable[_Union[ParameterRange, _Mapping]]] = ..., seed: _Optional[int] = ...) -> None: ...

class ParameterRange(_message.Message):
    __slots__ = ("field", "low", "high", "log_scale")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    LOG_SCALE_FIELD_NUMBER: _ClassVar[int]
    field: str
    low: float
    high: float
    log_scale: bool
    def __init__(self, field: _Optional[str] = ..., low: _Optional[float] = ..., high: _Optional[float] = ..., log_scale: _Optional[bool] = ...) -> None: ...

class RegistryStage(_message.Message):
    __slots__ = ("model", "alias", "gates")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    GATES_FIELD_NUMBER: _ClassVar[int]
    model: str
    alias: str
    gates: _containers.RepeatedCompositeFieldContainer[Gate]
    def __init__(self, model: _Optional[str] = ..., alias: _Optional[str] = ..., gates: _Optional[_Iterable[_Union[Gate, _Mapping]]] = ...) -> None: ...

class Gate(_message.Message):
    __slots__ = ("metric", "comparator", "threshold", "task")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    COMPARATOR_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    metric: str
    comparator: GateComparator
    threshold: float
    task: TaskKind
    def __init__(self, metric: _Optional[str] = ..., comparator: _Optional[_Union[GateComparator, str]] = ..., threshold: _Optional[float] = ..., task: _Optional[_Union[TaskKind, str]] = ...) -> None: ...

class RoutingSlip(_message.Message):
    __slots__ = ("pipeline_run", "spec", "dataset_versions", "study", "training_job", "model_version")
    PIPELINE_RUN_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    STUDY_FIELD_NUMBER: _ClassVar[int]
    TRAINING_JOB_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    pipeline_run: str
    spec: PipelineSpec
    dataset_versions: _containers.RepeatedScalarFieldContainer[str]
    study: str
    training_job: str
    model_version: str
    def __init__(self, pipeline_run: _Optional[str] = ..., spec: _Optional[_Union[PipelineSpec, _Mapping]] = ..., dataset_versions: _Optional[_Iterable[str]] = ..., study: _Optional[str] = ..., training_job: _Optional[str] = ..., model_version: _Optional[str] = ...) -> None: ...
