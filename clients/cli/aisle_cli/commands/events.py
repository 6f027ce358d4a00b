"""`aisle events`: bring what shoppers did."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aisle_cli import output
from aisle_cli.door import command, group
from aisle_cli.failures import EXIT_FAILED, CommandFailed, usage
from aisle_cli.session import Session

if TYPE_CHECKING:
    from aisle.governance.v1 import user_event_pb2

app = group("Send what shoppers did.")
_BATCH = 1000
_PROBLEMS_SHOWN = 20
_NAMESPACE = uuid.UUID("8f1d6f5e-6c0b-4b57-9d1f-6d5b6f8f7c11")


@app.callback()
def events() -> None:
    """Send what shoppers did."""


@command(app, "send")
def send(
    session: Session,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE.jsonl", help="One UserEvent as protobuf JSON per line.")
    ] = None,
    click: Annotated[str, typer.Option(metavar="PRODUCT", help="Send one click; needs --token.")] = "",
    cart: Annotated[str, typer.Option(metavar="PRODUCT", help="Send one add-to-cart.")] = "",
    purchase: Annotated[str, typer.Option(metavar="PRODUCT", help="Send one purchase.")] = "",
    view: Annotated[str, typer.Option(metavar="PRODUCT", help="Send one view.")] = "",
    token: Annotated[str, typer.Option(help="Attribution token of the answer that showed the product.")] = "",
    customer: Annotated[str, typer.Option(help="Pseudonymous customer id.")] = "",
    visitor: Annotated[str, typer.Option(help="Session id.")] = "",
    position: Annotated[int, typer.Option(min=0, help="Position in that answer, from 1.")] = 0,
) -> None:
    """Send events from a file, or one event given by options; code 1 when some were refused.

    An event in a file without `event_id` gets one made from its content, so sending a file twice counts once.
    """
    single = {"CLICK": click, "ADD_TO_CART": cart, "PURCHASE": purchase, "VIEW": view}
    chosen = [(kind, product) for kind, product in single.items() if product]
    if len(chosen) + (file is not None) != 1:
        usage("Name a file, or exactly one of --click, --cart, --purchase and --view.")
    if file is None:
        ((kind, product),) = chosen
        lines = iter([(1, _event(kind, product, token, customer, visitor, position))])
    else:
        lines = _read(file)
    _send(session, lines, str(file.name if file else "the event"))


def _send(session: Session, lines: "Iterator[tuple[int, user_event_pb2.UserEvent]]", source: str) -> None:
    from aisle.governance.v1 import governance_service_pb2 as pb

    accepted = duplicates = 0
    problems: list[dict[str, Any]] = []
    for batch in _batches(lines):
        answer = session.governance.CollectUserEvents(pb.CollectUserEventsRequest(events=[e for _, e in batch]))
        accepted += answer.accepted_count
        duplicates += answer.duplicate_count
        problems += [
            {"line": batch[p.index][0], "reason": p.failure.reason, "message": p.failure.message}
            for p in answer.problems
        ]
    if session.as_json:
        document = {"accepted_count": accepted, "duplicate_count": duplicates, "problems": problems}
        output.emit_json(session, document)
    else:
        known = f", {output.count(duplicates)} known before" if duplicates else ""
        refused = f", {output.count(len(problems))} refused" if problems else ""
        output.line(f"{output.count(accepted)} events taken{known}{refused}.")
        for problem in problems[:_PROBLEMS_SHOWN]:
            output.line(f"  {source}, line {problem['line']}: {problem['message']}")
    if problems:
        raise typer.Exit(EXIT_FAILED)


def _read(file: Path) -> "Iterator[tuple[int, user_event_pb2.UserEvent]]":
    from aisle.governance.v1 import user_event_pb2
    from google.protobuf.json_format import ParseDict, ParseError

    try:
        lines = file.open("rb")
    except OSError as error:
        usage(f"{file} cannot be read: {error.strerror}.")
    with lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                event = ParseDict(json.loads(line), user_event_pb2.UserEvent())
            except (ParseError, ValueError) as error:
                raise CommandFailed(
                    f"{file.name}, line {number}: {error}",
                    "Every line before it was sent; correct the line and send the file again, known events count once.",
                ) from error
            event.event_id = event.event_id or str(uuid.uuid5(_NAMESPACE, line.decode("utf-8", "replace").strip()))
            yield number, event


def _event(
    kind: str, product: str, token: str, customer: str, visitor: str, position: int
) -> "user_event_pb2.UserEvent":
    from aisle.governance.v1 import user_event_pb2 as pb

    if kind == "CLICK" and not token:
        usage("A click counts only against an answer.", "Add --token; `aisle search QUERY --verbose` shows one.")
    event = pb.UserEvent(
        event_id=str(uuid.uuid4()),
        type=f"USER_EVENT_TYPE_{kind}",
        product_id=product,
        customer_id=customer,
        visitor_id=visitor,
        attribution_token=token,
        position=position,
    )
    event.event_time.GetCurrentTime()
    return event


def _batches(
    lines: "Iterator[tuple[int, user_event_pb2.UserEvent]]",
) -> "Iterator[list[tuple[int, user_event_pb2.UserEvent]]]":
    batch: list[tuple[int, user_event_pb2.UserEvent]] = []
    try:
        for entry in lines:
            batch.append(entry)
            if len(batch) == _BATCH:
                yield batch
                batch = []
    except CommandFailed:
        # What stands before a line that cannot be read is sent all the same.
        if batch:
            yield batch
        raise
    if batch:
        yield batch
