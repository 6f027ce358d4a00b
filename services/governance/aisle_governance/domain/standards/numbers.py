"""Numbers as people write them: decimal commas, groups of thousands, fractions."""

import re

VULGAR = {
    "½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅖": "2/5", "⅗": "3/5", "⅘": "4/5",
    "⅙": "1/6", "⅚": "5/6", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8",
}  # fmt: skip
_VULGAR = re.compile(rf"(\d?)\s?([{''.join(VULGAR)}])")
_FRACTION = re.compile(r"(?:(\d{1,4})(?:\s+|\s?-\s?))?(\d{1,3})\s?/\s?([1-9]\d{0,2})")
_GROUPED = re.compile(r"\d{1,3}(?:([.,'’\u00a0\u202f ])\d{3})(?:\1\d{3})*")
_PLAIN = re.compile(r"\d+")


def spell_fractions(text: str) -> str:
    """`1½` as `1 1/2`, and the fraction slash as a slash."""
    if text.isascii():
        return text
    text = _VULGAR.sub(lambda m: f"{m[1]} {VULGAR[m[2]]}" if m[1] else VULGAR[m[2]], text)
    return text.replace("\N{FRACTION SLASH}", "/")


def parse_number(text: str, decimal: str = "") -> float | None:
    """The number that `text` is, or None when it is none or can be meant in two ways.

    `decimal` is the shop's decimal sign, `.` or `,`; empty when it is not known, and then `1,234` has two meanings (None), while
    `1,5`, `1.234`, `1.234,5`, `1,234.5` and `1,234,567` have one. Fractions (`1/2`, `1 1/2`, `1½`) are numbers.
    """
    text = spell_fractions(text.strip())
    sign = -1.0 if text.startswith(("-", "\N{MINUS SIGN}")) else 1.0
    text = text.lstrip("+-\N{MINUS SIGN}").strip()
    fraction = _FRACTION.fullmatch(text)
    if fraction:
        return sign * (int(fraction[1] or 0) + int(fraction[2]) / int(fraction[3]))
    value = _decimal(text, decimal)
    return None if value is None else sign * value


def _decimal(text: str, decimal: str) -> float | None:
    signs = {char for char in text if char in ".,"}
    if len(signs) == 2:
        mark = max(signs, key=text.rfind)
        whole, _, rest = text.rpartition(mark)
    elif len(signs) == 1:
        (mark,) = signs
        whole, _, rest = text.rpartition(mark)
        if text.count(mark) > 1:
            whole, rest = text, ""
        elif _is_group(whole, rest, mark, decimal):
            if not decimal and mark == ",":
                return None
            whole, rest = text, ""
    else:
        mark, whole, rest = "", text, ""
    if rest and not _PLAIN.fullmatch(rest):
        return None
    if whole and not _PLAIN.fullmatch(whole):
        if not _GROUPED.fullmatch(whole) or (rest and mark in whole):
            return None
        whole = re.sub(r"\D", "", whole)
    if not whole and not rest:
        return None
    return float(f"{whole or '0'}.{rest or '0'}")


def _is_group(whole: str, rest: str, mark: str, decimal: str) -> bool:
    """Whether the only sign may part thousands: one to three digits, not zero, before it and three after it."""
    if len(rest) != 3 or not 1 <= len(whole) <= 3 or whole.startswith("0"):
        return False
    return mark != decimal if decimal else mark == ","
