"""`aisle metrics`: what shoppers did with the answers."""

from typing import Annotated

import typer

from aisle_cli import names, output
from aisle_cli.door import command, group
from aisle_cli.session import Session

app = group("Serving figures.")


@app.callback()
def serving_figures() -> None:
    """Serving figures."""


@command(app, "metrics")
def metrics(
    session: Session,
    version: Annotated[str, typer.Option(metavar="MODEL/VERSION", help="Only this version.")] = "",
    window: Annotated[int, typer.Option(min=0, metavar="SECONDS", help="Only the last seconds; 0 = all.")] = 0,
    by_surface: Annotated[bool, typer.Option("--by-surface", help="Split by search, recommend and rank.")] = False,
) -> None:
    """Show click-through with its interval, and answer times, per model version."""
    from aisle.monitor.v1 import monitor_service_pb2 as pb

    request = pb.QueryMetricsRequest(
        model_version=names.model_version(version) if version else "", window_seconds=window, by_surface=by_surface
    )
    found = session.monitor.QueryMetrics(request).metrics
    if session.as_json:
        return output.emit_list(session, "metrics", found)
    rows = [
        (
            names.short(m.model_version),
            m.surface or "all",
            output.count(m.answer_count),
            output.count(m.impression_count),
            output.count(m.click_count),
            f"{m.click_through_ratio:.2%} [{m.click_through_lower_ratio:.2%}, {m.click_through_upper_ratio:.2%}]",
            output.count(m.purchase_count),
            f"{m.latency_p50_ms:.1f}",
            f"{m.latency_p99_ms:.1f}",
            f"{m.degraded_ratio:.1%}",
        )
        for m in found
    ]
    headers = ["version", "surface", "#answers", "#shown", "#clicks", "#click-through", "#bought"]
    headers += ["#p50 ms", "#p99 ms", "#degraded"]
    return output.table("Serving", headers, rows, empty="no answers yet")
