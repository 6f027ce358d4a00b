"""Reads the operator's sources file (TOML): the only place where credentials of sources are found."""

import tomllib
from pathlib import Path
from typing import Any

from aisle_governance.domain.sources import DatabaseSource, Place, SourceBook
from aisle_governance.errors import FailedPrecondition

MAX_TIMEOUT_SECONDS = 24 * 3600.0


def read_book(path: Path | None) -> SourceBook:
    """The places and databases in the file; it is read at every call, so that changed credentials count at once.

    Raises FailedPrecondition: NO_SOURCES without a file, SOURCES_INVALID for one that cannot be understood. No text of the file
    is ever quoted.
    """
    if path is None:
        raise FailedPrecondition(
            "This server has no sources file.",
            reason="NO_SOURCES",
            next_step="An operator sets AISLE_GOVERNANCE_SOURCES_FILE; or upload the file with UploadRows.",
        )
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        places = {name: _place(name, part) for name, part in data.get("places", {}).items()}
        databases = {name: _database(name, part) for name, part in data.get("databases", {}).items()}
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        raise FailedPrecondition(
            "The server's sources file cannot be read.",
            reason="SOURCES_INVALID",
            next_step="An operator checks it: TOML with [places.NAME] uri, options and [databases.NAME] url, timeout_seconds.",
        ) from None
    return SourceBook(places, databases)


def _place(name: str, part: dict[str, Any]) -> Place:
    uri = part["uri"].rstrip("/")
    if "://" not in uri or "@" in uri or set(part) - {"uri", "options"}:
        raise ValueError(name)
    return Place(name, uri, dict(part.get("options", {})))


def _database(name: str, part: dict[str, Any]) -> DatabaseSource:
    timeout = float(part.get("timeout_seconds", 600))
    if (
        not 0 < timeout <= MAX_TIMEOUT_SECONDS
        or set(part) - {"url", "timeout_seconds"}
        or not isinstance(part["url"], str)
    ):
        raise ValueError(name)
    return DatabaseSource(name, part["url"], timeout)
