"""What the learned matcher is worth on product_matching: the trainer's pair task beside the rule that needs no label.

Protocol: the published splits. The trees learn from train; threshold and weights come from valid; test is looked at for the figure.
Records of all three splits are known to every system here as the catalogues they stand in, without labels. The published splits
share 95 % of their left records; the rows `..._unseen` put all pairs of a left record on one side, by a hash of its text.
"""

import functools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.cleaning import mirror, pairs
from benchmarks.figures import Row

if TYPE_CHECKING:
    import pyarrow as pa
    from aisle_trainer.domain.report import TaskReport

_SPLITS = {"train": "train", "valid": "validation", "test": "test"}
_FIELDS = ("title", "description", "brand", "price")
_DITTO = {"abt_buy": 0.8933, "amazon_google": 0.7558}
_TARGETS = {"abt_buy": "0.85, then past Ditto's 0.893", "amazon_google": "0.72, then past Ditto's 0.756"}


def table(name: str) -> "pa.Table":
    """The pairs as governance publishes a dataset of the kind PAIRS."""
    import pyarrow as pa

    read = _abt_buy if name == "abt_buy" else _amazon_google
    rows = [(*left, *right, label, _SPLITS[split]) for left, right, label, split in read()]
    columns = [f"{side}_{field}" for side in ("left", "right") for field in _FIELDS]
    return pa.table(dict(zip([*columns, "label", "split"], map(list, zip(*rows, strict=True)), strict=True)))


def _abt_buy() -> "list[tuple[tuple[object, ...], tuple[object, ...], float, str]]":
    found = []
    for split in _SPLITS:
        for line in (mirror.folder("product_matching") / "abt_buy" / f"{split}.txt").open(encoding="utf-8"):
            left, right, label = line.rstrip("\n").split("\t")
            found.append((_serialised(left), _serialised(right), float(label), split))
    return found


def _serialised(text: str) -> tuple[object, ...]:
    parts = dict(part.split(" VAL", 1) for part in pairs._FIELD.split(text) if " VAL" in part)
    return parts["name"].strip(), parts.get("description", "").strip(), "", _price(parts.get("price", ""))


def _price(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _amazon_google() -> "list[tuple[tuple[object, ...], tuple[object, ...], float, str]]":
    import csv

    folder, sides = mirror.folder("product_matching") / "amazon_google", []
    for side in ("tableA", "tableB"):
        with (folder / f"{side}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        sides.append([(row["title"], "", row["manufacturer"], _price(row["price"])) for row in rows])
    splits = pairs.amazon_google().splits
    return [(sides[0][a], sides[1][b], float(label), split) for split in _SPLITS for a, b, label in splits[split]]


def _unseen(name: str, recipe: str) -> Row:
    """The same, with no left record on two sides; baselines are the trainer's."""
    report, seed, seconds = _report(table(name).drop_columns(["split"]), recipe)
    systems = {system.system: {figure.name: figure for figure in system.figures} for system in report.systems}
    ours = systems["model"]["f1"]
    return Row(
        value=ours.value,
        lower=ours.lower,
        upper=ours.upper,
        unit="F1",
        protocol=f"recipe {recipe}, all pairs split by left record: {report.split}; {seconds:.0f} CPU-s with export",
        target="none published: what to expect on records that were never labelled",
        baselines={system: figures["f1"].value for system, figures in systems.items() if system != "model"},
        seed=seed,
    )


def _report(pairs_table: "pa.Table", recipe: str) -> "tuple[TaskReport, int, float]":
    """Train and evaluate; returns the comparison, the seed and the CPU seconds."""
    from aisle_trainer.domain.plan import RECIPES, Task
    from aisle_trainer.engines.match_job import MatchRun
    from aisle_trainer.engines.pipeline import Dataset, Surroundings

    plan = next(entry.plan for entry in RECIPES if entry.recipe_id == recipe)
    begun = time.process_time()
    with tempfile.TemporaryDirectory() as place:
        around = Surroundings(
            job="trainingJobs/figure",
            workdir=Path(place),
            cache_dir=Path(place) / "cache",
            base_models_dir=None,
            threads=1,
            precision="float32",
            report=lambda *_: None,
            stop=lambda: False,
        )
        outcome, _ = MatchRun(plan, Dataset("figure", pairs_table), around).run()
    (report,) = outcome.tasks
    assert report.task is Task.PAIR_MATCHING
    return report, plan.seed, time.process_time() - begun


def _matcher(name: str, recipe: str) -> Row:
    report, seed, seconds = _report(table(name), recipe)
    systems = {system.system: {figure.name: figure for figure in system.figures} for system in report.systems}
    shops = getattr(pairs, name)()
    ours = systems["model"]
    return Row(
        value=ours["f1"].value,
        lower=ours["f1"].lower,
        upper=ours["f1"].upper,
        unit="F1",
        protocol=(
            f"recipe {recipe}, train / threshold from valid / published test split, {seconds:.0f} CPU-s with export; "
            "bootstrap over left records; catalogues known without labels; precision "
            f"{ours['precision'].value:.4f}, recall {ours['recall'].value:.4f}"
        ),
        target=_TARGETS[name],
        baselines={
            "Ditto (published)": _DITTO[name],
            "unsupervised rule": _at_threshold(shops, pairs.rule_scores),
            "TF-IDF cosine": _at_threshold(shops, pairs.cosine_scores),
            **{system: figures["f1"].value for system, figures in systems.items() if system not in ("model", "tfidf")},
        },
        seed=seed,
    )


def _at_threshold(shops: pairs.Shops, scores: Callable[[pairs.Shops, str], pairs.Floats]) -> float:
    """F1 on test with the threshold that is best on valid."""
    threshold = pairs.best_threshold(shops.splits["valid"][:, 2], scores(shops, "valid"))
    found = np.asarray(scores(shops, "test") >= threshold)
    return pairs.f1(shops.splits["test"][:, 2], found)


def rows() -> dict[str, Callable[[], Row]]:
    """Figures of the learned matcher."""
    return {
        **{f"matcher_{name}": functools.partial(_matcher, name, "match-frozen") for name in _TARGETS},
        **{f"matcher_{name}_unseen": functools.partial(_unseen, name, "match-frozen") for name in _TARGETS},
    }
