"""Places and databases that the operator has named, and whether a request may read from them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aisle_governance.errors import InvalidField, NotFound

_URI = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<rest>[^?#]*)")
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_QUERY = re.compile(r"(select|with|values)\b", re.IGNORECASE)
MAX_URI, MAX_SQL_BYTES = 1_024, 16 << 10


@dataclass(frozen=True, slots=True)
class Place:
    """A folder or bucket below which everything may be read."""

    name: str
    uri: str
    """`scheme://...` without a slash at the end."""
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Credentials and the like, for the file system only."""

    @property
    def scheme(self) -> str:
        """Kind of file system, for example `s3` or `file`."""
        return self.uri.partition("://")[0]


@dataclass(frozen=True, slots=True)
class DatabaseSource:
    """A database that may be asked."""

    name: str
    url: str = field(repr=False)
    timeout_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class SourceBook:
    """All that the operator has named."""

    places: Mapping[str, Place] = field(default_factory=dict)
    databases: Mapping[str, DatabaseSource] = field(default_factory=dict)

    def place_of(self, uri: str, path: str = "uri") -> Place:
        """The place (the deepest one) that `uri` lies in. Raises InvalidField for a URI that cannot be meant, NotFound."""
        check_uri(uri, path)
        holding = [place for place in self.places.values() if uri == place.uri or uri.startswith(f"{place.uri}/")]
        if not holding:
            known = ", ".join(sorted(place.uri for place in self.places.values())) or "none"
            raise NotFound(
                "The URI lies below no place that this server may read.",
                reason="PLACE_NOT_FOUND",
                next_step=f"Places: {known}. An operator can add one to the sources file.",
            )
        return max(holding, key=lambda place: len(place.uri))

    def database(self, name: str) -> DatabaseSource:
        """The database of that name. Raises NotFound."""
        found = self.databases.get(name)
        if found is None:
            known = ", ".join(sorted(self.databases)) or "none"
            raise NotFound(
                "There is no connection of that name.",
                reason="CONNECTION_NOT_FOUND",
                next_step=f"Connections: {known}. An operator can add one to the sources file.",
            )
        return found


def check_uri(uri: str, path: str) -> None:
    """Raise InvalidField for a URI with credentials, relative parts or unprintable characters."""
    found = _URI.fullmatch(uri)
    if not uri.isprintable() or len(uri) > MAX_URI or found is None:
        raise InvalidField(path, "must be like s3://bucket/file.csv, at most 1,024 characters, without ? and #")
    authority, _, rest = found["rest"].partition("/")
    if found["scheme"] == "file":  # file:///folder has no authority
        authority, rest = "", found["rest"].removeprefix("/")
    if "@" in authority:
        raise InvalidField(path, "must not hold credentials", next_step="They belong into the server's sources file.")
    parts = rest.removesuffix("/").split("/") if rest else []
    if "\\" in uri or any(part in ("", ".", "..") for part in parts):
        raise InvalidField(path, "must be a plain path without empty or relative parts")


def check_sql(sql: str, path: str) -> str:
    """The statement without a semicolon at its end; raises InvalidField for anything but one query.

    Writing is refused by the database, too: the transaction is read-only.
    """
    if not 1 <= len(sql.encode("utf-8", "replace")) <= MAX_SQL_BYTES or "\x00" in sql:
        raise InvalidField(path, f"must have 1 to {MAX_SQL_BYTES} bytes")
    bare = _COMMENT.sub(" ", sql).strip().rstrip(";").strip()
    if not _QUERY.match(bare.lstrip("( ")):
        raise InvalidField(path, "must be one SELECT", next_step="Begin with SELECT or WITH.")
    if ";" in re.sub(r"'(?:[^']|'')*'|\"[^\"]*\"", "", bare):
        raise InvalidField(path, "must be one statement")
    return sql.strip().rstrip(";").strip()
