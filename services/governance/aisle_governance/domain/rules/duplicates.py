"""Products that are in the catalogue twice under different ids and spellings."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from aisle_governance.domain.cleaning import Keep
from aisle_governance.domain.evidence import Evidence, conflict, evidence
from aisle_governance.domain.kinds import ALIASES
from aisle_governance.domain.rules.base import RuleOutcome, is_blank, put_aside

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class MergeNearDuplicates:
    """Keep one product of each cluster of nearly equal texts.

    Pairs whose texts have a cosine of `threshold` join, most similar first, unless any two members of the joined cluster
    contradict each other (model numbers, amounts with units, sizes, colours, plain numbers): similarity is no chain that may lead
    from one variant to another over a vague title in between.
    """

    threshold: float = 0.75
    """Cosine of TF-IDF vectors of character 3- and 4-grams, above 0 to 1."""
    columns: tuple[str, ...] = ("title",)
    """Columns whose texts are compared, joined by a space."""
    keep: Keep = Keep.MOST_COMPLETE
    name: ClassVar[str] = "merge_near_duplicates"
    description: ClassVar[str] = (
        "Keeps one of several products with nearly the same text and no conflicting model number, amount, size or colour, because "
        "a product listed twice splits its clicks and fills a page of results with itself."
    )

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        """Cluster the rows; a kept row lists the ids that it stands for in `_aliases`."""
        from aisle_governance.domain.similarity import prepare

        raw = [" ".join(part for part in row if isinstance(part, str)) for row in frame[list(self.columns)].to_numpy()]
        clusters = cluster([prepare(text) for text in raw], raw, self.threshold)
        leader = self._leaders(frame, clusters)
        result = frame.copy()
        ids = frame["product_id"].tolist()
        listed = frame[ALIASES].tolist() if ALIASES in frame else [None] * len(frame)
        merged: dict[int, list[str]] = {}
        for position, target in enumerate(leader):
            if position != target and ids[position] != ids[target]:
                merged.setdefault(int(target), []).append(ids[position])
        aliases = [
            json.dumps(list(dict.fromkeys(merged[position])), ensure_ascii=False)
            if position in merged
            else listed[position]
            for position in range(len(frame))
        ]
        result[ALIASES] = pd.Series(aliases, index=frame.index, dtype="str")
        bad = pd.Series(leader != np.arange(len(frame)), index=frame.index)
        reason = pd.Series(
            [f"near duplicate of product {ids[target]}" for target in leader], index=frame.index, dtype="str"
        )
        return put_aside(result, bad, reason, self.columns[0])

    def _leaders(self, frame: pd.DataFrame, clusters: Codes) -> Codes:
        """Position of the row that stays, per row."""
        rank = np.arange(len(frame), dtype=np.int64)
        if self.keep is Keep.NEWEST:
            rank = -rank
        elif self.keep is Keep.MOST_COMPLETE:
            for column in map(str, frame.columns):
                if not column.startswith("_"):
                    rank = rank - (~is_blank(frame[column])).to_numpy().astype(np.int64) * len(frame)
        order = np.lexsort((rank, clusters))
        first = np.r_[True, clusters[order][1:] != clusters[order][:-1]] if len(order) else np.empty(0, dtype=bool)
        leader = np.empty(len(frame), dtype=np.int64)
        leader[order] = order[first][np.cumsum(first) - 1] if len(order) else order
        return leader


def cluster(texts: Sequence[str], raw: Sequence[str], threshold: float) -> Codes:
    """Number of the cluster of each text; `raw` holds the texts as written, in which the facts are read.

    Texts that are equal once prepared are still read apart: `2.5 oz` and `25 oz` are prepared from different facts.
    """
    from aisle_governance.domain.similarity import similar_pairs

    codes, distinct = pd.factorize(pd.Series(list(texts), dtype="str"))
    first, second, cosine = similar_pairs([str(text) for text in distinct], threshold)
    members = [group if texts[group[0]] else [] for group in _members(codes)]  # nothing is known of an empty text
    clusters = _Clusters(len(texts), lambda position: evidence(raw[position]))
    for group in members:
        for position in group[1:]:
            clusters.join(group[0], position)
    order = np.lexsort((second, first, -cosine))
    for one, other in zip(first[order].tolist(), second[order].tolist(), strict=True):
        clusters.join(members[one][0], members[other][0])
    return np.array([clusters.root(position) for position in range(len(texts))], dtype=np.int64)


def _members(codes: Codes) -> list[list[int]]:
    groups: list[list[int]] = [[] for _ in range(int(codes.max()) + 1 if len(codes) else 0)]
    for position, code in enumerate(codes):
        groups[code].append(position)
    return groups


class _Clusters:
    """Union-find in which every cluster remembers the distinct facts of its members."""

    def __init__(self, count: int, read: Callable[[int], Evidence]) -> None:
        self._parent = list(range(count))
        self._read = read
        self._facts: dict[int, set[Evidence]] = {}

    def root(self, position: int) -> int:
        """The cluster's number."""
        parent = self._parent
        while parent[position] != position:
            parent[position] = parent[parent[position]]
            position = parent[position]
        return position

    def _of(self, root: int) -> set[Evidence]:
        if root not in self._facts:
            self._facts[root] = {self._read(root)}
        return self._facts[root]

    def join(self, first: int, second: int) -> bool:
        """Make one cluster of two unless they contradict each other."""
        one, two = self.root(first), self.root(second)
        if one == two:
            return True
        mine, theirs = self._of(one), self._of(two)
        if any(conflict(a, b) for a in mine for b in theirs):
            return False
        keep, drop = min(one, two), max(one, two)
        self._parent[drop] = keep
        self._facts[keep] = mine | theirs
        self._facts.pop(drop, None)
        return True
