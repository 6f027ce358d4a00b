"""Writes what a demo run showed as JSON, Markdown and HTML with plots."""

import base64
import io
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


@dataclass(slots=True)
class Figure:
    """A measured value with its 95 % interval."""

    name: str
    value: float
    lower: float
    upper: float
    sample_count: int = 0


@dataclass(slots=True)
class SystemFigures:
    """How one system did on one task."""

    task: str
    system: str
    figures: list[Figure]


@dataclass(slots=True)
class Report:
    """Everything that the demo measured; only figures of this run are in it."""

    shop: str = ""
    origin: str = ""
    quick: bool = False
    started_at: str = ""
    machine: dict[str, Any] = field(default_factory=dict)
    stage_seconds: dict[str, float] = field(default_factory=dict)
    datasets: list[dict[str, Any]] = field(default_factory=list)
    """Per governed version: counts in, out, quarantined, per rule, raw defects, checks."""
    evaluation: list[SystemFigures] = field(default_factory=list)
    paired_differences: list[Figure] = field(default_factory=list)
    split: dict[str, str] = field(default_factory=dict)
    searches: list[dict[str, Any]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    serving: list[dict[str, Any]] = field(default_factory=list)
    promotion_probe: dict[str, Any] = field(default_factory=dict)
    drift: dict[str, Any] = field(default_factory=dict)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    trace: dict[str, Any] = field(default_factory=dict)
    total_seconds: float = 0.0


def write(report: Report, folder: Path) -> list[Path]:
    """Write report.json, report.md and report.html below `folder` and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    data = asdict(report)
    environment = Environment(
        loader=PackageLoader("aisle_demo"),
        undefined=StrictUndefined,
        autoescape=lambda name: bool(name and ".html" in name),
    )
    environment.filters["interval"] = interval
    plots = {"quality": quality_plot(report), "stages": stage_plot(report), "drift": drift_plot(report)}
    outputs = {
        "report.json": json.dumps(data, indent=2, default=str, ensure_ascii=False) + "\n",
        "report.md": environment.get_template("report.md.j2").render(report=report),
        "report.html": environment.get_template("report.html.j2").render(report=report, plots=plots),
    }
    for name, text in outputs.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in outputs]


def interval(figure: Figure) -> str:
    """`0.861 [0.843, 0.879]`, without the interval where none was computed."""
    if figure.lower == figure.upper:
        return f"{figure.value:.4f}"
    return f"{figure.value:.4f} [{figure.lower:.4f}, {figure.upper:.4f}]"


def quality_plot(report: Report) -> str:
    """NDCG@10 and Recall@20 of every system with intervals, as a PNG data URI; empty without an evaluation."""
    rows = [
        (f"{entry.system} ({entry.task})", figure)
        for entry in report.evaluation
        for figure in entry.figures
        if figure.name in ("ndcg@10", "recall@20")
    ]
    if not rows:
        return ""
    axes = _axes(height=0.4 * len(rows) + 1)
    for position, (_, figure) in enumerate(reversed(rows)):
        axes.barh(position, figure.value, color="#3b6ea5")
        axes.plot([figure.lower, figure.upper], [position, position], color="#222222", linewidth=2)
    axes.set_yticks(range(len(rows)), [f"{label} {figure.name}" for label, figure in reversed(rows)])
    axes.set_xlabel("value with 95 % interval")
    return _data_uri(axes)


def stage_plot(report: Report) -> str:
    """Wall seconds per stage, as a PNG data URI."""
    if not report.stage_seconds:
        return ""
    axes = _axes(height=0.35 * len(report.stage_seconds) + 1)
    names = list(report.stage_seconds)
    axes.barh(range(len(names)), [report.stage_seconds[name] for name in names], color="#6aa56e")
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel("wall seconds")
    return _data_uri(axes)


def drift_plot(report: Report) -> str:
    """Population stability index per column, as a PNG data URI; empty without a drift report."""
    columns = report.drift.get("columns", [])
    if not columns:
        return ""
    axes = _axes(height=0.4 * len(columns) + 1)
    axes.barh(range(len(columns)), [column["psi"] for column in columns], color="#b5654a")
    axes.set_yticks(range(len(columns)), [column["column"] for column in columns])
    axes.axvline(0.2, color="#222222", linestyle="--", linewidth=1)
    axes.set_xlabel("population stability index of the added rows; dashed: alert bound")
    return _data_uri(axes)


def _axes(height: float) -> Any:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure as Canvas

    return Canvas(figsize=(8, height), layout="constrained").subplots()


def _data_uri(axes: Any) -> str:
    buffer = io.BytesIO()
    axes.figure.savefig(buffer, format="png", dpi=110)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
