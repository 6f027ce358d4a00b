from aisle.pipeline.v1 import cleaning_rules_pb2 as _cleaning_rules_pb2
from aisle.pipeline.v1 import pipeline_spec_pb2 as _pipeline_spec_pb2
from aisle.type.v1 import job_pb2 as _job_pb2
from aisle.type.v1 import metric_pb2 as _metric_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RoiEvaluator(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROI_EVALUATOR_UNSPECIFIED: _ClassVar[RoiEvaluator]
    ROI_EVALUATOR_FAST: _ClassVar[RoiEvaluator]
    ROI_EVALUATOR_TRAINER: _ClassVar[RoiEvaluator]

class RoiChange(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROI_CHANGE_UNSPECIFIED: _ClassVar[RoiChange]
    ROI_CHANGE_LEFT_OUT: _ClassVar[RoiChange]
    ROI_CHANGE_ADDED: _ClassVar[RoiChange]
    ROI_CHANGE_SEEDS_ONLY: _ClassVar[RoiChange]

class RoiVerdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROI_VERDICT_UNSPECIFIED: _ClassVar[RoiVerdict]
    ROI_VERDICT_USEFUL: _ClassVar[RoiVerdict]
    ROI_VERDICT_HARMFUL: _ClassVar[RoiVerdict]
    ROI_VERDICT_NEUTRAL: _ClassVar[RoiVerdict]
    ROI_VERDICT_INERT: _ClassVar[RoiVerdict]
    ROI_VERDICT_FAILED: _ClassVar[RoiVerdict]
ROI_EVALUATOR_UNSPECIFIED: RoiEvaluator
ROI_EVALUATOR_FAST: RoiEvaluator
ROI_EVALUATOR_TRAINER: RoiEvaluator
ROI_CHANGE_UNSPECIFIED: RoiChange
ROI_CHANGE_LEFT_OUT: RoiChange
ROI_CHANGE_ADDED: RoiChange
ROI_CHANGE_SEEDS_ONLY: RoiChange
ROI_VERDICT_UNSPECIFIED: RoiVerdict
ROI_VERDICT_USEFUL: RoiVerdict
ROI_VERDICT_HARMFUL: RoiVerdict
ROI_VERDICT_NEUTRAL: RoiVerdict
ROI_VERDICT_INERT: RoiVerdict
ROI_VERDICT_FAILED: RoiVerdict

class RoiDataset(_message.Message):
    __slots__ = ("run", "candidates")
    RUN_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    run: _pipeline_spec_pb2.DatasetRun
    candidates: _cleaning_rules_pb2.CleaningRules
    def __init__(self, run: _Optional[_Union[_pipeline_spec_pb2.DatasetRun, _Mapping]] = ..., candidates: _Optional[_Union[_cleaning_rules_pb2.CleaningRules, _Mapping]] = ...) -> None: ...

class RoiSpec(_message.Message):
    __slots__ = ("datasets", "evaluator", "rules", "seed_count", "seed", "training")
    DATASETS_FIELD_NUMBER: _ClassVar[int]
    EVALUATOR_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    SEED_COUNT_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    TRAINING_FIELD_NUMBER: _ClassVar[int]
    datasets: _containers.RepeatedCompositeFieldContainer[RoiDataset]
    evaluator: RoiEvaluator
    rules: _containers.RepeatedScalarFieldContainer[str]
    seed_count: int
    seed: int
    training: _pipeline_spec_pb2.TrainingSpec
    def __init__(self, datasets: _Optional[_Iterable[_Union[RoiDataset, _Mapping]]] = ..., evaluator: _Optional[_Union[RoiEvaluator, str]] = ..., rules: _Optional[_Iterable[str]] = ..., seed_count: _Optional[int] = ..., seed: _Optional[int] = ..., training: _Optional[_Union[_pipeline_spec_pb2.TrainingSpec, _Mapping]] = ...) -> None: ...

class RoiArm(_message.Message):
    __slots__ = ("dataset", "rule", "change", "done", "verdict", "lift", "auc_lift", "p_value", "adjusted_p_value", "rule_seconds", "changed_row_count", "quarantined_row_count", "elapsed_seconds", "training_jobs", "failure_message")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    LIFT_FIELD_NUMBER: _ClassVar[int]
    AUC_LIFT_FIELD_NUMBER: _ClassVar[int]
    P_VALUE_FIELD_NUMBER: _ClassVar[int]
    ADJUSTED_P_VALUE_FIELD_NUMBER: _ClassVar[int]
    RULE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    CHANGED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    QUARANTINED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_SECONDS_FIELD_NUMBER: _ClassVar[int]
    TRAINING_JOBS_FIELD_NUMBER: _ClassVar[int]
    FAILURE_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    rule: str
    change: RoiChange
    done: bool
    verdict: RoiVerdict
    lift: _metric_pb2.Metric
    auc_lift: _metric_pb2.Metric
    p_value: float
    adjusted_p_value: float
    rule_seconds: float
    changed_row_count: int
    quarantined_row_count: int
    elapsed_seconds: float
    training_jobs: _containers.RepeatedScalarFieldContainer[str]
    failure_message: str
    def __init__(self, dataset: _Optional[str] = ..., rule: _Optional[str] = ..., change: _Optional[_Union[RoiChange, str]] = ..., done: _Optional[bool] = ..., verdict: _Optional[_Union[RoiVerdict, str]] = ..., lift: _Optional[_Union[_metric_pb2.Metric, _Mapping]] = ..., auc_lift: _Optional[_Union[_metric_pb2.Metric, _Mapping]] = ..., p_value: _Optional[float] = ..., adjusted_p_value: _Optional[float] = ..., rule_seconds: _Optional[float] = ..., changed_row_count: _Optional[int] = ..., quarantined_row_count: _Optional[int] = ..., elapsed_seconds: _Optional[float] = ..., training_jobs: _Optional[_Iterable[str]] = ..., failure_message: _Optional[str] = ...) -> None: ...

class RoiReference(_message.Message):
    __slots__ = ("dataset", "score", "noise_floor", "row_count", "split")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    NOISE_FLOOR_FIELD_NUMBER: _ClassVar[int]
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    score: _metric_pb2.Metric
    noise_floor: float
    row_count: int
    split: str
    def __init__(self, dataset: _Optional[str] = ..., score: _Optional[_Union[_metric_pb2.Metric, _Mapping]] = ..., noise_floor: _Optional[float] = ..., row_count: _Optional[int] = ..., split: _Optional[str] = ...) -> None: ...

class RoiStudy(_message.Message):
    __slots__ = ("name", "spec", "status", "references", "arms")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REFERENCES_FIELD_NUMBER: _ClassVar[int]
    ARMS_FIELD_NUMBER: _ClassVar[int]
    name: str
    spec: RoiSpec
    status: _job_pb2.JobStatus
    references: _containers.RepeatedCompositeFieldContainer[RoiReference]
    arms: _containers.RepeatedCompositeFieldContainer[RoiArm]
    def __init__(self, name: _Optional[str] = ..., spec: _Optional[_Union[RoiSpec, _Mapping]] = ..., status: _Optional[_Union[_job_pb2.JobStatus, _Mapping]] = ..., references: _Optional[_Iterable[_Union[RoiReference, _Mapping]]] = ..., arms: _Optional[_Iterable[_Union[RoiArm, _Mapping]]] = ...) -> None: ...

class CreateRoiStudyRequest(_message.Message):
    __slots__ = ("spec", "request_id")
    SPEC_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    spec: RoiSpec
    request_id: str
    def __init__(self, spec: _Optional[_Union[RoiSpec, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateRoiStudyResponse(_message.Message):
    __slots__ = ("roi_study",)
    ROI_STUDY_FIELD_NUMBER: _ClassVar[int]
    roi_study: RoiStudy
    def __init__(self, roi_study: _Optional[_Union[RoiStudy, _Mapping]] = ...) -> None: ...

class GetRoiStudyRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetRoiStudyResponse(_message.Message):
    __slots__ = ("roi_study",)
    ROI_STUDY_FIELD_NUMBER: _ClassVar[int]
    roi_study: RoiStudy
    def __init__(self, roi_study: _Optional[_Union[RoiStudy, _Mapping]] = ...) -> None: ...

class ListRoiStudiesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRoiStudiesResponse(_message.Message):
    __slots__ = ("roi_studies", "next_page_token")
    ROI_STUDIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    roi_studies: _containers.RepeatedCompositeFieldContainer[RoiStudy]
    next_page_token: str
    def __init__(self, roi_studies: _Optional[_Iterable[_Union[RoiStudy, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CancelRoiStudyRequest(_message.Message):
    __slots__ = ("name", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CancelRoiStudyResponse(_message.Message):
    __slots__ = ("roi_study",)
    ROI_STUDY_FIELD_NUMBER: _ClassVar[int]
    roi_study: RoiStudy
    def __init__(self, roi_study: _Optional[_Union[RoiStudy, _Mapping]] = ...) -> None: ...

class WatchRoiStudyRequest(_message.Message):
    __slots__ = ("name", "after_revision")
    NAME_FIELD_NUMBER: _ClassVar[int]
    AFTER_REVISION_FIELD_NUMBER: _ClassVar[int]
    name: str
    after_revision: int
    def __init__(self, name: _Optional[str] = ..., after_revision: _Optional[int] = ...) -> None: ...

class WatchRoiStudyResponse(_message.Message):
    __slots__ = ("roi_study",)
    ROI_STUDY_FIELD_NUMBER: _ClassVar[int]
    roi_study: RoiStudy
    def __init__(self, roi_study: _Optional[_Union[RoiStudy, _Mapping]] = ...) -> None: ...
