"""Personal data in free text: finds it, and puts something harmless in its place."""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from aisle_governance.domain.standards.characters import fold_width
from aisle_governance.domain.standards.vocabulary import words


class PiiKind(StrEnum):
    """What a find is."""

    EMAIL = "email"
    IBAN = "iban"
    CARD = "card"
    PHONE = "phone"
    NAME = "name"


class PiiPolicy(StrEnum):
    """What happens to finds; the names are those of the contract's enum without its prefix."""

    MASK = "MASK"
    DROP = "DROP"
    HASH = "HASH"
    REPORT = "REPORT"


@dataclass(frozen=True, slots=True)
class Find:
    """A piece of personal data at `text[start:end]`; the value itself is never kept."""

    kind: PiiKind
    start: int
    end: int


_HASH_DIGITS = 12
_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+%-]{1,64}(?:@|\s?[\[(]\s?at\s?[\])]\s?)(?:[\w-]{1,63}(?:\.|\s?[\[(]\s?dot\s?[\])]\s?)){1,8}[a-z]{2,24}(?![\w-])",
    re.IGNORECASE | re.ASCII,
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])([A-Za-z]{2}\d{2}(?:[ \-\u00a0]?[A-Za-z0-9]){11,30})")
_DIGIT_RUN = re.compile(r"(?<![\w.,])\d(?:[ \-\u00a0]?\d){13,24}(?![\w]|[.,]\d)", re.ASCII)
_LOCAL = re.compile(r"(?<![\w+.\-/])\(?0\d{2,4}\)?[ \-]?\d{3,4}[ \-]?\d{3,4}(?![\w\-/]|\.\d)", re.ASCII)
"""British and Chinese numbers with their leading 0."""
_PHONES = (
    re.compile(r"(?<![\w+])\+[1-9](?:[\s().\-/\u00a0]{0,3}\d){6,14}(?!\d)", re.ASCII),
    re.compile(r"(?<![\w+.\-])00(?:1|44|86|33|34|39|49|31|61)(?:[\s().\-]{0,2}\d){8,11}(?!\d)", re.ASCII),
    re.compile(r"(?<![\w+.\-])1[3-9]\d[ \-]?\d{4}[ \-]?\d{4}(?![\w\-]|\.\d)", re.ASCII),
    _LOCAL,
    re.compile(r"(?<![\w+.\-])(?:1[ .\-])?\([2-9]\d{2}\)\s?\d{3}[ .\-]?\d{4}(?![\w\-]|\.\d)", re.ASCII),
    re.compile(r"(?<![\w+.\-])(?:1[ .\-])?[2-9]\d{2}([.\-])\d{3}\1\d{4}(?![\w\-]|\.\d)", re.ASCII),
)
_PHONE_CUE = re.compile(
    r"(?:\b(?:tel(?:ephone)?|phone|call|mobile|cell|whatsapp|fax|ring|text|sms)(?:\s(?:me|us|no|number|on|at))*|电话|手机号?|致电|热线|微信号?)"
    r"[\s.:：#]*((?:\+|\(?)\d(?:[\s().\-]{0,2}\d){6,14})(?!\d)",
    re.IGNORECASE,
)
_GROUPS = re.compile(r"\d+")
_NAME_WORD = r"[A-ZÀ-ÖØ-Þ](?:[a-zà-öø-ÿ'’\-]|(?<=[a-z'’\-])[A-ZÀ-Þ])*\.?"
_NAME = (
    r"(?:(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Sir|Madam|Lady|Lord)\.?\s+)?"
    rf"{_NAME_WORD}(?:\s+(?:van|von|de|da|del|bin|al)?\s?{_NAME_WORD}){{0,3}}"
)
_NAME_CUES = (
    re.compile(rf"\b(?i:my (?:full )?name is|my name[’']s|i am called|i[’']m called)\s+({_NAME})"),
    re.compile(r"\b(?i:my (?:full )?name is|my name[’']s)\s+([a-z][a-z'’\-]+)\b"),
    re.compile(
        r"\b(?i:(?:full|contact|customer|recipient|buyer) name|ship to|deliver to|attn|attention|recipient|signed(?: by)?)"
        rf"\s?[:：]\s*({_NAME})"
    ),
    re.compile(rf"\b(?:Dear|dear|Hello|Hi)\s+({_NAME})(?=\s*[,:;!\n，：！]|\s*$|\s*[–—-]\s)"),
    re.compile(
        r"\b(?i:(?:(?:kind|best|warm) regards|sincerely|yours (?:truly|faithfully))\s*[,.\n]?|regards\s*[,.\n])"
        rf"\s+({_NAME})"
    ),
)
_SURNAMES = "".join(sorted(words("chinese_surnames")))
_HAN_NAME = re.compile(
    rf"(?:我叫做?|我的名字(?:是|叫)|姓名\s?[:：]|收[货件]人\s?[:：]?\s?|联系人\s?[:：]?\s?|亲爱的)"
    rf"([{_SURNAMES}][\u4e00-\u9fff]{{1,2}}?)(?=先生|女士|小姐|[^\u4e00-\u9fff]|$|[的是我，。在来住])"
)
_NOT_NAMES = words("not_names")
MAYBE = re.compile(
    r"@|[\[(]\s?at\s?[\])]|\d(?:[\s().\-/\u00a0]{0,3}\d){6}|[A-Za-z]{2}\d{2}[ \-]?[A-Za-z0-9]{4}"
    r"|name|dear|hello|\bhi\b|regards|sincerely|yours|ship to|deliver to|attn|attention|recipient|signed|called|[叫名人亲]",
    re.IGNORECASE,
)
"""A text without it holds no personal data; also a pattern of RE2 but for its one escape of a no-break space."""
_CARDS: tuple[tuple[int, int, tuple[int, ...]], ...] = (
    (4, 4, (16, 19)),  # Visa
    (51, 55, (16,)),
    (2221, 2720, (16,)),  # Mastercard
    (34, 34, (15,)),
    (37, 37, (15,)),  # American Express
    (300, 305, (14,)),
    (36, 36, (14,)),
    (38, 39, (14,)),  # Diners Club
    (6011, 6011, (16, 19)),
    (644, 649, (16, 19)),
    (65, 65, (16, 19)),  # Discover
    (3528, 3589, (16, 17, 18, 19)),  # JCB
    (62, 62, (16, 17, 18, 19)),  # UnionPay
    (50, 50, (16,)),
    (56, 58, (16,)),
    (6304, 6304, (16,)),
    (67, 67, (16,)),  # Maestro
)
"""First and last prefix of an issuer, and how many digits its cards have."""
_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "CH": 21, "CR": 22, "CY": 28,
    "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23,
    "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28,
    "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MT": 31, "MU": 30, "NL": 18, "NO": 15, "PK": 24,
    "PL": 28, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "TN": 24, "TR": 26, "UA": 29,
    "XK": 20,
}  # fmt: skip


