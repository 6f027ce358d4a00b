"""Whether a data ROI study says of planted rules what they are, on crowdflower_search.

Protocol: HTML, entities and zero-width spaces are planted into the titles and descriptions of half of the pairs. The chain has a
rule that repairs them (useful), one that takes every second word of a title away (harmful), one that folds the case of ids (neutral:
rows change, no ranker reads it) and one that finds nothing to do (inert). Each is left out in turn by the evaluator and the
statistics of the service.
"""

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd
from aisle_governance.domain.paired import Lift
from aisle_governance.domain.roi import Arm, Change, Verdict, judged
from aisle_governance.domain.rules.base import Rule, RuleOutcome, keep_all
from aisle_governance.domain.rules.chains import run_chain
from aisle_governance.domain.rules.general import NormaliseIds, RepairText
from aisle_governance.engines import roi_fast
from aisle_governance.engines.roi_study import NEW_SEEDS
from aisle_governance.engines.roi_values import compare

from benchmarks.cleaning.mirror import folder
from benchmarks.figures import Row

SEEDS, PLANTING_SEED = (11, 12), 31
EXPECTED = {
    "repair_text": Verdict.USEFUL,
    "halve_titles": Verdict.HARMFUL,
    "fold_id_case": Verdict.NEUTRAL,
    "normalise_ids": Verdict.INERT,
}


@dataclass(frozen=True, slots=True)
class HalveTitles:
    """Planted: takes every second word away."""

    name: ClassVar[str] = "halve_titles"
    description: ClassVar[str] = "Takes every second word of a title away."

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        titles = frame["title"].map(lambda title: " ".join(title.split()[::2]))
        return keep_all(frame.assign(title=titles), len(frame))


@dataclass(frozen=True, slots=True)
class FoldIdCase:
    """Planted: writes product ids in upper case."""

    name: ClassVar[str] = "fold_id_case"
    description: ClassVar[str] = "Writes product ids in upper case."

    def apply(self, frame: pd.DataFrame) -> RuleOutcome:
        return keep_all(frame.assign(product_id=frame["product_id"].str.upper()), len(frame))


def spoiled(text: str, rng: np.random.Generator) -> str:
    """What a careless export makes of a text."""
    words = [f"{word[0]}&#{ord(word[1])};{word[2:]}" if len(word) > 2 else word for word in text.split()]
    return "<b>" + ("</b> ".join(words) if rng.random() < 0.5 else "\u200b ".join(words))


def planted() -> pd.DataFrame:
    """All judgments, half of them with spoiled texts."""
    files = sorted(folder("crowdflower_search").glob("fold-*.csv"), key=lambda path: int(path.stem.split("-")[1]))
    rows = pd.concat([pd.read_csv(path) for path in files], ignore_index=True)
    rng = np.random.default_rng(PLANTING_SEED)
    spoil = rng.random(len(rows)) < 0.5

    def texts(column: str) -> list[str]:
        clean = rows[column].fillna("").astype(str)
        return [spoiled(text, rng) if bad else text for text, bad in zip(clean, spoil, strict=True)]

    ids = [f"r{row}" for row in range(len(rows))]
    return pd.DataFrame(
        {
            "query_id": rows["query"].str.lower(),
            "query": rows["query"],
            "product_id": [f"p{row}" for row in range(len(rows))],
            "title": texts("product_title"),
            "description": texts("product_description"),
            "grade": rows["median_relevance"].astype(float) - 1,
            "label_weight": 1.0,
            "_row_id": ids,
            "_label_rows": ids,
        }
    )


@functools.cache
def _study() -> tuple[list[Arm], float, float]:
    """(arms, noise floor, NDCG of the reference)."""
    raw = planted()
    chain: list[Rule] = [
        RepairText(("title", "description")),
        HalveTitles(),
        FoldIdCase(),
        NormaliseIds(("product_id",)),
    ]
    reference = run_chain(chain, raw).kept
    values = roi_fast.search_values(reference, reference, SEEDS)
    again = roi_fast.search_values(reference, reference, tuple(seed + NEW_SEEDS for seed in SEEDS))
    floor = compare(again, values, SEEDS[0]).lift.reach
    arms = []
    for rule in chain:
        begun = time.monotonic()
        arm = Arm("crowdflower", Change.LEFT_OUT, rule.name, done=True)
        frame = run_chain([one for one in chain if one.name != rule.name], raw).kept
        if frame.equals(reference):
            arms.append(replace(arm, verdict=Verdict.INERT, lift=Lift(0.0, 0.0, 0.0, len(values.units))))
            continue
        told = compare(values, roi_fast.search_values(reference, frame, SEEDS), SEEDS[0])
        arms.append(
            replace(
                arm,
                lift=told.lift,
                auc_lift=told.auc_lift,
                p_value=told.p_value,
                elapsed_seconds=time.monotonic() - begun,
            )
        )
    return judged(arms, {"crowdflower": floor}), floor, float(values.main.mean())


def verdicts() -> Row:
    """Planted rules that a study calls what they are."""
    arms, floor, score = _study()
    right = sum(arm.verdict is EXPECTED[arm.rule] for arm in arms)
    beside = {"noise floor": floor, "ndcg@10 of the reference": score}
    words = []
    for arm in arms:
        assert arm.lift is not None
        beside[f"lift {arm.rule}"] = arm.lift.value
        words.append(
            f"{arm.rule} {arm.verdict.lower()} {arm.lift.value:+.4f} [{arm.lift.lower:+.4f}, {arm.lift.upper:+.4f}] "
            f"Holm p {arm.adjusted_p_value:.4f}"
        )
    return Row(
        value=float(right),
        lower=float(right),
        upper=float(right),
        unit=f"of {len(EXPECTED)} planted rules called what they are",
        protocol=(
            f"crowdflower_search, evaluator FAST, 3 folds by query, seeds {SEEDS[0]} to {SEEDS[-1]}, planting seed {PLANTING_SEED}; "
            f"ndcg@10 over queries with the reference's grades; {'; '.join(words)}"
        ),
        target=f"{len(EXPECTED)}",
        baselines=beside,
        seed=SEEDS[0],
    )


def rows() -> dict[str, Callable[[], Row]]:
    """Figures of data ROI."""
    return {"data_roi": verdicts}
