"""Tells the demo's story in the terminal while it happens."""

import time
from collections import defaultdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.tree import Tree

from aisle_demo.report import Report, interval

TREE_DEPTH = 4
TREE_CHILDREN = 6


class Narrator:
    """Prints chapters, lines and tables; every line carries the seconds since the start."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        self._begun = time.monotonic()

    def _clock(self) -> str:
        return f"{time.monotonic() - self._begun:6.1f} s"

    def chapter(self, title: str) -> None:
        """Begin a chapter."""
        self.console.print(f"\n[bold]{self._clock()}  {title}[/bold]")

    def line(self, text: str) -> None:
        """Say one thing."""
        self.console.print(f"{self._clock()}  {text}", markup=False)

    def stage(self, run: str, stage: str, state: str, summary: str, seconds: float) -> None:
        """A stage of a run ended."""
        self.line(f"{stage:<10} {state.lower():<9} {seconds:5.1f} s  {summary}")

    def outcome(self, run: str, state: str) -> None:
        """A run ended."""
        colour = {"SUCCEEDED": "green", "REJECTED": "yellow"}.get(state, "red")
        self.console.print(f"{self._clock()}  {run} ended: [{colour}]{state}[/{colour}]")

    def quality(self, entry: dict[str, Any]) -> None:
        """What governance did to one dataset."""
        table = Table(
            title=f"{entry['version']}: {entry['input_rows']:,} rows in, {entry['output_rows']:,} out",
            title_justify="left",
        )
        for column in ("rule", "in", "out", "quarantined", "changed"):
            table.add_column(column, justify="left" if column == "rule" else "right")
        for rule in entry["rules"]:
            numbers = (f"{rule[key]:,}" for key in ("input", "output", "quarantined", "changed"))
            table.add_row(rule["rule"], *numbers)
        self.console.print(table)
        failed = [check for check in entry["checks"] if not check["passed"]]
        self.line(f"contract: {len(entry['checks']) - len(failed)} of {len(entry['checks'])} checks hold")

    def evaluation(self, report: Report) -> None:
        """Quality of every system on data that the model never saw."""
        table = Table(title="Held-out queries and customers, 95 % bootstrap intervals", title_justify="left")
        for column in ("task", "system", "metric", "value", "units"):
            table.add_column(column, justify="right" if column == "units" else "left")
        for entry in report.evaluation:
            for figure in entry.figures:
                table.add_row(entry.task, entry.system, figure.name, interval(figure), f"{figure.sample_count:,}")
        self.console.print(table)
        for figure in report.paired_differences:
            self.line(f"paired difference, {figure.name}: {interval(figure)}")

    def search(self, query: str, rows: list[list[str]]) -> None:
        """One query before and after."""
        table = Table(title=f'Search "{query}"', title_justify="left")
        table.add_column("without the fine-tuned ranker", max_width=60)
        table.add_column("with it", max_width=60)
        for row in rows:
            table.add_row(*row)
        self.console.print(table)

    def serving(self, rows: list[dict[str, Any]]) -> None:
        """Live figures per model version."""
        table = Table(title="Live, from impressions and clicks", title_justify="left")
        for column in (
            "model version",
            "surface",
            "answers",
            "shown",
            "clicks",
            "click-through [95 %]",
            "p50 ms",
            "p99 ms",
        ):
            table.add_column(column)
        for row in rows:
            ratio = f"{row['ctr']:.4f} [{row['ctr_lower']:.4f}, {row['ctr_upper']:.4f}]"
            counts = (f"{row[key]:,}" for key in ("answers", "impressions", "clicks"))
            table.add_row(
                row["model_version"], row["surface"], *counts, ratio, f"{row['p50_ms']:.0f}", f"{row['p99_ms']:.0f}"
            )
        self.console.print(table)

    def trace(self, trace: dict[str, Any], spans: list[Any]) -> None:
        """The lifecycle's trace as a tree, wide levels cut short."""
        self.chapter("The lifecycle as one trace")
        children: dict[str, list[Any]] = defaultdict(list)
        known = {span.span_id for span in spans}
        for span in spans:
            children[span.parent_span_id if span.parent_span_id in known else ""].append(span)
        tree = Tree(f"trace {trace['trace_id']}")
        self._grow(tree, children, "", 0)
        self.console.print(tree)
        self.line(f"{trace['span_count']:,} spans, {len(trace['services'])} services, {trace['event_hops']} event hops")

    def _grow(self, tree: Tree, children: dict[str, list[Any]], parent: str, depth: int) -> None:
        rows = children.get(parent, [])
        for span in rows[:TREE_CHILDREN]:
            branch = tree.add(f"{span.service}: {span.name} ({span.kind}, {span.duration_ms:.0f} ms)")
            if depth < TREE_DEPTH:
                self._grow(branch, children, span.span_id, depth + 1)
        if len(rows) > TREE_CHILDREN:
            tree.add(f"... {len(rows) - TREE_CHILDREN} more")