def luhn(digits: str) -> bool:
    """Whether the last of `digits` is their check digit. Source: ISO/IEC 7812-1, annex B."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if index % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def is_card(digits: str) -> bool:
    """Whether `digits` begin like a payment card of that length and pass the Luhn check."""
    for first, last, lengths in _CARDS:
        if len(digits) in lengths and first <= int(digits[: len(str(first))]) <= last:
            return luhn(digits)
    return False


def is_iban(text: str) -> bool:
    """Whether `text`, without spaces and in upper case, is an IBAN of its country. Source: ISO 13616-1, section 6 (mod 97)."""
    if _IBAN_LENGTHS.get(text[:2]) != len(text) or not text.isascii() or not text.isalnum():
        return False
    return int("".join(str(int(char, 36)) for char in text[4:] + text[:4])) % 97 == 1


def find_pii(text: str) -> list[Find]:
    """The personal data in `text`, in order, without overlaps; what is more certain comes first."""
    if not MAYBE.search(fold_width(text)):
        return []
    plain = fold_width(text)  # one character for one, so places stay
    found: list[Find] = []
    for search in (_emails, _ibans, _cards, _phones, _names):
        for find in search(plain):
            if all(find.end <= other.start or find.start >= other.end for other in found):
                found.append(find)
    return sorted(found, key=lambda find: find.start)


def _emails(text: str) -> Iterator[Find]:
    for match in _EMAIL.finditer(text):
        yield Find(PiiKind.EMAIL, match.start(), match.end())


def _ibans(text: str) -> Iterator[Find]:
    for match in _IBAN.finditer(text):
        length = _IBAN_LENGTHS.get(match[1][:2].upper(), 0)
        places = [place for place in range(match.start(), match.end()) if text[place].isalnum()][:length]
        if length and is_iban("".join(text[place] for place in places).upper()):
            end = places[-1] + 1
            if end == len(text) or not text[end].isalnum():
                yield Find(PiiKind.IBAN, match.start(), end)


def _cards(text: str) -> Iterator[Find]:
    for run in _DIGIT_RUN.finditer(text):
        groups = [(group.start() + run.start(), group.end() + run.start()) for group in _GROUPS.finditer(run.group())]
        for first in range(len(groups)):
            last = _card_end(text, groups, first)
            if last is not None:
                yield Find(PiiKind.CARD, groups[first][0], groups[last][1])
                break


def _card_end(text: str, groups: list[tuple[int, int]], first: int) -> int | None:
    """Index of the group with which a card that begins with group `first` ends; the shop's dates and codes may follow it."""
    digits = ""
    for index in range(first, len(groups)):
        digits += text[groups[index][0] : groups[index][1]]
        if len(digits) > 19:
            return None
        if is_card(digits):
            return index
    return None


