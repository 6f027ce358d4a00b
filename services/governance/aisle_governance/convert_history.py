"""The contract's messages about what becomes of versions and people, and the domain's records of the same."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aisle.governance.v1 import dataset_history_pb2, erasure_pb2, governance_service_pb2
from aisle.type.v1 import failure_pb2, subject_pb2
from aisle_runtime.convert import to_timestamp
from aisle_runtime.names import ResourceName

from aisle_governance import convert
from aisle_governance.domain.erasures import Erasure, Finding, HolderAnswer
from aisle_governance.domain.history import Anomaly, Kept, Release, RetentionPolicy
from aisle_governance.domain.model import QualityReport, Version
from aisle_governance.errors import InvalidField

if TYPE_CHECKING:
    from aisle_governance.engines.comparing import ColumnDiff, VersionDiff

ERASURE = ResourceName("erasures/{erasure}")
MAX_RELEASED = 1_000
_MAX_COUNT, _MAX_DAYS = 1_000_000, 36_500
_MAX_ID = 128
_MAX_VALUE = 1 << 16


def erasure_id(name: str) -> str:
    """The id in `erasures/{erasure}`. Raises InvalidField."""
    return ERASURE.parse(name, "name")["erasure"]


def customer_id(value: str) -> str:
    """The id of a person. Raises InvalidField."""
    if not 1 <= len(value.strip()) <= _MAX_ID or not value.isprintable():
        raise InvalidField("customer_id", f"must have 1 to {_MAX_ID} printable characters")
    return value


def policy(message: dataset_history_pb2.RetentionPolicy) -> tuple[str, RetentionPolicy]:
    """(dataset id, policy). Raises InvalidField."""
    dataset = convert.dataset_id(message.dataset, "retention_policy.dataset")
    for field, value, most in (
        ("keep_last_count", message.keep_last_count, _MAX_COUNT),
        ("keep_days", message.keep_days, _MAX_DAYS),
    ):
        if not 0 <= value <= most:
            raise InvalidField(f"retention_policy.{field}", f"must be 0 to {most}")
    return dataset, RetentionPolicy(message.keep_last_count, message.keep_days)


def policy_message(dataset: str, value: RetentionPolicy) -> dataset_history_pb2.RetentionPolicy:
    """The policy as the contract shows it."""
    return dataset_history_pb2.RetentionPolicy(
        dataset=f"datasets/{dataset}", keep_last_count=value.keep_last_count, keep_days=value.keep_days
    )


def vacuum_message(
    dataset: str, gone: Sequence[Version], kept: Sequence[Kept], freed_bytes: int
) -> governance_service_pb2.VacuumDatasetResponse:
    """What a vacuum did."""
    return governance_service_pb2.VacuumDatasetResponse(
        vacuumed_versions=[version.name for version in gone],
        kept_versions=[
            dataset_history_pb2.KeptVersion(
                version=f"datasets/{dataset}/versions/{one.number}", reason=one.reason, holder=one.holder
            )
            for one in kept
        ],
        freed_bytes=freed_bytes,
    )


def diff_message(base: Version, version: Version, value: "VersionDiff") -> dataset_history_pb2.VersionDiff:
    """The difference as the contract shows it."""
    return dataset_history_pb2.VersionDiff(
        base_version=base.name,
        version=version.name,
        added_row_count=value.rows.added,
        removed_row_count=value.rows.removed,
        changed_row_count=value.rows.changed,
        unchanged_row_count=value.rows.unchanged,
        schema_changes=[
            dataset_history_pb2.SchemaChange(column=column, base_type=before, type=after)
            for column, before, after in value.schema_changes
        ],
        columns=[_column_diff(column) for column in value.columns],
    )


def _column_diff(value: "ColumnDiff") -> dataset_history_pb2.ColumnDiff:
    return dataset_history_pb2.ColumnDiff(
        column=value.column,
        base=convert.profile_message(value.base),
        profile=convert.profile_message(value.current),
        psi=value.drift.psi,
        js_distance=value.drift.js_distance,
        ks_statistic=value.drift.ks_statistic,
        ks_p_value=value.drift.ks_p_value,
        drifted=value.drift.drifted,
    )


def point_message(
    version: Version, report: QualityReport, found: Sequence[Anomaly]
) -> dataset_history_pb2.QualityPoint:
    """The quality of one version."""
    return dataset_history_pb2.QualityPoint(
        dataset_version=version.name,
        create_time=to_timestamp(version.create_time),
        quality_score_ratio=report.quality_score_ratio,
        input_row_count=report.input_row_count,
        output_row_count=report.output_row_count,
        quarantined_row_count=report.quarantined_row_count,
        raw_defect_counts=report.raw_defect_counts,
        columns=[convert.profile_message(column) for column in report.after],
        anomalies=[
            dataset_history_pb2.MetricAnomaly(
                metric=one.metric, value=one.value, median=one.median, robust_z=one.robust_z
            )
            for one in found
        ],
    )


def fixes(rows: Sequence[dataset_history_pb2.RowFix]) -> dict[str, dict[str, str]]:
    """Row id -> new values. Raises InvalidField; whether rows and columns exist is for the caller."""
    if not 1 <= len(rows) <= MAX_RELEASED:
        raise InvalidField("rows", f"must hold 1 to {MAX_RELEASED} rows")
    found: dict[str, dict[str, str]] = {}
    for index, row in enumerate(rows):
        if not row.row_id.isalnum() or len(row.row_id) > 64:
            raise InvalidField(f"rows[{index}].row_id", "is no row id")
        if row.row_id in found:
            raise InvalidField(f"rows[{index}].row_id", "is named twice")
        for column, value in row.values.items():
            if len(value) > _MAX_VALUE:
                raise InvalidField(
                    f"rows[{index}].values[{column[:64]!r}]", f"must have at most {_MAX_VALUE} characters"
                )
        found[row.row_id] = dict(row.values)
    return found


def release_message(value: Release) -> dataset_history_pb2.RowRelease:
    """The decision about a row."""
    return dataset_history_pb2.RowRelease(
        row_id=value.row_id, rule=value.rule, fixes=value.fixes, create_time=to_timestamp(value.create_time)
    )


def erasure_message(value: Erasure) -> erasure_pb2.Erasure:
    """The receipt as the contract shows it."""
    record = value.record
    return erasure_pb2.Erasure(
        name=value.name,
        subject_hash=value.subject,
        state=f"ERASURE_STATE_{value.stage.value}",
        create_time=to_timestamp(value.create_time),
        end_time=None if value.end_time is None else to_timestamp(value.end_time),
        failure=None if record.failure is None else failure_pb2.Failure(**record.failure),
        imports=[
            erasure_pb2.ErasedImport(
                accepted_row_count=one.accepted_row_count,
                rejected_row_count=one.rejected_row_count,
                sha256_before=one.sha256_before,
                sha256_after=one.sha256_after,
                **{"import": f"datasets/{one.dataset}/imports/{one.import_id}"},
            )
            for one in record.imports
        ],
        versions=[
            erasure_pb2.ErasedVersion(
                dataset_version=f"datasets/{one.dataset}/versions/{one.number}",
                row_count=one.row_count,
                content_hash_before=one.content_hash_before,
                content_hash_after=one.content_hash_after,
            )
            for one in record.versions
        ],
        user_event_count=record.user_event_count,
        quarantined_row_count=record.quarantined_row_count,
        outbox_event_count=record.outbox_event_count,
        exclusion_manifest=record.manifest,
        revision=value.revision,
        services=[_holder_message(holder, value.answers.get(holder)) for holder in record.holders],
        complete=value.is_complete,
        model_versions=value.model_versions,
    )


def _holder_message(holder: str, answer: HolderAnswer | None) -> erasure_pb2.ServiceErasure:
    message = erasure_pb2.ServiceErasure(service=holder)
    if answer is not None:
        message.done = answer.is_done
        message.counts.extend(
            subject_pb2.ErasedCount(kind=kind, count=count) for kind, count in sorted(answer.counts.items())
        )
        if answer.failure is not None:
            message.failure.CopyFrom(failure_pb2.Failure(**answer.failure))
        message.answer_time.CopyFrom(to_timestamp(answer.time))
    return message


def holder_answer(holder: str, told: subject_pb2.SubjectErasureAcknowledged, time: float) -> HolderAnswer:
    """What a service says about its copies."""
    return HolderAnswer(
        holder=holder,
        is_done=told.done,
        counts={one.kind: one.count for one in told.counts},
        model_versions=tuple(told.model_versions),
        failure=failure_record(told.failure) if told.HasField("failure") else None,
        time=time,
    )


def finding_message(value: Finding) -> erasure_pb2.SubjectFinding:
    """A place that holds something of a person."""
    return erasure_pb2.SubjectFinding(
        kind=value.kind, resource=value.resource, row_count=value.row_count, row_ids=value.row_ids
    )


def failure_record(told: failure_pb2.Failure) -> dict[str, Any]:
    """A failure as plain data."""
    return {
        "reason": told.reason,
        "message": told.message,
        "next_step": told.next_step,
        "facts": dict(told.facts),
    }


def as_of_join(message: dataset_history_pb2.AsOfJoin) -> dict[str, Any]:
    """The parts of an as-of join by the names of the domain's record; whether the columns exist is for the caller."""
    return {
        "keys": tuple(message.keys),
        "time_column": message.time_column,
        "other_time_column": message.other_time_column,
        "columns": tuple(message.columns),
        "include_equal_times": message.include_equal_times,
        "tolerance_seconds": message.tolerance_seconds,
    }
