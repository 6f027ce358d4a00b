"""`python -m aisle_launcher [up|down|status]`: the launcher without the rest of the command line."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from aisle_launcher.commands import UpOptions, down, status, up
from aisle_launcher.state import DEFAULT_STATE_DIR


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line (`up` when it is empty) and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m aisle_launcher", description=__doc__)
    parser.add_argument("command", nargs="?", choices=["up", "down", "status"], default="up")
    parser.add_argument("--state-dir", type=Path, default=DEFAULT_STATE_DIR)
    parser.add_argument("--detach", action="store_true", help="up: run in the background")
    parser.add_argument("--port", action="append", default=[], type=port, metavar="NAME=PORT", help="up: fix a port")
    parser.add_argument("--commands", type=Path, metavar="FILE", help="up: JSON file of other command lines")
    parser.add_argument("--json", action="store_true", help="status: print JSON")
    parsed = parser.parse_args(arguments)
    if parsed.command == "down":
        return down(parsed.state_dir)
    if parsed.command == "status":
        return status(parsed.state_dir, as_json=parsed.json)
    return up(UpOptions(parsed.state_dir, parsed.detach, dict(parsed.port), parsed.commands))


def port(text: str) -> tuple[str, int]:
    """Read `NAME=PORT`.

    Raises ValueError for anything else.
    """
    name, _, number = text.partition("=")
    if not name or not number.isdigit() or not 0 < int(number) < 65_536:
        raise ValueError(f"{text!r} is not NAME=PORT with a port from 1 to 65535")
    return name, int(number)


if __name__ == "__main__":
    sys.exit(main())
