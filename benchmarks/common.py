"""What every benchmark shares: rounds in turn, medians, ratios, and where results go."""

import json
import os
import platform
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROUNDS = 5
OUTPUT = Path("build/bench")
PACKAGES = ("grpcio", "nats-py", "onnxruntime", "torch", "duckdb", "sqlalchemy")


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to do the same work; `run` returns units per second."""

    name: str
    run: Callable[[], float]


def compare(contenders: list[Contender], rounds: int = ROUNDS) -> dict[str, Any]:
    """Run the contenders in turn (A B A B ...) and return medians, spreads and ratios to the last one, which is the limit."""
    values: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for _ in range(rounds):
        for contender in contenders:
            values[contender.name].append(contender.run())
    limit = contenders[-1].name
    return {
        name: {
            "median_per_second": statistics.median(found),
            "lowest_per_second": min(found),
            "highest_per_second": max(found),
            "ratio_to_limit": statistics.median(
                ours / theirs for ours, theirs in zip(found, values[limit], strict=True)
            ),
        }
        for name, found in values.items()
    }


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "processor": platform.machine(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str:
    """Version of an installed package; figures of one area do not need the packages of another."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def write(area: str, results: dict[str, Any], folder: Path = OUTPUT) -> Path:
    """Write results as JSON and as a Markdown table; return the path of the table."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{area}.json").write_text(json.dumps({"machine": machine(), "results": results}, indent=2) + "\n")
    lines = [f"# {area}", "", "| what | way | median per second | ratio to the limit |", "|---|---|---|---|"]
    for what, ways in results.items():
        for way, found in ways.items():
            lines.append(f"| {what} | {way} | {found['median_per_second']:,.0f} | {found['ratio_to_limit']:.2f} |")
    target = folder / f"{area}.md"
    target.write_text("\n".join(lines) + "\n")
    return target
