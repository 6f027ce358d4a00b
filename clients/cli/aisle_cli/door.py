"""The door of every command: shared options in, exit code out, and never a traceback."""

import errno
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from aisle_cli.failures import EXIT_FAILED, EXIT_INTERRUPTED, CommandFailed
from aisle_cli.quick import QuickCommand, QuickGroup
from aisle_cli.session import DEFAULT_STATE_DIR, Session

_PANEL = "Shared options"
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one document per line.", rich_help_panel=_PANEL)]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Print the trace id of this invocation.", rich_help_panel=_PANEL)
]
StateDir = Annotated[
    Path,
    typer.Option(envvar="AISLE_STATE_DIR", help="State folder of `aisle up`, to find it.", rich_help_panel=_PANEL),
]
Address = Annotated[
    list[str] | None,
    typer.Option("--address", metavar="[SERVICE=]HOST:PORT", help="Where a service is.", rich_help_panel=_PANEL),
]
_SHARED = {
    "shared_json": (Json, False),
    "shared_verbose": (Verbose, False),
    "state_dir": (StateDir, DEFAULT_STATE_DIR),
    "shared_address": (Address, None),
}

Function = Callable[..., None]


def group(help: str, **options: Any) -> typer.Typer:
    """A group of commands."""
    options = {"cls": QuickGroup, **options}
    return typer.Typer(help=help, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, **options)


def command(app: typer.Typer, name: str, **options: Any) -> Callable[[Function], Function]:
    """Register `function(session, ...)` as a command that has the shared options too."""

    def register(function: Function) -> Function:
        app.command(name, cls=QuickCommand, **options)(with_session(function))
        return function

    return register


def with_session(function: Function) -> Function:
    """Return what Typer calls: the parameters of `function` but the first, then the shared options."""

    def run(**given: Any) -> None:
        session = Session(
            as_json=given.pop("shared_json"),
            verbose=given.pop("shared_verbose"),
            state_dir=given.pop("state_dir"),
            given_addresses=tuple(given.pop("shared_address") or ()),
        )
        code = _guarded(session, lambda: function(session, **given))
        if code:
            raise typer.Exit(code)

    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in _SHARED.items()
    ]
    parameters = [*(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own), *shared]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__doc__, run.__name__ = function.__doc__, function.__name__
    return run


def _guarded(session: Session, work: Callable[[], None]) -> int:
    try:
        work()
    except CommandFailed as error:
        return _tell(session, error)
    except KeyboardInterrupt:
        return _tell(session, CommandFailed("Interrupted.", session.left_running, exit_code=EXIT_INTERRUPTED))
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.EPIPE:
            raise
        return _tell(session, _translate(session, error))
    finally:
        if session.verbose and not session.as_json:
            print(f"trace {session.trace_id}", file=sys.stderr)
        session.close()
    return 0


def _translate(session: Session, error: Exception) -> CommandFailed:
    grpc = sys.modules.get("grpc")
    if grpc is not None and isinstance(error, grpc.RpcError):
        from aisle_cli.failures import from_rpc

        return from_rpc(error, session.addresses)
    if os.environ.get("AISLE_TRACEBACK"):
        raise error
    if isinstance(error, OSError):
        return CommandFailed(f"{error.filename or 'A file'}: {error.strerror or error}.")
    return CommandFailed(
        f"The client has a bug: {type(error).__name__}: {error}", "Run it again with AISLE_TRACEBACK=1 and report it."
    )


def _tell(session: Session, error: CommandFailed) -> int:
    from aisle_cli.output import plain

    if session.as_json:
        print(error.as_json(session.trace_id), file=sys.stderr)
    else:
        print(f"Error: {plain(str(error))}", file=sys.stderr)
        if error.next_step:
            print(plain(error.next_step), file=sys.stderr)
    return error.exit_code or EXIT_FAILED
