"""Where the evaluation sets are."""

import os
from pathlib import Path


def folder(name: str) -> Path:
    """The set `name` below AISLE_DATA_MIRROR, or below ../shared/data beside the checkout. Exits with a sentence without it."""
    named = os.environ.get("AISLE_DATA_MIRROR")
    found = (Path(named) if named else Path.cwd().parent / "shared" / "data") / name
    if not found.is_dir():
        raise SystemExit(
            f"The set {name!r} is not there: set AISLE_DATA_MIRROR to the folder that holds the evaluation sets."
        )
    return found
