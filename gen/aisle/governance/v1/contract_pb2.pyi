import datetime

from aisle.governance.v1 import governance_run_pb2 as _governance_run_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ContractChangeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONTRACT_CHANGE_KIND_UNSPECIFIED: _ClassVar[ContractChangeKind]
    CONTRACT_CHANGE_KIND_BREAKING: _ClassVar[ContractChangeKind]
    CONTRACT_CHANGE_KIND_TIGHTENING: _ClassVar[ContractChangeKind]
    CONTRACT_CHANGE_KIND_COMPATIBLE: _ClassVar[ContractChangeKind]

class ReadinessTier(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    READINESS_TIER_UNSPECIFIED: _ClassVar[ReadinessTier]
    READINESS_TIER_RELEVANCE: _ClassVar[ReadinessTier]
    READINESS_TIER_BEHAVIOUR: _ClassVar[ReadinessTier]
    READINESS_TIER_PERSONALISED: _ClassVar[ReadinessTier]
CONTRACT_CHANGE_KIND_UNSPECIFIED: ContractChangeKind
CONTRACT_CHANGE_KIND_BREAKING: ContractChangeKind
CONTRACT_CHANGE_KIND_TIGHTENING: ContractChangeKind
CONTRACT_CHANGE_KIND_COMPATIBLE: ContractChangeKind
READINESS_TIER_UNSPECIFIED: ReadinessTier
READINESS_TIER_RELEVANCE: ReadinessTier
READINESS_TIER_BEHAVIOUR: ReadinessTier
READINESS_TIER_PERSONALISED: ReadinessTier

class ContractVersion(_message.Message):
    __slots__ = ("name", "contract_yaml", "contract_hash", "create_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_YAML_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_HASH_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    contract_yaml: str
    contract_hash: str
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., contract_yaml: _Optional[str] = ..., contract_hash: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListContractVersionsRequest(_message.Message):
    __slots__ = ("dataset", "page_size", "page_token")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    page_size: int
    page_token: str
    def __init__(self, dataset: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListContractVersionsResponse(_message.Message):
    __slots__ = ("contract_versions", "next_page_token")
    CONTRACT_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    contract_versions: _containers.RepeatedCompositeFieldContainer[ContractVersion]
    next_page_token: str
    def __init__(self, contract_versions: _Optional[_Iterable[_Union[ContractVersion, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetContractVersionRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetContractVersionResponse(_message.Message):
    __slots__ = ("contract_version",)
    CONTRACT_VERSION_FIELD_NUMBER: _ClassVar[int]
    contract_version: ContractVersion
    def __init__(self, contract_version: _Optional[_Union[ContractVersion, _Mapping]] = ...) -> None: ...

class SuggestContractRequest(_message.Message):
    __slots__ = ("dataset_version", "reference_datasets")
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_DATASETS_FIELD_NUMBER: _ClassVar[int]
    dataset_version: str
    reference_datasets: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, dataset_version: _Optional[str] = ..., reference_datasets: _Optional[_Iterable[str]] = ...) -> None: ...

class SuggestedCheck(_message.Message):
    __slots__ = ("check", "column", "severity", "evidence", "row_count", "holding_ratio")
    CHECK_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    HOLDING_RATIO_FIELD_NUMBER: _ClassVar[int]
    check: str
    column: str
    severity: _governance_run_pb2.Severity
    evidence: str
    row_count: int
    holding_ratio: float
    def __init__(self, check: _Optional[str] = ..., column: _Optional[str] = ..., severity: _Optional[_Union[_governance_run_pb2.Severity, str]] = ..., evidence: _Optional[str] = ..., row_count: _Optional[int] = ..., holding_ratio: _Optional[float] = ...) -> None: ...

class SuggestContractResponse(_message.Message):
    __slots__ = ("dataset_version", "contract_yaml", "checks", "left_out")
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_YAML_FIELD_NUMBER: _ClassVar[int]
    CHECKS_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    dataset_version: str
    contract_yaml: str
    checks: _containers.RepeatedCompositeFieldContainer[SuggestedCheck]
    left_out: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, dataset_version: _Optional[str] = ..., contract_yaml: _Optional[str] = ..., checks: _Optional[_Iterable[_Union[SuggestedCheck, _Mapping]]] = ..., left_out: _Optional[_Iterable[str]] = ...) -> None: ...

class DiffContractRequest(_message.Message):
    __slots__ = ("base", "target")
    BASE_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    base: ContractSource
    target: ContractSource
    def __init__(self, base: _Optional[_Union[ContractSource, _Mapping]] = ..., target: _Optional[_Union[ContractSource, _Mapping]] = ...) -> None: ...

class ContractSource(_message.Message):
    __slots__ = ("contract", "contract_yaml")
    CONTRACT_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_YAML_FIELD_NUMBER: _ClassVar[int]
    contract: str
    contract_yaml: str
    def __init__(self, contract: _Optional[str] = ..., contract_yaml: _Optional[str] = ...) -> None: ...

class ContractChange(_message.Message):
    __slots__ = ("kind", "column", "check", "description", "before", "after", "uses")
    KIND_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    CHECK_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    USES_FIELD_NUMBER: _ClassVar[int]
    kind: ContractChangeKind
    column: str
    check: str
    description: str
    before: str
    after: str
    uses: _containers.RepeatedCompositeFieldContainer[ColumnUse]
    def __init__(self, kind: _Optional[_Union[ContractChangeKind, str]] = ..., column: _Optional[str] = ..., check: _Optional[str] = ..., description: _Optional[str] = ..., before: _Optional[str] = ..., after: _Optional[str] = ..., uses: _Optional[_Iterable[_Union[ColumnUse, _Mapping]]] = ...) -> None: ...

class ColumnUse(_message.Message):
    __slots__ = ("user", "detail", "user_column", "dataset_version", "aliases", "column_is_known")
    USER_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    USER_COLUMN_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    COLUMN_IS_KNOWN_FIELD_NUMBER: _ClassVar[int]
    user: str
    detail: str
    user_column: str
    dataset_version: str
    aliases: _containers.RepeatedScalarFieldContainer[str]
    column_is_known: bool
    def __init__(self, user: _Optional[str] = ..., detail: _Optional[str] = ..., user_column: _Optional[str] = ..., dataset_version: _Optional[str] = ..., aliases: _Optional[_Iterable[str]] = ..., column_is_known: _Optional[bool] = ...) -> None: ...

class DiffContractResponse(_message.Message):
    __slots__ = ("changes",)
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[ContractChange]
    def __init__(self, changes: _Optional[_Iterable[_Union[ContractChange, _Mapping]]] = ...) -> None: ...

class GetReadinessRequest(_message.Message):
    __slots__ = ("datasets", "tier")
    DATASETS_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    datasets: _containers.RepeatedScalarFieldContainer[str]
    tier: ReadinessTier
    def __init__(self, datasets: _Optional[_Iterable[str]] = ..., tier: _Optional[_Union[ReadinessTier, str]] = ...) -> None: ...

class ReadinessRequirement(_message.Message):
    __slots__ = ("requirement", "description", "dataset_version", "observed_value", "threshold", "passed", "next_step")
    REQUIREMENT_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    DATASET_VERSION_FIELD_NUMBER: _ClassVar[int]
    OBSERVED_VALUE_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    PASSED_FIELD_NUMBER: _ClassVar[int]
    NEXT_STEP_FIELD_NUMBER: _ClassVar[int]
    requirement: str
    description: str
    dataset_version: str
    observed_value: float
    threshold: float
    passed: bool
    next_step: str
    def __init__(self, requirement: _Optional[str] = ..., description: _Optional[str] = ..., dataset_version: _Optional[str] = ..., observed_value: _Optional[float] = ..., threshold: _Optional[float] = ..., passed: _Optional[bool] = ..., next_step: _Optional[str] = ...) -> None: ...

class TierReadiness(_message.Message):
    __slots__ = ("tier", "ready", "requirements")
    TIER_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    REQUIREMENTS_FIELD_NUMBER: _ClassVar[int]
    tier: ReadinessTier
    ready: bool
    requirements: _containers.RepeatedCompositeFieldContainer[ReadinessRequirement]
    def __init__(self, tier: _Optional[_Union[ReadinessTier, str]] = ..., ready: _Optional[bool] = ..., requirements: _Optional[_Iterable[_Union[ReadinessRequirement, _Mapping]]] = ...) -> None: ...

class GetReadinessResponse(_message.Message):
    __slots__ = ("tiers",)
    TIERS_FIELD_NUMBER: _ClassVar[int]
    tiers: _containers.RepeatedCompositeFieldContainer[TierReadiness]
    def __init__(self, tiers: _Optional[_Iterable[_Union[TierReadiness, _Mapping]]] = ...) -> None: ...
