"""Lengths, weights, volumes, powers and pack sizes in titles and attributes."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from aisle_governance.domain.standards.characters import fold_width, to_simplified
from aisle_governance.domain.standards.numbers import parse_number, spell_fractions

BASE_UNITS = {"length": "millimeter", "weight": "gram", "volume": "milliliter", "power": "watt"}

_UNITS: dict[str, tuple[str, str]] = {}
"""Spelling in lower case -> (dimension, pint's name)."""


def _spell(dimension: str, pint_name: str, spellings: str) -> None:
    _UNITS.update(dict.fromkeys(spellings.split("|"), (dimension, pint_name)))


_spell("length", "millimeter", "mm|millimeter|millimeters|millimetre|millimetres|毫米")
_spell("length", "centimeter", "cm|cms|centimeter|centimeters|centimetre|centimetres|厘米|公分")
_spell("length", "meter", "m|mtr|mtrs|meter|meters|metre|metres|米|公尺")
_spell("length", "inch", "in|in.|inch|inches|\"|''|英寸|吋")
_spell("length", "foot", "ft|ft.|foot|feet|'|英尺")
_spell("length", "yard", "yd|yds|yard|yards")
_spell("weight", "microgram", "mcg|µg|μg|ug")
_spell("weight", "milligram", "mg|mgs|毫克")
_spell("weight", "gram", "g|gr|gm|gms|gram|grams|gramme|grammes|克")
_spell("weight", "kilogram", "kg|kgs|kilo|kilos|kilogram|kilograms|千克|公斤")
_spell("weight", "pound", "lb|lbs|lb.|lbs.|pound|pounds|磅")
_spell("weight", "ounce", "oz|oz.|ounce|ounces|盎司")
_spell("weight", "500 gram", "斤|市斤")
_spell("volume", "milliliter", "ml|mls|milliliter|milliliters|millilitre|millilitres|毫升")
_spell("volume", "centiliter", "cl|centiliter|centilitre")
_spell("volume", "deciliter", "dl|deciliter|decilitre")
_spell("volume", "liter", "l|ltr|ltrs|lt|liter|liters|litre|litres|升|公升")
_spell("volume", "fluid_ounce", "fl oz|fl. oz|fl. oz.|fl.oz|fl.oz.|fl oz.|floz|fluid oz|fluid ounce|fluid ounces")
_spell("volume", "pint", "pint|pints")
_spell("volume", "quart", "qt|qts|quart|quarts")
_spell("volume", "gallon", "gal|gals|gallon|gallons|加仑")
_spell("power", "watt", "w|watt|watts|瓦|瓦特")
_spell("power", "kilowatt", "kw|kilowatt|kilowatts|千瓦")
_spell("power", "horsepower", "hp|horsepower")
_spell("power", "metric_horsepower", "ps|匹马力|马力")

_IMPERIAL = {
    "fluid_ounce": "imperial_fluid_ounce",
    "pint": "imperial_pint",
    "quart": "imperial_quart",
    "gallon": "imperial_gallon",
}
_METRIC = frozenset(
    {"millimeter", "centimeter", "meter", "gram", "kilogram", "milliliter", "centiliter", "deciliter", "liter", "watt"}
)
_CHINESE = "|".join(sorted((u for u in _UNITS if u[0] >= "\u4e00"), key=len, reverse=True))
_SIGNS = "\"|''|'"
_LATIN = "|".join(
    re.escape(u).replace(r"\ ", r"\s?")
    for u in sorted((u for u in _UNITS if u[0] < "\u4e00" and u[0] not in "\"'"), key=len, reverse=True)
)
_N = r"(?:\d{1,4}(?:\s|\s?-\s?)\d{1,3}\s?/\s?\d{1,3}|\d{1,3}\s?/\s?\d{1,3}|\d{1,3}(?:[.,]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d+)?)"
_END = r"(?![A-Za-zÀ-ÖØ-öø-ɏ0-9²³])(?!/[A-Za-z])"
_U = rf"(?:(?:{_CHINESE})(?![米克升瓦方])|(?:{_LATIN}){_END}|(?:{_SIGNS})(?:(?![A-Za-z])|(?=[LWHDlwhd](?![A-Za-z]))))"
_SIDE = r"(?:\s?\(?[LWHDlwhd]\)?(?![A-Za-z]))?"
_X = r"\s?[x×*✕]\s?"
_BEFORE = r"(?<![A-Za-z0-9.,/])(?<![A-Za-z0-9]-)(?<![A-Za-z]/)"
_FIND = re.compile(
    rf"(?P<jeans>{_BEFORE}\d\dW\s?[x×/]?\s?\d\dL(?![A-Za-z0-9]))"
    rf"|(?P<range>{_BEFORE}(?!\d{{1,4}}\s?-\s?\d{{1,3}}\s?/\s?\d){_N}\s?(?:{_U})?\s?(?:-|–|—|~|～|至|\bto\b)\s?{_N}[\s-]?(?:{_U}))"
    rf"|{_BEFORE}(?P<feet>\d+)\s?(?:ft\.?|feet|foot|')\s?-?(?P<inches>{_N})\s?(?:in\.?|inch|inches|\"|''){_END}"
    rf"|{_BEFORE}(?P<pounds>\d+)\s?lbs?\.?,?\s(?P<ounces>\d+(?:\.\d+)?)\s?oz{_END}"
    rf"|{_BEFORE}(?P<a>{_N})\s?(?P<ua>{_U})?{_SIDE}{_X}(?P<b>{_N})\s?(?P<ub>{_U})?{_SIDE}"
    rf"(?:{_X}(?P<c>{_N})\s?(?P<uc>{_U})?{_SIDE})?"
    rf"|{_BEFORE}(?P<n>{_N})[\s-]?(?P<u>{_U})(?P<times>\s?[x×*✕]\s?\d{{1,4}}(?![\d.,]))?",
    re.IGNORECASE,
)
_PACK = re.compile(
    r"\b(?:pack|set|box|case|bag|lot|bundle|carton)s?\s+of\s+(\d{1,4})\b"
    r"|(?<![\w.,])(\d{1,4})[\s-]?(?:packs?|pk|pcs|pc|pieces?|count|ct|-?piece set)\b"
    r"|(?<![\w.,])(\d{1,4})\s?(?:个装|件装|瓶装|罐装|片装|包装|支装|盒装|粒装|只装|条装|袋装|双装|件套|个|片|粒)",
    re.IGNORECASE,
)
_LIQUID = re.compile(
    r"\b(?:cans?|bottles?|cups?|mugs?|tumblers?|glass(?:es)?|drinks?|juice|water|soda|beer|wine|milk|shampoo|conditioner|lotion|oil|"
    r"syrup|sauce|spray|soap|cleaner|jars?|flasks?|coffeemakers?|press|blenders?|kettles?|teapots?|carafes?|pitcher|thermos|vinegar|"
    r"liquid|serum|toner|perfume)\b",
    re.IGNORECASE,
)
_DOSE = re.compile(
    r"\b(?:tablets?|capsules?|caplets?|softgels?|vitamins?|gumm(?:y|ies)|supplements?|pills?)\b|片|粒|胶囊",
    re.IGNORECASE,
)
_NOT_INCHES = re.compile(
    r"\s*(?:-?\s?\d|a\b|an\b|the\b|one\b|each\b|every\b|total\b|stock\b|box\b|pack\b|set\b|case\b|bag\b|all\b|our\b|your\b|this\b|use\b|"
    r"black\b|white\b|red\b|blue\b|green\b|grey\b|gray\b|store\b)",
    re.IGNORECASE,
)
_LIMIT = re.compile(
    r"(?:\bup to|\bfits(?: most)?|\bholds|\bsupports|\bmax(?:imum|\.)?|\bfor|\bunder|\bover|至多|适用于?)[^\w]*$",
    re.IGNORECASE,
)
"""What stands before the size of something else: of the screen on a stand, of what a bag holds."""
_STANDARDS = frozenset({"802.11"})
"""Numbers of standards that letters follow."""
_EQUIVALENT = re.compile(r"\s*(?:eq\b|equiv|replacement)", re.IGNORECASE)
_SAME = 0.02
"""Two values that differ by less than this share are one value in two units, rounded."""


@dataclass(frozen=True, slots=True)
class Measures:
    """What a text says about a product's size; a value is missing where the text names none, or several different ones."""

    length_mm: float | None = None
    """The only length named."""
    dimensions_mm: tuple[float, ...] = ()
    """Two or three sides in the order of the text."""
    weight_g: float | None = None
    """Weight of one item of the pack."""
    volume_ml: float | None = None
    """Volume of one item of the pack."""
    power_w: float | None = None
    pack_count: int | None = None
    undecided: tuple[str, ...] = ()
    """Parts of the text that look like measures but can be meant in two ways."""


@lru_cache(maxsize=256)
def factor(pint_name: str, dimension: str) -> float:
    """How many base units (`BASE_UNITS`) one `pint_name` has."""
    return float(_registry().Quantity(pint_name).to(BASE_UNITS[dimension]).magnitude)


@lru_cache(maxsize=1)
def _registry() -> Any:
    import pint  # takes half a second, so it is loaded where the first measure is met

    return pint.UnitRegistry(cache_folder=None)


class _Reader:
    """Collects the measures of one text."""

    def __init__(self, text: str, decimal: str, imperial: bool) -> None:
        self.text, self.decimal, self.imperial = text, decimal, imperial
        self.values: dict[str, list[float]] = {}
        self.dimensions: list[tuple[float, ...]] = []
        self.counts: list[int] = []
        self.undecided: list[str] = []

    def read(self) -> Measures:
        rest = self.text
        for match in _FIND.finditer(self.text):
            if (
                match["jeans"]
                or match["n"] in _STANDARDS
                or (match["u"] and not self._is_meant(match["n"], match["u"], match.end("u")))
            ):
                continue
            if match["range"] or _LIMIT.search(self.text, 0, match.start()):
                self.undecided.append(match.group().strip())
            elif match["feet"]:
                self._add("length", self._sum(match["feet"], "foot", match["inches"], "inch"), match.group())
            elif match["pounds"]:
                self._add(
                    "weight", self._sum(match["pounds"], "pound", match["ounces"], "ounce", "weight"), match.group()
                )
            elif match["a"]:
                self._product(match)
            else:
                self._single(match["n"], match["u"], match["times"] or "")
            rest = rest[: match.start()] + " " * (match.end() - match.start()) + rest[match.end() :]
        for match in _PACK.finditer(rest):
            self.counts.append(int(next(group for group in match.groups() if group)))
        return self._result()

    def _sum(self, big: str, big_unit: str, small: str, small_unit: str, dimension: str = "length") -> float | None:
        rest = parse_number(small, self.decimal)
        if rest is None:
            return None
        return int(big) * factor(big_unit, dimension) + rest * factor(small_unit, dimension)

    def _add(self, dimension: str, value: float | None, shown: str, is_metric: bool = False) -> None:
        if value is None or value <= 0:
            self.undecided.append(shown.strip())
        else:
            known = self.values.setdefault(dimension, [])
            known.insert(0 if is_metric else len(known), value)  # the metric one of two spellings is the rounder one

    def _product(self, match: "re.Match[str]") -> None:
        """`10 x 20 x 30 cm` are sides; `2 x 500 ml` and `500 ml x 2` are a pack."""
        numbers = [match[name] for name in "abc" if match[name]]
        units = [match[f"u{name}"] for name in "abc" if match[name]]
        named = [unit for unit in units if unit]
        if not named:
            return
        dimension = _lookup(named[-1])[0]
        if dimension == "length":
            last = units[-1] or named[-1]
            sides = [self._convert(number, unit or last) for number, unit in zip(numbers, units, strict=True)]
            known = [side for side in sides if side]
            if len(known) == len(sides) and all(_lookup(unit)[0] == "length" for unit in named):
                self.dimensions.append(tuple(known))
            else:
                self.undecided.append(match.group().strip())
        elif len(numbers) == 2 and len(named) == 1:
            index = 0 if units[0] else 1
            count = numbers[1 - index]
            if count.isdigit() and 0 < int(count) <= 9999:
                self._single(numbers[index], named[0], "")
                self.counts.append(int(count))
            else:
                self.undecided.append(match.group().strip())
        else:
            self.undecided.append(match.group().strip())

    def _single(self, number: str, unit: str, times: str) -> None:
        shown = f"{number} {unit}"
        dimension, _ = _lookup(unit)
        if unit.lower().rstrip(".") in ("oz", "ounce", "ounces") and _LIQUID.search(self.text):
            self.undecided.append(shown)
            return
        self._add(dimension, self._convert(number, unit), shown, is_metric=_lookup(unit)[1] in _METRIC)
        if times:
            self.counts.append(int(re.sub(r"\D", "", times)))

    def _is_meant(self, number: str, unit: str, end: int) -> bool:
        """Whether this spelling is a measure here; `5G`, `2 in 1`, `size "10"` and a dose of 500 mg are none."""
        whole = end == len(self.text) and self.text.startswith(number)
        if unit in ("G", "M", "PS", "ps", "GR"):
            return whole and unit != "PS" and unit != "ps"
        lower = unit.lower()
        if lower in ("in", "in."):
            return not _NOT_INCHES.match(self.text, end)
        if lower in ('"', "''", "'"):
            return (
                re.search(rf"(?:^|[\s(])[\"'](?=\w)[^\"']*{re.escape(number)}$", self.text[: end - len(unit)]) is None
            )
        if lower in ("mg", "mgs", "mcg", "µg", "μg", "ug", "毫克"):
            return not _DOSE.search(self.text)
        if _lookup(unit)[0] == "power":
            return unit != "mW" and not _EQUIVALENT.match(self.text, end)
        return True

    def _convert(self, number: str, unit: str) -> float | None:
        dimension, name = _lookup(unit)
        value = parse_number(number, self.decimal)
        if value is None:
            return None
        return value * factor(_IMPERIAL.get(name, name) if self.imperial else name, dimension)

    def _result(self) -> Measures:
        only = {dimension: self._only(dimension) for dimension in BASE_UNITS}
        counts = set(self.counts)
        if len(counts) > 1:
            self.undecided.append("packs of " + " and ".join(str(count) for count in sorted(counts)))
        sides = self.dimensions[0] if self.dimensions and self._agree(self.dimensions) else ()
        return Measures(
            length_mm=only["length"],
            dimensions_mm=tuple(round(side, 4) for side in sides),
            weight_g=only["weight"],
            volume_ml=only["volume"],
            power_w=only["power"],
            pack_count=counts.pop() if len(counts) == 1 else None,
            undecided=tuple(self.undecided),
        )

    def _only(self, dimension: str) -> float | None:
        values = self.values.get(dimension, [])
        if not values:
            return None
        if max(values) - min(values) > _SAME * max(values):
            self.undecided.append(f"{len(values)} different values of {dimension}")
            return None
        return round(values[0], 4)

    @staticmethod
    def _agree(found: list[tuple[float, ...]]) -> bool:
        first = found[0]
        return all(
            len(other) == len(first) and all(abs(a - b) <= _SAME * max(a, b) for a, b in zip(first, other, strict=True))
            for other in found
        )


def _lookup(unit: str) -> tuple[str, str]:
    return _UNITS[re.sub(r"\s+", " ", unit.lower())] if " " in unit else _UNITS[_squeeze(unit.lower())]


def _squeeze(unit: str) -> str:
    return {"floz": "fl oz", "floz.": "fl oz", "fluidoz": "fluid oz", "fluidounce": "fluid ounce"}.get(unit, unit)


def read_measures(text: str, decimal: str = "", imperial: bool = False) -> Measures:
    """The measures that `text` names.

    `decimal` is the shop's decimal sign (see `parse_number`); `imperial` reads gallons, quarts, pints and fluid ounces as British
    ones. `12 oz` is a weight, unless the text speaks of a liquid or a vessel: then it may be a fluid ounce and is left undecided.
    """
    if not any(char.isdigit() or char in "½⅓⅔¼¾⅛⅜⅝⅞" for char in text):
        return Measures()
    plain = fold_width(text).translate(_QUOTES)
    plain = spell_fractions(to_simplified(plain))
    return _Reader(plain, decimal, imperial).read()


_QUOTES = str.maketrans(
    {"″": '"', "”": '"', "“": '"', "′": "'", "’": "'", "‘": "'", "‐": "-", "‑": "-", "㎝": "cm", "㎜": "mm", "㎏": "kg"}
)
