"""Who a row belongs to, without ever keeping the person's id: ids are compared by their keyed hashes."""

import hashlib
import hmac
import re
from collections.abc import Collection, Iterable
from typing import Any

_DOMAIN = b"aisle-subject-v1\x00"
_FLOAT_ENDING = re.compile(r"([0-9]+)\.0+")
_TOKEN = re.compile(r"[^\s,;|\"'<>()\[\]{}=&?#/\\]+")
_LEAST_TOKEN = 6
_TELLING = re.compile(r"@|[^\W\d_].*\d|\d.*[^\W\d_]", re.DOTALL)
"""Words that can be told from language and from plain numbers: with a letter and a digit, or with an @."""
_MOST_REMEMBERED = 1_000_000


def plain_id(text: str) -> str:
    """`text` without outer white space, control characters, and the `.0` that a spreadsheet adds to whole numbers."""
    stripped = "".join(char for char in text if char.isprintable()).strip()
    number = _FLOAT_ENDING.fullmatch(stripped)
    return number.group(1) if number else stripped


def subject_hash(key: bytes, customer_id: str) -> str:
    """HMAC-SHA256 of an id, 64 hex digits; the same for every spelling that `plain_id` makes equal."""
    return hmac.digest(key, _DOMAIN + plain_id(customer_id).encode("utf-8", "surrogatepass"), hashlib.sha256).hex()


class Subjects:
    """Some people, known by keyed hashes only. Answers are remembered, so asking again about a value is cheap."""

    def __init__(self, key: bytes, hashes: Collection[str]) -> None:
        """Look for the people in `hashes` (64 hex digits each)."""
        self._key, self._hashes = key, frozenset(hashes)
        self._ids: dict[str, bool] = {}
        self._texts: dict[str, bool] = {}

    def __bool__(self) -> bool:
        """Whether there is anybody to look for."""
        return bool(self._hashes)

    def is_id(self, value: str | None) -> bool:
        """Whether a cell of a customer column names one of the people."""
        if not value:
            return False
        known = self._ids.get(value)
        if known is None:
            known = subject_hash(self._key, value) in self._hashes
            if len(self._ids) < _MOST_REMEMBERED:
                self._ids[value] = known
        return known

    def mentions(self, value: str | None) -> bool:
        """Whether a text of any other column holds one of the ids as a word.

        Only words of six characters and more with a letter and a digit, or with an @, count: a bare number there is a quantity or
        a product code, and a bare word is language, far more often than a person.
        """
        if not value or len(value) < _LEAST_TOKEN:
            return False
        known = self._texts.get(value)
        if known is None:
            words = {word for word in (value, *_TOKEN.findall(value)) if len(word) >= _LEAST_TOKEN}
            known = any(self.is_id(word) for word in words if _TELLING.search(word))
            if len(value) < 200 and len(self._texts) < _MOST_REMEMBERED:
                self._texts[value] = known
        return known

    def any_cell(self, cells: Iterable[Any]) -> bool:
        """Whether one of the cells of a row whose columns are unknown is, or holds, one of the ids."""
        return any(isinstance(cell, str) and (self.is_id(cell) or self.mentions(cell)) for cell in cells)


def redact(value: Any, customer_id: str) -> Any:
    """`value` (plain JSON data) with the id, where it stands alone, replaced by `[erased]` in every text."""
    if isinstance(value, str):
        return re.sub(rf"(?<![\w.-]){re.escape(customer_id)}(?![\w-])", "[erased]", value)
    if isinstance(value, list):
        return [redact(item, customer_id) for item in value]
    if isinstance(value, dict):
        return {name: redact(item, customer_id) for name, item in value.items()}
    return value
