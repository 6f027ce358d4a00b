"""What governance knows about datasets, imports, runs and versions."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from aisle_governance.domain.cleaning import Cleaning
from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.mapping import ColumnMapping
from aisle_governance.domain.standards.money import Rate


class FileFormat(StrEnum):
    """How source bytes are read; the names are those of the contract's enum without its prefix."""

    CSV = "CSV"
    JSONL = "JSONL"
    PARQUET = "PARQUET"
    XLSX = "XLSX"


class RecordSchema(StrEnum):
    """Whose records JSON lines are; the names are those of the contract's enum without its prefix."""

    NONE = ""
    GOOGLE_RETAIL = "GOOGLE_RETAIL"
    OPENSEARCH_UBI = "OPENSEARCH_UBI"
    METARANK = "METARANK"
    GORSE = "GORSE"


class Severity(StrEnum):
    """What a failed check does."""

    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file is written; empty parts are detected."""

    delimiter: str = ""
    encoding: str = ""
    quote: str = ""
    sheet: str = ""
    """Of a workbook; empty means the first."""
    record_schema: RecordSchema = RecordSchema.NONE

    def __post_init__(self) -> None:
        """Give parts that came through JSON their types."""
        object.__setattr__(self, "record_schema", RecordSchema(self.record_schema))


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """What one file of a source of several files brought."""

    name: str
    accepted_row_count: int
    rejected_row_count: int


@dataclass(frozen=True, slots=True)
class Dataset:
    """A named table of one kind."""

    id: str
    kind: DatasetKind
    mapping: ColumnMapping
    contract_yaml: str
    create_time: datetime
    latest_version: int = 0
    """Number of the newest version; 0 before the first."""
    imported_row_count: int = 0


@dataclass(frozen=True, slots=True)
class Import:
    """One file taken into a dataset; its id is also that of its job."""

    id: str
    dataset: str
    sequence: int
    """Order of arrival over all datasets."""
    source_file: str
    sha256: str
    source_bytes: int
    format: FileFormat
    dialect: Dialect
    accepted_row_count: int = 0
    rejected_row_count: int = 0
    rows_artifact: str = ""
    """SHA-256 of the Parquet file of accepted rows; empty until the job has succeeded."""
    rejected_artifact: str = ""
    """SHA-256 of the Parquet file of refused rows; empty when there are none."""
    likely_encoding: str = ""
    """What the bytes seem to be when some are no text in the dialect's encoding."""
    files: tuple[ImportedFile, ...] = ()
    """Of a source of several files."""
    skipped_record_count: int = 0
    same_as: str = ""
    """Id of the import that had brought the same bytes before."""
    exclusion_count: int = 0
    """How many people were excluded when live rows became this import; for imports with a job, the job says it."""


@dataclass(frozen=True, slots=True)
class DatasetRun:
    """One dataset of a run."""

    dataset: str
    disabled_rules: tuple[str, ...] = ()
    currency_rates: tuple[Rate, ...] = ()
    """Rates beside those of the dataset's mapping; one of the same currency and day replaces that one."""
    cleaning: Cleaning = field(default_factory=Cleaning)
    """Rules beside those of the kind."""


@dataclass(frozen=True, slots=True)
class Run:
    """A governance run; its id is also that of its job."""

    id: str
    sequence: int
    dataset_runs: tuple[DatasetRun, ...]
    slip: bytes = b""
    """The routing slip as it came, serialized; empty when a caller asked."""
    pipeline_run: str = ""
    dataset_versions: tuple[str, ...] = ()
    dry_run: bool = False
    """Whether it publishes nothing and only reports."""


@dataclass(frozen=True, slots=True)
class TableFile:
    """One Parquet file of a version, with the digest that every reader checks."""

    name: str
    sha256: str
    size_bytes: int
    row_count: int


