"""Repair of text that people and machines have damaged on its way: HTML, wrong encodings, control characters, white space."""

import hashlib
import html
import re

import ftfy

_CLEAN = re.compile(r"(?! )(?:[\x21-\x25\x27-\x3b\x3d-\x7e]| (?! ))*(?<! )")
"""Printable ASCII without `&`, `<`, double or outer spaces: nothing to repair."""
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
"""Only closed entities: `?a=1&copy=2` is an address, not a copyright sign."""
_SPACES = re.compile(r"\s+")
_INVISIBLE = re.compile("[\u00ad\u200b\u200c\u200e\u200f\u2060\ufeff\ufffe\ufff9-\ufffb]|[\ud800-\udfff]")
_COMMENT_START, _COMMENT_END = "<!--", "-->"
_TAG = re.compile(
    r"</?(?:a|abbr|address|area|article|aside|audio|b|base|bdi|bdo|big|blockquote|body|br|button|canvas|caption|center|cite|code"
    r"|col|colgroup|data|dd|del|details|div|dl|dt|em|embed|fieldset|figcaption|figure|font|footer|form|frame|frameset|h[1-6]|head"
    r"|header|hr|html|i|iframe|img|input|ins|kbd|label|legend|li|link|main|map|mark|meta|nav|noscript|object|ol|option|p|param"
    r"|picture|pre|q|s|samp|script|section|select|small|source|span|strike|strong|style|sub|summary|sup|svg|table|tbody|td"
    r"|template|textarea|tfoot|th|thead|title|tr|tt|u|ul|var|video|wbr)(?:[\s/][^<>]*)?>",
    re.IGNORECASE,
)
"""Tags that HTML knows; `<3` or `<size>` is text."""
_INLINE = re.compile(
    r"</?(?:a|abbr|b|bdi|bdo|big|cite|code|em|font|i|ins|kbd|mark|q|s|samp|small|span|strike|strong|sub|sup|tt|u|var|wbr)[\s/>]",
    re.I,
)
_HIDDEN = ("script", "style")
_UNESCAPE_ROUNDS = 3

_FTFY = ftfy.TextFixerConfig(
    unescape_html=False,
    uncurl_quotes=False,
    fix_latin_ligatures=False,
    fix_character_width=False,
    normalization="NFC",
)
"""Repairs encodings and control characters only; quotes, ligatures and widths are the shop's choice. HTML is handled here."""


def clean_text(text: str) -> str | None:
    """Return `text` in one line as a reader would see it, or None when nothing is left.

    HTML entities (also doubly escaped ones) and tags are resolved, script and style contents and comments removed, mojibake repaired
    (ftfy), invisible and control characters dropped, white space collapsed, unicode composed (NFC).
    """
    if _CLEAN.fullmatch(text):
        return text or None
    text = strip_html(text)
    if not text.isascii():
        text = _INVISIBLE.sub("", ftfy.fix_text(text, _FTFY))
    text = "".join(char for char in text if char >= " " or char in "\t\n\r\f\v") if not text.isprintable() else text
    return _SPACES.sub(" ", text.replace("\x7f", "")).strip() or None


def strip_html(text: str) -> str:
    """Resolve entities and remove known tags, comments, and script and style contents; linear in the length of `text`."""
    if "&" in text:
        for _ in range(_UNESCAPE_ROUNDS):
            unescaped = _ENTITY.sub(lambda entity: html.unescape(entity.group()), text)
            if unescaped == text:
                break
            text = unescaped
    if "<" not in text:
        return text
    text = _without_blocks(text, _COMMENT_START, _COMMENT_END)
    for name in _HIDDEN:
        text = _without_blocks(text, f"<{name}", f"</{name}")
    return _TAG.sub(lambda tag: "" if _INLINE.match(tag.group()) else " ", text)


def _without_blocks(text: str, start: str, end: str) -> str:
    """Cut every `start` ... `end` out, whatever the case; a block that never ends is left to the tag pattern."""
    lower = text.lower()
    if start not in lower or len(lower) != len(text):
        return text
    parts: list[str] = []
    position = 0
    while (begin := lower.find(start, position)) >= 0:
        close = lower.find(end, begin + len(start))
        if close < 0:
            break
        parts += (text[position:begin], " ")
        position = close + len(end) if end == _COMMENT_END else lower.find(">", close) + 1 or len(text)
    return "".join((*parts, text[position:]))


def text_id(text: str) -> str:
    """16 hex digits of SHA-256 over `text` in lower case with single spaces; equal for spellings that differ in these only."""
    return hashlib.sha256(" ".join(text.lower().split()).encode("utf-8", "replace")).hexdigest()[:16]
