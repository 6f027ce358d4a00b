"""`aisle up`, `down`, `status` and `demo`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from aisle_cli.door import command, group
from aisle_cli.failures import EXIT_FAILED, CommandFailed, usage
from aisle_cli.quick import QuickCommand
from aisle_cli.session import Session

app = group("The platform on this machine.")


@command(app, "up")
def up(
    session: Session,
    detach: Annotated[bool, typer.Option("--detach", help="Run in the background; `aisle down` stops it.")] = False,
    port: Annotated[
        list[str] | None, typer.Option(metavar="NAME=PORT", help="Fix a port; free ones otherwise.")
    ] = None,
    commands: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON: process name -> other command line, null leaves it out.")
    ] = None,
) -> None:
    """Start NATS and the six services, keep them alive, and end them with Ctrl-C.

    Exit codes: 3 when it already runs in this state folder, 5 when --detach did not see everything ready in time.
    """
    launcher = _launcher()
    options = launcher.UpOptions(session.state_dir, detach, _ports(port or []), commands)
    if not session.as_json:
        raise typer.Exit(launcher.up(options))
    lines: list[str] = []
    code = launcher.up(options, lines.append)
    if code not in (0, launcher.EXIT_UNAVAILABLE):
        raise CommandFailed(*lines[:2], exit_code=code)
    launcher.status(session.state_dir, as_json=True)
    raise typer.Exit(code)


@command(app, "down")
def down(session: Session) -> None:
    """Stop what `aisle up` started; fine when nothing runs."""
    launcher = _launcher()
    say = (lambda _: None) if session.as_json else print
    code = launcher.down(session.state_dir, say)
    if session.as_json:
        launcher.status(session.state_dir, as_json=True)
    raise typer.Exit(code)


@command(app, "status")
def status(session: Session) -> None:
    """Show every process with its state, address, restarts and memory; code 5 unless all are ready."""
    raise typer.Exit(_launcher().status(session.state_dir, as_json=session.as_json))


@app.command(
    "demo",
    cls=QuickCommand,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)
def demo(ctx: typer.Context) -> None:
    """Run the whole loop on real shop data; options are those of the demo (--quick, --output, --write-files, --keep)."""
    try:
        from aisle_demo.main import main
    except ModuleNotFoundError as error:
        typer.echo(_missing("demo", error), err=True)
        raise typer.Exit(EXIT_FAILED) from None
    raise typer.Exit(main(ctx.args))


def _launcher() -> Any:
    try:
        from aisle_launcher import commands
    except ModuleNotFoundError as error:
        raise CommandFailed(_missing("launcher", error)) from None
    return commands


def _missing(extra: str, error: ModuleNotFoundError) -> str:
    return f"This command needs more packages ({error.name} is missing). Install them: pip install 'aisle[{extra}]'"


def _ports(texts: list[str]) -> dict[str, int]:
    from aisle_cli.names import pairs

    ports = {}
    for name, text in pairs(texts, "--port").items():
        if not text.isdigit() or not 0 < int(text) < 65_536:
            usage(f"--port {name}={text}: a port is a number from 1 to 65535.")
        ports[name] = int(text)
    return ports
