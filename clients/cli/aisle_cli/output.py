"""Printing: JSON documents for scripts, tables for people; text from data never controls the terminal."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from aisle_cli.session import Session

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from google.protobuf.timestamp_pb2 import Timestamp
    from rich.console import Console

_PIPE_WIDTH = 160


def console(*, stderr: bool = False) -> "Console":
    """A console on standard output (or error) that wraps at the terminal's width, or late in a pipe."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(
        stderr=stderr, width=None if stream.isatty() else _PIPE_WIDTH, highlight=False, markup=False, soft_wrap=False
    )


def as_dict(message: "Message") -> dict[str, Any]:
    """Protobuf JSON with the names of the contract, fields at their default included."""
    from google.protobuf.json_format import MessageToDict

    found: dict[str, Any] = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return found


def emit_json(session: Session, document: "Message | dict[str, Any]") -> None:
    """Print one document on one line, with the trace of this invocation in front."""
    body = document if isinstance(document, dict) else as_dict(document)
    print(json.dumps({"trace_id": session.trace_id, **body}, ensure_ascii=False), flush=True)


def emit_list(session: Session, name: str, messages: Iterable["Message"]) -> None:
    """Print the entries of all pages as one document `{name: [...]}`."""
    emit_json(session, {name: [as_dict(message) for message in messages]})


def line(text: str) -> None:
    """Print one line for people."""
    print(plain(text), flush=True)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str = "none") -> None:
    """Print rows under a title; columns whose header begins with `#` are numbers and go to the right."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(title=Text(title) if title else None, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for column in columns:
        right = column.startswith("#")
        made.add_column(column.lstrip("#"), justify="right" if right else "left", overflow="fold", no_wrap=right)
    for row in rows:
        made.add_row(*(Text(plain(str(cell))) for cell in row))
    if not made.row_count:
        line(f"{title}: {empty}" if title else empty)
        return
    console().print(made)


def fields(entries: Iterable[tuple[str, object]]) -> None:
    """Print `name  value` lines; empty values are left out."""
    shown = [(name, plain(str(value))) for name, value in entries if value not in ("", None)]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        print(f"{name:<{width}}  {value}", flush=True)


def plain(text: str) -> str:
    """Replace control characters, which could move the cursor or change colours, by a visible mark."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def when(time: "Timestamp") -> str:
    """A time for people, in the local zone; "" when unset."""
    if not time.seconds:
        return ""
    from datetime import UTC

    return time.ToDatetime(tzinfo=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def enum_word(enum: Any, value: int) -> str:
    """`JOB_STATE_RUNNING` -> `running`: the enum's own prefix goes."""
    names: list[str] = enum.keys()
    if value not in enum.values():
        return str(value)
    prefix = next(name for name in names if name.endswith("_UNSPECIFIED")).removesuffix("UNSPECIFIED")
    return str(enum.Name(value)).removeprefix(prefix).lower().replace("_", "-")


def enum_value(enum: Any, word: str, option: str) -> int:
    """The inverse of `enum_word`; anything unknown ends the command."""
    from aisle_cli.failures import usage

    known = {enum_word(enum, value): int(value) for value in enum.values() if value}
    found = known.get(word.lower().replace("_", "-"))
    if found is None:
        usage(f"{option} {word}: it is not known.", f"Known: {', '.join(known)}.")
    return found


def number(value: float) -> str:
    """A figure with four significant digits; a dash for NaN."""
    return "-" if value != value else f"{value:.4g}"


def count(value: int) -> str:
    """A whole number with separators."""
    return f"{value:,}"
