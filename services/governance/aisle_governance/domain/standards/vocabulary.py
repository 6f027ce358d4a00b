"""Words of the trade, kept in `vocabulary.json`: one text per meaning, its spellings parted by `|`."""

import json
from functools import lru_cache
from importlib.resources import files
from typing import Any


@lru_cache(maxsize=1)
def _sections() -> dict[str, Any]:
    text = files("aisle_governance.domain.standards").joinpath("vocabulary.json").read_text(encoding="utf-8")
    sections: dict[str, Any] = json.loads(text)
    return sections


def words(section: str) -> frozenset[str]:
    """All words of a section that is a plain list."""
    return frozenset(_sections()[section].split("|"))


def meanings(section: str) -> dict[str, str]:
    """Spelling -> meaning, in the order of the file."""
    return {
        spelling: meaning for meaning, spellings in _sections()[section].items() for spelling in spellings.split("|")
    }


def alternatives(section: str) -> dict[str, frozenset[str]]:
    """Key -> its words."""
    return {key: frozenset(spellings.split("|")) for key, spellings in _sections()[section].items()}