def _phones(text: str) -> Iterator[Find]:
    for match in _PHONE_CUE.finditer(text):
        yield Find(PiiKind.PHONE, match.start(1), match.end(1))
    for pattern in _PHONES:
        for match in pattern.finditer(text):
            digits = sum(char.isdigit() for char in match.group())
            if pattern is _LOCAL and not _is_local(match.group(), digits):
                continue
            if digits <= 15:
                yield Find(PiiKind.PHONE, match.start(), match.end())


def _is_local(shown: str, digits: int) -> bool:
    """Whether a number with a leading 0 has a length and an area of the United Kingdom or China; bare 12 digits are an article's."""
    if shown.isdigit() and digits == 12:
        return False
    return 10 <= digits <= 12 and shown.lstrip("(")[1] not in "046"


def _names(text: str) -> Iterator[Find]:
    for pattern in _NAME_CUES:
        for match in pattern.finditer(text):
            first = match[1].split()[0].rstrip(".").casefold()
            if first not in _NOT_NAMES:
                yield Find(PiiKind.NAME, match.start(1), match.end(1))
    for match in _HAN_NAME.finditer(text):
        if match[1] not in _NOT_NAMES:
            yield Find(PiiKind.NAME, match.start(1), match.end(1))


def replace_pii(text: str, finds: list[Find], put: Callable[[PiiKind, str], str]) -> str:
    """`text` with `put(kind, value)` in the place of each find."""
    parts, position = [], 0
    for find in finds:
        parts += [text[position : find.start], put(find.kind, text[find.start : find.end])]
        position = find.end
    return "".join([*parts, text[position:]])


def mask(kind: PiiKind, value: str) -> str:
    """The kind in brackets."""
    return f"[{kind}]"


def keyed_hash(key: bytes) -> Callable[[PiiKind, str], str]:
    """Puts the kind and a hash in the place of a value; spellings of one value (case, spaces, hyphens) get one hash.

    HMAC-SHA256 with `key`, 48 bits of it: without the key nobody can test a guess, and two of 10,000 values share a hash with a
    probability below one in a million.
    """
    if len(key) < 32:
        raise ValueError("a PII key has at least 32 bytes")

    def put(kind: PiiKind, value: str) -> str:
        plain = fold_width(value).casefold()
        plain = "".join(char for char in plain if char.isalnum() or (kind is PiiKind.EMAIL and not char.isspace()))
        digest = hmac.digest(key, f"{kind}\x00{plain}".encode(), hashlib.sha256)
        return f"[{kind}:{digest.hex()[:_HASH_DIGITS]}]"

    return put


def mask_text(text: str) -> str:
    """`text` with every find masked."""
    return replace_pii(text, find_pii(text), mask)
