"""What the trainer's tasks reach on public data, beside plain baselines in the same evaluator.

amazon_beauty names no times; within a day its interactions stand in the order of article numbers. The rows `..._shuffled` draw the
order inside every run of rising article numbers at random. Each day lies inside one such run, and runs also join days, so that this
takes away at least as much order as shuffling days does.
"""

import functools
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.cleaning import mirror
from benchmarks.figures import OUTPUT, Row

if TYPE_CHECKING:
    import pyarrow as pa
    from aisle_trainer.domain.report import TaskReport

_DAY_US, _SECOND_US = 24 * 3600 * 1_000_000, 1_000_000
_ITEM = re.compile(r"^([A-Z0-9]{10}) (\d+) ?(.*)$")
_TARGETS = {
    False: (
        "NDCG@10 0.055 / Recall@10 0.092; published: SASRec 0.0318 / 0.0605, TIGER 0.0384 / 0.0648, SASRec with full softmax "
        "0.0539 / 0.0897"
    ),
    True: "NDCG@10 0.052 / Recall@10 0.088; reported of SASRec with full softmax and same-day ties shuffled: 0.0503 / 0.0859",
}


def beauty() -> "pa.Table":
    """Orders as governance publishes them: a day per run of rising article numbers, a second per item in it."""
    import pyarrow as pa

    folder = mirror.folder("amazon_beauty")
    articles: dict[int, str] = {}
    titles: dict[int, str] = {}
    last = -1
    for line in (folder / "item_list.txt").read_text(encoding="utf-8").split("\n")[1:]:
        if found := _ITEM.match(line):
            last = int(found[2])
            articles[last], titles[last] = found[1], found[3].strip('"')
        elif last >= 0:
            titles[last] = f"{titles[last]} {line}".strip().strip('"')
    rows: list[tuple[str, str, str, int]] = []
    for line in (folder / "test.txt").read_text().splitlines():
        user, *items = (int(number) for number in line.split())
        day, place = 0, 0
        for at, item in enumerate(items):
            same = at > 0 and articles[items[at - 1]] < articles[item]
            day, place = (day, place + 1) if same else (day + 1, 0)
            rows.append((f"u{user}", articles[item], titles[item], day * _DAY_US + place * _SECOND_US))
    customer, product, title, times = (list(column) for column in zip(*rows, strict=True))
    table = pa.table({"customer_id": customer, "product_id": product, "title": title})
    return table.append_column("order_time", pa.array(times, pa.timestamp("us", "UTC")))


def _run(shuffle_days: bool) -> "tuple[TaskReport, str, int, float]":
    """Train and evaluate; returns the comparison, how training went in words, the seed and the CPU seconds."""
    from dataclasses import replace

    from aisle_trainer.domain.plan import RECIPES
    from aisle_trainer.engines.pipeline import Dataset, Surroundings
    from aisle_trainer.engines.sequence_job import SequenceRun

    plan = next(entry.plan for entry in RECIPES if entry.recipe_id == "sequence")
    plan = replace(plan, sequence=replace(plan.sequence, shuffle_days=shuffle_days))
    begun = time.process_time()
    with tempfile.TemporaryDirectory() as place:
        around = Surroundings(
            job="trainingJobs/figure",
            workdir=Path(place),
            cache_dir=OUTPUT / "cache",
            base_models_dir=None,
            threads=1,
            precision="auto",
            report=lambda *_: None,
            stop=lambda: False,
        )
        outcome, _ = SequenceRun(plan, Dataset("figure", beauty()), around).run()
    (report,) = outcome.tasks
    best = max(outcome.validations, key=lambda one: one.score)
    told = f"{outcome.steps} steps, best at {best.step} by validation NDCG@10 {best.score:.4f}"
    return report, told, plan.seed, time.process_time() - begun


@functools.cache
def _measured(shuffle_days: bool) -> "tuple[TaskReport, str, int, float]":
    return _run(shuffle_days)


def _sequence(metric: str, shuffle_days: bool) -> Row:
    report, told, seed, seconds = _measured(shuffle_days)
    systems = {system.system: {figure.name: figure for figure in system.figures} for system in report.systems}
    ours = systems["model"][metric]
    other = next(figure for name, figure in systems["model"].items() if name != metric)
    return Row(
        value=ours.value,
        lower=ours.lower,
        upper=ours.upper,
        unit=metric,
        protocol=(
            f"recipe sequence, {report.split}; {told}; {other.name} {other.value:.4f} [{other.lower:.4f}, {other.upper:.4f}]; "
            f"{seconds:.0f} CPU-s with export"
        ),
        target=_TARGETS[shuffle_days],
        baselines={
            f"{name} {figure.name}": figure.value
            for name, figures in systems.items()
            if name != "model"
            for figure in figures.values()
        },
        seed=seed,
    )


def rows() -> dict[str, Callable[[], Row]]:
    """By id; the rows of one order come from one training run."""
    return {
        "sequence_beauty": functools.partial(_sequence, "ndcg@10", False),
        "sequence_beauty_recall": functools.partial(_sequence, "recall@10", False),
        "sequence_beauty_shuffled": functools.partial(_sequence, "ndcg@10", True),
        "sequence_beauty_shuffled_recall": functools.partial(_sequence, "recall@10", True),
    }
