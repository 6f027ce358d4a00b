"""Clothes and shoe sizes on one scale each."""

import re

from aisle_governance.domain.standards.characters import fold_width, to_simplified
from aisle_governance.domain.standards.numbers import parse_number, spell_fractions
from aisle_governance.domain.standards.vocabulary import meanings

_ALPHA = meanings("sizes")

_LABEL = re.compile(r"^(?:size|sz|taille|größe|尺码|尺寸|码数)\s*[:：.]?\s*", re.IGNORECASE)
_NOISE = re.compile(r"\s*(?:\((?:regular|reg)\)|\bsize\b|\bfit\b)\s*$", re.IGNORECASE)
_SHOE = re.compile(
    r"(?P<system>eu|eur|uk|gb|欧码|英码)\s*(?:size)?\s*[:：]?\s*(?P<number>\d{1,2}(?:[.,]5|\s1/2)?)(?:\s*码)?"
    r"|(?P<number2>\d{1,2}(?:[.,]5|\s1/2)?)\s*(?:\(?(?P<system2>eu|eur|uk|gb)\)?)"
    r"|(?P<child>(?:kids?|child(?:ren)?(?:'?s)?|infant|junior|童)\s*uk|uk\s*(?:kids?|child(?:ren)?|infant|junior))\s*(?P<number3>\d{1,2}(?:[.,]5|\s1/2)?)"
    r"|uk\s*(?P<number4>\d{1,2}(?:[.,]5|\s1/2)?)\s*(?:kids?|child(?:ren)?|infant|junior)",
    re.IGNORECASE,
)
_JEANS = re.compile(r"w?\s*(\d{2})\s*w?\s*[x×/]?\s*(?:l\s*(\d{2})|(\d{2})\s*l)", re.IGNORECASE)
_EU_RANGE = (15.0, 52.0)


def parse_size(text: str) -> str | None:
    """The size that `text` names: `XS` to `6XL`, `ONE SIZE`, `EU 42`, `W32 L34`; None when it names none, or several.

    British shoe sizes become European ones by the lengths of the lasts behind both scales, rounded to half sizes: a barleycorn is
    1/3 in, a Paris point 2/3 cm, so EU = 1.27 (UK + 25) for adults and 1.27 (UK + 12) for children. Makers differ by up to one
    European size.
    Source: ISO/TS 19407:2023, Footwear - Sizing - Conversion of sizing systems (definitions of the scales).
    """
    plain = spell_fractions(to_simplified(fold_width(text))).strip()
    plain = _LABEL.sub("", plain)
    for form in (plain, plain := _NOISE.sub("", plain).strip()):
        alpha = _ALPHA.get(re.sub(r"\s+", " ", form).casefold())
        if alpha:
            return alpha
    shoe = _SHOE.fullmatch(plain)
    if shoe:
        return _shoe(shoe)
    jeans = _JEANS.fullmatch(plain)
    return f"W{jeans[1]} L{jeans[2] or jeans[3]}" if jeans else None


def _shoe(match: "re.Match[str]") -> str | None:
    text = next(match[name] for name in ("number", "number2", "number3", "number4") if match[name])
    number = parse_number(text)
    if number is None:
        return None
    system = (match["system"] or match["system2"] or "uk").lower()
    if match["number3"] or match["number4"]:
        number = 1.27 * (number + 12) if number <= 13.5 else -1.0
    elif system in ("uk", "gb", "英码"):
        number = 1.27 * (number + 25) if 1 <= number <= 16 else -1.0
    number = round(number * 2) / 2
    return f"EU {number:g}" if _EU_RANGE[0] <= number <= _EU_RANGE[1] else None
