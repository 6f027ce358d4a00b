"""Figures of the whole loop, out of one full demo run on real data."""

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aisle_demo.main import main as demo

from benchmarks.figures import Row

FOLDER = Path("build/figures/loop-demo")


@functools.cache
def _report() -> dict[str, Any]:
    """The report of a demo run made now."""
    if demo(["--output", str(FOLDER)]) != 0:
        raise SystemExit("the demo did not end well; see what it printed")
    found: dict[str, Any] = json.loads((FOLDER / "report.json").read_text())
    return found


def _metric(task: str, system: str, name: str) -> dict[str, Any]:
    for entry in _report()["evaluation"]:
        if entry["task"] == task and entry["system"] == system:
            for figure in entry["figures"]:
                if figure["name"] == name:
                    found: dict[str, Any] = figure
                    return found
    raise SystemExit(f"the demo's report has no {name} of {system} on {task}")


def _quality(task: str, metric: str, baselines: tuple[str, ...]) -> Row:
    ours = _metric(task, "model", metric)
    return Row(
        value=ours["value"],
        lower=ours["lower"],
        upper=ours["upper"],
        unit=metric,
        protocol=_report()["split"][task],
        baselines={name: _metric(task, name, metric)["value"] for name in baselines},
    )


def _gain() -> Row:
    name = "search ndcg@10:zero_shot"
    found = next(figure for figure in _report()["paired_differences"] if figure["name"] == name)
    return Row(
        value=found["value"],
        lower=found["lower"],
        upper=found["upper"],
        unit="ndcg@10, paired difference",
        protocol=_report()["split"]["search"],
        target="lower bound above 0",
    )


def _defect(name: str) -> Row:
    entry = _report()["datasets"][-1]
    counted, published = entry["defects"][name], entry["published_defects"].get(name)
    return Row(counted, counted, counted, "rows", "all rows of online_retail", target=f"{published} (SOURCE.md)")


def _failed_calls() -> Row:
    probe = _report()["promotion_probe"]
    return Row(
        probe["failed"],
        probe["failed"],
        probe["failed"],
        f"of {probe['calls']} calls",
        "searches during a swap",
        target="0",
    )


def rows() -> dict[str, Callable[[], Row]]:
    """Every figure of the loop."""
    defects = ("exact_duplicate", "missing_customer_id", "cancellation", "non_positive_price")
    return {
        "search-ndcg10": lambda: _quality("search", "ndcg@10", ("zero_shot", "bm25", "random")),
        "search-gain-over-zero-shot": _gain,
        "recommendation-recall20": lambda: _quality("recommendation", "recall@20", ("popularity",)),
        "failed-calls-during-swap": _failed_calls,
        **{f"defect-{name}": functools.partial(_defect, name) for name in defects},
    }
