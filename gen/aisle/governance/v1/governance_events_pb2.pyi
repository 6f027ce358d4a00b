from aisle.governance.v1 import classification_pb2 as _classification_pb2
from aisle.governance.v1 import data_roi_pb2 as _data_roi_pb2
from aisle.governance.v1 import dataset_pb2 as _dataset_pb2
from aisle.governance.v1 import erasure_pb2 as _erasure_pb2
from aisle.governance.v1 import governance_run_pb2 as _governance_run_pb2
from aisle.governance.v1 import label_pb2 as _label_pb2
from aisle.governance.v1 import user_event_pb2 as _user_event_pb2
from aisle.pipeline.v1 import pipeline_spec_pb2 as _pipeline_spec_pb2
from aisle.type.v1 import failure_pb2 as _failure_pb2
from aisle.type.v1 import subject_pb2 as _subject_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DatasetVersionPublished(_message.Message):
    __slots__ = ("dataset_version",)
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    dataset_version: _dataset_pb2.DatasetVersion
    def __init__(self, dataset_version: _Optional[_Union[_dataset_pb2.DatasetVersion, _Mapping]] = ...) -> None: ...

class GovernanceRunCompleted(_message.Message):
    __slots__ = ("governance_run", "slip")
    GOVERNANCE_RUN_FIELD_NUMBER: _ClassVar[int]
    SLIP_FIELD_NUMBER: _ClassVar[int]
    governance_run: _governance_run_pb2.GovernanceRun
    slip: _pipeline_spec_pb2.RoutingSlip
    def __init__(self, governance_run: _Optional[_Union[_governance_run_pb2.GovernanceRun, _Mapping]] = ..., slip: _Optional[_Union[_pipeline_spec_pb2.RoutingSlip, _Mapping]] = ...) -> None: ...

class GovernanceRunFailed(_message.Message):
    __slots__ = ("governance_run", "failure", "slip")
    GOVERNANCE_RUN_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    SLIP_FIELD_NUMBER: _ClassVar[int]
    governance_run: str
    failure: _failure_pb2.Failure
    slip: _pipeline_spec_pb2.RoutingSlip
    def __init__(self, governance_run: _Optional[str] = ..., failure: _Optional[_Union[_failure_pb2.Failure, _Mapping]] = ..., slip: _Optional[_Union[_pipeline_spec_pb2.RoutingSlip, _Mapping]] = ...) -> None: ...

class QualityGateFailed(_message.Message):
    __slots__ = ("governance_run", "dataset", "failed_checks")
    GOVERNANCE_RUN_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    FAILED_CHECKS_FIELD_NUMBER: _ClassVar[int]
    governance_run: str
    dataset: str
    failed_checks: _containers.RepeatedCompositeFieldContainer[_governance_run_pb2.CheckResult]
    def __init__(self, governance_run: _Optional[str] = ..., dataset: _Optional[str] = ..., failed_checks: _Optional[_Iterable[_Union[_governance_run_pb2.CheckResult, _Mapping]]] = ...) -> None: ...

class UserEventsCollected(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[_user_event_pb2.UserEvent]
    def __init__(self, events: _Optional[_Iterable[_Union[_user_event_pb2.UserEvent, _Mapping]]] = ...) -> None: ...

class SubjectErased(_message.Message):
    __slots__ = ("erasure", "order")
    ERASURE_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    erasure: _erasure_pb2.Erasure
    order: _subject_pb2.SubjectErasureOrder
    def __init__(self, erasure: _Optional[_Union[_erasure_pb2.Erasure, _Mapping]] = ..., order: _Optional[_Union[_subject_pb2.SubjectErasureOrder, _Mapping]] = ...) -> None: ...

class LabelsBuilt(_message.Message):
    __slots__ = ("label_build",)
    LABEL_BUILD_FIELD_NUMBER: _ClassVar[int]
    label_build: _label_pb2.LabelBuild
    def __init__(self, label_build: _Optional[_Union[_label_pb2.LabelBuild, _Mapping]] = ...) -> None: ...

class LabelReviewCompleted(_message.Message):
    __slots__ = ("label_review",)
    LABEL_REVIEW_FIELD_NUMBER: _ClassVar[int]
    label_review: _label_pb2.LabelReview
    def __init__(self, label_review: _Optional[_Union[_label_pb2.LabelReview, _Mapping]] = ...) -> None: ...

class RoiStudyCompleted(_message.Message):
    __slots__ = ("roi_study",)
    ROI_STUDY_FIELD_NUMBER: _ClassVar[int]
    roi_study: _data_roi_pb2.RoiStudy
    def __init__(self, roi_study: _Optional[_Union[_data_roi_pb2.RoiStudy, _Mapping]] = ...) -> None: ...

class CategoriesProposed(_message.Message):
    __slots__ = ("category_job",)
    CATEGORY_JOB_FIELD_NUMBER: _ClassVar[int]
    category_job: _classification_pb2.CategoryJob
    def __init__(self, category_job: _Optional[_Union[_classification_pb2.CategoryJob, _Mapping]] = ...) -> None: ...
