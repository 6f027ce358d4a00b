"""Chooses the rows whose labels teach most."""

import re
from collections import Counter

import numpy as np
import pandas as pd

from aisle_governance.domain.repair.model import proposals
from aisle_governance.domain.repair.votes import encode, find_dependencies

_DIGITS, _LETTERS, _SPACE = re.compile(r"[0-9]+"), re.compile(r"[^\W\d_]+"), re.compile(r"\s+")
_MOST_SHAPES = 12


def shape(text: str) -> str:
    """`text` with runs of digits, letters and white space made one sign each: `12.0 oz` gives `9.9 a`."""
    return _SPACE.sub(" ", _LETTERS.sub("a", _DIGITS.sub("9", text)))


def choose_rows(frame: pd.DataFrame, count: int) -> list[int]:
    """Positions of up to `count` rows to be labelled by hand; the same table gives the same rows.

    Greedy cover of suspicions: a spelling of a column (`shape`) weighs by how common it is where a column has several, a cell that
    the other columns contradict weighs most. What a chosen row has shown counts a quarter as much in the next.
    Source: Mahdavi & Abedjan 2019 (Raha), section 4, sampling rows that cover the most unlabelled clusters.
    """
    items: list[list[tuple[str, str]]] = [[] for _ in range(len(frame))]
    weights: dict[tuple[str, str], float] = {}
    encoded = encode(frame)
    dependencies = find_dependencies(encoded)
    for column in map(str, frame.columns):
        shapes = [shape(value) for value in frame[column]]
        counts = Counter(shapes)
        if 1 < len(counts) <= _MOST_SHAPES:
            for position, one in enumerate(shapes):
                items[position].append((column, one))
            for one, seen in counts.items():
                weights[column, one] = 0.5 + seen / len(frame)
        change, _ = proposals(encoded, dependencies, column, 0.7)
        for position in np.flatnonzero(change).tolist():
            items[position].append((column, "contradicted"))
        weights[column, "contradicted"] = 2.0
    chosen: list[int] = []
    while len(chosen) < min(count, len(frame)):
        scores = [sum(weights.get(item, 0.0) for item in mine) for mine in items]
        for position in chosen:
            scores[position] = -1.0
        best = max(range(len(scores)), key=scores.__getitem__)
        chosen.append(best)
        for item in items[best]:
            weights[item] = weights.get(item, 0.0) / 4
    return chosen
