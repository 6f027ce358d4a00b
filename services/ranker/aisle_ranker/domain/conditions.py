"""Conditions of business rules: a small language over the facts of a request or of a product.

    condition := any ; any := all ("OR" all)* ; all := not ("AND" not)* ; not := "NOT" not | "(" any ")" | test
    test      := field ("=" | "!=" | ":") value | field ("<" | "<=" | ">" | ">=") (number | time)
               | field "IN" "(" value ("," value)* ")"
    value     := "text in double quotes" | number

`=` compares texts without regard to case, `:` asks whether the field has all words of the value. A test of a fact that is not
known is false, so `NOT stock = 0` also holds where no stock is known.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from aisle_ranker.domain.text import words
from aisle_ranker.errors import InvalidField

Fact = str | float
Facts = Mapping[str, Fact]
Test = Callable[[Facts], bool]
LONGEST_CONDITION, DEEPEST = 1000, 32
MOST_REMEMBERED = 100_000
TIME = "time"
REQUEST_FIELDS = ("query", "surface", "page", "device", "locale", TIME, "hour")
PRODUCT_ID, TITLE = "product_id", "title"
_TOKEN = re.compile(
    r'\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?)|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign>!=|<=|>=|[=<>:(),]))'
)
_ATTRIBUTE = re.compile(r"[a-z][a-z0-9_]{0,62}")
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that was understood."""

    text: str
    fields: frozenset[str]
    """Fields that it looks at."""
    product_ids: tuple[str, ...]
    """Ids that it asks for by `=` or `IN`, in order."""
    test: Test = field(repr=False, compare=False)

    def holds(self, facts: Facts) -> bool:
        """Say whether the condition holds."""
        return self.test(facts)


def parse_condition(text: str, path: str, fields: Sequence[str] = ()) -> Condition:
    """Read a condition over `fields`, or over any product attribute without them; "" always holds.

    Raises InvalidField at `path` with the position and what was expected there.
    """
    if len(text) > LONGEST_CONDITION:
        raise InvalidField(path, f"must have at most {LONGEST_CONDITION} characters", facts={"length": str(len(text))})
    if not text.strip():
        return Condition("", frozenset(), (), lambda facts: True)
    parser = _Parser(text, path, fields)
    test = parser.condition()
    return Condition(text, frozenset(parser.seen), tuple(parser.product_ids), test)


def attribute(name: str, path: str) -> str:
    """Return the name of a product attribute; raises InvalidField."""
    if not _ATTRIBUTE.fullmatch(name):
        raise InvalidField(path, "must be 1 to 63 characters of a-z, 0-9 and _, the first a letter")
    return name


