"""Messages and documents as text: checked, cut into sentences and passages, and taken apart into terms. English and Chinese."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from aisle_ranker.errors import InvalidField

ENGLISH, CHINESE = "en", "zh"
LANGUAGES = (ENGLISH, CHINESE)
LONGEST_MESSAGE = 4_000
PASSAGE_CHARACTERS = 500
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_IS_HAN = re.compile(f"[{_HAN}]")
_LETTER = re.compile(r"[^\W\d_]")
_TOKEN = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+(?:['’][^\W\d_{_HAN}]+)?")
_SENTENCE = re.compile(r"[^.!?。！？\n]*(?:[.!?](?=\w)[^.!?。！？\n]*)*(?:[.!?。！？]+[\"'”’)]*|\n+|$)")
_ENGLISH_STOP_WORDS = """
a about after all also am an and any are as at be because been but by can could did do does doing for from get give
had has have having hello help hey hi how i i'd i'll i'm i've if in into is it it's its just know let like me my need of
on or our please shall should so some tell than thank thanks that the their them then there these they this those to
up us want was we were what what's when where which who why will with would you your long much many until still again now not no
ever happen happens don't doesn't can't isn't there's anything something someone
"""
_CHINESE_STOP_WORDS = """
为什么 有没有 能不能 可不可以 是不是 怎么样 请问 什么 怎么 怎样 如何 多久 多少 哪里 哪个 时候 可以 我们 你们 他们 这个 那个
这些 那些 一下 一个 需要 想要 知道 能够 谢谢 你好 您好 帮我 告诉 没有 还是 或者 但是 如果
我 你 您 他 她 它 的 了 吗 呢 吧 啊 是 在 有 和 与 及 或 就 都 也 很 会 能 要 想 把 被 让 给 对 从 到 请 这 那 之 其 谁 后 多 还
"""
_ENGLISH_STOP = frozenset(_ENGLISH_STOP_WORDS.split())
# Longer ones come first, as they are to be cut out of a run of Han characters before it is read in pairs.
_CHINESE_CUT = re.compile("|".join(_CHINESE_STOP_WORDS.split()))


@dataclass(frozen=True, slots=True)
class Span:
    """Part of a text, in Unicode code points."""

    begin: int
    end: int
    """Character after the last."""


def without_controls(text: str) -> str:
    """Replace control characters other than line breaks and tabs by spaces, one for one, so that offsets stay."""
    return _CONTROL.sub(" ", text)


def checked_message(text: str) -> str:
    """Return a customer's message trimmed and without control characters.

    Raises InvalidField when nothing legible is left or it is longer than `LONGEST_MESSAGE` characters.
    """
    if len(text) > LONGEST_MESSAGE:
        raise InvalidField(
            "message",
            f"must have at most {LONGEST_MESSAGE} characters",
            next_step="Send the part that asks something.",
            facts={"length": str(len(text))},
        )
    trimmed = without_controls(text).strip()
    if not trimmed:
        raise InvalidField("message", "must not be empty", next_step="Send what the customer wrote.")
    return trimmed


def checked_language(value: str, field: str) -> str:
    """Return `en`, `zh` or ""; raises InvalidField for anything else."""
    if value and value not in LANGUAGES:
        raise InvalidField(field, "must be en, zh or empty", next_step="Leave it empty to have it detected.")
    return value


def language_of(text: str) -> str:
    """Return `zh` when Han characters are at least a fifth of the letters, else `en`.

    A Han character says about as much as a word of four letters, so a fifth is where a mixed text is read as Chinese.
    """
    letters = len(_LETTER.findall(text))
    return CHINESE if letters and len(_IS_HAN.findall(text)) * 5 >= letters else ENGLISH


def terms(text: str, *, content_only: bool = False) -> list[str]:
    """Return the terms of a text in order: word stems, and Han characters in overlapping pairs.

    A single Han character between others that say little stands for itself. `content_only` leaves out words that only hold a
    question together; Chinese ones are always left out, because they are cut out before the pairs are made.
    """
    found: list[str] = []
    for token in _TOKEN.findall(text.lower()):
        if _IS_HAN.match(token):
            found += _pairs(token)
        elif not (content_only and token.replace("’", "'") in _ENGLISH_STOP):
            found.append(_stem(token))
    return found


def _pairs(run: str) -> Iterator[str]:
    for part in _CHINESE_CUT.split(run):
        if len(part) == 1:
            yield part
        yield from (part[at : at + 2] for at in range(len(part) - 1))


def _stem(word: str) -> str:
    """Take off the endings of number, tense and possession, no more: a wrong join would quote the wrong passage."""
    word = word.replace("’", "'").removesuffix("'s")
    for ending, put in (("ies", "y"), ("sses", "ss"), ("ing", ""), ("ed", ""), ("es", ""), ("s", ""), ("e", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith(("ss", "us", "is")):
            word = word[: len(word) - len(ending)] + put
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeious" else word


def sentences(text: str) -> list[Span]:
    """Return the sentences that are not blank, without the spaces around them."""
    found = []
    for match in _SENTENCE.finditer(text):
        piece = match.group()
        if stripped := piece.strip():
            begin = match.start() + piece.index(stripped)
            found += _bounded(text, begin, begin + len(stripped))
    return found


def _bounded(text: str, begin: int, end: int) -> list[Span]:
    """Cut a sentence that is longer than a passage at spaces where there are any."""
    found = []
    while end - begin > PASSAGE_CHARACTERS:
        cut = text.rfind(" ", begin + PASSAGE_CHARACTERS // 2, begin + PASSAGE_CHARACTERS)
        cut = cut if cut > 0 else begin + PASSAGE_CHARACTERS
        found.append(Span(begin, cut))
        begin = cut + (text[cut] == " ")
    return [*found, Span(begin, end)] if end > begin else found


def passages(text: str) -> list[list[Span]]:
    """Group the sentences of a text into passages of at most `PASSAGE_CHARACTERS`; a blank line begins a new one."""
    found: list[list[Span]] = []
    for sentence in sentences(text):
        last = found[-1] if found else None
        gap = text[last[-1].end : sentence.begin] if last else "\n\n"
        if last is None or gap.count("\n") > 1 or sentence.end - last[0].begin > PASSAGE_CHARACTERS:
            found.append([sentence])
        else:
            last.append(sentence)
    return found
