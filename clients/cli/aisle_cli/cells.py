"""Cells of exports that a spreadsheet may open: a text that it would run as a formula is kept from running."""

import re
from typing import Any

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:[.,][0-9]*)*|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?\s?%?")
_BEGINS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
NEUTRAL = "'"
"""Put before such a text; spreadsheets show what follows it as it is."""


def neutral(value: Any) -> Any:
    """`value`, as a text that no spreadsheet runs; numbers (`-3`, `+1.5e3`, `-1,234.5`) stay numbers.

    Source: OWASP, "CSV Injection".
    """
    if not isinstance(value, str):
        return value
    begins = value.lstrip(" ")[:1] in _BEGINS or value[:1] in _BEGINS
    return NEUTRAL + value if value and begins and not _NUMBER.fullmatch(value.strip()) else value
