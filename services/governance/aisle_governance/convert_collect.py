"""Dialects, sources, suggestions and live collections between the contract's messages and the domain's records."""

from typing import Any

from aisle.governance.v1 import collect_pb2, dataset_pb2
from aisle.type.v1 import job_pb2

from aisle_governance.domain.kinds import DatasetKind
from aisle_governance.domain.live import DEFAULT_ROWS, DEFAULT_SECONDS, LiveCollection
from aisle_governance.domain.model import Dialect, FileFormat, Import, RecordSchema
from aisle_governance.domain.neighbours.records import kinds_of
from aisle_governance.errors import InvalidField

_MAX_SHEET = 31


def dialect(message: dataset_pb2.Dialect) -> Dialect:
    """The dialect overrides; the encoding is checked by the engine. Raises InvalidField."""
    delimiter, quote = message.delimiter, message.quote
    if len(delimiter) > 1 or delimiter in ("\n", "\r", '"', "\x00"):
        raise InvalidField("dialect.delimiter", "must be one character, and neither a quote nor a line end")
    if quote not in ("", "'", '"'):
        raise InvalidField("dialect.quote", "must be a single or a double quote")
    if quote and quote == delimiter:
        raise InvalidField("dialect.quote", "must not be the delimiter")
    if len(message.sheet) > _MAX_SHEET:
        raise InvalidField("dialect.sheet", f"must have at most {_MAX_SHEET} characters")
    if message.record_schema not in dataset_pb2.RecordSchema.values():
        raise InvalidField("dialect.record_schema", "is no schema of this release")
    name = dataset_pb2.RecordSchema.Name(message.record_schema).removeprefix("RECORD_SCHEMA_")
    schema = RecordSchema.NONE if name == "UNSPECIFIED" else RecordSchema(name)
    return Dialect(delimiter, message.encoding, quote, message.sheet, schema)


def check_schema(
    value: Dialect, file_format: FileFormat, kind: DatasetKind, field: str = "dialect.record_schema"
) -> None:
    """Raise InvalidField for a record schema beside another format than JSON lines, or one that has nothing for the kind."""
    if value.record_schema is RecordSchema.NONE:
        return
    if file_format is not FileFormat.JSONL:
        raise InvalidField(field, "is for JSON lines only", next_step="Leave it out, or set the format JSONL.")
    if kind not in kinds_of(value.record_schema):
        known = ", ".join(kinds_of(value.record_schema))
        raise InvalidField(field, f"gives no {kind.lower()}", next_step=f"Use a dataset of the kind {known}.")


def dialect_message(value: Dialect) -> dataset_pb2.Dialect:
    """The dialect as the contract shows it."""
    return dataset_pb2.Dialect(
        delimiter=value.delimiter,
        encoding=value.encoding,
        quote=value.quote,
        sheet=value.sheet,
        record_schema=f"RECORD_SCHEMA_{value.record_schema.value or 'UNSPECIFIED'}",
    )


def status(value: Import) -> job_pb2.JobStatus | None:
    """State of an import that no job of its own has brought: live rows and built labels lie there complete."""
    if not value.rows_artifact:
        return None
    return job_pb2.JobStatus(state=job_pb2.JOB_STATE_SUCCEEDED, progress_ratio=1.0)


def suggested(found: dict[str, Any], file_format: str) -> collect_pb2.SuggestMappingResponse:
    """What the child process has answered."""
    return collect_pb2.SuggestMappingResponse(
        mapping=dataset_pb2.ColumnMapping(
            columns=found["columns"],
            grade_offset=found["grade_offset"],
            cancellation_prefix=found["cancellation_prefix"],
        ),
        suggestions=[
            collect_pb2.ColumnSuggestion(
                column=one["column"],
                source_column=one["source"],
                confidence_ratio=one["confidence"],
                evidence=one["evidence"],
                alternatives=one["alternatives"],
            )
            for one in found["suggestions"]
        ],
        missing_columns=found["missing"],
        unused_columns=found["unused"],
        warnings=found["warnings"],
        format=f"FILE_FORMAT_{file_format}",
        dialect=dialect_message(Dialect(**found["dialect"])),
        likely_encoding=found["likely_encoding"],
        sampled_row_count=found["row_count"],
    )


def live(request: collect_pb2.UpdateLiveCollectionRequest, dataset: str) -> LiveCollection:
    """What is to flow, defaults filled in; bounds are checked by the rules."""
    return LiveCollection(
        dataset,
        request.user_events,
        request.impressions,
        request.batch_seconds or DEFAULT_SECONDS,
        request.batch_row_count or DEFAULT_ROWS,
    )


def live_message(value: LiveCollection, waiting: int) -> collect_pb2.LiveCollection:
    """What flows, as the contract shows it."""
    return collect_pb2.LiveCollection(
        dataset=f"datasets/{value.dataset}",
        user_events=value.user_events,
        impressions=value.impressions,
        batch_seconds=value.batch_seconds,
        batch_row_count=value.batch_row_count,
        waiting_row_count=waiting,
    )
