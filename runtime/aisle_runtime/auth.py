"""Who is calling: bearer tokens from a file of their SHA-256 digests, read anew when the file changes."""

import hashlib
import hmac
from collections.abc import Iterable
from contextvars import ContextVar
from pathlib import Path

from aisle_runtime.errors import Unauthenticated

_principal: ContextVar[str] = ContextVar("aisle_principal", default="")
_DIGEST_LENGTH = 64


def principal() -> str:
    """Return the name of the authenticated caller of the current RPC, "" when the server asks for no token."""
    return _principal.get()


def token_line(name: str, token: str) -> str:
    """Return the line of a tokens file that admits `token` as `name`."""
    return f"{name}:{hashlib.sha256(token.encode()).hexdigest()}"


class TokenFile:
    """Accepted tokens; each line is `name:sha256-hex-of-token`, empty lines and `#` comments aside."""

    def __init__(self, path: Path) -> None:
        """Read `path`.

        Raises ValueError when a line is malformed or the file admits nobody, OSError when it cannot be read.
        """
        self._path = path
        self._changed = path.stat().st_mtime_ns
        self._tokens = self._read()

    def authenticate(self, metadata: Iterable[tuple[str, str | bytes]]) -> None:
        """Remember the caller named by the `authorization` entry as `principal()`.

        Raises Unauthenticated for any other caller.
        """
        value = next((value for key, value in metadata if key == "authorization"), "")
        scheme, _, token = (value if isinstance(value, str) else "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated(
                "The call carries no bearer token.",
                reason="TOKEN_MISSING",
                next_step="Send the metadata entry `authorization: Bearer <token>`.",
            )
        digest, found = hashlib.sha256(token.strip().encode()).hexdigest(), ""
        for accepted, name in self._current().items():
            if hmac.compare_digest(accepted, digest):
                found = name
        if not found:
            raise Unauthenticated("The bearer token is not accepted.", reason="TOKEN_INVALID")
        _principal.set(found)

    def _current(self) -> dict[str, str]:
        try:
            changed = self._path.stat().st_mtime_ns
            if changed != self._changed:
                self._tokens, self._changed = self._read(), changed
        except (OSError, ValueError):
            return self._tokens  # a half-written or missing file leaves the last good one in force
        return self._tokens

    def _read(self) -> dict[str, str]:
        tokens: dict[str, str] = {}
        for line in self._path.read_text(encoding="utf-8").splitlines():
            if not (stripped := line.strip()) or stripped.startswith("#"):
                continue
            name, _, digest = stripped.rpartition(":")
            if not name or len(digest) != _DIGEST_LENGTH:
                raise ValueError("a line of the tokens file is not name:sha256-hex")
            tokens[digest.lower()] = name
        if not tokens:
            raise ValueError("the tokens file admits nobody")
        return tokens
