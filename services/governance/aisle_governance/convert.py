"""The one file that knows both the contract's messages and the domain's records."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from aisle.governance.v1 import dataset_pb2, governance_run_pb2, governance_service_pb2, label_pb2, user_event_pb2
from aisle.pipeline.v1 import pipeline_spec_pb2
from aisle.type.v1 import failure_pb2
from aisle_runtime.convert import failure_from_error, job_status, to_timestamp
from aisle_runtime.jobs import JobRecord
from aisle_runtime.names import ResourceName, resource_id

from aisle_governance import convert_cleaning, convert_collect
from aisle_governance import convert_standards as standard
from aisle_governance.domain.cleaning import OPTIONAL_RULES
from aisle_governance.domain.kinds import ESSENTIAL_RULES, RULE_NAMES, DatasetKind
from aisle_governance.domain.labels.raters import LabelConflict
from aisle_governance.domain.mapping import ColumnMapping, check_mapping
from aisle_governance.domain.model import (
    CheckResult,
    ColumnProfile,
    Dataset,
    DatasetRun,
    Dialect,
    FileFormat,
    Import,
    QualityReport,
    QuarantinedRow,
    RuleReport,
    Run,
    Version,
)
from aisle_governance.domain.standardisation import check_rates
from aisle_governance.errors import AisleError, InvalidField

DATASET = ResourceName("datasets/{dataset}")
IMPORT = ResourceName("datasets/{dataset}/imports/{import}")
VERSION = ResourceName("datasets/{dataset}/versions/{version}")
RUN = ResourceName("governanceRuns/{run}")
LATEST = "latest"
MAX_DATASETS_PER_RUN = 50
_MAX_VERSION = 2**31 - 1


def dataset_id(name: str, field: str) -> str:
    """The id in `datasets/{dataset}`. Raises InvalidField."""
    return DATASET.parse(name, field)["dataset"]


def import_id(name: str, field: str = "name") -> tuple[str, str]:
    """(dataset id, import id) in `datasets/{dataset}/imports/{import}`. Raises InvalidField."""
    ids = IMPORT.parse(name, field)
    return ids["dataset"], ids["import"]


def run_id(name: str, field: str = "name") -> str:
    """The id in `governanceRuns/{run}`. Raises InvalidField."""
    return RUN.parse(name, field)["run"]


def version_number(name: str, field: str) -> tuple[str, int | None]:
    """(dataset id, number) in `datasets/{dataset}/versions/{version}`; None stands for `latest`. Raises InvalidField."""
    ids = VERSION.parse(name, field)
    number = ids["version"]
    if number == LATEST:
        return ids["dataset"], None
    if not number.isascii() or not number.isdigit() or not 0 < int(number) <= _MAX_VERSION:
        raise InvalidField(field, "names no version", next_step="Use a number from 1, or `latest`.")
    return ids["dataset"], int(number)


def kind(value: int, field: str = "kind") -> DatasetKind:
    """The kind. Raises InvalidField for UNSPECIFIED and unknown values."""
    names = {number: name for name, number in dataset_pb2.DatasetKind.items()}
    short = names.get(value, "").removeprefix("DATASET_KIND_")
    if short not in DatasetKind.__members__:
        raise InvalidField(field, "must say what a row means", next_step=f"Use one of {', '.join(DatasetKind)}.")
    return DatasetKind(short)


def kind_message(value: DatasetKind) -> str:
    """Name of the enum value of a kind."""
    return f"DATASET_KIND_{value.value}"


def mapping(message: dataset_pb2.ColumnMapping, dataset_kind: DatasetKind) -> ColumnMapping:
    """The mapping, checked. Raises InvalidField."""
    if not math.isfinite(message.grade_offset):
        raise InvalidField("mapping.grade_offset", "must be a finite number")
    result = ColumnMapping(
        columns=dict(message.columns),
        time_zone=message.time_zone,
        default_currency=message.default_currency,
        cancellation_prefix=message.cancellation_prefix,
        grade_offset=message.grade_offset,
        standards=standard.standards(message.standards),
        pii_policies=standard.pii_policies(message.pii_policies),
        label_conflict=_label_conflict(message.label_conflict),
    )
    check_mapping(result, dataset_kind)
    return result


def _label_conflict(value: int) -> LabelConflict:
    if value == label_pb2.LABEL_CONFLICT_UNSPECIFIED:
        return LabelConflict.MEAN
    if value not in label_pb2.LabelConflict.values():
        choices = ", ".join(LabelConflict)
        raise InvalidField("mapping.label_conflict", "is no policy of this release", next_step=f"Use {choices}.")
    return LabelConflict(label_pb2.LabelConflict.Name(value).removeprefix("LABEL_CONFLICT_"))


def dataset_summary(value: Dataset) -> dataset_pb2.Dataset:
    """The dataset as lists show it: without rates and taxonomy, which can be large."""
    message = dataset_message(value)
    if message.mapping.HasField("standards"):
        for part in ("currency_rates", "taxonomy", "category_aliases"):
            message.mapping.standards.ClearField(part)
    return message


def dataset_message(value: Dataset) -> dataset_pb2.Dataset:
    """The dataset as the contract shows it."""
    return dataset_pb2.Dataset(
        name=f"datasets/{value.id}",
        kind=kind_message(value.kind),
        mapping=dataset_pb2.ColumnMapping(
            columns=dict(value.mapping.columns),
            time_zone=value.mapping.time_zone,
            default_currency=value.mapping.default_currency,
            cancellation_prefix=value.mapping.cancellation_prefix,
            grade_offset=value.mapping.grade_offset,
            standards=standard.standards_message(value.mapping.standards),
            pii_policies=standard.pii_policies_message(value.mapping.pii_policies),
            label_conflict=f"LABEL_CONFLICT_{value.mapping.label_conflict.value}",
        ),
        contract_yaml=value.contract_yaml,
        create_time=to_timestamp(value.create_time),
        latest_version=f"datasets/{value.id}/versions/{value.latest_version}" if value.latest_version else "",
        imported_row_count=value.imported_row_count,
    )


def file_format(value: int, by_name: FileFormat | None, field: str = "format") -> FileFormat:
    """The format that was asked for, or `by_name` (what the file's name says). Raises InvalidField when neither says one."""
    if value != dataset_pb2.FILE_FORMAT_UNSPECIFIED:
        names = {number: name for name, number in dataset_pb2.FileFormat.items()}
        short = names.get(value, "").removeprefix("FILE_FORMAT_")
        if short not in FileFormat.__members__:
            raise InvalidField(field, "is no format that this release reads")
        return FileFormat(short)
    if by_name is None:
        raise InvalidField(field, "cannot be told from the file name", next_step="Set CSV, JSONL, PARQUET or XLSX.")
    return by_name


def dialect(message: dataset_pb2.Dialect) -> Dialect:
    """The dialect overrides; the encoding is checked by the engine. Raises InvalidField."""
    return convert_collect.dialect(message)


def import_message(value: Import, job: JobRecord | None) -> dataset_pb2.Import:
    """The import with the state of its job."""
    return dataset_pb2.Import(
        name=f"datasets/{value.dataset}/imports/{value.id}",
        source_file=value.source_file,
        sha256=value.sha256,
        source_bytes=value.source_bytes,
        format=f"FILE_FORMAT_{value.format.value}",
        dialect=convert_collect.dialect_message(value.dialect),
        accepted_row_count=value.accepted_row_count,
        rejected_row_count=value.rejected_row_count,
        status=convert_collect.status(value) if job is None else job_status(job),
        likely_encoding=value.likely_encoding,
        files=[dataset_pb2.ImportedFile(**asdict(part)) for part in value.files],
        skipped_record_count=value.skipped_record_count,
        same_as=f"datasets/{value.dataset}/imports/{value.same_as}" if value.same_as else "",
    )


def dataset_runs(stage: pipeline_spec_pb2.GovernanceStage, field: str = "stage") -> tuple[DatasetRun, ...]:
    """The datasets of a stage, each once. Raises InvalidField; whether they exist is for the caller."""
    if not 1 <= len(stage.dataset_runs) <= MAX_DATASETS_PER_RUN:
        raise InvalidField(f"{field}.dataset_runs", f"must hold 1 to {MAX_DATASETS_PER_RUN} datasets")
    result: list[DatasetRun] = []
    for index, part in enumerate(stage.dataset_runs):
        path = f"{field}.dataset_runs[{index}]"
        found = dataset_id(part.dataset, f"{path}.dataset")
        if any(earlier.dataset == found for earlier in result):
            raise InvalidField(f"{path}.dataset", "is named twice")
        rates = standard.rates(part.currency_rates)
        check_rates(rates, f"{path}.currency_rates")
        optional = convert_cleaning.cleaning(part.cleaning, f"{path}.cleaning")
        result.append(DatasetRun(found, tuple(part.disabled_rules), rates, optional))
    return tuple(result)


def check_disabled_rules(run: DatasetRun, dataset_kind: DatasetKind, path: str) -> None:
    """Raise InvalidField for a rule that the kind does not have, or that cannot be left out."""
    known = (*RULE_NAMES[dataset_kind], *OPTIONAL_RULES[dataset_kind])
    for index, name in enumerate(run.disabled_rules):
        where = f"{path}.disabled_rules[{index}]"
        if name not in known:
            raise InvalidField(where, "is no rule of this kind", next_step=f"Use one of {', '.join(known)}.")
        if name in ESSENTIAL_RULES:
            raise InvalidField(where, "cannot be left out: it gives columns their published meaning")


def run_message(value: Run, job: JobRecord | None) -> governance_run_pb2.GovernanceRun:
    """The run with the state of its job."""
    return governance_run_pb2.GovernanceRun(
        name=f"governanceRuns/{value.id}",
        stage=pipeline_spec_pb2.GovernanceStage(
            dataset_runs=[
                pipeline_spec_pb2.DatasetRun(
                    dataset=f"datasets/{part.dataset}",
                    disabled_rules=part.disabled_rules,
                    currency_rates=standard.rate_messages(part.currency_rates),
                    cleaning=convert_cleaning.cleaning_message(part.cleaning),
                )
                for part in value.dataset_runs
            ]
        ),
        dataset_versions=value.dataset_versions,
        pipeline_run=value.pipeline_run,
        status=None if job is None else job_status(job),
        dry_run=value.dry_run,
    )


def version_message(value: Version) -> dataset_pb2.DatasetVersion:
    """The version as the contract shows it."""
    return dataset_pb2.DatasetVersion(
        name=value.name,
        content_hash=value.content_hash,
        parent=f"datasets/{value.dataset}/versions/{value.parent}" if value.parent else "",
        imports=[f"datasets/{value.dataset}/imports/{name}" for name in value.imports],
        contract_hash=value.contract_hash,
        rule_set_hash=value.rule_set_hash,
        row_count=value.row_count,
        columns=[dataset_pb2.Column(name=name, type=words) for name, words in value.columns],
        create_time=to_timestamp(value.create_time),
        governance_run=f"governanceRuns/{value.run}",
        kind=kind_message(value.kind),
        restored_version=f"datasets/{value.dataset}/versions/{value.restored_from}" if value.restored_from else "",
        erased_row_count=value.erased_row_count,
        vacuum_time=to_timestamp(value.vacuum_time) if value.vacuum_time else None,
    )


def report_message(value: QualityReport, number: int) -> governance_run_pb2.QualityReport:
    """The report of version `number`; 0 means that nothing was published."""
    return governance_run_pb2.QualityReport(
        dataset_version=f"datasets/{value.dataset}/versions/{number}" if number else "",
        governance_run=f"governanceRuns/{value.run}",
        dataset=f"datasets/{value.dataset}",
        input_row_count=value.input_row_count,
        output_row_count=value.output_row_count,
        quarantined_row_count=value.quarantined_row_count,
        rules=[_rule_message(rule) for rule in value.rules],
        checks=[check_message(check) for check in value.checks],
        before=[profile_message(column) for column in value.before],
        after=[profile_message(column) for column in value.after],
        quality_score_ratio=value.quality_score_ratio,
        raw_defect_counts=value.raw_defect_counts,
    )


def _rule_message(value: RuleReport) -> governance_run_pb2.RuleReport:
    return governance_run_pb2.RuleReport(
        rule=value.rule,
        description=value.description,
        input_row_count=value.input_row_count,
        output_row_count=value.output_row_count,
        quarantined_row_count=value.quarantined_row_count,
        changed_row_count=value.changed_row_count,
        elapsed_seconds=value.elapsed_seconds,
        samples=[
            governance_run_pb2.RuleSample(row_id=part.row_id, column=part.column, before=part.before, after=part.after)
            for part in value.samples
        ],
        findings=value.findings,
    )


def check_message(value: CheckResult) -> governance_run_pb2.CheckResult:
    """The result of one check."""
    return governance_run_pb2.CheckResult(
        check=value.check,
        column=value.column,
        passed=value.passed,
        severity=f"SEVERITY_{value.severity.value}",
        failed_row_count=value.failed_row_count,
        message=value.message,
        readiness_tiers=value.tiers,
    )


def profile_message(value: ColumnProfile) -> governance_run_pb2.ColumnProfile:
    """The description of one column."""
    return governance_run_pb2.ColumnProfile(
        column=value.column,
        missing_ratio=value.missing_ratio,
        distinct_count=value.distinct_count,
        minimum=math.nan if value.minimum is None else value.minimum,
        maximum=math.nan if value.maximum is None else value.maximum,
        mean=math.nan if value.mean is None else value.mean,
    )


def quarantined_message(
    value: QuarantinedRow, dataset: str, times: Mapping[str, float]
) -> governance_run_pb2.QuarantinedRow:
    """A row put aside; `times` holds by rule source (`import` id, or "" for the run) when it was."""
    moment = times.get(value.import_id) if value.rule == "import" else times.get("")
    message = governance_run_pb2.QuarantinedRow(
        row_id=value.row_id,
        source_line=value.source_line,
        rule=value.rule,
        reason=value.reason,
        column=value.column,
        row_json=value.row_json,
        create_time=None if moment is None else to_timestamp(moment),
    )
    setattr(message, "import", f"datasets/{dataset}/imports/{value.import_id}")
    return message


def lineage_message(
    imports: Sequence[dataset_pb2.Import],
    dataset: str,
    parents: Sequence[int],
    source: tuple[str, int, str] | None,
    merged: Sequence[tuple[str, int, str]] = (),
) -> governance_service_pb2.GetLineageResponse:
    """The lineage; `source` is (file name, line, import id) of the traced row, `merged` of the rows merged into it."""
    response = governance_service_pb2.GetLineageResponse(
        imports=imports, parent_versions=[f"datasets/{dataset}/versions/{number}" for number in parents]
    )
    if source is not None:
        response.row_source.CopyFrom(_position(dataset, source))
    response.merged_row_sources.extend(_position(dataset, one) for one in merged)
    return response


def _position(dataset: str, source: tuple[str, int, str]) -> governance_service_pb2.SourcePosition:
    return governance_service_pb2.SourcePosition(
        source_file=source[0], source_line=source[1], **{"import": f"datasets/{dataset}/imports/{source[2]}"}
    )


def problem_message(error: AisleError, index: int) -> governance_service_pb2.EventProblem:
    """Why the event at `index` was refused."""
    return governance_service_pb2.EventProblem(index=index, failure=failure_from_error(error))


def contract_problem(message: str, path: str, line: int, next_step: str) -> failure_pb2.Failure:
    """One thing that is wrong with a contract document."""
    facts = {key: value for key, value in (("path", path), ("line", str(line) if line else "")) if value}
    return failure_pb2.Failure(reason="CONTRACT_INVALID", message=message, next_step=next_step, facts=facts)


def event_type(value: int) -> str:
    """`CLICK`, `ADD_TO_CART`, `PURCHASE` or `VIEW`; empty for UNSPECIFIED and unknown values."""
    if value == user_event_pb2.USER_EVENT_TYPE_UNSPECIFIED or value not in user_event_pb2.UserEventType.values():
        return ""
    return user_event_pb2.UserEventType.Name(value).removeprefix("USER_EVENT_TYPE_")


def revision(value: int) -> None:
    """Raise InvalidField for a revision that cannot be."""
    if value < 0:
        raise InvalidField("after_revision", "must not be negative")


def request_id(value: str) -> None:
    """Raise InvalidField for an id that is too long to be remembered."""
    if len(value) > 64:
        raise InvalidField("request_id", "must have 1 to 64 characters")


def new_dataset_id(value: str) -> str:
    """The id of a dataset to be made. Raises InvalidField."""
    return resource_id(value, "dataset_id")
