"""Figures about size: the rule chain of user events at ten million rows, beside its peers, and on a Ray cluster."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.figures import Row
from benchmarks.scale.simulate import simulate

SEED = 7
LIMIT_BYTES = 2_000_000_000
_PEERS = ("pandas", "pandera", "great_expectations")


@contextmanager
def _events(rows: int) -> Iterator[tuple[Path, Path]]:
    """Simulated rows, and an empty folder beside them."""
    with tempfile.TemporaryDirectory(prefix="aisle-scale-") as name:
        folder = Path(name)
        simulate(folder / "rows", rows, SEED)
        yield folder / "rows", folder / "work"


def run_engine(engine: str, rows: Path, work: Path, limit: int, python: str = sys.executable) -> dict[str, Any]:
    """What an engine in a process of its own answers, with `limit` bytes of data segment (0: none)."""
    shutil.rmtree(work, ignore_errors=True)
    command = [python, "-m", "benchmarks.scale.chain", engine, str(rows), str(work), str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": "."})
    print(f"{engine}: exit {done.returncode}: {done.stdout.strip()[-600:]}", file=sys.stderr, flush=True)
    if done.returncode:
        print(done.stderr[-800:], file=sys.stderr, flush=True)
        return {}
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def _bounded() -> Row:
    """Aisle and bare DuckDB over the same files, each with at most 2 GB of memory of its own."""
    with _events(10_000_000) as (rows, work):
        ours = run_engine("aisle:duckdb", rows, work, LIMIT_BYTES)
        bare = run_engine("duckdb", rows, work, LIMIT_BYTES)
        assert ours, "the engine did not end well within its limit"
        if bare:
            found = {rule: count for rule, count in ours["rules"].items() if count}
            assert (ours["rows"], found) == (bare["rows"], {rule: count for rule, count in bare["rules"].items() if count})
        ratio = ours["cpu_seconds"] / bare["cpu_seconds"] if bare else float("nan")
        return Row(
            value=ratio,
            lower=ratio,
            upper=ratio,
            unit="CPU seconds of Aisle / bare DuckDB",
            protocol="10,000,000 simulated events, all rules of the kind with drop_repeated_rows and drop_bots, contract and profiles, from "
            "imported rows to a Delta table and the rows put aside; RLIMIT_DATA of 2 GB; the same rows put aside by every rule",
            target="1.5 within 2 GB",
            baselines=_costs("aisle", ours) | _costs("duckdb", bare) | {"rows kept": ours["rows"]},
            seed=SEED,
        )


def _costs(name: str, answer: dict[str, Any]) -> dict[str, float]:
    if not answer:
        return {f"{name} did not survive": 1.0}
    return {
        f"{name} CPU s": answer["cpu_seconds"],
        f"{name} wall s": answer["wall_seconds"],
        f"{name} peak GB": answer["peak_bytes"] / 1e9,
    }


def _beside_peers() -> Row:
    """All engines over one million events without a limit; peers that are not installed are left out.

    AISLE_BENCH_PYTHON names an interpreter that has pandera and great-expectations, which Aisle itself does not need.
    """
    peers = os.environ.get("AISLE_BENCH_PYTHON", sys.executable)
    with _events(1_000_000) as (rows, work):
        answers = {name: run_engine(name, rows, work, 0) for name in ("aisle:duckdb", "aisle:memory", "duckdb")}
        answers |= {name: run_engine(name, rows, work, 0, peers) for name in _PEERS}
    assert answers["aisle:duckdb"]["content_hash"] == answers["aisle:memory"]["content_hash"]
    value = answers["aisle:duckdb"]["cpu_seconds"]
    baselines: dict[str, float] = {}
    for name, answer in answers.items():
        baselines |= _costs(name, answer)
    return Row(
        value=value,
        lower=value,
        upper=value,
        unit="CPU seconds",
        protocol="1,000,000 simulated events, one process each, no limit; aisle, duckdb and pandas clean, check and write; pandera and "
        "Great Expectations only check required values, uniqueness, range and catalogue on the raw rows",
        target="",
        baselines=baselines,
        seed=SEED,
    )


def rows() -> dict[str, Callable[[], Row]]:
    """Every figure about size."""
    return {"rule_chain_10m": _bounded, "rule_chain_peers": _beside_peers}
