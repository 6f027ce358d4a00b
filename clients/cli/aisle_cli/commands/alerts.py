"""`aisle alerts`: what people or a policy should act on."""

from typing import Annotated

import typer

from aisle_cli import names, output
from aisle_cli.door import command, group
from aisle_cli.session import Session, collect

app = group("List alerts.")


@app.callback()
def alerts() -> None:
    """List alerts."""


@command(app, "list")
def list_(
    session: Session,
    kind: Annotated[
        str, typer.Option(help="data-drift, latency, click-through, serving or data-quality; all otherwise.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="Alerts to show at most.")] = 20,
) -> None:
    """List alerts, newest first."""
    from aisle.monitor.v1 import monitor_service_pb2 as pb
    from aisle.monitor.v1 import observation_pb2

    wanted = output.enum_value(observation_pb2.AlertKind, kind, "--kind") if kind else 0

    def ask(token: str, size: int) -> tuple[object, str]:
        request = pb.ListAlertsRequest(page_size=size, page_token=token)
        request.kind = wanted  # type: ignore[assignment]
        answer = session.monitor.ListAlerts(request)
        return answer.alerts, answer.next_page_token

    found = collect(ask, limit)
    if session.as_json:
        return output.emit_list(session, "alerts", found)
    rows = [
        (
            output.when(a.create_time),
            output.enum_word(observation_pb2.AlertKind, a.kind),
            names.short(a.subject),
            a.message,
            names.short(a.report),
            names.short(a.pipeline_run),
        )
        for a in found
    ]
    return output.table("Alerts", ["when", "kind", "about", "what", "report", "run started"], rows)