class _Parser:
    """Recursive descent over the tokens of one condition."""

    def __init__(self, text: str, path: str, fields: Sequence[str]) -> None:
        self._text, self._path, self._fields = text, path, fields
        self._at, self._depth = 0, 0
        self.seen: set[str] = set()
        self.product_ids: list[str] = []

    def condition(self) -> Test:
        test = self._any()
        if self._peek()[0] != "end":
            self._refuse("AND, OR or the end")
        return test

    def _any(self) -> Test:
        parts = [self._all()]
        while self._sign("OR"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else lambda facts: any(part(facts) for part in parts)

    def _all(self) -> Test:
        parts = [self._not()]
        while self._sign("AND"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else lambda facts: all(part(facts) for part in parts)

    def _not(self) -> Test:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._problem(f"no more than {DEEPEST} levels of NOT and parentheses")
        try:
            if self._sign("NOT"):
                part = self._not()
                return lambda facts: not part(facts)
            if self._sign("("):
                test = self._any()
                if not self._sign(")"):
                    self._refuse('")"')
                return test
            return self._test()
        finally:
            self._depth -= 1

    def _test(self) -> Test:
        kind, name, _ = self._peek()
        known = ", ".join(self._fields) or "a field such as title or brand"
        if kind != "word" or name in ("AND", "OR", "NOT", "IN") or not self._knows(name):
            self._refuse(known)
        self._take()
        self.seen.add(name)
        if self._sign("IN"):
            return self._among(name)
        kind, sign, _ = self._peek()
        if kind != "sign" or sign in "(),":
            self._refuse("one of = != : < <= > >= IN")
        self._take()
        if sign in _COMPARISONS:
            return self._compared(name, _COMPARISONS[sign])
        value = self._value()
        if sign == ":":
            return _has_words(name, value)
        if sign == "=":
            self._note(name, [value])
            return _equals(name, [value])
        unequal = _equals(name, [value])
        return lambda facts: name in facts and not unequal(facts)

    def _among(self, name: str) -> Test:
        if not self._sign("("):
            self._refuse('"("')
        values = [self._value()]
        while self._sign(","):
            values.append(self._value())
        if not self._sign(")"):
            self._refuse('"," or ")"')
        self._note(name, values)
        return _equals(name, values)

    def _compared(self, name: str, compare: Callable[[float, float], bool]) -> Test:
        kind, text, _ = self._peek()
        bound = self._moment(text) if name == TIME else None
        if bound is None and (kind != "number" or name == TIME):
            self._refuse('a time such as "2027-11-27T00:00:00Z"' if name == TIME else "a number")
        self._take()
        limit = float(text) if bound is None else bound

        def test(facts: Facts) -> bool:
            found = _number(facts.get(name))
            return found is not None and compare(found, limit)

        return test

    @staticmethod
    def _moment(text: str) -> float | None:
        try:
            moment = datetime.fromisoformat(_unquoted(text))
        except ValueError:
            return None
        return moment.timestamp() if moment.tzinfo is not None else None

    def _note(self, name: str, values: Sequence[str]) -> None:
        if name == PRODUCT_ID:
            self.product_ids += values

    def _knows(self, name: str) -> bool:
        return name in self._fields if self._fields else bool(_ATTRIBUTE.fullmatch(name))

    def _value(self) -> str:
        kind, text, _ = self._peek()
        if kind not in ("text", "number"):
            self._refuse("a text in double quotes or a number")
        self._take()
        return _unquoted(text)

    def _sign(self, sign: str) -> bool:
        kind, text, _ = self._peek()
        if kind in ("word", "sign") and text == sign:
            self._take()
            return True
        return False

    def _peek(self) -> tuple[str, str, int]:
        """Return (kind, text, end) of the next token; kind `end` behind the last one, `other` for what is none."""
        found = _TOKEN.match(self._text, self._at)
        if found is None or found.lastgroup is None:
            rest = self._text[self._at :].strip()
            return ("other", rest[0], self._at) if rest else ("end", "", self._at)
        return found.lastgroup, found.group(found.lastgroup), found.end()

    def _take(self) -> None:
        self._at = self._peek()[2]

    def _refuse(self, expected: str) -> None:
        raise self._problem(expected)

    def _problem(self, expected: str) -> InvalidField:
        kind, text, _ = self._peek()
        position = len(self._text) - len(self._text[self._at :].lstrip()) + 1
        found = "the end" if kind == "end" else text[:40]
        return InvalidField(
            self._path,
            f"at character {position}: expected {expected}, found {found}",
            next_step="Correct the condition; texts stand in double quotes.",
            facts={"position": str(position), "expected": expected},
        )


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


def _number(fact: Fact | None) -> float | None:
    if fact is None or isinstance(fact, float):
        return fact
    try:
        return float(fact)
    except ValueError:
        return None


def _plain(fact: Fact) -> str:
    return fact.strip().casefold() if isinstance(fact, str) else f"{fact:g}"


def _equals(name: str, values: Sequence[str]) -> Test:
    texts = {value.strip().casefold() for value in values}
    numbers = {number for number in map(_number, values) if number is not None}

    def test(facts: Facts) -> bool:
        fact = facts.get(name)
        if fact is None:
            return False
        return _plain(fact) in texts or (bool(numbers) and name != PRODUCT_ID and _number(fact) in numbers)

    return test


def _has_words(name: str, value: str) -> Test:
    wanted = words(value)

    def test(facts: Facts) -> bool:
        fact = facts.get(name)
        if not isinstance(fact, str):
            return False
        lower = fact.lower()
        # Most titles lack the word, and looking for a piece of text is cheaper than splitting it.
        return all(word in lower for word in wanted) and set(wanted) <= set(words(fact))

    return test
