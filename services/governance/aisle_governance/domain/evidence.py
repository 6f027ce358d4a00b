"""What a product's text says for certain: model numbers, amounts with units, sizes, colours, plain numbers.

Two titles may be almost the same text and yet name two products; these facts tell.
"""

import re
import unicodedata
from dataclasses import dataclass, field

_TABLES: dict[str, dict[str, float]] = {
    "volume": {
        "ml": 1,
        "cl": 10,
        "dl": 100,
        "l": 1000,
        "liter": 1000,
        "litre": 1000,
        "gallon": 3785.41,
        "gal": 3785.41,
    },
    "weight": {"mg": 0.001, "g": 1, "gram": 1, "kg": 1000, "lb": 453.592, "lbs": 453.592, "pound": 453.592},
    "ounce": {"oz": 1, "ounce": 1, "fl": 1, "floz": 1},  # of weight or of volume: only comparable with itself
    "length": {"mm": 1, "cm": 10, "m": 1000, "in": 25.4, "inch": 25.4, "ft": 304.8, "foot": 304.8, "feet": 304.8},
    "memory": {"kb": 1e-3, "mb": 1, "gb": 1000, "tb": 1e6},
    "power": {"w": 1, "watt": 1, "kw": 1000},
    "voltage": {"v": 1, "volt": 1},
    "battery": {"mah": 1},
    "frequency": {"hz": 1, "khz": 1e3, "mhz": 1e6, "ghz": 1e9},
    "resolution": {"mp": 1, "megapixel": 1},
    "count": {"pk": 1, "pack": 1, "pcs": 1, "pc": 1, "piece": 1, "count": 1, "ct": 1, "user": 1},
}
_UNITS = {
    name: (dimension, float(factor))
    for dimension, table in _TABLES.items()
    for unit, factor in table.items()
    for name in ((unit, unit + "s") if len(unit) > 3 else (unit,))
}
_AMOUNT = re.compile(
    rf"(?<![a-z0-9.])([0-9]+(?:\.[0-9]+)?)[\s-]?({'|'.join(sorted(_UNITS, key=len, reverse=True))})(?![a-z0-9])"
)
_MODEL = re.compile(r"(?<![a-z0-9])(?=[a-z0-9/-]*[a-z])(?=[a-z0-9/-]*[0-9])[a-z0-9][a-z0-9/-]{2,}[a-z0-9]")
_NUMBER = re.compile(r"(?<![a-z0-9.])[0-9]+(?:\.[0-9]+)?(?![a-z0-9])")
_WORD = re.compile(r"[^\W_]+")
_NOT_ALNUM = re.compile(r"[\W_]+")
_SIZE_WORD = re.compile(r"(?<![\w'’.-])[a-z0-9]+(?![\w'’-]|\.[a-z])")
"""A size stands alone: neither the `s` of `she's` nor the `m` of `m.d.` or `m-audio` is one."""
_ORDINAL = re.compile(r"[0-9]+(?:st|nd|rd|th|s|x|d|p|hr|min|year|day|in1)")
_SIZES = {
    "xs": "xs", "s": "s", "small": "s", "m": "m", "medium": "m", "l": "l", "large": "l", "xl": "xl", "xxl": "xxl", "xxxl": "xxxl",
    "2xl": "xxl", "3xl": "xxxl", "mini": "mini", "queen": "queen", "king": "king", "twin": "twin",
}  # fmt: skip
_COLOURS = frozenset(
    {
        *(
            "black",
            "white",
            "red",
            "blue",
            "green",
            "yellow",
            "orange",
            "purple",
            "pink",
            "brown",
            "grey",
            "gray",
            "silver",
            "gold",
        ),
        *(
            "beige",
            "navy",
            "ivory",
            "teal",
            "turquoise",
            "lilac",
            "cream",
            "bronze",
            "copper",
            "magenta",
            "burgundy",
            "olive",
            "khaki",
        ),
    }
)
_SAME_AMOUNT = 0.02


