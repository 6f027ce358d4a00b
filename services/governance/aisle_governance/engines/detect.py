"""Guesses how a text file is written: the encoding of bytes that are no UTF-8, and the quote of a CSV file."""

import csv
from collections.abc import Sequence

import charset_normalizer

SAMPLE_BYTES = 64 << 10
_SHOPS_WRITE = (
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp932", "gb18030", "big5", "euc_kr", "utf_16_le", "utf_16_be",
)  # fmt: skip
_NAMES = {"cp932": "shift_jis", "utf_16_le": "utf-16-le", "utf_16_be": "utf-16-be", "euc_kr": "euc-kr"}
_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_NUL_SHARE = 0.2
_QUOTED_SHARE = 0.5


def likely_encoding(sample: bytes) -> str:
    """A name for the encoding of bytes that are no UTF-8: certain by a byte order mark, else the library's best guess; or ""."""
    for mark, name in _MARKS:
        if sample.startswith(mark):
            return name
    if sample and sample.count(0) > _NUL_SHARE * len(sample):
        return "utf-16-le" if sample[1::2].count(0) >= sample[::2].count(0) else "utf-16-be"
    found = charset_normalizer.from_bytes(sample[:SAMPLE_BYTES], cp_isolation=list(_SHOPS_WRITE)).best()
    if found is None:
        return ""
    try:  # the commonest of several code pages that give the same text
        if sample[:SAMPLE_BYTES].decode("cp1252") == str(found):
            return "windows-1252"
    except UnicodeDecodeError:
        pass
    name = found.encoding
    return _NAMES.get(name, f"windows-{name[2:]}" if name.startswith("cp125") else name)


def cell_bytes(cells: Sequence[str | None]) -> bytes:
    """The bytes behind cells that were decoded with `surrogateescape`."""
    return b" ".join((cell or "").encode("utf-8", "surrogateescape") for cell in cells)


def detect_quote(lines: Sequence[str], delimiter: str) -> str:
    """`'` when most lines have fields in single quotes and none has one in double quotes, else `"`."""
    single = 0
    for line in lines:
        fields = [field.strip() for field in line.rstrip("\r\n").split(delimiter)]
        if any(len(field) > 1 and field[0] == field[-1] == '"' for field in fields):
            return '"'
        single += any(len(field) > 1 and field[0] == field[-1] == "'" for field in fields)
    return "'" if lines and single > _QUOTED_SHARE * len(lines) else '"'


def split(text: str, delimiter: str, quote: str = '"') -> list[str]:
    """The stripped fields of one line; [] for a line that cannot be read."""
    try:
        return [name.strip() for name in next(csv.reader([text], delimiter=delimiter, quotechar=quote), [])]
    except csv.Error:
        return []
