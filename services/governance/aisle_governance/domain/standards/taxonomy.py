"""Finds the place of a shop's category in a given taxonomy."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aisle_governance.domain.standards.characters import fold_width, to_simplified

SEPARATOR = " > "
_STRONG = re.compile(r"\s*(?:>|›|»)\s*")
_WEAK = re.compile(r"\s*(?:\||\\|::|/)\s*")
_PUNCTUATION = re.compile(r"[^\w]+")
_IRREGULAR = {
    "knives": "knife",
    "shelves": "shelf",
    "scarves": "scarf",
    "leaves": "leaf",
    "loaves": "loaf",
    "children": "child",
}
_IRREGULAR |= {
    "men": "man",
    "women": "woman",
    "mens": "man",
    "womens": "woman",
    "feet": "foot",
    "mice": "mouse",
    "teeth": "tooth",
}
_NOISE = frozenset({"and", "the", "of", "for"})


def segments(path: str) -> tuple[str, ...]:
    """Parts of a category path, whatever parts them: `>` or `»`, and where there is none of these `/`, `|`, `::` or a backslash."""
    strong = _STRONG.split(path.strip())
    return tuple(part for part in (strong if len(strong) > 1 else _WEAK.split(path.strip())) if part)


def name_key(name: str) -> str:
    """What is left of a category's name when case, width, accents, punctuation, `and`, and the plural `s` do not count."""
    plain = unicodedata.normalize("NFKD", to_simplified(fold_width(name)).casefold())
    plain = "".join(char for char in plain if not unicodedata.combining(char)).replace("'", "").replace("’", "")
    words = [_singular(word) for word in _PUNCTUATION.sub(" ", plain).split() if word not in _NOISE]
    return " ".join(words)


def _singular(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if not word.isascii() or len(word) <= 3 or word.endswith("ss"):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "xes", "sses")):
        return word[:-2]
    return word[:-1] if word.endswith("s") else word


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """Paths by their names; `place` finds one."""

    paths: tuple[str, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Shop's category -> path, where names alone do not say it."""
    _by_suffix: dict[tuple[str, ...], list[str]] = field(default_factory=dict, repr=False)
    _by_alias: dict[tuple[str, ...], str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, paths: Sequence[str], aliases: Mapping[str, str]) -> "Taxonomy":
        """Index `paths` by every end of them."""
        taxonomy = cls(tuple(SEPARATOR.join(segments(path)) for path in paths), aliases)
        for path in taxonomy.paths:
            keys = _keys(path)
            for start in range(len(keys)):
                taxonomy._by_suffix.setdefault(keys[start:], []).append(path)
        for source, target in aliases.items():
            taxonomy._by_alias[_keys(source)] = SEPARATOR.join(segments(target))
        return taxonomy

    def place(self, category: str) -> str | None:
        """The path of `category`, or None when there is none, or more than one.

        Aliases come first, then the whole path, then the longest end of it that ends exactly one path of the taxonomy; the parts
        before that end must then share a word with the path found, so that `Toys / Balls` does not become `Sports > Balls`.
        """
        keys = _keys(category)
        if not keys:
            return None
        if keys in self._by_alias:
            return self._by_alias[keys]
        exact = [path for path in self._by_suffix.get(keys, ()) if len(segments(path)) == len(keys)]
        if len(exact) == 1:
            return exact[0]
        for start in range(len(keys)):
            found = self._by_suffix.get(keys[start:], [])
            if found:
                words = {word for key in _keys(found[0])[: -len(keys) + start] for word in key.split()}
                before = {word for key in keys[:start] for word in key.split()}
                return found[0] if len(found) == 1 and (not before or before & words) else None
        return None


def _keys(path: str) -> tuple[str, ...]:
    return tuple(key for key in map(name_key, segments(path)) if key)