@dataclass(frozen=True, slots=True)
class Evidence:
    """Facts found in the text of one product."""

    models: frozenset[str] = frozenset()
    """Words of four or more characters that mix letters and digits, punctuation left out."""
    amounts: frozenset[tuple[str, str, float]] = frozenset()
    """(dimension, factor of the unit, amount in the dimension's base unit)."""
    sizes: frozenset[str] = frozenset()
    colours: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    """Numbers without a unit: volume 2, season 3, version 2007."""
    joined: str = field(default="", compare=False)
    """All letters and digits in one word, in which the other side's model numbers are looked up."""


def normalise(text: str) -> str:
    """Lower case, compatibility forms resolved, accents removed."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in folded if not unicodedata.combining(char))


def evidence(text: str, more: str = "") -> Evidence:
    """Read the facts in a title; model numbers are also looked up in `more` (the description)."""
    title = normalise(text)
    amounts = set()
    for number, unit in _AMOUNT.findall(title.replace('"', " inch ").replace("''", " inch ")):
        dimension, factor = _UNITS[unit]
        amounts.add((dimension, f"{factor:g}", float(number) * factor))
    rest = _AMOUNT.sub(" ", title)
    mixed = _MODEL.findall(rest)
    models = {_joined(word) for word in mixed if not _ORDINAL.fullmatch(word)}
    ordinals = {word for word in mixed if _ORDINAL.fullmatch(word)}
    plain = _MODEL.sub(" ", rest)
    words = set(_WORD.findall(plain))
    return Evidence(
        models=frozenset(word for word in models if len(word) >= 4),
        amounts=frozenset(amounts),
        sizes=frozenset(_SIZES[word] for word in _SIZE_WORD.findall(title) if word in _SIZES),
        colours=frozenset(words & _COLOURS),
        numbers=frozenset({number.lstrip("0") or "0" for number in _NUMBER.findall(plain)} | ordinals),
        joined=_joined(f"{title} {normalise(more)}"),
    )


def _joined(text: str) -> str:
    return _NOT_ALNUM.sub("", text)


def conflict(first: Evidence, second: Evidence, *, strict: bool = True) -> str:
    """What shows that two texts name different products, in words; empty when nothing does.

    A fact that only one side gives is no conflict. With `strict`, it is one that each side gives a model number that the other
    lacks; without, only that they have none in common, as between two shops that describe accessories differently.
    """
    if first.models and second.models and _models_differ(first, second, strict):
        return "model numbers differ"
    if unit := _amounts_differ(first.amounts, second.amounts):
        return f"amounts of {unit} differ"
    if _both_have_more(first.sizes, second.sizes):
        return "sizes differ"
    if _both_have_more(first.colours, second.colours):
        return "colours differ"
    if _both_have_more(first.numbers, second.numbers):
        return "numbers differ"
    return ""


def _models_differ(first: Evidence, second: Evidence, strict: bool) -> bool:
    mine = [model not in second.joined for model in first.models]
    theirs = [model not in first.joined for model in second.models]
    return any(mine) and any(theirs) if strict else all(mine) and all(theirs)


def _amounts_differ(first: frozenset[tuple[str, str, float]], second: frozenset[tuple[str, str, float]]) -> str:
    """The first dimension in which each side gives an amount that the other lacks."""
    if not first or not second:
        return ""
    for dimension in sorted({one[0] for one in first} & {one[0] for one in second}):
        mine = [one for one in first if one[0] == dimension]
        theirs = [one for one in second if one[0] == dimension]
        if any(not _among(one, theirs) for one in mine) and any(not _among(one, mine) for one in theirs):
            return dimension
    return ""


def _among(one: tuple[str, str, float], others: list[tuple[str, str, float]]) -> bool:
    """Whether an amount is given, rounding allowed where it stands in another unit."""
    return any(abs(one[2] - other[2]) <= (1e-6 if one[1] == other[1] else _SAME_AMOUNT) * one[2] for other in others)


def _both_have_more(first: frozenset[str], second: frozenset[str]) -> bool:
    return bool(first and second and first - second and second - first)
