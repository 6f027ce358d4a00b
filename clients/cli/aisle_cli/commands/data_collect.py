"""`aisle data suggest`, `source`, `sources`, `live` and `flush`: data that is looked at, fetched, or flows by itself."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aisle_cli import names, output
from aisle_cli.door import command
from aisle_cli.failures import CommandFailed, usage
from aisle_cli.session import UPLOAD_SECONDS, Session

if TYPE_CHECKING:
    from aisle.governance.v1 import collect_pb2, dataset_pb2

BEGINNING_BYTES = 4 << 20
MAX_WHOLE_BYTES = 64 << 20
_WHOLE = (".parquet", ".xlsx", ".zip")
Dataset = Annotated[str, typer.Argument(metavar="DATASET", help="Dataset id.")]
Format = Annotated[str, typer.Option(help="csv, jsonl, parquet or xlsx; taken from the file name otherwise.")]


def register(data: typer.Typer) -> None:
    """Hang these commands below `aisle data`."""
    for name, function in (
        ("suggest", suggest),
        ("source", source),
        ("sources", sources),
        ("live", live),
        ("flush", flush),
    ):
        command(data, name)(function)


def dialect(delimiter: str, encoding: str, quote: str, sheet: str, records: str) -> "dataset_pb2.Dialect":
    """The dialect that the options ask for."""
    from aisle.governance.v1 import dataset_pb2

    made = dataset_pb2.Dialect(delimiter=delimiter.replace("\\t", "\t"), encoding=encoding, quote=quote, sheet=sheet)
    if records:
        made.record_schema = output.enum_value(dataset_pb2.RecordSchema, records, "--records")  # type: ignore[assignment]
    return made


def read_mapping(file: Path, kind: str, mapping: "dataset_pb2.ColumnMapping") -> str:
    """Put the mapping of a file that `suggest` wrote into `mapping`; returns the kind that the file names, or `kind`."""
    from aisle.governance.v1 import dataset_pb2
    from google.protobuf import json_format

    try:
        document = json.loads(file.read_text(encoding="utf-8-sig"))
        if not isinstance(document, dict):
            raise ValueError("it is no JSON object")
        loaded = json_format.ParseDict(document.get("mapping", {}), dataset_pb2.ColumnMapping())
    except OSError as error:
        usage(f"{file} cannot be read: {error.strerror}.")
    except (ValueError, json_format.ParseError) as error:
        usage(f"--mapping {file.name}: {error}", "`aisle data suggest FILE --kind KIND --output FILE` writes one.")
    loaded.MergeFrom(mapping)  # what the options say counts
    mapping.CopyFrom(loaded)
    return kind or str(document.get("kind", ""))


def suggest(
    session: Session,
    file: Annotated[Path, typer.Argument(help="CSV, TSV, JSONL (may be .gz), Parquet or XLSX.")],
    kind: Annotated[str, typer.Option(help="What a row means: products, judgments, orders or user-events.")],
    output_file: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="Write the mapping as JSON, to be looked at and confirmed."),
    ] = None,
    format: Format = "",
    delimiter: Annotated[str, typer.Option(help="Character between CSV fields; detected otherwise.")] = "",
    encoding: Annotated[str, typer.Option(help="Text encoding; utf-8 by default.")] = "",
    quote: Annotated[str, typer.Option(help="Character around CSV fields; detected otherwise.")] = "",
    sheet: Annotated[str, typer.Option(help="Sheet of a workbook; the first otherwise.")] = "",
) -> None:
    """Suggest which column of a file feeds which canonical one, with confidence and evidence; nothing is stored.

    Confirm it with `aisle data import FILE --create --dataset DATASET --mapping MAPPING`.
    """
    from aisle.governance.v1 import collect_pb2, dataset_pb2

    header = collect_pb2.SuggestMappingHeader(
        source_file=file.name, dialect=dialect(delimiter, encoding, quote, sheet, "")
    )
    header.kind = output.enum_value(dataset_pb2.DatasetKind, kind, "--kind")  # type: ignore[assignment]
    if format:
        header.format = output.enum_value(dataset_pb2.FileFormat, format, "--format")  # type: ignore[assignment]
    found = session.governance.SuggestMapping(_sample(header, file), timeout=UPLOAD_SECONDS)
    document = {
        "kind": kind,
        "mapping": {name: value for name, value in output.as_dict(found.mapping).items() if value},
    }
    if output_file is not None:
        try:
            output_file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        except OSError as error:
            usage(f"{output_file} cannot be written: {error.strerror}.")
    if session.as_json:
        return output.emit_json(session, found)
    return _show(file, kind, found, output_file)


def _sample(header: "collect_pb2.SuggestMappingHeader", file: Path) -> "Iterator[collect_pb2.SuggestMappingRequest]":
    from aisle.governance.v1 import collect_pb2

    try:
        size = file.stat().st_size
        whole = file.suffix.lower() in _WHOLE
        if whole and size > MAX_WHOLE_BYTES:
            usage(
                f"{file.name} has more than {MAX_WHOLE_BYTES >> 20} MiB.", "Take a smaller file with the same columns."
            )
        with file.open("rb") as source:
            data = source.read(MAX_WHOLE_BYTES if whole else BEGINNING_BYTES)
    except OSError as error:
        usage(f"{file} cannot be read: {error.strerror}.")
    header.is_beginning = len(data) < size
    messages = [collect_pb2.SuggestMappingRequest(header=header)]
    step = 1 << 20
    messages += [collect_pb2.SuggestMappingRequest(chunk=data[at : at + step]) for at in range(0, len(data), step)]
    return iter(messages)


def _show(file: Path, kind: str, found: "collect_pb2.SuggestMappingResponse", written: Path | None) -> None:
    rows = [
        (
            one.column,
            one.source_column,
            f"{one.confidence_ratio:.0%}",
            "; ".join(one.evidence),
            ", ".join(one.alternatives),
        )
        for one in found.suggestions
    ]
    title = f"Suggested for {kind} from {output.count(found.sampled_row_count)} rows of {file.name}"
    output.table(title, ["column", "fed by", "#confidence", "evidence", "or"], rows)
    if found.missing_columns:
        output.line(f"Required, and not found: {', '.join(found.missing_columns)}.")
    if found.unused_columns:
        output.line(f"Feeds nothing: {', '.join(found.unused_columns)}.")
    if found.likely_encoding:
        output.line(f"Some bytes are no {found.dialect.encoding}: probably --encoding {found.likely_encoding}.")
    for warning in found.warnings:
        output.line(f"! {warning}")
    if written is not None:
        output.line(f"Look at {written}, then: aisle data import {file} --create --dataset DATASET --mapping {written}")


def source(
    session: Session,
    uri: Annotated[
        str, typer.Argument(help="URI below one of the server's places; `*` and a trailing / name several files.")
    ] = "",
    dataset: Annotated[str, typer.Option(help="Dataset that takes the rows.")] = "",
    connection: Annotated[str, typer.Option(help="Database of the server to ask; needs --sql.")] = "",
    sql: Annotated[str, typer.Option(help="One SELECT; @FILE reads it from a file.")] = "",
    format: Format = "",
    delimiter: Annotated[str, typer.Option(help="Character between CSV fields; detected otherwise.")] = "",
    encoding: Annotated[str, typer.Option(help="Text encoding; utf-8 by default.")] = "",
    quote: Annotated[str, typer.Option(help="Character around CSV fields; detected otherwise.")] = "",
    sheet: Annotated[str, typer.Option(help="Sheet of a workbook; the first otherwise.")] = "",
    records: Annotated[str, typer.Option(help="JSON lines of google-retail, opensearch-ubi, metarank or gorse.")] = "",
    errors: Annotated[Path | None, typer.Option(metavar="FILE", help="Write refused rows as .jsonl or .csv.")] = None,
    wait: Annotated[bool, typer.Option(help="Wait until the rows are read.")] = True,
) -> None:
    """Let the server fetch files or the answer of a query; credentials are in its settings, never here."""
    from aisle.governance.v1 import collect_pb2, dataset_pb2

    from aisle_cli.uploading import finish_import

    if not dataset or bool(uri) == bool(connection) or bool(connection) != bool(sql):
        usage("Name --dataset, and either a URI or --connection with --sql.")
    request = collect_pb2.ImportSourceRequest(
        dataset=names.dataset(dataset),
        dialect=dialect(delimiter, encoding, quote, sheet, records),
        request_id=names.new_request_id(),
    )
    if uri:
        request.uri = uri
    else:
        request.sql_query.connection, request.sql_query.sql = connection, _statement(sql)
    if format:
        request.format = output.enum_value(dataset_pb2.FileFormat, format, "--format")  # type: ignore[assignment]
    taken = getattr(session.governance.ImportSource(request), "import")
    finish_import(session, taken, taken.source_file, request.dataset, wait=wait, errors=errors)


def _statement(sql: str) -> str:
    if not sql.startswith("@"):
        return sql
    try:
        return Path(sql[1:]).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(f"--sql {sql}: the file cannot be read.", "Name a text file with one SELECT.") from error


def sources(session: Session) -> None:
    """List the places and databases that the server may read."""
    from aisle.governance.v1 import collect_pb2

    found = session.governance.ListImportSources(collect_pb2.ListImportSourcesRequest())
    if session.as_json:
        return output.emit_json(session, found)
    rows = [("place", place.name, place.uri) for place in found.places]
    rows += [("database", name, "") for name in found.connections]
    return output.table("Sources", ["kind", "name", "URI"], rows)


def live(
    session: Session,
    dataset: Dataset,
    events: Annotated[
        bool | None, typer.Option("--events/--no-events", help="Collected user events become rows.")
    ] = None,
    impressions: Annotated[
        bool | None, typer.Option("--impressions/--no-impressions", help="What the ranker serves becomes rows.")
    ] = None,
    every: Annotated[int, typer.Option(min=0, help="Seconds that rows wait at most; 300 by default.")] = 0,
    rows: Annotated[int, typer.Option(min=0, help="Rows that do not wait longer; 50,000 by default.")] = 0,
) -> None:
    """Show or set what flows into a dataset of user events by itself."""
    from aisle.governance.v1 import collect_pb2

    name = names.dataset(dataset)
    now = session.governance.GetLiveCollection(collect_pb2.GetLiveCollectionRequest(dataset=name)).live_collection
    if events is not None or impressions is not None or every or rows:
        request = collect_pb2.UpdateLiveCollectionRequest(
            dataset=name,
            user_events=now.user_events if events is None else events,
            impressions=now.impressions if impressions is None else impressions,
            batch_seconds=every or now.batch_seconds,
            batch_row_count=rows or now.batch_row_count,
            request_id=names.new_request_id(),
        )
        now = session.governance.UpdateLiveCollection(request).live_collection
    if session.as_json:
        return output.emit_json(session, {"live_collection": output.as_dict(now)})
    return output.fields(
        [
            ("dataset", names.short(now.dataset)),
            ("user events", "flow in" if now.user_events else "off"),
            ("impressions", "flow in" if now.impressions else "off"),
            ("an import", f"after {now.batch_seconds} s or {output.count(now.batch_row_count)} rows"),
            ("rows waiting", output.count(now.waiting_row_count)),
        ]
    )


def flush(session: Session, dataset: Dataset) -> None:
    """Take in at once what waits to flow into a dataset, so that the next run reads it."""
    from aisle.governance.v1 import collect_pb2

    request = collect_pb2.FlushLiveCollectionRequest(dataset=names.dataset(dataset))
    found = session.governance.FlushLiveCollection(request, timeout=UPLOAD_SECONDS)
    if session.as_json:
        return output.emit_json(session, found)
    return output.line(f"{output.count(found.row_count)} rows taken in by {output.count(len(found.imports))} imports.")
