"""Signed tokens: bytes that a caller carries around and can neither change nor prolong."""

import base64
import hashlib
import hmac
import os
import secrets
import time
from binascii import Error as Base64Error
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from aisle_runtime.errors import InvalidArgument

KEY_BYTES = 32
MAXIMUM_TOKEN_LENGTH = 16_384
_DOMAIN = b"aisle-token-v1\x00"
_EXPIRY_BYTES = 8


class TokenInvalid(InvalidArgument):
    """The token was not made here, was changed, or (reason TOKEN_EXPIRED) has ended."""

    reason = "TOKEN_INVALID"


class Signer:
    """Signs and checks tokens with HMAC-SHA256; the payload is readable for whoever holds the token."""

    def __init__(self, key: bytes, now: Callable[[], float] = time.time) -> None:
        """Use `key` (at least 32 bytes) and the clock `now` in seconds since the epoch."""
        if len(key) < KEY_BYTES:
            raise ValueError(f"a signing key has at least {KEY_BYTES} bytes")
        self._key, self._now = key, now

    @classmethod
    def from_file(cls, path: Path) -> "Signer":
        """Use the key in the file at `path`; see `load_key`."""
        return cls(load_key(path))

    def sign(self, payload: bytes, ttl_seconds: float) -> str:
        """Return a URL-safe token for `payload` that is valid for `ttl_seconds`."""
        expiry_ms = round((self._now() + ttl_seconds) * 1000)
        body = expiry_ms.to_bytes(_EXPIRY_BYTES, "big") + payload
        return f"{_encode(body)}.{_encode(self._mac(body))}"

    def verify(self, token: str) -> bytes:
        """Return the payload of `token`.

        Raises TokenInvalid with reason TOKEN_INVALID or TOKEN_EXPIRED.
        """
        if len(token) > MAXIMUM_TOKEN_LENGTH:
            raise _invalid()
        encoded_body, _, encoded_mac = token.partition(".")
        body, mac = _decode(encoded_body), _decode(encoded_mac)
        if not hmac.compare_digest(mac, self._mac(body)) or len(body) < _EXPIRY_BYTES:
            raise _invalid()
        if int.from_bytes(body[:_EXPIRY_BYTES], "big") <= self._now() * 1000:
            raise TokenInvalid("The token has expired.", reason="TOKEN_EXPIRED", next_step="Ask for a new one.")
        return body[_EXPIRY_BYTES:]

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._key, _DOMAIN + body, hashlib.sha256)


def load_key(path: Path) -> bytes:
    """Return the key in the file at `path`; a missing file is made with a new random key and mode 0600.

    Several processes may do this at once: all get the same key. Raises ValueError for a file of less than 32 bytes.
    """
    with suppress(FileNotFoundError):
        return _checked(path.read_bytes())
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The key is whole before it has its name, and a link never replaces a file: whoever is first wins.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink()
    return _checked(path.read_bytes())


def _checked(key: bytes) -> bytes:
    if len(key) < KEY_BYTES:
        raise ValueError(f"the signing key file holds fewer than {KEY_BYTES} bytes")
    return key


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    """Decode, and refuse every spelling but the one that `_encode` gives."""
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (Base64Error, ValueError):
        raise _invalid() from None
    if _encode(data) != text:
        raise _invalid()
    return data


def _invalid() -> TokenInvalid:
    return TokenInvalid("The token is not valid.", next_step="Send the token exactly as it was given.")
