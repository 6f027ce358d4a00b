"""Figures about cleaning: cell repair, duplicates, product matching, planted defects."""

import functools
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from benchmarks.cleaning import mirror
from benchmarks.figures import Row

if TYPE_CHECKING:
    from benchmarks.cleaning.defects import Found

SEED = 7
LABELS = 20
_RESAMPLES = 1000


def _cells(table: str, target: str) -> Row:
    """Learn from 20 rows that the system chooses, repair the whole table, compare every cell by position."""
    from aisle_governance.domain.repair.choose import choose_rows
    from aisle_governance.domain.repair.learn import learn
    from aisle_governance.domain.repair.model import repair

    folder = mirror.folder("dirty_tables") / table
    dirty, clean = (
        pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False) for name in ("dirty", "clean")
    )
    clean.columns = dirty.columns

    def counts(rows: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # type: ignore[type-arg]
        labels = {row: clean.iloc[row].to_dict() for row in rows}
        after = repair(learn(dirty, labels), dirty).frame
        wrong, changed = (clean != dirty).to_numpy(), (after != dirty).to_numpy()
        right = changed & (after == clean).to_numpy()
        return right.sum(axis=1), changed.sum(axis=1), wrong.sum(axis=1)

    def score(parts: "tuple[np.ndarray, ...]") -> float:  # type: ignore[type-arg]
        right, changed, wrong = (float(part.sum()) for part in parts)
        return 2 * right / max(1.0, changed + wrong)

    parts = counts(choose_rows(dirty, LABELS))
    rng = np.random.default_rng(SEED)
    draws = [
        score(tuple(part[picked] for part in parts))
        for picked in (rng.integers(0, len(dirty), len(dirty)) for _ in range(_RESAMPLES))
    ]
    at_random = score(counts([int(row) for row in rng.choice(len(dirty), LABELS, replace=False)]))
    right, changed, wrong = (float(part.sum()) for part in parts)
    return Row(
        value=score(parts),
        lower=float(np.quantile(draws, 0.025)),
        upper=float(np.quantile(draws, 0.975)),
        unit="F1",
        protocol=f"{table}, end to end, {LABELS} rows chosen by the system, cells compared as strings, bootstrap over rows",
        target=target,
        baselines={"precision": right / max(1.0, changed), "recall": right / wrong, f"{LABELS} random rows": at_random},
        seed=SEED,
    )


def _near_duplicates() -> Row:
    """The rule's default threshold; nothing is chosen on these titles."""
    from aisle_governance.domain.cleaning import NearDuplicates
    from aisle_governance.domain.rules.duplicates import cluster
    from aisle_governance.domain.similarity import prepare

    from benchmarks.cleaning import titles

    base = titles.base_titles()
    random.Random(SEED).shuffle(base)
    threshold = NearDuplicates().threshold
    planted = titles.plant(base, 200_000, SEED)
    begun, cpu = time.monotonic(), time.process_time()
    found = cluster([prepare(title) for title in planted.titles], planted.titles, threshold).tolist()
    seconds, cpu_seconds = time.monotonic() - begun, time.process_time() - cpu
    precision, recall, value = titles.pair_scores(planted.products, found)
    exact = {text: number for number, text in enumerate(planted.titles)}
    same = [exact[text] for text in planted.titles]
    return Row(
        value=value,
        lower=value,
        upper=value,
        unit="pair F1",
        protocol=f"200,000 titles, 40,000 planted copies among planted variants, the rule's default threshold {threshold}, one draw",
        target="0.95, below 60 s",
        baselines={
            "precision": precision,
            "recall": recall,
            "seconds": seconds,
            "cpu_seconds": cpu_seconds,
            "equal titles only": titles.pair_scores(planted.products, same)[2],
        },
        seed=SEED,
    )


def _matching(name: str, target: str) -> Row:
    from benchmarks.cleaning import pairs

    shops = getattr(pairs, name)()
    labels = {split: shops.splits[split][:, 2] for split in ("valid", "test")}

    def found(scores: Callable[..., pairs.Floats]) -> "np.ndarray":  # type: ignore[type-arg]
        threshold = pairs.best_threshold(labels["valid"], scores(shops, "valid"))
        return scores(shops, "test") >= threshold

    ours, cosine = found(pairs.rule_scores), found(pairs.cosine_scores)
    rng = np.random.default_rng(SEED)
    draws = []
    for _ in range(_RESAMPLES):
        picked = rng.integers(0, len(ours), len(ours))
        draws.append(pairs.f1(labels["test"][picked], ours[picked]))
    return Row(
        value=pairs.f1(labels["test"], ours),
        lower=float(np.quantile(draws, 0.025)),
        upper=float(np.quantile(draws, 0.975)),
        unit="F1",
        protocol="pairs of the test split, no label used but for the threshold, which comes from valid; bootstrap over pairs",
        target=target,
        baselines={"TF-IDF cosine": pairs.f1(labels["test"], cosine)},
        seed=SEED,
    )


@functools.cache
def _defects() -> "dict[str, Found]":
    from benchmarks.cleaning.defects import found_defects

    return found_defects(SEED)


def _injected(kind: str) -> Row:
    from benchmarks.cleaning.defects import found_bots

    found = found_bots(SEED) if kind == "bots" else _defects()[kind]
    spread = 1.96 * (max(found.recall * (1 - found.recall), 1e-9) / max(1, found.planted)) ** 0.5
    what = "events of 200 programs among 1,500 real customers" if kind == "bots" else "1 % of the cleaned order lines"
    return Row(
        value=found.recall,
        lower=max(0.0, found.recall - spread),
        upper=min(1.0, found.recall + spread),
        unit="recall",
        protocol=f"online_retail, {what}; whatever else is found counts against precision",
        target="recall 0.95, precision 0.90",
        baselines={"precision": found.precision, "planted": found.planted, "found": found.found},
        seed=SEED,
    )


def rows() -> dict[str, Callable[[], Row]]:
    """Every figure about cleaning."""
    return {
        "cell_repair_beers": functools.partial(_cells, "beers", "0.90 (Raha + Baran 0.90)"),
        "cell_repair_hospital": functools.partial(_cells, "hospital", "0.75 (Raha + Baran 0.66)"),
        "near_duplicates": _near_duplicates,
        "product_matching_abt_buy": functools.partial(_matching, "abt_buy", "0.70"),
        "product_matching_amazon_google": functools.partial(_matching, "amazon_google", "0.60"),
        **{
            f"injected_defects_{kind}": functools.partial(_injected, kind)
            for kind in ("duplicates", "outliers", "missing", "bots")
        },
    }
