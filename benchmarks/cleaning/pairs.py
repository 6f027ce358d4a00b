"""Product pairs of two shops with gold labels (product_matching), and the two ways of scoring them without a label."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from aisle_governance.domain.evidence import conflict, evidence
from aisle_governance.domain.similarity import prepare, rival_scores

from benchmarks.cleaning import mirror

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
SPLITS = ("train", "valid", "test")
_FIELD = re.compile(r"(?:^|\s)COL ")


@dataclass(frozen=True, slots=True)
class Record:
    """A product of one shop."""

    name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Shops:
    """Both catalogues, and per split (left, right, label)."""

    left: list[Record]
    right: list[Record]
    splits: dict[str, Ints]


def abt_buy() -> Shops:
    """The catalogues are all records that any pair holds."""
    left: dict[str, int] = {}
    right: dict[str, int] = {}
    splits = {}
    for split in SPLITS:
        rows = []
        for line in (mirror.folder("product_matching") / "abt_buy" / f"{split}.txt").open(encoding="utf-8"):
            one, two, label = line.rstrip("\n").split("\t")
            rows.append((left.setdefault(one, len(left)), right.setdefault(two, len(right)), int(label)))
        splits[split] = np.array(rows)
    return Shops([_record(text) for text in left], [_record(text) for text in right], splits)


def _record(text: str) -> Record:
    parts = dict(part.split(" VAL", 1) for part in _FIELD.split(text) if " VAL" in part)
    return Record(parts["name"].strip(), parts.get("description", "").strip())


def amazon_google() -> Shops:
    """The catalogues are the published tables."""
    folder = mirror.folder("product_matching") / "amazon_google"
    splits = {}
    for split in SPLITS:
        with (folder / f"{split}.csv").open(encoding="utf-8", newline="") as file:
            rows = [(int(r["ltable_id"]), int(r["rtable_id"]), int(r["label"])) for r in csv.DictReader(file)]
        splits[split] = np.array(rows)
    return Shops(_table(folder / "tableA.csv"), _table(folder / "tableB.csv"), splits)


def _table(path: Path) -> list[Record]:
    with path.open(encoding="utf-8", newline="") as file:
        return [Record(f"{row['manufacturer']} {row['title']}".strip()) for row in csv.DictReader(file)]


def rule_scores(shops: Shops, split: str) -> Floats:
    """The unsupervised rule: similarity beside the best rival, halved where facts contradict each other."""
    pairs = shops.splits[split][:, :2]
    left, right = ([prepare(one.name) for one in side] for side in (shops.left, shops.right))
    scores = rival_scores(left, right, pairs)
    facts = [[evidence(one.name, one.description) for one in side] for side in (shops.left, shops.right)]
    against = [bool(conflict(facts[0][one], facts[1][two], strict=False)) for one, two in pairs]
    return scores * np.where(against, 0.5, 1.0)


def cosine_scores(shops: Shops, split: str) -> Floats:
    """The baseline: cosine of TF-IDF word vectors of all text."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [[f"{one.name} {one.description}" for one in side] for side in (shops.left, shops.right)]
    vectors = TfidfVectorizer().fit([*texts[0], *texts[1]])
    left, right = (vectors.transform(side) for side in texts)
    pairs = shops.splits[split]
    return np.asarray(left[pairs[:, 0]].multiply(right[pairs[:, 1]]).sum(axis=1)).ravel()


def best_threshold(labels: Ints, scores: Floats) -> float:
    """The score from which on a pair counts as a match for the best F1."""
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(labels[order])
    values = 2 * right / (np.arange(1, len(order) + 1) + labels.sum())
    return float(scores[order[values.argmax()]])


def f1(labels: Ints, found: npt.NDArray[np.bool_]) -> float:
    """F1 of the matches."""
    return float(2 * (labels.astype(bool) & found).sum() / max(1, labels.sum() + found.sum()))
