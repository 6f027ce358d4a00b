"""The filter grammar of Search: parsed by lark, told as a tree, answered over the columns of a shelf."""

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import lark
import numpy as np

from aisle_ranker.domain.product import SEPARATOR, category_path
from aisle_ranker.domain.shelf import CATEGORY, Mask, Shelf
from aisle_ranker.errors import InvalidField

LONGEST_FILTER, DEEPEST, MOST_VALUES = 2000, 50, 200
GRAMMAR = r"""
start: either
?either: both (_OR both)*
?both: unary (_AND unary)*
?unary: _NOT unary -> negated | "(" either ")" | comparison | membership | under | IN_STOCK -> in_stock
comparison: PRICE COMPARE NUMBER
membership: (BRAND | CATEGORY | CURRENCY | ATTRIBUTE) ":" _ANY "(" STRING ("," STRING)* ")"
under: CATEGORY ":" _UNDER "(" STRING ")"
PRICE: "price"
BRAND: "brand"
CATEGORY: "category"
CURRENCY: "currency"
IN_STOCK: "in_stock"
ATTRIBUTE: /attributes\.[a-z][a-z0-9_]{0,39}/
_AND: /AND\b/
_OR: /OR\b/
_NOT: /NOT\b/
_ANY: /ANY\b/
_UNDER: /UNDER\b/
COMPARE: "<=" | ">=" | "!=" | "<" | ">" | "="
NUMBER: /-?[0-9]{1,12}(\.[0-9]{1,9})?(?![\w.])/
STRING: /"(\\["\\]|[^"\\\x00-\x1f])*"/
%ignore /[ \t\r\n]+/
"""
_STRING = re.compile(r'"(?:\\["\\]|[^"\\])*"')
_WORDS = {
    "_AND": "AND", "_OR": "OR", "_NOT": "NOT", "_ANY": "ANY", "_UNDER": "UNDER", "LPAR": "(", "RPAR": ")", "COLON": ":",
    "COMMA": ",", "PRICE": "price", "BRAND": "brand", "CATEGORY": "category", "CURRENCY": "currency",
    "IN_STOCK": "in_stock", "ATTRIBUTE": "attributes.NAME", "COMPARE": "a comparison (< <= > >= = !=)",
    "NUMBER": "a number", "STRING": 'a text in double quotes', "$END": "the end",
}  # fmt: skip
_COMPARE: dict[str, Callable[[Any, float], Any]] = {
    "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal, "=": np.equal, "!=": np.not_equal,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Price:
    """A comparison with the price; a product without a price passes none."""

    compare: str
    amount: float

    def __str__(self) -> str:
        return f"price {self.compare} {self.amount:.9f}".rstrip("0").rstrip(".")

    def rows(self, shelf: Shelf) -> Mask:
        """Return which rows pass."""
        return np.asarray(_COMPARE[self.compare](shelf.price, self.amount) & ~np.isnan(shelf.price))


@dataclass(frozen=True, slots=True)
class AnyOf:
    """A property that has one of some values; case does not matter."""

    key: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.key}: ANY({', '.join(quoted(value) for value in self.values)})"

    def rows(self, shelf: Shelf) -> Mask:
        """Return which rows pass."""
        read = category_path if self.key == CATEGORY else str
        wanted = {read(value).casefold() for value in self.values}
        return shelf.texts(self.key).rows_with(lambda value: value.casefold() in wanted)


@dataclass(frozen=True, slots=True)
class Under:
    """A category that is the given one or below it."""

    path: str

    def __str__(self) -> str:
        return f"category: UNDER({quoted(self.path)})"

    def rows(self, shelf: Shelf) -> Mask:
        """Return which rows pass."""
        path = category_path(self.path).casefold()
        below = path + SEPARATOR
        return shelf.texts(CATEGORY).rows_with(
            lambda value: value.casefold() == path or value.casefold().startswith(below)
        )


@dataclass(frozen=True, slots=True)
class InStock:
    """Products in stock, or whose stock nobody knows."""

    def __str__(self) -> str:
        return "in_stock"

    def rows(self, shelf: Shelf) -> Mask:
        """Return which rows pass."""
        return shelf.stocked


@dataclass(frozen=True, slots=True)
class Not:
    """What does not pass."""

    part: "Filter"
    depth: int

    def __str__(self) -> str:
        return f"NOT ({self.part})" if isinstance(self.part, Many) else f"NOT {self.part}"

    def rows(self, shelf: Shelf) -> Mask:
        """Return which rows pass."""
        return ~self.part.rows(shelf)


@dataclass(frozen=True, slots=True)
class Many:
    """Parts that must all pass (`AND`), or one of them (`OR`)."""

    word: str
    parts: tuple["Filter", ...]
    depth: int

    def __str__(self) -> str:
        return f" {self.word} ".join(f"({part})" if isinstance(part, Many) else str(part) for part in self.parts)

    def rows(self, shelf: Shelf) -> Mask:
        """Return which rows pass."""
        join = np.logical_and if self.word == "AND" else np.logical_or
        return np.asarray(functools.reduce(join, (part.rows(shelf) for part in self.parts)))


