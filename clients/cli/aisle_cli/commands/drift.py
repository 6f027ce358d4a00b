"""`aisle drift`: how far new rows are from earlier ones."""

from typing import Annotated

import typer

from aisle_cli import names, output
from aisle_cli.door import command, group
from aisle_cli.reports import print_drift
from aisle_cli.session import Session, collect

app = group("Compare dataset versions.")
Version = Annotated[str, typer.Argument(metavar="DATASET/VERSION")]
_REPORT_SECONDS = 300.0


@command(app, "list")
def list_(session: Session, limit: Annotated[int, typer.Option(min=1, help="Reports to show at most.")] = 20) -> None:
    """List reports, newest first."""
    from aisle.monitor.v1 import monitor_service_pb2 as pb

    def ask(token: str, size: int) -> tuple[object, str]:
        answer = session.monitor.ListDriftReports(pb.ListDriftReportsRequest(page_size=size, page_token=token))
        return answer.drift_reports, answer.next_page_token

    found = collect(ask, limit)
    if session.as_json:
        return output.emit_list(session, "drift_reports", found)
    rows = [
        (
            names.short(r.name),
            names.short(r.reference_version),
            names.short(r.current_version),
            ", ".join(f"{c.column} {output.number(c.psi)}" for c in r.columns if c.drifted) or "nothing",
            output.when(r.create_time),
        )
        for r in found
    ]
    return output.table("Drift reports", ["report", "yardstick", "looked at", "drifted", "when"], rows)


@command(app, "show")
def show(session: Session, report: Annotated[str, typer.Argument(metavar="REPORT", help="Report id.")]) -> None:
    """Show a report column by column."""
    from aisle.monitor.v1 import monitor_service_pb2 as pb

    request = pb.GetDriftReportRequest(name=names.of("driftReports", report))
    found = session.monitor.GetDriftReport(request).drift_report
    if session.as_json:
        return output.emit_json(session, {"drift_report": output.as_dict(found)})
    return print_drift(found)


@command(app, "compare")
def compare(session: Session, reference: Version, current: Version) -> None:
    """Compare the rows that a version added with an earlier version, now."""
    from aisle.monitor.v1 import monitor_service_pb2 as pb

    request = pb.CreateDriftReportRequest(
        reference_version=names.dataset_version(reference),
        current_version=names.dataset_version(current),
        request_id=names.new_request_id(),
    )
    found = session.monitor.CreateDriftReport(request, timeout=_REPORT_SECONDS).drift_report
    if session.as_json:
        return output.emit_json(session, {"drift_report": output.as_dict(found)})
    return print_drift(found)
