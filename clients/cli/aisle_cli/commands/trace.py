"""`aisle trace`: one trace across services."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from aisle_cli import output
from aisle_cli.door import command, group
from aisle_cli.failures import EXIT_NOT_FOUND, CommandFailed
from aisle_cli.session import Session

if TYPE_CHECKING:
    from aisle.monitor.v1 import observation_pb2

app = group("Show a trace across services.")
_SAME_SHOWN = 3
"""Siblings of one service and name shown one by one; the others are counted."""


@app.callback()
def trace() -> None:
    """Show a trace across services."""


@command(app, "show")
def show(
    session: Session,
    trace_id: Annotated[str, typer.Argument(metavar="TRACE_ID", help="32 hex digits.")],
    full: Annotated[bool, typer.Option("--full", help="Show every span, however many are alike.")] = False,
) -> None:
    """Print the spans of a trace as a tree, and the steps from service to service."""
    from aisle.monitor.v1 import monitor_service_pb2 as pb

    answer = session.monitor.GetTrace(pb.GetTraceRequest(trace_id=trace_id.lower()))
    if not answer.span_count:
        raise CommandFailed(
            f"No span of {trace_id} has arrived.",
            "Spans arrive a few seconds late; try again.",
            exit_code=EXIT_NOT_FOUND,
        )
    if session.as_json:
        return output.emit_json(session, answer)
    output.console().print(_tree(list(answer.spans), len(answer.spans) if full else _SAME_SHOWN))
    services = {span.service for span in answer.spans}
    hops = sum(edge.count for edge in answer.edges if edge.kind == "event")
    output.line(f"{output.count(answer.span_count)} spans, {len(services)} services, {output.count(hops)} event hops")
    rows = [(e.source, e.target, e.kind, e.operation, output.count(e.count)) for e in answer.edges]
    return output.table("From service to service", ["from", "to", "kind", "operation", "#times"], rows)


def _tree(spans: "list[observation_pb2.Span]", same_shown: int) -> Any:
    """Build the tree; a span whose parent has not arrived, or is the caller's own, hangs below the trace itself."""
    from rich.text import Text
    from rich.tree import Tree

    known = {span.span_id for span in spans}
    children: dict[str, list[observation_pb2.Span]] = {}
    for span in spans:
        children.setdefault(span.parent_span_id if span.parent_span_id in known else "", []).append(span)
    root = Tree(Text("trace"))
    # A stack instead of recursion: a chain may be longer than Python's limit.
    open_nodes: list[tuple[Any, str]] = [(root, "")]
    while open_nodes:
        node, parent = open_nodes.pop()
        alike: dict[tuple[str, str], int] = {}
        for span in children.get(parent, ()):
            key = (span.service, span.name)
            alike[key] = alike.get(key, 0) + 1
            if alike[key] <= same_shown:
                open_nodes.append((node.add(Text(_label(span))), span.span_id))
        for (service, name), count in alike.items():
            if count > same_shown:
                node.add(Text(output.plain(f"{service}  {name}: {count - same_shown} more like it")))
    return root


def _label(span: "observation_pb2.Span") -> str:
    failed = "  FAILED" if span.error else ""
    name = span.name.removeprefix("aisle.")
    return output.plain(f"{span.service}  {name}  [{span.kind}]  {span.duration_ms:.1f} ms{failed}")
