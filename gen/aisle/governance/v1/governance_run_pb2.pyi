import datetime

from aisle.pipeline.v1 import pipeline_spec_pb2 as _pipeline_spec_pb2
from aisle.type.v1 import job_pb2 as _job_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Severity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEVERITY_UNSPECIFIED: _ClassVar[Severity]
    SEVERITY_WARNING: _ClassVar[Severity]
    SEVERITY_ERROR: _ClassVar[Severity]
    SEVERITY_INFO: _ClassVar[Severity]
SEVERITY_UNSPECIFIED: Severity
SEVERITY_WARNING: Severity
SEVERITY_ERROR: Severity
SEVERITY_INFO: Severity

class GovernanceRun(_message.Message):
    __slots__ = ("name", "stage", "dataset_versions", "pipeline_run", "status", "dry_run")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    PIPELINE_RUN_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    name: str
    stage: _pipeline_spec_pb2.GovernanceStage
    dataset_versions: _containers.RepeatedScalarFieldContainer[str]
    pipeline_run: str
    status: _job_pb2.JobStatus
    dry_run: bool
    def __init__(self, name: _Optional[str] = ..., stage: _Optional[_Union[_pipeline_spec_pb2.GovernanceStage, _Mapping]] = ..., dataset_versions: _Optional[_Iterable[str]] = ..., pipeline_run: _Optional[str] = ..., status: _Optional[_Union[_job_pb2.JobStatus, _Mapping]] = ..., dry_run: _Optional[bool] = ...) -> None: ...

class QualityReport(_message.Message):
    __slots__ = ("dataset_version", "governance_run", "dataset", "input_row_count", "output_row_count", "quarantined_row_count", "rules", "checks", "before", "after", "quality_score_ratio", "raw_defect_counts")
    class RawDefectCountsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    GOVERNANCE_RUN_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    INPUT_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    QUARANTINED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    CHECKS_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    QUALITY_SCORE_RATIO_FIELD_NUMBER: _ClassVar[int]
    RAW_DEFECT_COUNTS_FIELD_NUMBER: _ClassVar[int]
    dataset_version: str
    governance_run: str
    dataset: str
    input_row_count: int
    output_row_count: int
    quarantined_row_count: int
    rules: _containers.RepeatedCompositeFieldContainer[RuleReport]
    checks: _containers.RepeatedCompositeFieldContainer[CheckResult]
    before: _containers.RepeatedCompositeFieldContainer[ColumnProfile]
    after: _containers.RepeatedCompositeFieldContainer[ColumnProfile]
    quality_score_ratio: float
    raw_defect_counts: _containers.ScalarMap[str, int]
    def __init__(self, dataset_version: _Optional[str] = ..., governance_run: _Optional[str] = ..., dataset: _Optional[str] = ..., input_row_count: _Optional[int] = ..., output_row_count: _Optional[int] = ..., quarantined_row_count: _Optional[int] = ..., rules: _Optional[_Iterable[_Union[RuleReport, _Mapping]]] = ..., checks: _Optional[_Iterable[_Union[CheckResult, _Mapping]]] = ..., before: _Optional[_Iterable[_Union[ColumnProfile, _Mapping]]] = ..., after: _Optional[_Iterable[_Union[ColumnProfile, _Mapping]]] = ..., quality_score_ratio: _Optional[float] = ..., raw_defect_counts: _Optional[_Mapping[str, int]] = ...) -> None: ...

class RuleReport(_message.Message):
    __slots__ = ("rule", "description", "input_row_count", "output_row_count", "quarantined_row_count", "changed_row_count", "elapsed_seconds", "samples", "findings")
    RULE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    INPUT_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    QUARANTINED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    CHANGED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_SECONDS_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    rule: str
    description: str
    input_row_count: int
    output_row_count: int
    quarantined_row_count: int
    changed_row_count: int
    elapsed_seconds: float
    samples: _containers.RepeatedCompositeFieldContainer[RuleSample]
    findings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, rule: _Optional[str] = ..., description: _Optional[str] = ..., input_row_count: _Optional[int] = ..., output_row_count: _Optional[int] = ..., quarantined_row_count: _Optional[int] = ..., changed_row_count: _Optional[int] = ..., elapsed_seconds: _Optional[float] = ..., samples: _Optional[_Iterable[_Union[RuleSample, _Mapping]]] = ..., findings: _Optional[_Iterable[str]] = ...) -> None: ...

class RuleSample(_message.Message):
    __slots__ = ("row_id", "column", "before", "after")
    ROW_ID_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    row_id: str
    column: str
    before: str
    after: str
    def __init__(self, row_id: _Optional[str] = ..., column: _Optional[str] = ..., before: _Optional[str] = ..., after: _Optional[str] = ...) -> None: ...

class CheckResult(_message.Message):
    __slots__ = ("check", "column", "passed", "severity", "failed_row_count", "message", "readiness_tiers")
    CHECK_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    PASSED_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    FAILED_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    READINESS_TIERS_FIELD_NUMBER: _ClassVar[int]
    check: str
    column: str
    passed: bool
    severity: Severity
    failed_row_count: int
    message: str
    readiness_tiers: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, check: _Optional[str] = ..., column: _Optional[str] = ..., passed: _Optional[bool] = ..., severity: _Optional[_Union[Severity, str]] = ..., failed_row_count: _Optional[int] = ..., message: _Optional[str] = ..., readiness_tiers: _Optional[_Iterable[str]] = ...) -> None: ...

class ColumnProfile(_message.Message):
    __slots__ = ("column", "missing_ratio", "distinct_count", "minimum", "maximum", "mean")
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    MISSING_RATIO_FIELD_NUMBER: _ClassVar[int]
    DISTINCT_COUNT_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_FIELD_NUMBER: _ClassVar[int]
    MAXIMUM_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    column: str
    missing_ratio: float
    distinct_count: int
    minimum: float
    maximum: float
    mean: float
    def __init__(self, column: _Optional[str] = ..., missing_ratio: _Optional[float] = ..., distinct_count: _Optional[int] = ..., minimum: _Optional[float] = ..., maximum: _Optional[float] = ..., mean: _Optional[float] = ...) -> None: ...

class QuarantinedRow(_message.Message):
    __slots__ = ("row_id", "source_line", "rule", "reason", "column", "row_json", "create_time", "released")
    ROW_ID_FIELD_NUMBER: _ClassVar[int]
    IMPORT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_LINE_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    ROW_JSON_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    RELEASED_FIELD_NUMBER: _ClassVar[int]
    row_id: str
    source_line: int
    rule: str
    reason: str
    column: str
    row_json: str
    create_time: _timestamp_pb2.Timestamp
    released: bool
    def __init__(self, row_id: _Optional[str] = ..., source_line: _Optional[int] = ..., rule: _Optional[str] = ..., reason: _Optional[str] = ..., column: _Optional[str] = ..., row_json: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., released: _Optional[bool] = ..., **kwargs) -> None: ...
