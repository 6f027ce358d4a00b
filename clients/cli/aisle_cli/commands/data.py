"""`aisle data`: files in, governed versions and their reports out."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aisle_cli import names, output, refusals
from aisle_cli.commands import (
    data_classify,
    data_collect,
    data_contract,
    data_erasure,
    data_history,
    data_label,
    data_repair,
    data_roi,
)
from aisle_cli.door import command, group
from aisle_cli.failures import EXIT_REJECTED, CommandFailed, usage
from aisle_cli.session import Session, collect
from aisle_cli.standards import add_to, read_rates
from aisle_cli.uploading import import_path

if TYPE_CHECKING:
    from aisle.governance.v1 import dataset_pb2, governance_run_pb2

app = group("Import, govern and inspect datasets.")
data_history.register(app)
data_erasure.register(app)
data_label.register(app)
data_repair.register(app)
data_contract.register(app)
data_collect.register(app)
data_roi.register(app)
data_classify.register(app)
Dataset = Annotated[str, typer.Argument(metavar="DATASET", help="Dataset id.")]
Version = Annotated[str, typer.Argument(metavar="DATASET[/VERSION]", help="Dataset id, with a version or the newest.")]
Kind = Annotated[str, typer.Option(help="What a row means: products, judgments, orders, user-events or pairs.")]
Map = Annotated[
    list[str] | None, typer.Option("--map", metavar="COLUMN=SOURCE", help="Canonical column = column of the file.")
]
TimeZone = Annotated[str, typer.Option(help="IANA zone of times without an offset; UTC by default.")]
Currency = Annotated[str, typer.Option(help="ISO 4217 code of prices without a currency column.")]
Cancellation = Annotated[str, typer.Option(help="Prefix of order ids that marks a cancellation.")]
GradeOffset = Annotated[float, typer.Option(help="Subtracted from the source grade to get 0 to 3.")]
Conflict = Annotated[
    str, typer.Option(help="Grades that differ: mean, median, majority or rater-quality; mean by default.")
]
StandardsFile = Annotated[
    Path | None, typer.Option("--standards", metavar="FILE", help="Units, rates, taxonomy and so on (JSON).")
]
Pii = Annotated[
    list[str] | None,
    typer.Option("--pii", metavar="COLUMN=POLICY", help="mask, drop, hash or report personal data in free text."),
]
MappingFile = Annotated[
    Path | None,
    typer.Option("--mapping", metavar="FILE", help="Mapping that `aisle data suggest` wrote, looked through."),
]
ContractFile = Annotated[Path | None, typer.Option("--contract", metavar="FILE", help="Data contract (ODCS v3 YAML).")]


@command(app, "import")
def import_(
    session: Session,
    file: Annotated[
        Path, typer.Argument(help="CSV, TSV, JSONL (may be .gz), Parquet, XLSX, or a zip or folder of them.")
    ],
    dataset: Annotated[str, typer.Option(help="Dataset that takes the rows.")],
    create: Annotated[bool, typer.Option("--create", help="Create the dataset first; needs --kind.")] = False,
    kind: Kind = "",
    mapping: Map = None,
    time_zone: TimeZone = "",
    currency: Currency = "",
    cancellation_prefix: Cancellation = "",
    grade_offset: GradeOffset = 0.0,
    label_conflict: Conflict = "",
    contract: ContractFile = None,
    standards: StandardsFile = None,
    pii: Pii = None,
    mapping_file: MappingFile = None,
    format: Annotated[str, typer.Option(help="csv, jsonl, parquet or xlsx; taken from the file name otherwise.")] = "",
    delimiter: Annotated[str, typer.Option(help="Character between CSV fields; detected otherwise.")] = "",
    encoding: Annotated[str, typer.Option(help="Text encoding; utf-8 by default.")] = "",
    quote: Annotated[str, typer.Option(help="Character around CSV fields; detected otherwise.")] = "",
    sheet: Annotated[str, typer.Option(help="Sheet of a workbook; the first otherwise.")] = "",
    records: Annotated[str, typer.Option(help="JSON lines of google-retail, opensearch-ubi, metarank or gorse.")] = "",
    errors: Annotated[Path | None, typer.Option(metavar="FILE", help="Write refused rows as .jsonl or .csv.")] = None,
    wait: Annotated[bool, typer.Option(help="Wait until the rows are read.")] = True,
) -> None:
    """Send a file or folder to governance and wait until its rows are in the dataset.

    The same bytes are imported once. Rows that cannot be read are put aside and listed with their line and column.
    """
    columns = names.pairs(mapping or [], "--map")
    if create:
        made = _mapping(columns, time_zone, currency, cancellation_prefix, grade_offset)
        data_label.set_conflict(made, label_conflict)
        if mapping_file is not None:
            kind = data_collect.read_mapping(mapping_file, kind, made)
        _create(session, dataset, kind, add_to(made, standards, pii or []), contract)
    elif (
        columns
        or mapping_file
        or kind
        or time_zone
        or currency
        or cancellation_prefix
        or grade_offset
        or contract
        or standards
        or pii
        or label_conflict
    ):
        usage("The mapping belongs to the dataset's creation.", "Add --create, or leave these options out.")
    dialect = data_collect.dialect(delimiter, encoding, quote, sheet, records)
    import_path(session, file, names.dataset(dataset), format, dialect, wait=wait, errors=errors)


@command(app, "create")
def create(
    session: Session,
    dataset: Dataset,
    kind: Kind = "",
    mapping: Map = None,
    time_zone: TimeZone = "",
    currency: Currency = "",
    cancellation_prefix: Cancellation = "",
    grade_offset: GradeOffset = 0.0,
    label_conflict: Conflict = "",
    contract: ContractFile = None,
    standards: StandardsFile = None,
    pii: Pii = None,
    mapping_file: MappingFile = None,
) -> None:
    """Create a dataset; repeating it with the same definition is fine."""
    columns = names.pairs(mapping or [], "--map")
    made = _mapping(columns, time_zone, currency, cancellation_prefix, grade_offset)
    data_label.set_conflict(made, label_conflict)
    if mapping_file is not None:
        kind = data_collect.read_mapping(mapping_file, kind, made)
    created = _create(session, dataset, kind, add_to(made, standards, pii or []), contract)
    if session.as_json:
        output.emit_json(session, {"dataset": output.as_dict(created)})
    else:
        output.line(f"{names.short(created.name)} is there.")


@command(app, "datasets")
def datasets(session: Session) -> None:
    """List datasets."""
    from aisle.governance.v1 import dataset_pb2
    from aisle.governance.v1 import governance_service_pb2 as pb

    def ask(token: str, size: int) -> tuple[object, str]:
        answer = session.governance.ListDatasets(pb.ListDatasetsRequest(page_size=size, page_token=token))
        return answer.datasets, answer.next_page_token

    found = collect(ask, 0)
    if session.as_json:
        return output.emit_list(session, "datasets", found)
    rows = [
        (
            names.short(d.name),
            output.enum_word(dataset_pb2.DatasetKind, d.kind),
            output.count(d.imported_row_count),
            names.short(d.latest_version),
            output.when(d.create_time),
        )
        for d in found
    ]
    return output.table("Datasets", ["dataset", "kind", "#rows imported", "newest version", "created"], rows)


@command(app, "versions")
def versions(session: Session, dataset: Dataset) -> None:
    """List the versions of a dataset, newest first."""
    from aisle.governance.v1 import governance_service_pb2 as pb

    def ask(token: str, size: int) -> tuple[object, str]:
        request = pb.ListDatasetVersionsRequest(dataset=names.dataset(dataset), page_size=size, page_token=token)
        answer = session.governance.ListDatasetVersions(request)
        return answer.dataset_versions, answer.next_page_token

    found = collect(ask, 0)
    if session.as_json:
        return output.emit_list(session, "dataset_versions", found)
    rows = [
        (names.short(v.name), output.count(v.row_count), v.content_hash[:12], output.when(v.create_time)) for v in found
    ]
    return output.table(f"Versions of {dataset}", ["version", "#rows", "content", "published"], rows)


@command(app, "imports")
def imports(session: Session, dataset: Dataset) -> None:
    """List the files that came into a dataset."""
    from aisle.governance.v1 import governance_service_pb2 as pb
    from aisle.type.v1 import job_pb2

    def ask(token: str, size: int) -> tuple[object, str]:
        request = pb.ListImportsRequest(dataset=names.dataset(dataset), page_size=size, page_token=token)
        answer = session.governance.ListImports(request)
        return answer.imports, answer.next_page_token

    found = collect(ask, 0)
    if session.as_json:
        return output.emit_list(session, "imports", found)
    rows = [
        (
            i.source_file,
            output.enum_word(job_pb2.JobState, i.status.state),
            output.count(i.accepted_row_count),
            output.count(i.rejected_row_count),
            i.sha256[:12],
            i.status.failure.message,
        )
        for i in found
    ]
    return output.table(f"Imports of {dataset}", ["file", "state", "#kept", "#refused", "sha-256", "problem"], rows)


@command(app, "govern")
def govern(
    session: Session,
    datasets: Annotated[list[str], typer.Argument(metavar="DATASET...", help="Datasets; all or none get a version.")],
    without: Annotated[
        list[str] | None, typer.Option(metavar="DATASET=RULE", help="Leave a rule out; may be repeated.")
    ] = None,
    rates: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Newer rates of exchange: CSV with the columns currency, date and rate."),
    ] = None,
    clean: Annotated[
        list[str] | None,
        typer.Option(metavar="DATASET=FILE", help="Add optional rules: JSON or YAML with the fields of CleaningRules."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Publish nothing: only report what the rules and checks would do.")
    ] = False,
    wait: Annotated[bool, typer.Option(help="Wait until the run ends.")] = True,
) -> None:
    """Clean, check, label and publish new versions; code 6 when the quality gate stops it, or would in a dry run.

    Nothing has to be undone by hand: versions are made from the imports every time, so a run `--without` a rule is as if
    the rule had never run, and `aisle data rollback` publishes an older version again.
    """
    from aisle.governance.v1 import governance_service_pb2 as pb
    from aisle.pipeline.v1 import pipeline_spec_pb2 as spec

    disabled: dict[str, list[str]] = {}
    for text in without or []:
        ((name, rule),) = names.pairs([text], "--without").items()
        disabled.setdefault(names.dataset(name), []).append(rule)
    if unknown := set(disabled) - {names.dataset(name) for name in datasets}:
        usage(f"--without: {names.short(unknown.pop())} is not among the datasets.")
    newer = read_rates(rates) if rates else []
    cleaning = {
        names.dataset(name): data_repair.read_cleaning(Path(file))
        for name, file in names.pairs(clean or [], "--clean").items()
    }
    if unknown := set(cleaning) - {names.dataset(name) for name in datasets}:
        usage(f"--clean: {names.short(unknown.pop())} is not among the datasets.")
    runs = [
        spec.DatasetRun(
            dataset=names.dataset(name),
            disabled_rules=disabled.get(names.dataset(name), []),
            currency_rates=newer,
            cleaning=cleaning.get(names.dataset(name)),
        )
        for name in datasets
    ]
    request = pb.StartGovernanceRunRequest(
        stage=spec.GovernanceStage(dataset_runs=runs), request_id=names.new_request_id(), dry_run=dry_run
    )
    run = session.governance.StartGovernanceRun(request).governance_run
    session.left_running = f"The run goes on: {run.name}."
    if wait:
        run = _follow_run(session, run)
        if dry_run:
            return _print_dry_run(session, run)
    if session.as_json:
        return output.emit_json(session, {"governance_run": output.as_dict(run)})
    if not wait:
        return output.line(f"Started {run.name}.")
    for version in run.dataset_versions:
        report = session.governance.GetQualityReport(pb.GetQualityReportRequest(name=version)).quality_report
        output.line(_summary(version, report))
    return None


def _print_dry_run(session: Session, run: "governance_run_pb2.GovernanceRun") -> None:
    """The report of every dataset of a dry run; ends with code 6 when the gate would have stopped it."""
    from aisle.governance.v1 import governance_run_pb2
    from aisle.governance.v1 import governance_service_pb2 as pb

    from aisle_cli.reports import print_quality_report

    reports = []
    for part in run.stage.dataset_runs:
        request = pb.GetQualityReportRequest(name=part.dataset, governance_run=run.name)
        reports.append(session.governance.GetQualityReport(request).quality_report)
    if session.as_json:
        found = [output.as_dict(report) for report in reports]
        output.emit_json(session, {"governance_run": output.as_dict(run), "quality_reports": found})
    else:
        for report in reports:
            print_quality_report(report)
        output.line(f"Nothing was published: {run.name} was a dry run.")
    failed = [
        check.check
        for report in reports
        for check in report.checks
        if not check.passed and check.severity == governance_run_pb2.SEVERITY_ERROR
    ]
    if failed:
        raise CommandFailed(
            f"The quality gate would stop this run: {', '.join(failed[:10])}.",
            "Fix the source, the mapping or the contract.",
            exit_code=EXIT_REJECTED,
            reason="QUALITY_GATE_FAILED",
        )


@command(app, "report")
def report(
    session: Session,
    dataset: Version,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it as one HTML file with plots.")] = None,
    run: Annotated[str, typer.Option(metavar="RUN", help="The report of that run, a dry run for example.")] = "",
) -> None:
    """Show what each rule did, what each check found, and the columns before and after."""
    from aisle.governance.v1 import governance_service_pb2 as pb

    from aisle_cli.reports import print_quality_report

    request = pb.GetQualityReportRequest(
        name=names.dataset_or_version(dataset), governance_run=names.of("governanceRuns", run) if run else ""
    )
    found = session.governance.GetQualityReport(request).quality_report
    if session.as_json:
        return output.emit_json(session, {"quality_report": output.as_dict(found)})
    if html is not None:
        return data_history.write_report(session, found, html)
    return print_quality_report(found)


@command(app, "quarantine")
def quarantine(
    session: Session,
    dataset: Version,
    rule: Annotated[str, typer.Option(help="Only rows of this rule.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Rows to show at most.")] = 20,
    output_file: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Write all of them as .jsonl or .csv.")
    ] = None,
) -> None:
    """List rows that were put aside, with the reason."""
    from aisle.governance.v1 import governance_service_pb2 as pb

    if output_file is not None:
        refusals.check_target(output_file, "--output")
        written = refusals.write(refusals.quarantined(session, names.dataset_or_version(dataset), rule), output_file)
        if session.as_json:
            return output.emit_json(session, {"file": str(output_file), "row_count": written})
        return output.line(f"{output.count(written)} rows put aside are in {output_file}.")
    total = 0

    def ask(token: str, size: int) -> tuple[object, str]:
        nonlocal total
        request = pb.ListQuarantinedRowsRequest(
            parent=names.dataset_or_version(dataset), rule=rule, page_size=size, page_token=token
        )
        answer = session.governance.ListQuarantinedRows(request)
        total = answer.total_count
        return answer.quarantined_rows, answer.next_page_token

    found = collect(ask, limit)
    if session.as_json:
        rows = [output.as_dict(row) for row in found]
        return output.emit_json(session, {"quarantined_rows": rows, "total_count": str(total)})
    title = f"{output.count(total)} quarantined rows of {dataset}, {len(found)} shown"
    cells = [
        (r.source_line, r.rule, r.column, r.reason, "released" if r.released else r.row_id, r.row_json[:120])
        for r in found
    ]
    return output.table(title, ["#line", "rule", "column", "reason", "row id", "row"], cells)


@command(app, "lineage")
def lineage(
    session: Session,
    version: Version,
    row: Annotated[str, typer.Option(help="Also find the source line of this row (_row_id).")] = "",
    openlineage: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the run that made it as an OpenLineage event.")
    ] = None,
) -> None:
    """Show what a version was made from."""
    from aisle.governance.v1 import governance_service_pb2 as pb

    if openlineage is not None:
        return data_history.write_openlineage(session, version, openlineage)
    request = pb.GetLineageRequest(name=names.dataset_version(version), row_id=row)
    found = session.governance.GetLineage(request)
    if session.as_json:
        return output.emit_json(session, found)
    rows = [(i.source_file, output.count(i.accepted_row_count), i.sha256[:12], i.name) for i in found.imports]
    output.table(f"Files behind {version}", ["file", "#rows", "sha-256", "import"], rows)
    if found.parent_versions:
        output.line("Earlier versions: " + ", ".join(names.short(v) for v in found.parent_versions))
    if found.HasField("row_source"):
        output.line(f"The row comes from {found.row_source.source_file}, line {found.row_source.source_line}.")
    if found.merged_row_sources:
        places = ", ".join(f"{one.source_file}:{one.source_line}" for one in found.merged_row_sources[:20])
        more = len(found.merged_row_sources) - 20
        output.line(f"Merged from: {places}{f' and {more} more' if more > 0 else ''}.")
    if found.HasField("row_release"):
        fixes = ", ".join(f"{name}={value}" for name, value in sorted(found.row_release.fixes.items()))
        output.line(
            f"{found.row_release.rule} had put it aside; it was released {f'with {fixes}' if fixes else 'as it was'}."
        )
    return None


def _mapping(
    columns: dict[str, str], time_zone: str, currency: str, cancellation_prefix: str, grade_offset: float
) -> "dataset_pb2.ColumnMapping":
    from aisle.governance.v1 import dataset_pb2

    return dataset_pb2.ColumnMapping(
        columns=columns,
        time_zone=time_zone,
        default_currency=currency,
        cancellation_prefix=cancellation_prefix,
        grade_offset=grade_offset,
    )


def _create(
    session: Session, dataset: str, kind: str, mapping: "dataset_pb2.ColumnMapping", contract: Path | None
) -> "dataset_pb2.Dataset":
    from aisle.governance.v1 import dataset_pb2
    from aisle.governance.v1 import governance_service_pb2 as pb

    if not kind:
        usage("--create needs --kind.", "Kinds: products, judgments, orders, user-events, pairs.")
    request = pb.CreateDatasetRequest(
        dataset_id=dataset.removeprefix("datasets/"),
        mapping=mapping,
        contract_yaml=data_contract.read_text(contract) if contract else "",
        request_id=names.new_request_id(),
    )
    request.kind = output.enum_value(dataset_pb2.DatasetKind, kind, "--kind")  # type: ignore[assignment]
    return session.governance.CreateDataset(request).dataset


def _follow_run(session: Session, run: "governance_run_pb2.GovernanceRun") -> "governance_run_pb2.GovernanceRun":
    from aisle.governance.v1 import governance_service_pb2 as pb
    from aisle.governance.v1.governance_run_pb2 import GovernanceRun

    from aisle_cli.watching import follow_job

    def watch(revision: int) -> "Iterator[pb.WatchGovernanceRunResponse]":
        return session.governance.WatchGovernanceRun(
            pb.WatchGovernanceRunRequest(name=run.name, after_revision=revision)
        )

    try:
        ended: GovernanceRun = follow_job(session, "governance", watch, lambda m: m.governance_run, lambda r: r.status)
    except CommandFailed as error:
        if "GATE" in str(error.facts.get("reason", "")):
            error.exit_code = EXIT_REJECTED
            error.next_step = error.next_step or "See `aisle data report DATASET` for the checks that failed."
        raise
    return ended


def _summary(version: str, report: "governance_run_pb2.QualityReport") -> str:
    return (
        f"{names.short(version)}: {output.count(report.input_row_count)} rows in, "
        f"{output.count(report.output_row_count)} published, "
        f"{output.count(report.quarantined_row_count)} put aside, quality {report.quality_score_ratio:.1%}"
    )
