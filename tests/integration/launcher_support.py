"""Stand-ins for the six services: small processes that answer the health check, or misbehave on request."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

import psutil

SERVICES = ("governance", "trainer", "tuner", "registry", "ranker", "monitor")
FAKE = """
import os, signal, subprocess, sys, threading
from concurrent.futures import ThreadPoolExecutor
import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
name, mode = sys.argv[1:3]
if mode == "crash":
    print("cannot work here")
    sys.exit(7)
if mode == "family":
    subprocess.Popen(["sleep", "600"])
server = grpc.server(ThreadPoolExecutor(2), options=(("grpc.so_reuseport", 0),))
servicer = health.HealthServicer()
serving = health_pb2.HealthCheckResponse.NOT_SERVING if mode == "lazy" else health_pb2.HealthCheckResponse.SERVING
servicer.set("", serving)
health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
server.add_insecure_port(os.environ["AISLE_" + name.upper() + "_LISTEN"])
server.start()
done = threading.Event()
signal.signal(signal.SIGTERM, signal.SIG_IGN if mode == "stubborn" else lambda *_: done.set())
done.wait()
server.stop(0).wait()
"""


def fake_command(folder: Path, name: str, mode: str = "good") -> list[str]:
    """Command line of a stand-in; modes: good, crash, family (has a child), lazy (never serves), stubborn."""
    script = folder / "fake_service.py"
    script.write_text(FAKE)
    return [sys.executable, str(script), name, mode]


def fake_commands(folder: Path, **modes: str) -> dict[str, list[str] | None]:
    """Stand-ins for the named services; the other services are left out."""
    return {name: fake_command(folder, name, modes[name]) if name in modes else None for name in SERVICES}


def commands_file(folder: Path, **modes: str) -> Path:
    """The same as a file for `--commands`."""
    path = folder / "commands.json"
    path.write_text(json.dumps(fake_commands(folder, **modes)))
    return path


def alive(pids: Iterable[int]) -> list[int]:
    """Those of the processes that have not ended within a few seconds; a zombie has ended."""
    found = []
    for pid in pids:
        try:
            found.append(psutil.Process(pid))
        except psutil.NoSuchProcess:
            continue
    running = [process for process in found if not _is_over(process)]
    _, left = psutil.wait_procs(running, timeout=5)
    return [process.pid for process in left if not _is_over(process)]


def _is_over(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
