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

import psutil

from benchmarks.figures import Row
from benchmarks.scale.simulate import simulate

SEED = 7
LIMIT_BYTES = 2_000_000_000
_RAY_ROWS = 300_000
_PEERS = ("pandas", "pandera", "great_expectations")


@contextmanager
def _events(rows: int) -> Iterator[tuple[Path, Path]]:
    """Simulated rows, and an empty folder beside them."""
    with tempfile.TemporaryDirectory(prefix="aisle-scale-") as name:
        folder = Path(name)
        simulate(folder / "rows", rows, SEED)
        yield folder / "rows", folder / "work"


def run_engine(engine: str, rows: Path, work: Path, limit: int, python: str = sys.executable) -> dict[str, Any]:
    """What an engine in a process of its own answers; one whose resident memory exceeds `limit` bytes (0: none) is killed.

    That is how the service holds its jobs. A limit on addresses alone would end engines for what their allocators keep in reserve.
    """
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    command = [python, "-m", "benchmarks.scale.chain", engine, str(rows), str(work), str(limit)]
    with (work / "out").open("w+") as out, (work / "err").open("w+") as err:
        child = subprocess.Popen(command, stdout=out, stderr=err, env=os.environ | {"PYTHONPATH": "."})
        code = _watched(child, limit)
        texts = [file.read() for file in (out, err) if file.seek(0) == 0]
    if code:
        print(f"{engine}: exit {code}: {texts[1][-800:]}", file=sys.stderr, flush=True)
        return {}
    print(f"{engine}: {texts[0].strip()[-600:]}", file=sys.stderr, flush=True)
    answer: dict[str, Any] = json.loads(texts[0].strip().splitlines()[-1])
    return answer


def _watched(child: "subprocess.Popen[bytes]", limit: int) -> int:
    """The exit code of `child`, looked at every fifth of a second."""
    process = psutil.Process(child.pid)
    while True:
        try:
            return child.wait(0.2)
        except subprocess.TimeoutExpired:
            if limit and process.memory_info().rss > limit:
                child.kill()
                return child.wait()


def _bounded() -> Row:
    """Aisle and bare DuckDB over the same files, each with at most 2 GB of memory of its own."""
    with _events(10_000_000) as (rows, work):
        ours = run_engine("aisle:duckdb", rows, work, LIMIT_BYTES)
        bare = run_engine("duckdb", rows, work, LIMIT_BYTES)
        assert ours, "the engine did not end well within its limit"
        if bare:
            found = {rule: count for rule, count in ours["rules"].items() if count}
            assert (ours["rows"], found) == (
                bare["rows"],
                {rule: count for rule, count in bare["rules"].items() if count},
            )
        ratio = ours["cpu_seconds"] / bare["cpu_seconds"] if bare else float("nan")
        return Row(
            value=ratio,
            lower=ratio,
            upper=ratio,
            unit="CPU seconds of Aisle / bare DuckDB",
            protocol="10,000,000 simulated events, all rules of the kind with drop_repeated_rows and drop_bots, contract and "
            "profiles, from imported rows to a Delta table and the rows put aside; killed above 2 GB of resident memory; every rule "
            "puts the same number of rows aside in both",
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
        protocol="1,000,000 simulated events, one process each, no limit; aisle, duckdb and pandas clean, check and write; "
        "pandera and Great Expectations only check required values, uniqueness, range and catalogue on the raw rows",
        target="",
        baselines=baselines,
        seed=SEED,
    )


def _on_two_nodes() -> Row:
    """A cluster of two nodes on this machine, one worker each; its answer must be that of the engine in memory."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        with _events(_RAY_ROWS) as (rows, work):
            ours = run_engine(f"aisle:ray:{cluster.address}", rows, work, 0)
            memory = run_engine("aisle:memory", rows, work, 0)
    finally:
        cluster.shutdown()
    same = all(ours[part] == memory[part] for part in ("rows", "content_hash", "rules", "checks"))
    assert same, "the cluster's answer is not that of the engine in memory"
    assert ours["nodes"] == 2, "the tasks did not run on both nodes"
    return Row(
        value=float(same),
        lower=float(same),
        upper=float(same),
        unit="1 = equal",
        protocol=f"{_RAY_ROWS:,} simulated events on a local Ray cluster of two nodes with one CPU each; rows, content hash, rows "
        "put aside by rule and checks against the engine in memory",
        target="1",
        baselines={"ray wall s": ours["wall_seconds"], "memory wall s": memory["wall_seconds"], "nodes": ours["nodes"]},
        seed=SEED,
    )


def rows() -> dict[str, Callable[[], Row]]:
    """Every figure about size."""
    return {"rule_chain_10m": _bounded, "rule_chain_peers": _beside_peers, "rule_chain_ray": _on_two_nodes}