Filter = Price | AnyOf | Under | InStock | Not | Many


def quoted(value: str) -> str:
    """Return a text as the grammar writes it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def terms(found: Filter | None) -> list[Filter]:
    """Return the parts that must all pass."""
    if found is None:
        return []
    return list(found.parts) if isinstance(found, Many) and found.word == "AND" else [found]


def joined(parts: Sequence[Filter]) -> Filter | None:
    """Return a filter out of parts that must all pass; None for none."""
    return parts[0] if len(parts) == 1 else Many("AND", tuple(parts), 1) if parts else None


def keys(found: Filter) -> Iterator[str]:
    """Yield what a filter looks at: `price`, `in_stock`, `brand`, `category`, `currency` or `attributes.NAME`."""
    if isinstance(found, Many):
        for part in found.parts:
            yield from keys(part)
    elif isinstance(found, Not):
        yield from keys(found.part)
    elif isinstance(found, AnyOf):
        yield found.key
    else:
        yield {Price: "price", Under: CATEGORY, InStock: "in_stock"}[type(found)]


def parse_filter(text: str, field: str = "filter") -> Filter | None:
    """Return the filter that `text` writes, None for an empty one.

    Raises InvalidField with the position (from 1) of the first mistake and what was expected there.
    """
    if len(text) > LONGEST_FILTER:
        raise InvalidField(field, f"must have at most {LONGEST_FILTER} characters", facts={"length": str(len(text))})
    if not text.strip():
        return None
    try:
        return _parsed(text)
    except lark.UnexpectedInput as error:
        raise _mistake(text, error, field) from None
    except _TooMuch as error:
        raise InvalidField(field, str(error)) from None


class _TooMuch(Exception):
    """The filter is too deep or lists too much."""


@functools.lru_cache(maxsize=256)
def _parsed(text: str) -> Filter:
    found: Any = _parser().parse(text)
    return found  # type: ignore[no-any-return]


@functools.cache
def _parser() -> lark.Lark:
    # The tree is put together while parsing, so that a deeply nested filter meets the limit before any recursion.
    return lark.Lark(GRAMMAR, parser="lalr", transformer=_Maker())


class _Maker(lark.Transformer[Any, Any]):
    """Makes filters out of the parser's pieces."""

    def start(self, parts: list[Any]) -> Filter:
        return parts[0]  # type: ignore[no-any-return]

    def either(self, parts: list[Any]) -> Filter:
        return _many("OR", parts)

    def both(self, parts: list[Any]) -> Filter:
        return _many("AND", parts)

    def negated(self, parts: list[Any]) -> Filter:
        return Not(parts[0], _deeper(parts))

    def in_stock(self, parts: list[Any]) -> Filter:
        return InStock()

    def comparison(self, parts: list[Any]) -> Filter:
        return Price(str(parts[1]), float(parts[2]))

    def membership(self, parts: list[Any]) -> Filter:
        if len(parts) - 1 > MOST_VALUES:
            raise _TooMuch(f"must list at most {MOST_VALUES} values in one ANY")
        return AnyOf(str(parts[0]), tuple(_unquoted(part) for part in parts[1:]))

    def under(self, parts: list[Any]) -> Filter:
        return Under(category_path(_unquoted(parts[1])))


def _many(word: str, parts: list[Any]) -> Filter:
    return Many(word, tuple(parts), _deeper(parts))


def _deeper(parts: Sequence[Filter]) -> int:
    depth = 1 + max((part.depth for part in parts if isinstance(part, Many | Not)), default=0)
    if depth > DEEPEST:
        raise _TooMuch(f"must be nested at most {DEEPEST} levels deep")
    return depth


def _unquoted(token: str) -> str:
    return str(token)[1:-1].replace('\\"', '"').replace("\\\\", "\\")


def _mistake(text: str, error: lark.UnexpectedInput, field: str) -> InvalidField:
    ended = isinstance(error, lark.UnexpectedToken) and error.token.type == "$END"
    position = len(text) + 1 if ended else (error.pos_in_stream or 0) + 1
    names = error.accepts if isinstance(error, lark.UnexpectedToken) else error.allowed  # type: ignore[attr-defined]
    told = {_WORDS.get(name, name) for name in names or () if not name.startswith("__")}
    before = _STRING.sub("", text[: position - 1])
    if ")" in told and before.count("(") == before.count(")"):
        told = told - {")"} | {"the end"}  # the parser's tables do not tell an open bracket from none
    expected = sorted(told)
    found = "the end" if ended else f"`{text[position - 1 : position + 11]}`"
    return InvalidField(
        field,
        f"cannot be read at position {position}: found {found}, expected {' or '.join(expected)}",
        next_step="The grammar is in docs/howto/search.md.",
        facts={"position": str(position), "expected": ", ".join(expected)},
        reason="FILTER_INVALID",
    )
