"""`aisle data`, second half: versions through time and rows that come back."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aisle_cli import names, output
from aisle_cli.door import command
from aisle_cli.failures import usage
from aisle_cli.session import Session, collect

if TYPE_CHECKING:
    from aisle.governance.v1 import dataset_history_pb2, governance_run_pb2

Dataset = Annotated[str, typer.Argument(metavar="DATASET", help="Dataset id.")]
Version = Annotated[str, typer.Argument(metavar="DATASET/VERSION", help="A version, for example orders/3.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `aisle data`."""
    commands: dict[str, Callable[..., None]] = {
        "diff": diff,
        "rollback": rollback,
        "retention": retention,
        "vacuum": vacuum,
        "history": history,
        "release": release,
    }
    for name, function in commands.items():
        command(app, name)(function)


def diff(
    session: Session,
    base: Version,
    version: Annotated[str, typer.Argument(metavar="[VERSION]", help="What is compared; the newest by default.")] = "",
) -> None:
    """Compare two versions: rows, columns, and how far each column's values moved."""
    from aisle.governance.v1 import governance_service_pb2 as pb

    wanted = version if "/" in version else f"{base.partition('/')[0]}/{version}" if version else base.partition("/")[0]
    request = pb.DiffDatasetVersionsRequest(
        base_version=names.dataset_version(base), version=names.dataset_version(wanted)
    )
    found = session.governance.DiffDatasetVersions(request).diff
    if session.as_json:
        return output.emit_json(session, {"diff": output.as_dict(found)})
    output.line(
        f"{names.short(found.version)} beside {names.short(found.base_version)}: "
        f"{output.count(found.added_row_count)} rows added, {output.count(found.removed_row_count)} removed, "
        f"{output.count(found.changed_row_count)} changed, {output.count(found.unchanged_row_count)} the same"
    )
    for change in found.schema_changes:
        output.line(f"Column {change.column}: {change.base_type or 'absent'} before, {change.type or 'absent'} now.")
    rows = [
        (
            c.column,
            f"{c.base.missing_ratio:.1%} → {c.profile.missing_ratio:.1%}",
            f"{output.number(c.base.mean)} → {output.number(c.profile.mean)}",
            *(output.number(value) for value in (c.psi, c.js_distance, c.ks_statistic, c.ks_p_value)),
            "drifted" if c.drifted else "",
        )
        for c in sorted(found.columns, key=lambda column: -column.psi)
    ]
    headers = ["column", "#missing", "#mean", "#psi", "#js", "#ks", "#p", ""]
    return output.table("Columns, the most moved first", headers, rows)


def rollback(session: Session, version: Version) -> None:
    """Publish the rows of an older version again, as the newest one; nothing is taken back."""
    from aisle.governance.v1 import governance_service_pb2 as pb

    request = pb.RollbackDatasetRequest(version=names.dataset_version(version), request_id=names.new_request_id())
    made = session.governance.RollbackDataset(request).dataset_version
    if session.as_json:
        return output.emit_json(session, {"dataset_version": output.as_dict(made)})
    return output.line(f"{names.short(made.name)} holds the rows of {names.short(made.restored_version)}.")


def retention(
    session: Session,
    dataset: Dataset,
    keep_last: Annotated[int | None, typer.Option(min=0, help="Newest versions to keep.")] = None,
    keep_days: Annotated[int | None, typer.Option(min=0, help="Days to keep a version after publication.")] = None,
) -> None:
    """Show or set how long versions are kept; `aisle data vacuum` then deletes what is not."""
    from aisle.governance.v1 import dataset_history_pb2
    from aisle.governance.v1 import governance_service_pb2 as pb

    asked = pb.GetRetentionPolicyRequest(dataset=names.dataset(dataset))
    policy = session.governance.GetRetentionPolicy(asked).retention_policy
    if keep_last is not None or keep_days is not None:
        wanted = dataset_history_pb2.RetentionPolicy(
            dataset=names.dataset(dataset),
            keep_last_count=policy.keep_last_count if keep_last is None else keep_last,
            keep_days=policy.keep_days if keep_days is None else keep_days,
        )
        request = pb.UpdateRetentionPolicyRequest(retention_policy=wanted, request_id=names.new_request_id())
        policy = session.governance.UpdateRetentionPolicy(request).retention_policy
    if session.as_json:
        return output.emit_json(session, {"retention_policy": output.as_dict(policy)})
    if not policy.keep_last_count and not policy.keep_days:
        return output.line(f"{dataset}: every version is kept.")
    parts = [f"the newest {policy.keep_last_count}"] if policy.keep_last_count else []
    parts += [f"those of the last {policy.keep_days} days"] if policy.keep_days else []
    return output.line(f"{dataset} keeps {' and '.join(parts)}.")


