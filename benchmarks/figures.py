"""`make figures AREA=x [ROW=id]`: the one door to figures that documents quote.

An area is a module `benchmarks/areas/<area>.py` with `rows() -> dict[str, Callable[[], Row]]`. Every row is measured
anew on real data and written to build/figures/<area>.json and .md.
"""

import argparse
import importlib
import json
import pkgutil
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks import areas
from benchmarks.common import machine

OUTPUT = Path("build/figures")


@dataclass(slots=True)
class Row:
    """One figure with everything that is needed to judge and repeat it."""

    value: float
    lower: float
    upper: float
    unit: str
    protocol: str
    """How it was measured: data, split, seed."""
    target: str = ""
    """What it is held against."""
    baselines: dict[str, float] = field(default_factory=dict)
    """Measured in the same run."""
    seed: int = 7
    seconds: float = 0.0


def known_areas() -> list[str]:
    """Areas that have a module."""
    return sorted(module.name for module in pkgutil.iter_modules(areas.__path__))


def measure(area: str, row: str = "") -> dict[str, Row]:
    """Measure the rows of an area, or the one named."""
    rows: dict[str, Callable[[], Row]] = importlib.import_module(f"benchmarks.areas.{area}").rows()
    if row and row not in rows:
        raise SystemExit(f"area {area} has no row {row!r}; it has: {', '.join(rows)}")
    found: dict[str, Row] = {}
    for name, work in rows.items():
        if row in ("", name):
            begun = time.monotonic()
            found[name] = work()
            found[name].seconds = round(time.monotonic() - begun, 1)
    return found


def write(area: str, found: dict[str, Row]) -> Path:
    """Write JSON and Markdown; rows of earlier runs that were not measured now stay."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    target = OUTPUT / f"{area}.json"
    before = json.loads(target.read_text())["rows"] if target.exists() else {}
    rows = {**before, **{name: asdict(row) for name, row in found.items()}}
    target.write_text(json.dumps({"area": area, "machine": machine(), "rows": rows}, indent=2) + "\n")
    lines = [
        f"# Figures: {area}",
        "",
        "| row | value [95 %] | unit | target | baselines | protocol |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        interval = f"{row['value']:.4f} [{row['lower']:.4f}, {row['upper']:.4f}]"
        beside = ", ".join(f"{key} {value:.4f}" for key, value in row["baselines"].items())
        lines.append(f"| {name} | {interval} | {row['unit']} | {row['target']} | {beside} | {row['protocol']} |")
    page = target.with_suffix(".md")
    page.write_text("\n".join(lines) + "\n")
    return page


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make figures")
    parser.add_argument("--area", default="")
    parser.add_argument("--row", default="")
    arguments = parser.parse_args()
    if arguments.area not in known_areas():
        print(f"Name an area: make figures AREA=<{'|'.join(known_areas())}> [ROW=id]", file=sys.stderr)
        return 2
    print(write(arguments.area, measure(arguments.area, arguments.row)).read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
