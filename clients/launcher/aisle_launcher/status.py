"""What a launcher's processes are doing, told from outside of it."""

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from aisle_launcher.child import ChildState
from aisle_launcher.files import read_json
from aisle_launcher.state import StateFolder


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One row of `aisle status`."""

    name: str
    state: str
    """See ChildState."""
    pid: int
    """0 while it does not run."""
    address: str
    restarts: int
    reason: str
    """Why it is not ready; "" when it is."""
    uptime_seconds: float
    rss_bytes: int
    """Resident memory of the process itself."""
    jobs_rss_bytes: int
    """Resident memory of its child processes, which do its long work."""


@dataclass(frozen=True, slots=True)
class PlatformStatus:
    """All rows."""

    running: bool
    ready: bool
    pid: int
    """Process id of the launcher; 0 when none runs."""
    state_dir: str
    processes: list[ProcessStatus] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON types; the names are stable."""
        return asdict(self)


def platform_status(state_dir: Path) -> PlatformStatus:
    """Return what runs in a state folder; a folder that does not exist is one where nothing runs."""
    state = StateFolder(state_dir)
    if not state.is_locked():
        return PlatformStatus(False, False, 0, str(state.root))
    known = read_json(state.status_file)
    processes = [_process(entry) for entry in known.get("processes", ())]
    ready = bool(processes) and all(process.state == ChildState.READY for process in processes)
    return PlatformStatus(True, ready, state.owner_pid(), str(state.root), processes)


def _process(entry: dict[str, Any]) -> ProcessStatus:
    rss, jobs, begun = 0, 0, 0.0
    pid = int(entry["pid"])
    try:
        process = psutil.Process(pid) if pid else None
        if process is not None:
            rss, begun = process.memory_info().rss, process.create_time()
            jobs = sum(_rss(child) for child in process.children(recursive=True))
    except psutil.Error:
        pid = 0
    uptime = time.time() - begun if begun else 0.0
    return ProcessStatus(
        name=entry["name"],
        state=entry["state"],
        pid=pid,
        address=entry["address"],
        restarts=entry["restarts"],
        reason=entry["reason"],
        uptime_seconds=round(uptime, 1),
        rss_bytes=rss,
        jobs_rss_bytes=jobs,
    )


def _rss(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
