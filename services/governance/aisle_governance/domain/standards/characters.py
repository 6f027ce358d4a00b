"""Widths, scripts and languages of text, English and Chinese first."""

import re
from functools import lru_cache
from typing import Any

from aisle_governance.domain.standards.vocabulary import words

_WIDE = {code: code - 0xFEE0 for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))}
_WIDE |= {ord(wide): narrow for wide, narrow in zip("％＋－．／＆＃＠＊＿", "%+-./&#@*_", strict=True)} | {0x3000: " "}
"""Full-width letters, digits and signs of numbers; Chinese punctuation keeps its width, which is its right one."""
_ANY_WIDE = re.compile("[\uff01-\uff5e\u3000]")

_RANGES: tuple[tuple[int, int, str], ...] = (
    (0x0041, 0x024F, "Latn"),
    (0x0370, 0x03FF, "Grek"),
    (0x0400, 0x052F, "Cyrl"),
    (0x0590, 0x05FF, "Hebr"),
    (0x0600, 0x077F, "Arab"),
    (0x0900, 0x097F, "Deva"),
    (0x0E00, 0x0E7F, "Thai"),
    (0x1E00, 0x1EFF, "Latn"),
    (0x3040, 0x30FF, "Kana"),
    (0x3400, 0x4DBF, "Hani"),
    (0x4E00, 0x9FFF, "Hani"),
    (0xAC00, 0xD7AF, "Hang"),
    (0xF900, 0xFAFF, "Hani"),
    (0x20000, 0x323AF, "Hani"),
)
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
_WORD = re.compile(r"[^\W\d_]+")
_ENGLISH = words("english_words")
_OTHER_LATIN = words("other_latin_words")


def fold_width(text: str) -> str:
    """Full-width letters, digits and number signs in their usual width; Chinese punctuation is left as it is."""
    return text.translate(_WIDE) if _ANY_WIDE.search(text) else text


def scripts(text: str) -> dict[str, int]:
    """How many letters of each ISO 15924 script `text` holds; `Hani` for Chinese characters, `Kana` for both kana."""
    counts: dict[str, int] = {}
    for char in text:
        if char.isalpha():
            script = _script(char)
            counts[script] = counts.get(script, 0) + 1
    return counts


@lru_cache(maxsize=8192)
def _script(char: str) -> str:
    code = ord(char)
    return next((name for first, last, name in _RANGES if first <= code <= last), "Zyyy")


def language(text: str) -> str | None:
    """BCP 47 tag of the language of `text`, or None when it holds no letters.

    `zh-Hans` and `zh-Hant` where characters of one form alone say so, `zh` where all are common to both; `ja`, `ko`; `en` where
    English words outnumber those of other languages; `und-Latn` and the like where only the script is certain.
    """
    counts = scripts(text)
    total = sum(counts.values())
    if not total:
        return None
    han = counts.get("Hani", 0)
    if counts.get("Kana", 0) * 10 >= total:
        return "ja"
    if counts.get("Hang", 0) * 2 >= total:
        return "ko"
    if (han >= 2 and han * 5 >= total) or han * 2 >= total:
        return _chinese(text)
    script = max(counts, key=lambda name: (counts[name], name))
    return _latin(text) if script == "Latn" else f"und-{script}"


def _chinese(text: str) -> str:
    han = "".join(_HAN.findall(text))
    traditional = _different(han, to_simplified(han))
    simplified = _different(han, to_traditional(han))
    if traditional == simplified:
        return "zh"
    return "zh-Hant" if traditional > simplified else "zh-Hans"


def _different(one: str, other: str) -> int:
    return sum(a != b for a, b in zip(one, other, strict=False)) + abs(len(one) - len(other))


def _latin(text: str) -> str:
    found = [word.lower() for word in _WORD.findall(text) if len(word) > 1]
    english = sum(word in _ENGLISH for word in found)
    other = sum(word in _OTHER_LATIN or not word.isascii() for word in found)
    return "en" if english > other else "und-Latn"


def to_simplified(text: str) -> str:
    """Traditional Chinese characters in simplified form (OpenCC, phrase by phrase)."""
    return _converted(text, "t2s")


def to_traditional(text: str) -> str:
    """Simplified Chinese characters in traditional form (OpenCC, phrase by phrase)."""
    return _converted(text, "s2t")


def _converted(text: str, name: str) -> str:
    if text.isascii() or not _HAN.search(text):
        return text
    return str(_converter(name).convert(text))


@lru_cache(maxsize=2)
def _converter(name: str) -> Any:
    import opencc  # loaded only where Chinese is met

    return opencc.OpenCC(name)
