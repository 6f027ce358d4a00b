"""Colour names in English and Chinese, folded into families."""

import re

from aisle_governance.domain.standards.characters import fold_width, to_simplified
from aisle_governance.domain.standards.vocabulary import meanings, words

MULTICOLOUR, TRANSPARENT = "multicolour", "transparent"
_NAMES = meanings("colours")

FAMILIES = tuple(dict.fromkeys(_NAMES.values()))
_LONGEST_HAN = max(len(name) for name in _NAMES if name[0] >= "\u4e00")
_PARTS = re.compile(r"\s*(?:/|,|;|\+|&|\||、|，|\band\b|\bwith\b|\bund\b|\bet\b|和|配|拼)\s*", re.IGNORECASE)
_WORDS = re.compile(r"[a-zà-öø-ÿß]+", re.IGNORECASE)
_LABEL = re.compile(r"^(?:colou?rs?|couleur|farbe|颜色|颜色分类)\s*[:：]\s*", re.IGNORECASE)
_NOT_A_COLOUR = words("no_colour")
_MOST = 3


def parse_colour(text: str) -> str | None:
    """The colour family of `text`, or None when it names no colour that is known.

    Two or three colours are joined by `/` in the order of the text (`black/white`), more are `multicolour`. Within one part the
    longest known phrase at the end counts: `navy blue stripe` is blue, `rose gold` is not gold.
    """
    plain = _LABEL.sub("", to_simplified(fold_width(text))).casefold().strip()
    if plain in _NOT_A_COLOUR:
        return None
    whole = _NAMES.get(re.sub(r"[\s_]+", " ", plain))
    if whole:
        return whole
    families: list[str] = []
    for part in _PARTS.split(plain):
        family = _family(part)
        if family and family not in families:
            families.append(family)
    if not families:
        return None
    return "/".join(families) if len(families) <= _MOST and MULTICOLOUR not in families else MULTICOLOUR


def _family(part: str) -> str | None:
    found = _WORDS.findall(part.replace("-", " "))
    for end in range(len(found), 0, -1):
        for start in range(max(0, end - 3), end):
            family = _NAMES.get(" ".join(found[start:end]))
            if family:
                return family
    for end in range(len(part), 0, -1):
        for start in range(max(0, end - _LONGEST_HAN), end):
            name = part[start:end]
            if name[0] >= "\u4e00" and name in _NAMES:
                return _NAMES[name]
    return None
