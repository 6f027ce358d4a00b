"""Who a row belongs to, without ever keeping the person's id: ids are compared by their keyed hashes."""

import hashlib
import hmac
import re
from collections.abc import Collection, Iterable
from typing import Any

ERASED = "[erased]"
"""Stands where an id stood in a text."""
_DOMAIN = b"aisle-subject-v1\x00"
_CHECKED_TEXT = b"aisle-subject-key-check-v1"
_FLOAT_ENDING = re.compile(r"([0-9]+)\.0+")
_TOKEN = re.compile(r"[^\s,;|\"'<>()\[\]{}=&?#/\\]+")
_OUTER = ".:!-_*"
"""What may stand around an id in a sentence without being part of it."""
_LEAST_TOKEN = 6
_TELLING = re.compile(r"@|[^\W\d_].*\d|\d.*[^\W\d_]", re.DOTALL)
"""Words that can be told from language and from plain numbers: with a letter and a digit, or with an @."""
_MOST_REMEMBERED = 1_000_000


def plain_id(text: str) -> str:
    """`text` without outer white space, control characters, and the `.0` that a spreadsheet adds to whole numbers."""
    stripped = "".join(char for char in text if char.isprintable()).strip()
    number = _FLOAT_ENDING.fullmatch(stripped)
    return number.group(1) if number else stripped


def subject_hash(key: bytes, subject_id: str) -> str:
    """HMAC-SHA256 of an id, 64 hex digits; the same for every spelling that `plain_id` makes equal."""
    return hmac.digest(key, _DOMAIN + plain_id(subject_id).encode("utf-8", "surrogatepass"), hashlib.sha256).hex()


def key_check(key: bytes) -> str:
    """Tell two keys apart without telling either: 16 hex digits."""
    return hmac.digest(key, _CHECKED_TEXT, hashlib.sha256).hex()[:16]


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
        """Whether a cell of a column of persons names one of the people."""
        if not value or not self._hashes:
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
        if not value or len(value) < _LEAST_TOKEN or not self._hashes:
            return False
        known = self._texts.get(value)
        if known is None:
            known = any(self._is_telling(word) for word in {value, *_TOKEN.findall(value)})
            if len(value) < 200 and len(self._texts) < _MOST_REMEMBERED:
                self._texts[value] = known
        return known

    def redacted(self, value: str) -> str:
        """`value` with `[erased]` in the place of each word that `mentions` would find."""
        if not self.mentions(value):
            return value
        changed = _TOKEN.sub(self._redact_word, value)
        return ERASED if changed == value else changed

    def _redact_word(self, found: re.Match[str]) -> str:
        word = found.group()
        if not self._is_telling(word):
            return word
        plain = word.strip(_OUTER)
        return word.replace(plain, ERASED) if plain != word and self.is_id(plain) and not self.is_id(word) else ERASED

    def _is_telling(self, word: str) -> bool:
        if len(word) < _LEAST_TOKEN or not _TELLING.search(word):
            return False
        plain = word.strip(_OUTER)
        return self.is_id(word) or (plain != word and len(plain) >= _LEAST_TOKEN and self.is_id(plain))

    def any_cell(self, cells: Iterable[Any]) -> bool:
        """Whether one of the cells of a row whose columns are unknown is, or holds, one of the ids."""
        return any(isinstance(cell, str) and (self.is_id(cell) or self.mentions(cell)) for cell in cells)
