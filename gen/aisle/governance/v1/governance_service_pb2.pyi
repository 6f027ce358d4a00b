from aisle.governance.v1 import classification_pb2 as _classification_pb2
from aisle.governance.v1 import collect_pb2 as _collect_pb2
from aisle.governance.v1 import column_shape_pb2 as _column_shape_pb2
from aisle.governance.v1 import contract_pb2 as _contract_pb2
from aisle.governance.v1 import data_roi_pb2 as _data_roi_pb2
from aisle.governance.v1 import dataset_pb2 as _dataset_pb2
from aisle.governance.v1 import dataset_history_pb2 as _dataset_history_pb2
from aisle.governance.v1 import erasure_pb2 as _erasure_pb2
from aisle.governance.v1 import governance_run_pb2 as _governance_run_pb2
from aisle.governance.v1 import label_pb2 as _label_pb2
from aisle.governance.v1 import repair_model_pb2 as _repair_model_pb2
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

class CreateDatasetRequest(_message.Message):
    __slots__ = ("dataset_id", "kind", "mapping", "contract_yaml", "request_id")
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MAPPING_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_YAML_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    dataset_id: str
    kind: _dataset_pb2.DatasetKind
    mapping: _dataset_pb2.ColumnMapping
    contract_yaml: str
    request_id: str
    def __init__(self, dataset_id: _Optional[str] = ..., kind: _Optional[_Union[_dataset_pb2.DatasetKind, str]] = ..., mapping: _Optional[_Union[_dataset_pb2.ColumnMapping, _Mapping]] = ..., contract_yaml: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateDatasetResponse(_message.Message):
    __slots__ = ("dataset",)
    DATASET_FIELD_NUMBER: _ClassVar[int]
    dataset: _dataset_pb2.Dataset
    def __init__(self, dataset: _Optional[_Union[_dataset_pb2.Dataset, _Mapping]] = ...) -> None: ...

class GetDatasetRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetDatasetResponse(_message.Message):
    __slots__ = ("dataset",)
    DATASET_FIELD_NUMBER: _ClassVar[int]
    dataset: _dataset_pb2.Dataset
    def __init__(self, dataset: _Optional[_Union[_dataset_pb2.Dataset, _Mapping]] = ...) -> None: ...

class ListDatasetsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListDatasetsResponse(_message.Message):
    __slots__ = ("datasets", "next_page_token")
    DATASETS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    datasets: _containers.RepeatedCompositeFieldContainer[_dataset_pb2.Dataset]
    next_page_token: str
    def __init__(self, datasets: _Optional[_Iterable[_Union[_dataset_pb2.Dataset, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CreateContractRequest(_message.Message):
    __slots__ = ("dataset", "contract_yaml", "request_id")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_YAML_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    contract_yaml: str
    request_id: str
    def __init__(self, dataset: _Optional[str] = ..., contract_yaml: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateContractResponse(_message.Message):
    __slots__ = ("dataset",)
    DATASET_FIELD_NUMBER: _ClassVar[int]
    dataset: _dataset_pb2.Dataset
    def __init__(self, dataset: _Optional[_Union[_dataset_pb2.Dataset, _Mapping]] = ...) -> None: ...

class ValidateContractRequest(_message.Message):
    __slots__ = ("contract_yaml", "kind")
    CONTRACT_YAML_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    contract_yaml: str
    kind: _dataset_pb2.DatasetKind
    def __init__(self, contract_yaml: _Optional[str] = ..., kind: _Optional[_Union[_dataset_pb2.DatasetKind, str]] = ...) -> None: ...

class ValidateContractResponse(_message.Message):
    __slots__ = ("problems",)
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    problems: _containers.RepeatedCompositeFieldContainer[_failure_pb2.Failure]
    def __init__(self, problems: _Optional[_Iterable[_Union[_failure_pb2.Failure, _Mapping]]] = ...) -> None: ...

class UploadRowsRequest(_message.Message):
    __slots__ = ("header", "chunk")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    header: UploadHeader
    chunk: bytes
    def __init__(self, header: _Optional[_Union[UploadHeader, _Mapping]] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class UploadHeader(_message.Message):
    __slots__ = ("dataset", "source_file", "format", "dialect", "sha256", "request_id")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FILE_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    DIALECT_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    source_file: str
    format: _dataset_pb2.FileFormat
    dialect: _dataset_pb2.Dialect
    sha256: str
    request_id: str
    def __init__(self, dataset: _Optional[str] = ..., source_file: _Optional[str] = ..., format: _Optional[_Union[_dataset_pb2.FileFormat, str]] = ..., dialect: _Optional[_Union[_dataset_pb2.Dialect, _Mapping]] = ..., sha256: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class UploadRowsResponse(_message.Message):
    __slots__ = ()
    IMPORT_FIELD_NUMBER: _ClassVar[int]
    def __init__(self, **kwargs) -> None: ...

class ImportDatasetRequest(_message.Message):
    __slots__ = ("dataset", "relative_path", "format", "dialect", "request_id")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    RELATIVE_PATH_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    DIALECT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    relative_path: str
    format: _dataset_pb2.FileFormat
    dialect: _dataset_pb2.Dialect
    request_id: str
    def __init__(self, dataset: _Optional[str] = ..., relative_path: _Optional[str] = ..., format: _Optional[_Union[_dataset_pb2.FileFormat, str]] = ..., dialect: _Optional[_Union[_dataset_pb2.Dialect, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class ImportDatasetResponse(_message.Message):
    __slots__ = ()
    IMPORT_FIELD_NUMBER: _ClassVar[int]
    def __init__(self, **kwargs) -> None: ...

class GetImportRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetImportResponse(_message.Message):
    __slots__ = ()
    IMPORT_FIELD_NUMBER: _ClassVar[int]
    def __init__(self, **kwargs) -> None: ...

class WatchImportRequest(_message.Message):
    __slots__ = ("name", "after_revision")
    NAME_FIELD_NUMBER: _ClassVar[int]
    AFTER_REVISION_FIELD_NUMBER: _ClassVar[int]
    name: str
    after_revision: int
    def __init__(self, name: _Optional[str] = ..., after_revision: _Optional[int] = ...) -> None: ...

class WatchImportResponse(_message.Message):
    __slots__ = ()
    IMPORT_FIELD_NUMBER: _ClassVar[int]
    def __init__(self, **kwargs) -> None: ...

class ListImportsRequest(_message.Message):
    __slots__ = ("dataset", "page_size", "page_token")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    page_size: int
    page_token: str
    def __init__(self, dataset: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListImportsResponse(_message.Message):
    __slots__ = ("imports", "next_page_token")
    IMPORTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    imports: _containers.RepeatedCompositeFieldContainer[_dataset_pb2.Import]
    next_page_token: str
    def __init__(self, imports: _Optional[_Iterable[_Union[_dataset_pb2.Import, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class StartGovernanceRunRequest(_message.Message):
    __slots__ = ("stage", "request_id", "dry_run")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    stage: _pipeline_spec_pb2.GovernanceStage
    request_id: str
    dry_run: bool
    def __init__(self, stage: _Optional[_Union[_pipeline_spec_pb2.GovernanceStage, _Mapping]] = ..., request_id: _Optional[str] = ..., dry_run: _Optional[bool] = ...) -> None: ...

class StartGovernanceRunResponse(_message.Message):
    __slots__ = ("governance_run",)
    GOVERNANCE_RUN_FIELD_NUMBER: _ClassVar[int]
    governance_run: _governance_run_pb2.GovernanceRun
    def __init__(self, governance_run: _Optional[_Union[_governance_run_pb2.GovernanceRun, _Mapping]] = ...) -> None: ...

class GetGovernanceRunRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetGovernanceRunResponse(_message.Message):
    __slots__ = ("governance_run",)
    GOVERNANCE_RUN_FIELD_NUMBER: _ClassVar[int]
    governance_run: _governance_run_pb2.GovernanceRun
    def __init__(self, governance_run: _Optional[_Union[_governance_run_pb2.GovernanceRun, _Mapping]] = ...) -> None: ...

class ListGovernanceRunsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListGovernanceRunsResponse(_message.Message):
    __slots__ = ("governance_runs", "next_page_token")
    GOVERNANCE_RUNS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    governance_runs: _containers.RepeatedCompositeFieldContainer[_governance_run_pb2.GovernanceRun]
    next_page_token: str
    def __init__(self, governance_runs: _Optional[_Iterable[_Union[_governance_run_pb2.GovernanceRun, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CancelGovernanceRunRequest(_message.Message):
    __slots__ = ("name", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    request_id: str
    def __init__(self, name: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CancelGovernanceRunResponse(_message.Message):
    __slots__ = ("governance_run",)
    GOVERNANCE_RUN_FIELD_NUMBER: _ClassVar[int]
    governance_run: _governance_run_pb2.GovernanceRun
    def __init__(self, governance_run: _Optional[_Union[_governance_run_pb2.GovernanceRun, _Mapping]] = ...) -> None: ...

class WatchGovernanceRunRequest(_message.Message):
    __slots__ = ("name", "after_revision")
    NAME_FIELD_NUMBER: _ClassVar[int]
    AFTER_REVISION_FIELD_NUMBER: _ClassVar[int]
    name: str
    after_revision: int
    def __init__(self, name: _Optional[str] = ..., after_revision: _Optional[int] = ...) -> None: ...

class WatchGovernanceRunResponse(_message.Message):
    __slots__ = ("governance_run",)
    GOVERNANCE_RUN_FIELD_NUMBER: _ClassVar[int]
    governance_run: _governance_run_pb2.GovernanceRun
    def __init__(self, governance_run: _Optional[_Union[_governance_run_pb2.GovernanceRun, _Mapping]] = ...) -> None: ...

class GetQualityReportRequest(_message.Message):
    __slots__ = ("name", "governance_run")
    NAME_FIELD_NUMBER: _ClassVar[int]
    GOVERNANCE_RUN_FIELD_NUMBER: _ClassVar[int]
    name: str
    governance_run: str
    def __init__(self, name: _Optional[str] = ..., governance_run: _Optional[str] = ...) -> None: ...

class GetQualityReportResponse(_message.Message):
    __slots__ = ("quality_report",)
    QUALITY_REPORT_FIELD_NUMBER: _ClassVar[int]
    quality_report: _governance_run_pb2.QualityReport
    def __init__(self, quality_report: _Optional[_Union[_governance_run_pb2.QualityReport, _Mapping]] = ...) -> None: ...

class GetDatasetVersionRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetDatasetVersionResponse(_message.Message):
    __slots__ = ("dataset_version",)
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    dataset_version: _dataset_pb2.DatasetVersion
    def __init__(self, dataset_version: _Optional[_Union[_dataset_pb2.DatasetVersion, _Mapping]] = ...) -> None: ...

class ListDatasetVersionsRequest(_message.Message):
    __slots__ = ("dataset", "page_size", "page_token")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    page_size: int
    page_token: str
    def __init__(self, dataset: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListDatasetVersionsResponse(_message.Message):
    __slots__ = ("dataset_versions", "next_page_token")
    DATASET_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    dataset_versions: _containers.RepeatedCompositeFieldContainer[_dataset_pb2.DatasetVersion]
    next_page_token: str
    def __init__(self, dataset_versions: _Optional[_Iterable[_Union[_dataset_pb2.DatasetVersion, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListQuarantinedRowsRequest(_message.Message):
    __slots__ = ("parent", "rule", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    rule: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., rule: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListQuarantinedRowsResponse(_message.Message):
    __slots__ = ("quarantined_rows", "next_page_token", "total_count")
    QUARANTINED_ROWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    quarantined_rows: _containers.RepeatedCompositeFieldContainer[_governance_run_pb2.QuarantinedRow]
    next_page_token: str
    total_count: int
    def __init__(self, quarantined_rows: _Optional[_Iterable[_Union[_governance_run_pb2.QuarantinedRow, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total_count: _Optional[int] = ...) -> None: ...

class ReadRowsRequest(_message.Message):
    __slots__ = ("dataset_version", "columns", "added_since_version", "sample_row_count", "as_of_join")
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    ADDED_SINCE_VERSION_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    AS_OF_JOIN_FIELD_NUMBER: _ClassVar[int]
    dataset_version: str
    columns: _containers.RepeatedScalarFieldContainer[str]
    added_since_version: str
    sample_row_count: int
    as_of_join: _dataset_history_pb2.AsOfJoin
    def __init__(self, dataset_version: _Optional[str] = ..., columns: _Optional[_Iterable[str]] = ..., added_since_version: _Optional[str] = ..., sample_row_count: _Optional[int] = ..., as_of_join: _Optional[_Union[_dataset_history_pb2.AsOfJoin, _Mapping]] = ...) -> None: ...

class ReadRowsResponse(_message.Message):
    __slots__ = ("arrow_ipc_chunk",)
    ARROW_IPC_CHUNK_FIELD_NUMBER: _ClassVar[int]
    arrow_ipc_chunk: bytes
    def __init__(self, arrow_ipc_chunk: _Optional[bytes] = ...) -> None: ...

class GetLineageRequest(_message.Message):
    __slots__ = ("name", "row_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROW_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    row_id: str
    def __init__(self, name: _Optional[str] = ..., row_id: _Optional[str] = ...) -> None: ...

class GetLineageResponse(_message.Message):
    __slots__ = ("imports", "parent_versions", "row_source", "row_release", "merged_row_sources")
    IMPORTS_FIELD_NUMBER: _ClassVar[int]
    PARENT_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    ROW_SOURCE_FIELD_NUMBER: _ClassVar[int]
    ROW_RELEASE_FIELD_NUMBER: _ClassVar[int]
    MERGED_ROW_SOURCES_FIELD_NUMBER: _ClassVar[int]
    imports: _containers.RepeatedCompositeFieldContainer[_dataset_pb2.Import]
    parent_versions: _containers.RepeatedScalarFieldContainer[str]
    row_source: SourcePosition
    row_release: _dataset_history_pb2.RowRelease
    merged_row_sources: _containers.RepeatedCompositeFieldContainer[SourcePosition]
    def __init__(self, imports: _Optional[_Iterable[_Union[_dataset_pb2.Import, _Mapping]]] = ..., parent_versions: _Optional[_Iterable[str]] = ..., row_source: _Optional[_Union[SourcePosition, _Mapping]] = ..., row_release: _Optional[_Union[_dataset_history_pb2.RowRelease, _Mapping]] = ..., merged_row_sources: _Optional[_Iterable[_Union[SourcePosition, _Mapping]]] = ...) -> None: ...

class SourcePosition(_message.Message):
    __slots__ = ("source_file", "source_line")
    SOURCE_FILE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_LINE_FIELD_NUMBER: _ClassVar[int]
    IMPORT_FIELD_NUMBER: _ClassVar[int]
    source_file: str
    source_line: int
    def __init__(self, source_file: _Optional[str] = ..., source_line: _Optional[int] = ..., **kwargs) -> None: ...

class CollectUserEventsRequest(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[_user_event_pb2.UserEvent]
    def __init__(self, events: _Optional[_Iterable[_Union[_user_event_pb2.UserEvent, _Mapping]]] = ...) -> None: ...

class CollectUserEventsResponse(_message.Message):
    __slots__ = ("accepted_count", "duplicate_count", "problems")
    ACCEPTED_COUNT_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_COUNT_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    accepted_count: int
    duplicate_count: int
    problems: _containers.RepeatedCompositeFieldContainer[EventProblem]
    def __init__(self, accepted_count: _Optional[int] = ..., duplicate_count: _Optional[int] = ..., problems: _Optional[_Iterable[_Union[EventProblem, _Mapping]]] = ...) -> None: ...

class EventProblem(_message.Message):
    __slots__ = ("index", "failure")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    index: int
    failure: _failure_pb2.Failure
    def __init__(self, index: _Optional[int] = ..., failure: _Optional[_Union[_failure_pb2.Failure, _Mapping]] = ...) -> None: ...

class DiffDatasetVersionsRequest(_message.Message):
    __slots__ = ("base_version", "version")
    BASE_VERSION_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    base_version: str
    version: str
    def __init__(self, base_version: _Optional[str] = ..., version: _Optional[str] = ...) -> None: ...

class DiffDatasetVersionsResponse(_message.Message):
    __slots__ = ("diff",)
    DIFF_FIELD_NUMBER: _ClassVar[int]
    diff: _dataset_history_pb2.VersionDiff
    def __init__(self, diff: _Optional[_Union[_dataset_history_pb2.VersionDiff, _Mapping]] = ...) -> None: ...

class RollbackDatasetRequest(_message.Message):
    __slots__ = ("version", "request_id")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    version: str
    request_id: str
    def __init__(self, version: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class RollbackDatasetResponse(_message.Message):
    __slots__ = ("dataset_version",)
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    dataset_version: _dataset_pb2.DatasetVersion
    def __init__(self, dataset_version: _Optional[_Union[_dataset_pb2.DatasetVersion, _Mapping]] = ...) -> None: ...

class GetRetentionPolicyRequest(_message.Message):
    __slots__ = ("dataset",)
    DATASET_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    def __init__(self, dataset: _Optional[str] = ...) -> None: ...

class GetRetentionPolicyResponse(_message.Message):
    __slots__ = ("retention_policy",)
    RETENTION_POLICY_FIELD_NUMBER: _ClassVar[int]
    retention_policy: _dataset_history_pb2.RetentionPolicy
    def __init__(self, retention_policy: _Optional[_Union[_dataset_history_pb2.RetentionPolicy, _Mapping]] = ...) -> None: ...

class UpdateRetentionPolicyRequest(_message.Message):
    __slots__ = ("retention_policy", "request_id")
    RETENTION_POLICY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    retention_policy: _dataset_history_pb2.RetentionPolicy
    request_id: str
    def __init__(self, retention_policy: _Optional[_Union[_dataset_history_pb2.RetentionPolicy, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpdateRetentionPolicyResponse(_message.Message):
    __slots__ = ("retention_policy",)
    RETENTION_POLICY_FIELD_NUMBER: _ClassVar[int]
    retention_policy: _dataset_history_pb2.RetentionPolicy
    def __init__(self, retention_policy: _Optional[_Union[_dataset_history_pb2.RetentionPolicy, _Mapping]] = ...) -> None: ...

class VacuumDatasetRequest(_message.Message):
    __slots__ = ("dataset", "dry_run", "request_id")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    dry_run: bool
    request_id: str
    def __init__(self, dataset: _Optional[str] = ..., dry_run: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class VacuumDatasetResponse(_message.Message):
    __slots__ = ("vacuumed_versions", "kept_versions", "freed_bytes")
    VACUUMED_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    KEPT_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    FREED_BYTES_FIELD_NUMBER: _ClassVar[int]
    vacuumed_versions: _containers.RepeatedScalarFieldContainer[str]
    kept_versions: _containers.RepeatedCompositeFieldContainer[_dataset_history_pb2.KeptVersion]
    freed_bytes: int
    def __init__(self, vacuumed_versions: _Optional[_Iterable[str]] = ..., kept_versions: _Optional[_Iterable[_Union[_dataset_history_pb2.KeptVersion, _Mapping]]] = ..., freed_bytes: _Optional[int] = ...) -> None: ...

class GetQualityHistoryRequest(_message.Message):
    __slots__ = ("dataset", "page_size", "page_token")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    page_size: int
    page_token: str
    def __init__(self, dataset: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class GetQualityHistoryResponse(_message.Message):
    __slots__ = ("points", "next_page_token")
    POINTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    points: _containers.RepeatedCompositeFieldContainer[_dataset_history_pb2.QualityPoint]
    next_page_token: str
    def __init__(self, points: _Optional[_Iterable[_Union[_dataset_history_pb2.QualityPoint, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ReleaseQuarantinedRowsRequest(_message.Message):
    __slots__ = ("dataset", "rows", "request_id")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    rows: _containers.RepeatedCompositeFieldContainer[_dataset_history_pb2.RowFix]
    request_id: str
    def __init__(self, dataset: _Optional[str] = ..., rows: _Optional[_Iterable[_Union[_dataset_history_pb2.RowFix, _Mapping]]] = ..., request_id: _Optional[str] = ...) -> None: ...

class ReleaseQuarantinedRowsResponse(_message.Message):
    __slots__ = ("releases",)
    RELEASES_FIELD_NUMBER: _ClassVar[int]
    releases: _containers.RepeatedCompositeFieldContainer[_dataset_history_pb2.RowRelease]
    def __init__(self, releases: _Optional[_Iterable[_Union[_dataset_history_pb2.RowRelease, _Mapping]]] = ...) -> None: ...

class EraseSubjectRequest(_message.Message):
    __slots__ = ("customer_id", "request_id")
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    customer_id: str
    request_id: str
    def __init__(self, customer_id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class EraseSubjectResponse(_message.Message):
    __slots__ = ("erasure",)
    ERASURE_FIELD_NUMBER: _ClassVar[int]
    erasure: _erasure_pb2.Erasure
    def __init__(self, erasure: _Optional[_Union[_erasure_pb2.Erasure, _Mapping]] = ...) -> None: ...

class GetErasureRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetErasureResponse(_message.Message):
    __slots__ = ("erasure",)
    ERASURE_FIELD_NUMBER: _ClassVar[int]
    erasure: _erasure_pb2.Erasure
    def __init__(self, erasure: _Optional[_Union[_erasure_pb2.Erasure, _Mapping]] = ...) -> None: ...

class ListErasuresRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListErasuresResponse(_message.Message):
    __slots__ = ("erasures", "next_page_token")
    ERASURES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    erasures: _containers.RepeatedCompositeFieldContainer[_erasure_pb2.Erasure]
    next_page_token: str
    def __init__(self, erasures: _Optional[_Iterable[_Union[_erasure_pb2.Erasure, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WatchErasureRequest(_message.Message):
    __slots__ = ("name", "after_revision", "until_complete")
    NAME_FIELD_NUMBER: _ClassVar[int]
    AFTER_REVISION_FIELD_NUMBER: _ClassVar[int]
    UNTIL_COMPLETE_FIELD_NUMBER: _ClassVar[int]
    name: str
    after_revision: int
    until_complete: bool
    def __init__(self, name: _Optional[str] = ..., after_revision: _Optional[int] = ..., until_complete: _Optional[bool] = ...) -> None: ...

class PreviewErasureRequest(_message.Message):
    __slots__ = ("customer_id",)
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    customer_id: str
    def __init__(self, customer_id: _Optional[str] = ...) -> None: ...

class PreviewErasureResponse(_message.Message):
    __slots__ = ("finding",)
    FINDING_FIELD_NUMBER: _ClassVar[int]
    finding: _erasure_pb2.SubjectFinding
    def __init__(self, finding: _Optional[_Union[_erasure_pb2.SubjectFinding, _Mapping]] = ...) -> None: ...

class WatchErasureResponse(_message.Message):
    __slots__ = ("erasure",)
    ERASURE_FIELD_NUMBER: _ClassVar[int]
    erasure: _erasure_pb2.Erasure
    def __init__(self, erasure: _Optional[_Union[_erasure_pb2.Erasure, _Mapping]] = ...) -> None: ...

class CreateRepairModelRequest(_message.Message):
    __slots__ = ("dataset", "labelled_rows", "suggestion_count", "request_id")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    LABELLED_ROWS_FIELD_NUMBER: _ClassVar[int]
    SUGGESTION_COUNT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    labelled_rows: _containers.RepeatedCompositeFieldContainer[_repair_model_pb2.LabelledRow]
    suggestion_count: int
    request_id: str
    def __init__(self, dataset: _Optional[str] = ..., labelled_rows: _Optional[_Iterable[_Union[_repair_model_pb2.LabelledRow, _Mapping]]] = ..., suggestion_count: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateRepairModelResponse(_message.Message):
    __slots__ = ("repair_model",)
    REPAIR_MODEL_FIELD_NUMBER: _ClassVar[int]
    repair_model: _repair_model_pb2.RepairModel
    def __init__(self, repair_model: _Optional[_Union[_repair_model_pb2.RepairModel, _Mapping]] = ...) -> None: ...

class GetRepairModelRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetRepairModelResponse(_message.Message):
    __slots__ = ("repair_model",)
    REPAIR_MODEL_FIELD_NUMBER: _ClassVar[int]
    repair_model: _repair_model_pb2.RepairModel
    def __init__(self, repair_model: _Optional[_Union[_repair_model_pb2.RepairModel, _Mapping]] = ...) -> None: ...

class ListRepairModelsRequest(_message.Message):
    __slots__ = ("dataset", "page_size", "page_token")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    page_size: int
    page_token: str
    def __init__(self, dataset: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRepairModelsResponse(_message.Message):
    __slots__ = ("repair_models", "next_page_token")
    REPAIR_MODELS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    repair_models: _containers.RepeatedCompositeFieldContainer[_repair_model_pb2.RepairModel]
    next_page_token: str
    def __init__(self, repair_models: _Optional[_Iterable[_Union[_repair_model_pb2.RepairModel, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WatchRepairModelRequest(_message.Message):
    __slots__ = ("name", "after_revision")
    NAME_FIELD_NUMBER: _ClassVar[int]
    AFTER_REVISION_FIELD_NUMBER: _ClassVar[int]
    name: str
    after_revision: int
    def __init__(self, name: _Optional[str] = ..., after_revision: _Optional[int] = ...) -> None: ...

class WatchRepairModelResponse(_message.Message):
    __slots__ = ("repair_model",)
    REPAIR_MODEL_FIELD_NUMBER: _ClassVar[int]
    repair_model: _repair_model_pb2.RepairModel
    def __init__(self, repair_model: _Optional[_Union[_repair_model_pb2.RepairModel, _Mapping]] = ...) -> None: ...

class ListProductAliasesRequest(_message.Message):
    __slots__ = ("dataset_version", "page_size", "page_token")
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    dataset_version: str
    page_size: int
    page_token: str
    def __init__(self, dataset_version: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListProductAliasesResponse(_message.Message):
    __slots__ = ("product_aliases", "next_page_token")
    PRODUCT_ALIASES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    product_aliases: _containers.RepeatedCompositeFieldContainer[ProductAlias]
    next_page_token: str
    def __init__(self, product_aliases: _Optional[_Iterable[_Union[ProductAlias, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ProductAlias(_message.Message):
    __slots__ = ("alias_product_id", "product_id")
    ALIAS_PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    alias_product_id: str
    product_id: str
    def __init__(self, alias_product_id: _Optional[str] = ..., product_id: _Optional[str] = ...) -> None: ...