def vacuum(
    session: Session,
    dataset: Dataset,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
) -> None:
    """Delete the files of versions that the retention policy no longer keeps; their records stay."""
    from aisle.governance.v1 import governance_service_pb2 as pb

    request = pb.VacuumDatasetRequest(
        dataset=names.dataset(dataset), dry_run=dry_run, request_id=names.new_request_id()
    )
    done = session.governance.VacuumDataset(request)
    if session.as_json:
        return output.emit_json(session, done)
    verb = "would be" if dry_run else "are"
    gone = ", ".join(names.short(name) for name in done.vacuumed_versions) or "no version"
    output.line(f"The files of {gone} {verb} deleted, {output.count(done.freed_bytes)} bytes.")
    rows = [(names.short(one.version), one.reason.lower().replace("_", " "), one.holder) for one in done.kept_versions]
    return output.table("Kept", ["version", "why", "for"], rows)


def points_of(session: Session, dataset: str, limit: int) -> "list[dataset_history_pb2.QualityPoint]":
    """The quality of the newest versions, newest first."""
    from aisle.governance.v1 import governance_service_pb2 as pb

    def ask(token: str, size: int) -> tuple[Any, str]:
        request = pb.GetQualityHistoryRequest(dataset=names.dataset(dataset), page_size=size, page_token=token)
        answer = session.governance.GetQualityHistory(request)
        return answer.points, answer.next_page_token

    return collect(ask, limit)


def history(
    session: Session,
    dataset: Dataset,
    limit: Annotated[int, typer.Option(min=1, help="Versions to show at most.")] = 20,
) -> None:
    """Show how the quality of a dataset went from version to version, and what was unusual."""
    found = points_of(session, dataset, limit)
    if session.as_json:
        return output.emit_list(session, "points", found)
    rows = [
        (
            names.short(p.dataset_version),
            f"{p.quality_score_ratio:.1%}",
            *(output.count(n) for n in (p.input_row_count, p.output_row_count, p.quarantined_row_count)),
            ", ".join(f"{a.metric} {output.number(a.value)} (z {a.robust_z:+.1f})" for a in p.anomalies[:3]),
            output.when(p.create_time),
        )
        for p in found
    ]
    headers = ["version", "#quality", "#rows in", "#rows out", "#put aside", "unusual", "published"]
    return output.table(f"Quality of {dataset}", headers, rows)


def release(
    session: Session,
    dataset: Dataset,
    rows: Annotated[
        list[str] | None, typer.Option("--row", metavar="ROW", help="Row id as `aisle data quarantine` shows it.")
    ] = None,
    values: Annotated[
        list[str] | None, typer.Option("--set", metavar="COLUMN=VALUE", help="New value in every named row.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help='JSON lines {"row_id": "...", "values": {"column": "value"}}.')
    ] = None,
) -> None:
    """Let rows that were put aside come back with the next run, with or without new values."""
    from aisle.governance.v1 import dataset_history_pb2
    from aisle.governance.v1 import governance_service_pb2 as pb

    fixes = names.pairs(values or [], "--set")
    wanted = [dataset_history_pb2.RowFix(row_id=row, values=fixes) for row in rows or []]
    if file is not None:
        wanted += [dataset_history_pb2.RowFix(**one) for one in _read_fixes(file)]
    if not wanted:
        usage("No row is named.", "Name rows with --row or --file.")
    released: list[Any] = []
    for part in (wanted[start : start + 1000] for start in range(0, len(wanted), 1000)):
        request = pb.ReleaseQuarantinedRowsRequest(
            dataset=names.dataset(dataset), rows=part, request_id=names.new_request_id()
        )
        released += session.governance.ReleaseQuarantinedRows(request).releases
    if session.as_json:
        return output.emit_list(session, "releases", released)
    return output.line(f"{output.count(len(released))} rows come back with the next run: aisle data govern {dataset}")


def _read_fixes(file: Path) -> Iterator[dict[str, Any]]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        usage(f"{file} cannot be read: {error.strerror}.")
    for number, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        try:
            value = json.loads(text)
            yield {"row_id": str(value["row_id"]), "values": {k: str(v) for k, v in value.get("values", {}).items()}}
        except (ValueError, KeyError, TypeError, AttributeError):
            usage(f"{file}, line {number}: it is not {{'row_id': ..., 'values': {{...}}}}.")


def write_report(session: Session, report: "governance_run_pb2.QualityReport", file: Path) -> None:
    """Write a quality report with the history of its dataset as one HTML file."""
    from aisle_cli.quality_html import render

    points = points_of(session, names.short(report.dataset), 50)
    _write(file, render(report, points[::-1], _shapes_of(session, report.dataset_version)))
    output.line(f"Wrote {file}.")


def _shapes_of(session: Session, version: str) -> Any:
    """The shapes of a version's columns; none when nothing was published or its files are gone."""
    import grpc
    from aisle.governance.v1 import column_shape_pb2

    if not version:
        return ()
    try:
        return session.governance.GetColumnShapes(
            column_shape_pb2.GetColumnShapesRequest(dataset_version=version)
        ).columns
    except grpc.RpcError as error:
        if error.code() in (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.UNIMPLEMENTED):
            return ()
        raise


def write_openlineage(session: Session, version: str, file: Path) -> None:
    """Write the run that made a version as an OpenLineage event."""
    from aisle_cli.openlineage import run_event

    _write(file, json.dumps(run_event(session, names.dataset_version(version)), indent=2, ensure_ascii=False) + "\n")
    output.line(f"Wrote {file}.")


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        usage(f"{file} cannot be written: {error.strerror}.")
