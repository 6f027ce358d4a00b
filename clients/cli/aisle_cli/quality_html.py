"""A quality report as one HTML file: tables and plots drawn as SVG, nothing loaded from anywhere."""

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from aisle_cli import names, output
from aisle_cli.cells import neutral

if TYPE_CHECKING:
    from aisle.governance.v1 import column_shape_pb2, dataset_history_pb2, governance_run_pb2

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 640, 200, 70, 28
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1c2330; }}
table {{ border-collapse: collapse; margin: .5rem 0 1.5rem; width: 100%; }}
th, td {{ padding: .25rem .6rem; border-bottom: 1px solid #d9dee7; text-align: left; vertical-align: top; }}
td.n, th.n {{ text-align: right; font-variant-numeric: tabular-nums; }}
.bad {{ color: #a4262c; font-weight: 600; }} .good {{ color: #1a6d3b; }} .plots {{ display: flex; flex-wrap: wrap; gap: 1rem; }}
svg {{ background: #f7f8fa; }} svg text {{ font-size: 11px; fill: #4a5568; }} figure {{ margin: 0; }}
</style></head><body>
<h1>{title}</h1>
<p>{summary}</p>
{body}
</body></html>
"""


def render(
    report: "governance_run_pb2.QualityReport",
    points: "Sequence[dataset_history_pb2.QualityPoint]",
    shapes: "Sequence[column_shape_pb2.ColumnShape]" = (),
) -> str:
    """The page; `points` is the history of the dataset, oldest first, `shapes` are those of the version's columns."""
    subject = names.short(report.dataset_version) or f"{names.short(report.dataset)} (not published)"
    summary = (
        f"{output.count(report.input_row_count)} rows in, {output.count(report.output_row_count)} published, "
        f"{output.count(report.quarantined_row_count)} put aside, quality {report.quality_score_ratio:.1%}"
    )
    sections = [_history(points), _flow(report), _defects(report), _checks(report), _columns(report), _shapes(shapes)]
    return _PAGE.format(title=f"Quality of {escape(subject)}", summary=summary, body="\n".join(sections))


def _history(points: "Sequence[dataset_history_pb2.QualityPoint]") -> str:
    if not points:
        return ""
    labels = [point.dataset_version.rpartition("/")[2] for point in points]
    marked = {index for index, point in enumerate(points) if point.anomalies}
    plots = [
        _lines("Quality score", labels, [point.quality_score_ratio for point in points], marked, top=1.0),
        _lines("Rows published", labels, [float(point.output_row_count) for point in points], marked),
        _lines(
            "Share put aside",
            labels,
            [point.quarantined_row_count / max(point.input_row_count, 1) for point in points],
            marked,
        ),
    ]
    unusual = [
        (
            names.short(point.dataset_version),
            one.metric,
            _number(one.value),
            _number(one.median),
            f"{one.robust_z:+.1f}",
        )
        for point in reversed(points)
        for one in point.anomalies
    ]
    told = _table(["version", "metric", "#value", "#median before", "#robust z"], unusual) if unusual else ""
    heading = "<h2>Unusual beside the history</h2>" if unusual else ""
    return f'<h2>History</h2><div class="plots">{"".join(plots)}</div>{heading}{told}'


def _flow(report: "governance_run_pb2.QualityReport") -> str:
    rows = [
        (rule.rule, *(output.count(n) for n in (rule.input_row_count, rule.output_row_count)),
         output.count(rule.quarantined_row_count), output.count(rule.changed_row_count), f"{rule.elapsed_seconds:.2f}",
         rule.description)
        for rule in report.rules
    ]  # fmt: skip
    table = _table(["rule", "#before", "#after", "#put aside", "#changed", "#seconds", "what it does"], rows)
    bars = _bars("Rows put aside by rule", [(rule.rule, rule.quarantined_row_count) for rule in report.rules])
    cost = _bars("Seconds by rule", [(rule.rule, rule.elapsed_seconds) for rule in report.rules], words="{:.3f}".format)
    samples = [(rule.rule, one.column, one.before, one.after) for rule in report.rules for one in rule.samples]
    told = _table(["rule", "column", "before", "after"], samples) if samples else ""
    changes = f"<h3>Samples of changes</h3>{told}" if samples else ""
    return f"<h2>Rules</h2>{bars}{cost}{table}{changes}"


def _defects(report: "governance_run_pb2.QualityReport") -> str:
    found = sorted(
        ((name, count) for name, count in report.raw_defect_counts.items() if count), key=lambda one: -one[1]
    )
    bars = _bars("Rows with each defect", found)
    return f"<h2>Defects in the raw rows</h2>{bars or '<p>None.</p>'}"


def _checks(report: "governance_run_pb2.QualityReport") -> str:
    rows = [
        (check.check, check.column, _Mark(check.passed), output.count(check.failed_row_count), check.message)
        for check in sorted(report.checks, key=lambda check: check.passed)
    ]
    return "<h2>Contract</h2>" + _table(["check", "column", "outcome", "#rows", "finding"], rows)


def _columns(report: "governance_run_pb2.QualityReport") -> str:
    before = {profile.column: profile for profile in report.before}
    rows = [
        (
            column.column,
            f"{before[column.column].missing_ratio:.1%}" if column.column in before else "-",
            f"{column.missing_ratio:.1%}",
            output.count(column.distinct_count),
            *(_number(value) for value in (column.minimum, column.mean, column.maximum)),
        )
        for column in report.after
    ]
    headers = ["column", "#missing before", "#missing after", "#distinct", "#min", "#mean", "#max"]
    missing = _bars(
        "Share of rows without a value",
        [(column.column, column.missing_ratio) for column in report.after if column.missing_ratio],
        words="{:.1%}".format,
    )
    return f"<h2>Columns</h2>{missing}" + _table(headers, rows)


def _shapes(shapes: "Sequence[column_shape_pb2.ColumnShape]") -> str:
    """A histogram per column of numbers or times, and the commonest values of the others."""
    drawn = [_histogram(one) for one in shapes if one.histogram]
    drawn += [
        _bars(f"Commonest values of {one.column}", [(part.value, part.count_lower) for part in one.frequent_values])
        for one in shapes
        if one.frequent_values
    ]
    if not drawn:
        return ""
    return f'<h2>Distributions</h2><div class="plots">{"".join(drawn)}</div>'


def _histogram(shape: "column_shape_pb2.ColumnShape") -> str:
    """Upright bars over equal bins; the title of each says its edges and share."""
    bins = shape.histogram
    most = max(part.value_ratio for part in bins) or 1.0
    inner, floor = _WIDTH - _LEFT - 16, _HEIGHT - _BOTTOM

    def edge(value: float) -> str:
        return _day(value) if shape.is_time else _number(value)

    parts = []
    for index, part in enumerate(bins):
        height = (floor - 16) * part.value_ratio / most
        x = _LEFT + inner * index / len(bins)
        parts.append(
            f'<rect x="{x:.1f}" y="{floor - height:.1f}" width="{max(inner / len(bins) - 2, 1):.1f}" '
            f'height="{height:.1f}" fill="#2b5fab"><title>{edge(part.low)} to {edge(part.high)}: '
            f"{part.value_ratio:.1%}</title></rect>"
        )
    parts.append(f'<text x="{_LEFT}" y="{_HEIGHT - 8}">{edge(bins[0].low)}</text>')
    parts.append(f'<text x="{_WIDTH - 16}" y="{_HEIGHT - 8}" text-anchor="end">{edge(bins[-1].high)}</text>')
    parts.append(f'<text x="{_LEFT - 8}" y="20" text-anchor="end">{most:.1%}</text>')
    return _figure(f"Values of {shape.column}", _WIDTH, _HEIGHT, "".join(parts))


def _day(seconds: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


class _Mark:
    """Whether a check holds, for a cell."""

    def __init__(self, passed: bool) -> None:
        self.html = '<span class="good">passed</span>' if passed else '<span class="bad">failed</span>'


def _table(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    right = [header.startswith("#") for header in headers]

    def cell(tag: str, value: Any, number: bool) -> str:
        text = value.html if isinstance(value, _Mark) else escape(str(neutral(value)))
        return f'<{tag} class="n">{text}</{tag}>' if number else f"<{tag}>{text}</{tag}>"

    head = "".join(cell("th", header.lstrip("#"), number) for header, number in zip(headers, right, strict=True))
    body = "".join(
        f"<tr>{''.join(cell('td', value, number) for value, number in zip(row, right, strict=True))}</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _lines(title: str, labels: Sequence[str], values: Sequence[float], marked: set[int], top: float = 0.0) -> str:
    """A line over versions; unusual versions have a red dot."""
    high = max(top, *values) or 1.0
    inner = _WIDTH - _LEFT - 16

    def place(index: int) -> tuple[float, float]:
        across = index / (len(values) - 1) if len(values) > 1 else 0.5
        return _LEFT + inner * across, 16 + (_HEIGHT - _BOTTOM - 16) * (1 - values[index] / high)

    spots = [place(index) for index in range(len(values))]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{5 if index in marked else 3}" '
        f'fill="{"#a4262c" if index in marked else "#2b5fab"}"><title>version {escape(labels[index])}: '
        f"{_number(values[index])}</title></circle>"
        for index, (x, y) in enumerate(spots)
    )
    shown = {0, len(labels) - 1, *range(0, len(labels), max(1, len(labels) // 8))}
    ticks = "".join(
        f'<text x="{spots[index][0]:.1f}" y="{_HEIGHT - 8}" text-anchor="middle">{escape(labels[index])}</text>'
        for index in sorted(shown)
    )
    scale = "".join(
        f'<text x="{_LEFT - 8}" y="{y}" text-anchor="end">{_number(value)}</text>'
        for y, value in ((20, high), (_HEIGHT - _BOTTOM, 0.0))
    )
    drawing = f'<polyline points="{line}" fill="none" stroke="#2b5fab" stroke-width="2"/>{dots}{ticks}{scale}'
    return _figure(title, _WIDTH, _HEIGHT, drawing)


def _bars(title: str, entries: Sequence[tuple[str, float]], words: Callable[[Any], str] = output.count) -> str:
    """Horizontal bars, one per entry, with their value in words."""
    most = max((count for _, count in entries), default=0)
    if not most:
        return ""
    parts = []
    for index, (name, count) in enumerate(entries):
        y, length = 8 + index * 22, (_WIDTH - 320) * count / most
        parts.append(
            f'<text x="212" y="{y + 12}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="220" y="{y}" width="{length:.1f}" height="16" fill="#2b5fab"/>'
            f'<text x="{226 + length:.1f}" y="{y + 12}">{words(count)}</text>'
        )
    return _figure(title, _WIDTH, 16 + 22 * len(entries), "".join(parts))


def _figure(title: str, width: int, height: int, drawing: str) -> str:
    return (
        f"<figure><figcaption>{escape(title)}</figcaption>"
        f'<svg role="img" aria-label="{escape(title)}" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f"{drawing}</svg></figure>"
    )


def _number(value: float) -> str:
    whole = value == value and abs(value) < 1e15 and value == int(value)
    return output.count(int(value)) if whole else output.number(value)