@dataclass(frozen=True, slots=True)
class Version:
    """An immutable table."""

    dataset: str
    number: int
    kind: DatasetKind
    content_hash: str
    parent: int
    """Number of the version that was newest before; 0 for the first."""
    imports: tuple[str, ...]
    contract_hash: str
    rule_set_hash: str
    row_count: int
    columns: tuple[tuple[str, str], ...]
    """(name, Arrow type in words) in order."""
    create_time: datetime
    run: str
    folder: str
    """Folder of the Delta table below the tables root."""
    files: tuple[TableFile, ...] = ()
    """In the order of their rows."""
    restored_from: int = 0
    """Number of the version whose rows this one publishes again; 0 for what a run made."""
    erased_row_count: int = 0
    """Rows that erasures have deleted since the publication."""
    vacuum_time: float = 0.0
    """When the files were deleted, seconds since the epoch; 0 while they are there."""

    @property
    def name(self) -> str:
        """`datasets/{dataset}/versions/{number}`."""
        return f"datasets/{self.dataset}/versions/{self.number}"


@dataclass(frozen=True, slots=True)
class RuleSample:
    """One value that a rule changed."""

    row_id: str
    column: str
    before: str
    """Empty when there was no value."""
    after: str


@dataclass(frozen=True, slots=True)
class RuleReport:
    """What one rule did."""

    rule: str
    description: str
    input_row_count: int
    output_row_count: int
    quarantined_row_count: int
    changed_row_count: int
    elapsed_seconds: float
    samples: tuple[RuleSample, ...] = ()
    findings: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "RuleReport":
        """Back from `asdict`; unknown keys of a newer release are ignored."""
        known = {key: value for key, value in data.items() if key in cls.__dataclass_fields__}
        known["samples"] = tuple(RuleSample(**part) for part in data.get("samples", ()))
        known["findings"] = tuple(data.get("findings", ()))
        return cls(**known)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one contract check found."""

    check: str
    column: str
    passed: bool
    severity: Severity
    failed_row_count: int
    message: str
    tiers: tuple[str, ...] = ()
    """Tiers of models that may be trained only while it holds."""

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "CheckResult":
        """Back from `asdict`; unknown keys of a newer release are ignored."""
        known = {key: value for key, value in data.items() if key in cls.__dataclass_fields__}
        known["severity"] = Severity(known["severity"])
        known["tiers"] = tuple(known.get("tiers", ()))
        return cls(**known)


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """A short description of one column; numbers are None where the column holds none."""

    column: str
    missing_ratio: float
    distinct_count: int
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None


@dataclass(frozen=True, slots=True)
class QualityReport:
    """What a run did to one dataset."""

    dataset: str
    run: str
    input_row_count: int
    output_row_count: int
    quarantined_row_count: int
    rules: tuple[RuleReport, ...]
    checks: tuple[CheckResult, ...]
    before: tuple[ColumnProfile, ...]
    after: tuple[ColumnProfile, ...]
    quality_score_ratio: float
    raw_defect_counts: dict[str, int] = field(default_factory=dict)
    quarantine_artifact: str = ""
    """SHA-256 of the Parquet file of rows put aside; empty when there are none."""

    def to_json(self) -> dict[str, Any]:
        """As plain data for storage."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "QualityReport":
        """Back from `to_json`; unknown keys of a newer release are ignored."""
        known = {key: value for key, value in data.items() if key in cls.__dataclass_fields__}
        known["rules"] = tuple(RuleReport.from_json(part) for part in data["rules"])
        known["checks"] = tuple(CheckResult.from_json(part) for part in data["checks"])
        known["before"] = tuple(ColumnProfile(**part) for part in data["before"])
        known["after"] = tuple(ColumnProfile(**part) for part in data["after"])
        return cls(**known)

    @property
    def stopping_checks(self) -> tuple[CheckResult, ...]:
        """Failed checks that forbid publication."""
        return tuple(check for check in self.checks if not check.passed and check.severity is Severity.ERROR)


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """A row that was put aside."""

    row_id: str
    import_id: str
    source_line: int
    rule: str
    reason: str
    column: str
    row_json: str
