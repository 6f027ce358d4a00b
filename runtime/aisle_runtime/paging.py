"""Pages of List requests: the size a caller may ask for and the opaque token that continues a listing."""

import base64
import binascii
import hashlib
import hmac

from aisle.type.v1 import page_pb2
from google.protobuf.message import DecodeError, Message

from aisle_runtime.errors import InvalidField

DEFAULT_PAGE_SIZE = 100
MAXIMUM_PAGE_SIZE = 1000


def page_size(
    value: int, field: str = "page_size", default: int = DEFAULT_PAGE_SIZE, maximum: int = MAXIMUM_PAGE_SIZE
) -> int:
    """Return the number of entries to send: `default` for 0, at most `maximum`; raises InvalidField when negative."""
    if value < 0:
        raise InvalidField(field, "must not be negative")
    return min(value or default, maximum)


def encode_token(after: str, request: Message) -> str:
    """Seal the key of the last entry sent together with the request's other fields.

    "" for an empty `after` (no more pages).
    """
    if not after:
        return ""
    cursor = page_pb2.PageCursor(after=after, request_hash=_request_hash(request))
    return base64.urlsafe_b64encode(cursor.SerializeToString()).decode().rstrip("=")


def decode_token(token: str, request: Message) -> str:
    """Return the key after which to go on ("" = from the start); raises InvalidField for a token of another request."""
    if not token:
        return ""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        cursor = page_pb2.PageCursor.FromString(raw)
    except (binascii.Error, ValueError, DecodeError) as error:
        raise _foreign() from error
    if not cursor.after or not hmac.compare_digest(cursor.request_hash, _request_hash(request)):
        raise _foreign()
    return cursor.after


def _foreign() -> InvalidField:
    return InvalidField(
        "page_token",
        "was not made by this listing",
        next_step="Pass next_page_token of the previous page and keep the other fields.",
    )


def _request_hash(request: Message) -> bytes:
    """Hash everything in `request` but its position and page size, which may change from page to page."""
    rest = type(request)()
    rest.CopyFrom(request)
    for field in ("page_token", "page_size"):
        if field in request.DESCRIPTOR.fields_by_name:
            rest.ClearField(field)
    return hashlib.sha256(rest.SerializeToString(deterministic=True)).digest()[:16]
