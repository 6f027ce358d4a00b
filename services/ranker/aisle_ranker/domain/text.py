"""Text as the ranker reads it: queries checked and titles split into words."""

import re

from aisle_ranker.errors import InvalidField

LONGEST_QUERY = 512
LONGEST_WORD = 40
_WORD = re.compile(r"[^\W_]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def words(text: str) -> list[str]:
    """Split into lower-case runs of letters and digits, in order; runs of `LONGEST_WORD` or more are dropped.

    The trainer's offline BM25 splits alike, so that what it measured is what is served.
    """
    return [word for word in _WORD.findall(text.lower()) if len(word) < LONGEST_WORD]


def checked_query(text: str, field: str = "query") -> str:
    """Return the query trimmed, control characters replaced by spaces.

    Raises InvalidField when it is then empty or longer than `LONGEST_QUERY` characters.
    """
    trimmed = _CONTROL.sub(" ", text).strip()
    if not trimmed:
        raise InvalidField(field, "must not be empty", next_step="Send what the shopper typed.")
    if len(trimmed) > LONGEST_QUERY:
        raise InvalidField(field, f"must have at most {LONGEST_QUERY} characters", facts={"length": str(len(trimmed))})
    return trimmed
