"""Resource names and ids: what a caller may write in them and how the server mints its own.

No client string ever becomes part of a path or a bus subject without passing here.
"""

import re
import secrets
import time
from collections.abc import Mapping

from aisle_runtime.errors import InvalidField

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_ID_RULE = "1 to 63 characters of a-z, 0-9, - and _, the first a letter or digit"
_ALPHABET = "0123456789abcdefghijklmnopqrstuv"
_TIME_DIGITS, _RANDOM_DIGITS = 9, 8


def resource_id(value: str, field: str) -> str:
    """Return `value` when it is a legal id (`[a-z0-9][a-z0-9_-]{0,62}`).

    Raises InvalidField naming `field` otherwise.
    """
    if not _ID.fullmatch(value):
        problem = "is required" if not value else f"is not a legal id: {_ID_RULE}"
        raise InvalidField(field, problem, next_step=f"Use {_ID_RULE}.")
    return value


def new_id(prefix: str = "") -> str:
    """Mint an id that sorts by the millisecond of its making: `prefix`, a dash and 17 characters of [0-9a-v]."""
    number = time.time_ns() // 1_000_000
    digits = []
    for _ in range(_TIME_DIGITS):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    tail = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_DIGITS))
    minted = "".join(reversed(digits)) + tail
    return f"{prefix}-{minted}" if prefix else minted


class ResourceName:
    """A pattern such as `datasets/{dataset}/versions/{version}` that parses and formats names."""

    def __init__(self, pattern: str) -> None:
        """Compile `pattern`; its segments are fixed words or `{variable}`."""
        self.pattern = pattern
        self._segments = pattern.split("/")

    def parse(self, value: str, field: str) -> dict[str, str]:
        """Return the ids in `value` by variable.

        Raises InvalidField naming `field` when it does not fit the pattern.
        """
        if not value:
            raise InvalidField(field, "is required", next_step=f"Use the form {self.pattern}.")
        parts = value.split("/")
        if len(parts) != len(self._segments):
            raise self._misfit(field)
        ids: dict[str, str] = {}
        for segment, part in zip(self._segments, parts, strict=True):
            if segment.startswith("{"):
                if not _ID.fullmatch(part):
                    raise self._misfit(field)
                ids[segment[1:-1]] = part
            elif segment != part:
                raise self._misfit(field)
        return ids

    def matches(self, value: str) -> bool:
        """Say whether `value` has this pattern."""
        try:
            self.parse(value, "name")
        except InvalidField:
            return False
        return True

    def format(self, ids: Mapping[str, str] | None = None, /, **more: str) -> str:
        """Return the name made of the given ids.

        Raises KeyError when one is missing, InvalidField when one is illegal.
        """
        values = {**(ids or {}), **more}
        return "/".join(
            resource_id(values[segment[1:-1]], segment[1:-1]) if segment.startswith("{") else segment
            for segment in self._segments
        )

    def _misfit(self, field: str) -> InvalidField:
        return InvalidField(
            field,
            f"does not have the form {self.pattern}",
            next_step=f"Use the form {self.pattern}; each id is {_ID_RULE}.",
        )
